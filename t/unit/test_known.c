/* What a node knows of the facts: the last read and its own changes. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "consensus/facts.h"
#include "consensus/known.h"

static struct facts
read_of(uint64_t revision,
        uint64_t read_mono_ms,
        struct fact_throttle *throttles,
        size_t count)
{
    struct facts facts = {
        .revision = revision,
        .read_mono_ms = read_mono_ms,
        .store_id = "store",
        .throttles = throttles,
        .nthrottles = count,
    };

    return facts;
}

static struct consensus_change
change_of(enum consensus_change_kind kind, const char *key, int64_t ttl_ms)
{
    struct consensus_change change = {
        .kind = kind, .ratio = 0.5, .ttl_ms = ttl_ms};

    snprintf(change.key, sizeof(change.key), "%s", key);
    strcpy(change.owner, "me");
    return change;
}

static void
store(struct known *k,
      enum consensus_change_kind kind,
      const char *key,
      int64_t ttl_ms,
      uint64_t revision,
      uint64_t now_ms)
{
    struct consensus_change change = change_of(kind, key, ttl_ms);

    known_stored(k, &change, revision, now_ms);
}

static void
test_a_read_replaces(void **state)
{
    struct fact_throttle rows[] = {{.key = "a", .ratio = 1},
                                   {.key = "c", .ratio = 1}};
    struct facts facts = read_of(5, 100, rows, 2);
    struct known k = {0};

    (void)state;
    assert_int_equal(known_read(&k, &facts), 0);
    assert_int_equal(k.ever, 1);
    rows[0].key[0] = 'x'; /* a copy was taken */
    assert_string_equal(k.facts.throttles[0].key, "a");
    facts = read_of(6, 200, rows, 0);
    assert_int_equal(known_read(&k, &facts), 0);
    assert_int_equal(k.facts.nthrottles, 0);
    known_free(&k);
    assert_int_equal(k.ever, 0);
}

static void
test_changes_are_sorted_in(void **state)
{
    struct fact_throttle rows[] = {{.key = "b", .ratio = 1}};
    struct facts facts = read_of(5, 100, rows, 1);
    struct known k = {0};

    (void)state;
    known_read(&k, &facts);
    store(&k, CHANGE_THROTTLE, "c", FACT_NEVER, 6, 150);
    store(&k, CHANGE_THROTTLE, "a", 1000, 7, 160);
    assert_int_equal(k.facts.nthrottles, 3);
    assert_string_equal(k.facts.throttles[0].key, "a");
    assert_string_equal(k.facts.throttles[0].owner, "me");
    assert_true(k.facts.throttles[0].ratio == 0.5);
    /* Counted from the read at 100: ends at 1160. */
    assert_int_equal(k.facts.throttles[0].remaining_ms, 1060);
    assert_string_equal(k.facts.throttles[1].key, "b");
    assert_true(k.facts.throttles[2].remaining_ms == FACT_NEVER);
    store(&k, CHANGE_THROTTLE, "a", FACT_NEVER, 8, 170);
    assert_int_equal(k.facts.nthrottles, 3);
    assert_true(k.facts.throttles[0].remaining_ms == FACT_NEVER);
    store(&k, CHANGE_UNTHROTTLE, "b", 0, 9, 180);
    store(&k, CHANGE_UNTHROTTLE, "nobody", 0, 10, 190);
    assert_int_equal(k.facts.nthrottles, 2);
    assert_string_equal(k.facts.throttles[1].key, "c");
    known_free(&k);
}

static void
test_skips(void **state)
{
    struct facts facts = read_of(5, 100, NULL, 0);
    struct known k = {0};

    (void)state;
    known_read(&k, &facts);
    store(&k, CHANGE_SKIP, "db2", 5000, 6, 100);
    store(&k, CHANGE_SKIP, "db1", FACT_NEVER, 7, 100);
    assert_int_equal(k.facts.nskips, 2);
    assert_string_equal(k.facts.skips[0].host, "db1");
    store(&k, CHANGE_RECOVER, "db1", 0, 8, 100);
    store(&k, CHANGE_RECOVER, "db2", 0, 9, 100);
    assert_int_equal(k.facts.nskips, 0);
    known_free(&k);
}

/* A read that began before our change must not take it back. */
static void
test_an_older_read_is_ignored(void **state)
{
    struct facts facts = read_of(5, 100, NULL, 0);
    struct known k = {0};

    (void)state;
    known_read(&k, &facts);
    store(&k, CHANGE_THROTTLE, "a", FACT_NEVER, 7, 150);
    facts = read_of(6, 150, NULL, 0);
    assert_int_equal(known_read(&k, &facts), -1);
    assert_int_equal(k.facts.nthrottles, 1);
    facts = read_of(7, 149, NULL, 0);
    assert_int_equal(known_read(&k, &facts), 0);
    assert_int_equal(k.facts.nthrottles, 0);
    known_free(&k);
}

