/* The overlay: which orders count, for whom, and for how long. */
#include "overlay_help.h"

#define NOW_MS 100000u
#define TRUST_MS SLUICE_OVERLAY_TRUST_MS

static struct sluice_overlay *overlay;
static struct sluice_facts facts;

static int
setup(void **state)
{
    (void)state;
    overlay = overlay_of(64);
    facts = facts_of(10, NOW_MS - 100);
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    free(overlay);
    return 0;
}

static int
apply(enum sluice_order_kind kind, uint64_t revision, const char *key)
{
    struct sluice_order order = order_of(kind, revision, key);

    return sluice_overlay_apply(overlay, &order, &facts, NOW_MS);
}

static int
throttle(uint64_t revision, const char *key)
{
    return apply(SLUICE_ORDER_THROTTLE, revision, key);
}

static int
unthrottle(uint64_t revision, const char *key)
{
    return apply(SLUICE_ORDER_UNTHROTTLE, revision, key);
}

static int
find(const char *key)
{
    struct sluice_overlay_order found;

    return sluice_overlay_find(overlay, key, strlen(key), &facts, &found);
}

/* ---- what is held ----------------------------------------------------- */

static void
test_nothing_is_known_at_first(void **state)
{
    (void)state;
    assert_int_equal(find("archiver"), SLUICE_OVERLAY_NOTHING);
    facts = (struct sluice_facts){0}; /* never read */
    assert_int_equal(find("archiver"), SLUICE_OVERLAY_NOTHING);
}

static void
test_an_order_is_found_as_it_was_given(void **state)
{
    (void)state;
    struct sluice_order order =
        order_of(SLUICE_ORDER_THROTTLE, 11, "archiver/main1");
    struct sluice_overlay_order found;

    order.ratio = 0.25;
    order.remaining_ms = 60000;
    assert_int_equal(sluice_overlay_apply(overlay, &order, &facts, NOW_MS), 1);
    assert_int_equal(
        sluice_overlay_find(overlay, "archiver/main1X", 14, &facts, &found),
        SLUICE_OVERLAY_THROTTLE);
    assert_true(found.revision == 11 && found.ratio == 0.25);
    assert_true(found.heard_mono_ms == NOW_MS);
    assert_true(found.expires_mono_ms == NOW_MS + 60000);
    assert_string_equal(found.key, "archiver/main1");
    assert_int_equal(find("archiver"), SLUICE_OVERLAY_NOTHING);
    assert_int_equal(find("archiver/main"), SLUICE_OVERLAY_NOTHING);
    assert_int_equal(find("archiver/main10"), SLUICE_OVERLAY_NOTHING);
}

static void
test_expiry_is_counted_from_hearing(void **state)
{
    (void)state;
    struct sluice_order order = order_of(SLUICE_ORDER_THROTTLE, 11, "a");
    struct sluice_overlay_order found;

    assert_int_equal(sluice_overlay_apply(overlay, &order, &facts, NOW_MS), 1);
    sluice_overlay_find(overlay, "a", 1, &facts, &found);
    assert_true(found.expires_mono_ms == 0); /* never */
    order.revision = 12;
    order.remaining_ms = UINT64_MAX;
    assert_int_equal(sluice_overlay_apply(overlay, &order, &facts, NOW_MS), 1);
    sluice_overlay_find(overlay, "a", 1, &facts, &found);
    assert_true(found.expires_mono_ms == UINT64_MAX);
}

static void
test_an_expired_order_still_hides_the_facts(void **state)
{
    (void)state;
    struct sluice_order order = order_of(SLUICE_ORDER_THROTTLE, 11, "a");

    order.remaining_ms = 1;
    assert_int_equal(sluice_overlay_apply(overlay, &order, &facts, NOW_MS), 1);
    facts.read_mono_ms = NOW_MS + 1000;
    assert_int_equal(find("a"), SLUICE_OVERLAY_THROTTLE);
}

static void
test_an_unthrottle_is_a_tombstone(void **state)
{
    (void)state;
    assert_int_equal(throttle(11, "a"), 1);
    assert_int_equal(unthrottle(12, "a"), 1);
    assert_int_equal(find("a"), SLUICE_OVERLAY_UNTHROTTLE);
    assert_int_equal(throttle(11, "a"), 0); /* late: it stays buried */
    assert_int_equal(find("a"), SLUICE_OVERLAY_UNTHROTTLE);
    assert_int_equal(throttle(13, "a"), 1);
    assert_int_equal(find("a"), SLUICE_OVERLAY_THROTTLE);
}

/* The keys that a list shows, in whatever order, sorted: "a=1 b=2". */
static const char *
listed(void)
{
    static char text[256];
    struct sluice_overlay_order found;
    char kinds[26] = {0};
    uint32_t at = 0;

    while (sluice_overlay_next(overlay, &at, &facts, &found))
        kinds[found.key[0] - 'a'] = (char)('0' + found.kind);
    text[0] = '\0';
    for (int i = 0; i < 26; i++)
        if (kinds[i])
            sprintf(text + strlen(text), "%s%c=%c", text[0] ? " " : "", 'a' + i,
                    kinds[i]);
    return text;
}

static void
test_a_list_has_what_a_look_up_would_find(void **state)
{
    (void)state;
    struct sluice_facts ours = facts;

    assert_string_equal(listed(), "");
    throttle(11, "a");
    throttle(12, "b");
    throttle(13, "c");
    unthrottle(14, "c"); /* in its place's other half */
    assert_string_equal(listed(), "a=1 b=1 c=2");
    facts.revision = 12; /* knows two of them */
    assert_string_equal(listed(), "c=2");
    strcpy(facts.store_id, "another");
    assert_string_equal(listed(), "");
    facts = ours;
    facts.read_mono_ms = NOW_MS + TRUST_MS + 1; /* none was committed */
    assert_string_equal(listed(), "");
}

static void
test_other_orders_are_not_the_overlays(void **state)
{
    (void)state;
    assert_int_equal(apply(SLUICE_ORDER_SKIP, 11, "db1"), 0);
    assert_int_equal(apply(SLUICE_ORDER_RECOVER, 11, "db1"), 0);
    assert_int_equal(apply(SLUICE_ORDER_BEAT, 11, ""), 0);
    assert_int_equal(apply(SLUICE_ORDER_HINT, 11, ""), 0);
    assert_int_equal(apply(SLUICE_ORDER_MAX, 11, "a"), 0);
    assert_int_equal(find("db1"), SLUICE_OVERLAY_NOTHING);
}

/* ---- revisions -------------------------------------------------------- */

static void
test_what_the_facts_know_is_not_taken(void **state)
{
    (void)state;
    assert_int_equal(throttle(9, "a"), 0);
    assert_int_equal(throttle(10, "a"), 0);
    assert_int_equal(throttle(0, "a"), 0);
    assert_int_equal(find("a"), SLUICE_OVERLAY_NOTHING);
    assert_int_equal(throttle(11, "a"), 1);
}

static void
test_repeats_and_older_orders_change_nothing(void **state)
{
    (void)state;
    assert_int_equal(throttle(15, "a"), 1);
    assert_int_equal(unthrottle(15, "a"), 0);
    assert_int_equal(unthrottle(14, "a"), 0);
    assert_int_equal(throttle(12, "b"), 1); /* another key, its own order */
    assert_true(revision_found(overlay, "a", &facts) == 15);
    assert_true(revision_found(overlay, "b", &facts) == 12);
}

static void
test_the_facts_take_over_at_the_order_s_revision(void **state)
{
    (void)state;
    assert_int_equal(throttle(15, "a"), 1);
    facts.revision = 14;
    assert_int_equal(find("a"), SLUICE_OVERLAY_THROTTLE);
    facts.revision = 15;
    assert_int_equal(find("a"), SLUICE_OVERLAY_NOTHING);
    facts.revision = 10; /* a worker whose view is older */
    assert_int_equal(find("a"), SLUICE_OVERLAY_THROTTLE);
}