/* The backend was put back to an older state: its word counts, not ours. */
static void
test_a_store_that_lost_our_change(void **state)
{
    struct fact_throttle rows[] = {{.key = "b", .ratio = 1}};
    struct facts facts = read_of(900, 100, NULL, 0);
    struct known k = {0};

    (void)state;
    known_read(&k, &facts);
    store(&k, CHANGE_THROTTLE, "a", FACT_NEVER, 901, 150);
    facts = read_of(3, 151, rows, 1);
    assert_int_equal(known_read(&k, &facts), 0);
    assert_int_equal(k.facts.nthrottles, 1);
    assert_string_equal(k.facts.throttles[0].key, "b");
    facts = read_of(3, 401, NULL, 0);
    assert_int_equal(known_read(&k, &facts), 0);
    assert_int_equal(k.facts.nthrottles, 0);
    known_free(&k);
}

/* The answer to our COMMIT was held up; another node took the throttle back
 * and that was read before. */
static void
test_an_answer_after_a_newer_read(void **state)
{
    struct facts facts = read_of(4, 100, NULL, 0);
    struct known k = {0};

    (void)state;
    known_read(&k, &facts);
    facts = read_of(6, 200, NULL, 0);
    known_read(&k, &facts);
    store(&k, CHANGE_THROTTLE, "a", FACT_NEVER, 5, 210);
    assert_int_equal(k.facts.nthrottles, 0);
    store(&k, CHANGE_THROTTLE, "a", FACT_NEVER, 6, 210);
    assert_int_equal(k.facts.nthrottles, 0);
    store(&k, CHANGE_THROTTLE, "a", FACT_NEVER, 7, 210);
    assert_int_equal(k.facts.nthrottles, 1);
    known_free(&k);
}

/* freno's bare tables have no revision: then the begin of the read counts. */
static void
test_without_revisions(void **state)
{
    struct facts facts = read_of(0, 100, NULL, 0);
    struct known k = {0};

    (void)state;
    known_read(&k, &facts);
    store(&k, CHANGE_THROTTLE, "a", FACT_NEVER, 0, 150);
    facts = read_of(0, 150, NULL, 0);
    assert_int_equal(known_read(&k, &facts), -1);
    facts = read_of(0, 151, NULL, 0);
    assert_int_equal(known_read(&k, &facts), 0);
    known_free(&k);
}

static void
test_another_store_begins_anew(void **state)
{
    struct facts facts = read_of(900, 100, NULL, 0);
    struct known k = {0};

    (void)state;
    known_read(&k, &facts);
    store(&k, CHANGE_THROTTLE, "a", FACT_NEVER, 901, 150);
    facts = read_of(3, 200, NULL, 0);
    strcpy(facts.store_id, "other");
    assert_int_equal(known_read(&k, &facts), 0);
    assert_int_equal(k.facts.nthrottles, 0);
    known_free(&k);
}

static void
test_before_the_first_read(void **state)
{
    struct known k = {0};

    (void)state;
    store(&k, CHANGE_THROTTLE, "a", FACT_NEVER, 7, 150);
    assert_int_equal(k.facts.nthrottles, 0);
    known_free(&k);
}

static void
test_settings(void **state)
{
    struct fact_setting rows[] = {{.name = "b", .value = "1"}};
    struct facts facts = read_of(5, 100, NULL, 0);
    struct consensus_change change = change_of(CHANGE_SET, "a", 0);
    struct known k = {0};

    (void)state;
    facts.settings = rows;
    facts.nsettings = 1;
    known_read(&k, &facts);
    strcpy(change.value, "2");
    known_stored(&k, &change, 6, 110);
    assert_int_equal(k.facts.nsettings, 2);
    assert_string_equal(facts_setting(&k.facts, "a"), "2");
    assert_string_equal(facts_setting(&k.facts, "b"), "1");
    assert_null(facts_setting(&k.facts, "c"));
    change.value[0] = '\0';
    strcpy(change.key, "b");
    known_stored(&k, &change, 7, 120);
    assert_null(facts_setting(&k.facts, "b"));
    strcpy(change.key, "c");
    known_stored(&k, &change, 8, 130);
    assert_int_equal(k.facts.nsettings, 1);
    known_free(&k);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_settings),
        cmocka_unit_test(test_a_read_replaces),
        cmocka_unit_test(test_changes_are_sorted_in),
        cmocka_unit_test(test_skips),
        cmocka_unit_test(test_an_older_read_is_ignored),
        cmocka_unit_test(test_a_store_that_lost_our_change),
        cmocka_unit_test(test_an_answer_after_a_newer_read),
        cmocka_unit_test(test_without_revisions),
        cmocka_unit_test(test_another_store_begins_anew),
        cmocka_unit_test(test_before_the_first_read),
    };

    return cmocka_run_group_tests_name("known", tests, NULL, NULL);
}