static void
test_facts_never_read_know_nothing(void **state)
{
    (void)state;
    facts = facts_of(0, 0);
    assert_int_equal(throttle(1, "a"), 1);
    assert_int_equal(find("a"), SLUICE_OVERLAY_THROTTLE);
}

/* ---- orders that were never committed --------------------------------- */

static void
test_an_unconfirmed_order_is_dropped_after_5_s(void **state)
{
    (void)state;
    assert_int_equal(throttle(11, "a"), 1);
    facts.read_mono_ms = NOW_MS + TRUST_MS;
    assert_int_equal(find("a"), SLUICE_OVERLAY_THROTTLE);
    facts.read_mono_ms = NOW_MS + TRUST_MS + 1;
    assert_int_equal(find("a"), SLUICE_OVERLAY_NOTHING);
    assert_int_equal(throttle(12, "b"), 1); /* whatever else is heard */
    assert_int_equal(find("a"), SLUICE_OVERLAY_NOTHING);
    facts.read_mono_ms = NOW_MS - 100; /* the facts stand still: it stays */
    assert_int_equal(find("a"), SLUICE_OVERLAY_THROTTLE);
}

static void
test_a_dropped_order_makes_way_for_the_real_one(void **state)
{
    (void)state;
    assert_int_equal(throttle(99, "a"), 1);
    assert_int_equal(throttle(20, "a"), 0);
    facts.read_mono_ms = NOW_MS + TRUST_MS + 1;
    assert_int_equal(throttle(99, "a"), 0); /* heard again: no new trust */
    assert_int_equal(find("a"), SLUICE_OVERLAY_NOTHING);
    assert_int_equal(
        sluice_overlay_apply(
            overlay,
            &(struct sluice_order){SLUICE_ORDER_THROTTLE, 20, STORE, "a", 1, 0},
            &facts, facts.read_mono_ms),
        1);
    assert_true(revision_found(overlay, "a", &facts) == 20);
}

/* A worker's clock may stand a little, the next one's is ahead. */
static void
test_clocks_of_workers_may_differ(void **state)
{
    (void)state;
    struct sluice_order late = order_of(SLUICE_ORDER_THROTTLE, 12, "b");

    assert_int_equal(throttle(11, "a"), 1);
    assert_int_equal(
        sluice_overlay_apply(overlay, &late, &facts, NOW_MS - 1000), 1);
    facts.read_mono_ms = NOW_MS + TRUST_MS - 500;
    assert_int_equal(find("a"), SLUICE_OVERLAY_THROTTLE);
    assert_int_equal(find("b"), SLUICE_OVERLAY_NOTHING);
}

/* ---- stores ----------------------------------------------------------- */

static void
test_another_store_s_order_is_not_taken(void **state)
{
    (void)state;
    struct sluice_order order = order_of(SLUICE_ORDER_THROTTLE, 11, "a");

    strcpy(order.store_id, "another");
    assert_int_equal(sluice_overlay_apply(overlay, &order, &facts, NOW_MS), 0);
    order.store_id[0] = '\0';
    assert_int_equal(sluice_overlay_apply(overlay, &order, &facts, NOW_MS), 0);
}

static void
test_another_store_finds_it_empty(void **state)
{
    (void)state;
    struct sluice_facts next = facts;
    struct sluice_order order = order_of(SLUICE_ORDER_THROTTLE, 3, "a");

    assert_int_equal(throttle(11, "a"), 1);
    strcpy(next.store_id, "another");
    next.revision = 2;
    assert_true(revision_found(overlay, "a", &next) == 0);
    strcpy(order.store_id, "another");
    assert_int_equal(sluice_overlay_apply(overlay, &order, &next, NOW_MS), 1);
    assert_true(revision_found(overlay, "a", &next) == 3);
    /* a worker that has not noticed yet keeps what it knew */
    assert_true(revision_found(overlay, "a", &facts) == 11);
}

/* A store of freno's tables alone has no revisions: what is heard counts
 * until a read that began later. */
static void
test_without_revisions_the_next_read_decides(void **state)
{
    (void)state;
    facts = facts_of(0, NOW_MS - 100);
    assert_int_equal(throttle(0, "a"), 1);
    assert_int_equal(find("a"), SLUICE_OVERLAY_THROTTLE);
    assert_int_equal(unthrottle(0, "a"), 1);
    assert_int_equal(find("a"), SLUICE_OVERLAY_UNTHROTTLE);
    facts.read_mono_ms = NOW_MS;
    assert_int_equal(find("a"), SLUICE_OVERLAY_UNTHROTTLE);
    facts.read_mono_ms = NOW_MS + 1;
    assert_int_equal(find("a"), SLUICE_OVERLAY_NOTHING);
}

/* ---- room ------------------------------------------------------------- */

static void
test_thousands_of_keys_each_find_their_own(void **state)
{
    (void)state;
    struct sluice_overlay *large = overlay_of(8192);
    struct sluice_order order;
    char key[16];

    for (unsigned i = 0; i < 3000; i++) {
        snprintf(key, sizeof(key), "app%u", i);
        order = order_of(SLUICE_ORDER_THROTTLE, 11 + i, key);
        assert_int_equal(sluice_overlay_apply(large, &order, &facts, NOW_MS),
                         1);
    }
    for (unsigned i = 0; i < 3100; i++) {
        snprintf(key, sizeof(key), "app%u", i);
        assert_true(revision_found(large, key, &facts) ==
                    (i < 3000 ? 11 + i : 0));
    }
    free(large);
}

/* Fills the table; returns how many orders it took. */
static unsigned
fill(uint64_t revision, uint64_t now_ms, const char *prefix)
{
    struct sluice_order order;
    unsigned taken = 0;
    char key[24];
    int rc;

    for (unsigned i = 0; i < 1000; i++) {
        snprintf(key, sizeof(key), "%s%u", prefix, i);
        order = order_of(SLUICE_ORDER_THROTTLE, revision, key);
        rc = sluice_overlay_apply(overlay, &order, &facts, now_ms);
        assert_int_not_equal(rc, 0);
        if (rc < 0) {
            assert_true(revision_found(overlay, key, &facts) == 0);
            continue;
        }
        assert_true(revision_found(overlay, key, &facts) == revision);
        taken++;
    }
    return taken;
}

static void
test_a_full_table_says_so_and_holds_what_it_has(void **state)
{
    (void)state;
    assert_int_equal(fill(11, NOW_MS, "app"), 64);
    assert_int_equal(fill(12, NOW_MS, "other"), 0);
    assert_true(revision_found(overlay, "app0", &facts) == 11);
    assert_int_equal(unthrottle(12, "app0"), 1); /* it has a place */
    assert_int_equal(find("app0"), SLUICE_OVERLAY_UNTHROTTLE);
}

/* Facts read 5 s after the orders must have been there for 2 s: another
 * worker may not have seen them yet. */
static void
test_places_are_used_again_when_nobody_can_need_them(void **state)
{
    (void)state;
    const uint64_t now_ms = NOW_MS + 60000;

    assert_int_equal(fill(11, NOW_MS, "app"), 64);
    facts.revision = 11;
    facts.read_mono_ms = NOW_MS + TRUST_MS;
    assert_int_equal(fill(12, now_ms, "other"), 0);
    assert_int_equal(fill(12, now_ms + 5000, "other"), 0);
    facts.read_mono_ms = NOW_MS + TRUST_MS + 1;
    assert_int_equal(fill(12, now_ms + 10000, "other"), 0);
    assert_int_equal(fill(12, now_ms + 10000 + SLUICE_OVERLAY_LAG_MS, "other"),
                     0);
    assert_int_equal(
        fill(12, now_ms + 10000 + SLUICE_OVERLAY_LAG_MS + 1, "other"), 64);
}

static void
test_while_the_facts_stand_still_nothing_is_given_up(void **state)
{
    (void)state;
    assert_int_equal(fill(11, NOW_MS, "app"), 64);
    for (uint64_t hour = 1; hour < 5; hour++)
        assert_int_equal(fill(12, NOW_MS + hour * 3600000, "other"), 0);
    assert_true(revision_found(overlay, "app0", &facts) == 11);
}

/* A worker was killed while it wrote: the generation never turned. */
static void
test_half_an_order_is_never_seen(void **state)
{
    (void)state;
    struct sluice_overlay_entry *e = overlay->entries;

    assert_int_equal(throttle(11, "a"), 1);
    for (int i = 0; i < 64; i++, e++)
        memset(&e->orders[~e->generation & 1], 0xa5, sizeof(e->orders[0]));
    assert_true(revision_found(overlay, "a", &facts) == 11);
    assert_int_equal(find("b"), SLUICE_OVERLAY_NOTHING);
    assert_int_equal(throttle(11, "a"), 0);
    assert_int_equal(unthrottle(12, "a"), 1);
    assert_int_equal(throttle(13, "b"), 1);
    assert_int_equal(find("a"), SLUICE_OVERLAY_UNTHROTTLE);
    assert_true(revision_found(overlay, "b", &facts) == 13);
}

static void
test_tables_of_any_size(void **state)
{
    (void)state;
    struct sluice_order order = order_of(SLUICE_ORDER_THROTTLE, 11, "a");
    struct sluice_overlay *small;

    for (uint32_t n = 0; n < 40; n++) {
        small = overlay_of(n);
        assert_int_equal(sluice_overlay_apply(small, &order, &facts, NOW_MS),
                         n ? 1 : -1);
        assert_true(revision_found(small, "a", &facts) == (n ? 11 : 0));
        free(small);
    }
    assert_int_equal(sluice_overlay_size(0), 64);
    assert_int_equal(sluice_overlay_size(8192), 64 + 8192 * 384);
}

static void
test_keys_of_any_length_are_harmless(void **state)
{
    (void)state;
    struct sluice_overlay_order found;
    char key[1000];

    memset(key, 'k', sizeof(key));
    for (size_t len = 0; len < sizeof(key); len++)
        assert_int_equal(sluice_overlay_find(overlay, key, len, &facts, &found),
                         SLUICE_OVERLAY_NOTHING);
    key[SLUICE_KEY_SIZE - 1] = '\0';
    assert_int_equal(throttle(11, key), 1);
    assert_int_equal(find(key), SLUICE_OVERLAY_THROTTLE);
    key[SLUICE_KEY_SIZE - 1] = 'k';
    assert_int_equal(
        sluice_overlay_find(overlay, key, SLUICE_KEY_SIZE, &facts, &found),
        SLUICE_OVERLAY_NOTHING);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_nothing_is_known_at_first),
        TEST(test_an_order_is_found_as_it_was_given),
        TEST(test_expiry_is_counted_from_hearing),
        TEST(test_an_expired_order_still_hides_the_facts),
        TEST(test_an_unthrottle_is_a_tombstone),
        TEST(test_a_list_has_what_a_look_up_would_find),
        TEST(test_other_orders_are_not_the_overlays),
        TEST(test_what_the_facts_know_is_not_taken),
        TEST(test_repeats_and_older_orders_change_nothing),
        TEST(test_the_facts_take_over_at_the_order_s_revision),
        TEST(test_facts_never_read_know_nothing),
        TEST(test_an_unconfirmed_order_is_dropped_after_5_s),
        TEST(test_a_dropped_order_makes_way_for_the_real_one),
        TEST(test_clocks_of_workers_may_differ),
        TEST(test_another_store_s_order_is_not_taken),
        TEST(test_another_store_finds_it_empty),
        TEST(test_without_revisions_the_next_read_decides),
        TEST(test_thousands_of_keys_each_find_their_own),
        TEST(test_a_full_table_says_so_and_holds_what_it_has),
        TEST(test_places_are_used_again_when_nobody_can_need_them),
        TEST(test_while_the_facts_stand_still_nothing_is_given_up),
        TEST(test_half_an_order_is_never_seen),
        TEST(test_tables_of_any_size),
        TEST(test_keys_of_any_length_are_harmless),
    };

    return cmocka_run_group_tests_name("overlay", tests, NULL, NULL);
}
