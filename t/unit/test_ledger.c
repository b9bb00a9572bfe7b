/* The ledger: what commands make of it, and the facts it gives. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "consensus/facts.h"
#include "ledger_help.h"

static void
test_throttles_are_sorted_in(void **state)
{
    struct ledger l = {0};
    struct consensus_change stored;

    (void)state;
    apply(&l, throttle_of("b", 0.5, FACT_NEVER, 1000));
    apply(&l, throttle_of("a/c", 0, 500, 1000));
    apply(&l, throttle_of("\xc3\xa4", 1, 500, 1000)); /* bytes, no signs */
    stored = apply(&l, throttle_of("a", 0.25, 1, 1000));
    assert_int_equal(stored.kind, CHANGE_THROTTLE);
    assert_string_equal(stored.key, "a");
    assert_string_equal(stored.owner, "owner of a");
    assert_int_equal(stored.ttl_ms, 1);
    assert_true(stored.ratio == 0.25);
    assert_int_equal(l.nthrottles, 4);
    assert_string_equal(l.throttles[0].key, "a");
    assert_string_equal(l.throttles[0].reason, "at 1000");
    assert_int_equal(l.throttles[0].expires_real_ms, 1001);
    assert_string_equal(l.throttles[1].key, "a/c");
    assert_true(l.throttles[1].ratio == 0);
    assert_string_equal(l.throttles[2].key, "b");
    assert_int_equal(l.throttles[2].expires_real_ms, 0);
    assert_string_equal(l.throttles[3].key, "\xc3\xa4");
    assert_int_equal(l.revision, 4);
    ledger_free(&l);
    assert_null(l.throttles);
    assert_int_equal(l.revision, 0);
    ledger_free(&l);
}

static void
test_a_throttle_again_replaces(void **state)
{
    struct ledger l = {0};
    struct ledger_command c = throttle_of("a", 0.5, 500, 1000);

    (void)state;
    memset(c.change.reason, 'x', FACT_NOTE_SIZE - 1);
    apply(&l, c);
    apply(&l, throttle_of("a", 0.75, FACT_NEVER, 1100));
    assert_int_equal(l.nthrottles, 1);
    assert_true(l.throttles[0].ratio == 0.75);
    assert_int_equal(l.throttles[0].expires_real_ms, 0);
    assert_string_equal(l.throttles[0].reason, "at 1100");
    ledger_free(&l);
}

static void
test_taking_back(void **state)
{
    struct ledger l = {0};
    struct consensus_change stored;

    (void)state;
    stored = apply(&l, change_of(CHANGE_UNTHROTTLE, "a", 0, 1000));
    assert_int_equal(stored.kind, CHANGE_UNTHROTTLE);
    assert_string_equal(stored.key, "a");
    stored = apply(&l, change_of(CHANGE_RECOVER, "db1", 0, 1000));
    assert_int_equal(stored.kind, CHANGE_RECOVER);
    for (const char *name = "bac"; *name; name++) {
        apply(&l, throttle_of((char[]){*name, 0}, 1, FACT_NEVER, 1000));
        apply(&l, change_of(CHANGE_SKIP, (char[]){*name, 0}, 1, 1000));
    }
    apply(&l, change_of(CHANGE_UNTHROTTLE, "b", 0, 1000));
    apply(&l, change_of(CHANGE_UNTHROTTLE, "bb", 0, 1000));
    assert_int_equal(l.nthrottles, 2);
    assert_string_equal(l.throttles[0].key, "a");
    assert_string_equal(l.throttles[1].key, "c");
    apply(&l, change_of(CHANGE_RECOVER, "c", 0, 1000));
    assert_int_equal(l.nskips, 2);
    apply(&l, change_of(CHANGE_RECOVER, "a", 0, 1000));
    apply(&l, change_of(CHANGE_RECOVER, "b", 0, 1000));
    assert_int_equal(l.nskips, 0);
    assert_int_equal(l.nthrottles, 2);
    ledger_free(&l);
}

/* The ratio of a throttle that asks for none. */
static double
kept(struct ledger *l, const char *key, uint64_t now_ms)
{
    return apply(l, throttle_of(key, CHANGE_RATIO_KEEP, 500, now_ms)).ratio;
}

static void
test_a_ratio_is_kept(void **state)
{
    struct ledger l = {0};

    (void)state;
    assert_true(kept(&l, "a", 1000) == 1); /* there is none yet */
    apply(&l, throttle_of("a", 0.25, 500, 1000));
    assert_true(kept(&l, "a", 1499) == 0.25); /* its last millisecond */
    assert_int_equal(l.throttles[0].expires_real_ms, 1999);
    apply(&l, throttle_of("b", 0.125, FACT_NEVER, 1000)); /* another's */
    assert_true(kept(&l, "a", 1999) == 1);
    assert_true(l.throttles[0].ratio == 1);
    apply(&l, throttle_of("b", 0, FACT_NEVER, 2000)); /* 0 is a ratio too */
    assert_true(kept(&l, "b", UINT64_MAX) == 0);
    apply(&l, change_of(CHANGE_UNTHROTTLE, "b", 0, 2000));
    assert_true(kept(&l, "b", 2000) == 1);
    ledger_free(&l);
}

static void
test_the_expired_go_with_the_next(void **state)
{
    struct ledger l = {0};

    (void)state;
    apply(&l, throttle_of("a", 1, 500, 1000));
    apply(&l, throttle_of("b", 1, 501, 1000));
    apply(&l, change_of(CHANGE_SKIP, "db1", 500, 1000));
    apply(&l, change_of(CHANGE_SKIP, "db2", FACT_NEVER, 1000));
    apply(&l, change_of(CHANGE_UNTHROTTLE, "c", 0, 9000));
    apply(&l, change_of(CHANGE_RECOVER, "db3", 0, 9000));
    apply(&l, found_of("store"));
    assert_int_equal(l.nthrottles, 2);
    assert_int_equal(l.nskips, 2);
    apply(&l, throttle_of("c", 1, 500, 1500));
    assert_int_equal(l.nthrottles, 2);
    assert_string_equal(l.throttles[0].key, "b");
    assert_int_equal(l.nskips, 1);
    assert_string_equal(l.skips[0].host, "db2");
    apply(&l, change_of(CHANGE_SKIP, "db2", 500, 9000));
    assert_int_equal(l.nthrottles, 0);
    assert_int_equal(l.nskips, 1);
    assert_int_equal(l.skips[0].expires_real_ms, 9500);
    ledger_free(&l);
}

static void
test_ends_beyond_all_time(void **state)
{
    static const struct {
        uint64_t now_ms;
        int64_t ttl_ms;
        uint64_t expires_ms;
    } rows[] = {
        {0, 1, 1},
        {0, INT64_MAX - 1, INT64_MAX - 1},
        {1, INT64_MAX - 1, INT64_MAX},
        {2, INT64_MAX - 1, 0},
        {INT64_MAX - 1, 1, INT64_MAX},
        {INT64_MAX, 1, 0},
        {UINT64_MAX, 1, 0},
        {UINT64_MAX, INT64_MAX - 1, 0},
        {1000, FACT_NEVER, 0},
        {UINT64_MAX, FACT_NEVER, 0},
    };
    struct ledger l = {0};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        apply(&l, throttle_of("a", 1, rows[i].ttl_ms, rows[i].now_ms));
        apply(&l, change_of(CHANGE_SKIP, "b", rows[i].ttl_ms, rows[i].now_ms));
        assert_true(l.throttles[0].expires_real_ms == rows[i].expires_ms);
        assert_true(l.skips[0].expires_real_ms == rows[i].expires_ms);
    }
    ledger_free(&l);
}

static void
test_founding_and_settling(void **state)
{
    struct ledger l = {0};
    struct consensus_change nothing = {0}, stored;

    (void)state;
    apply(&l, throttle_of("a", 1, FACT_NEVER, 1000));
    stored = apply(&l, found_of("a rather long id"));
    assert_memory_equal(&stored, &nothing, sizeof(stored));
    assert_string_equal(l.store_id, "a rather long id");
    assert_int_equal(l.settled, 0);
    stored = apply(&l, (struct ledger_command){.kind = LEDGER_SETTLED});
    assert_memory_equal(&stored, &nothing, sizeof(stored));
    assert_int_equal(l.settled, 1);
    apply(&l, found_of("id"));
    assert_string_equal(l.store_id, "id");
    assert_int_equal(l.settled, 1);
    assert_int_equal(l.nthrottles, 1);
    assert_int_equal(l.revision, 4);
    ledger_free(&l);
}

/* Who is not interested in what was stored. */
static void
test_indexes_may_have_gaps(void **state)
{
    struct ledger_command c = throttle_of("a", CHANGE_RATIO_KEEP, 1, 1);
    struct ledger l = {0};

    (void)state;
    ledger_apply(&l, 7, &c, NULL);
    assert_int_equal(l.revision, 7);
    ledger_apply(&l, UINT64_MAX, &c, NULL);
    assert_true(l.revision == UINT64_MAX);
    assert_true(l.throttles[0].ratio == 1);
    ledger_free(&l);
}

/* Dies rather than becoming another ledger than the other nodes have. */
static int
dies(uint64_t index, struct ledger_command c)
{
    pid_t pid = fork();
    struct ledger l = {.revision = 5};
    int status;

    if (pid == 0) {
        dup2(open("/dev/null", O_WRONLY), STDERR_FILENO);
        ledger_apply(&l, index, &c, NULL);
        _exit(0);
    }
    waitpid(pid, &status, 0);
    return status != 0;
}

static void
test_what_must_not_be_applied(void **state)
{
    (void)state;
    assert_true(!dies(6, change_of(CHANGE_RECOVER, "a", 0, 1)));
    assert_true(dies(5, change_of(CHANGE_RECOVER, "a", 0, 1)));
    assert_true(dies(6, change_of(CHANGE_RECOVER, "", 0, 1)));
    assert_true(dies(6, change_of(CHANGE_SKIP, "a", 0, 1)));
    assert_true(dies(6, (struct ledger_command){0}));
}

/* Two nodes, the same commands, through the log's bytes as with raft; one of
 * them is restarted from its snapshot again and again. */
static void
test_all_nodes_come_to_the_same(void **state)
{
    struct ledger a = {0}, b = {0};
    unsigned char bytes[LEDGER_COMMAND_MAX];
    char key[8], err[ERR_SIZE];

    (void)state;
    srand(1);
    for (int i = 0; i < 3000; i++) {
        struct ledger_command c, again;
        size_t len;

        snprintf(key, sizeof(key), "app%d", rand() % 300);
        c = change_of(rand() % 4, key, rand() % 800 + 1, 1000 + i);
        c.change.ratio = rand() % 3 ? rand() % 8 / 8.0 : CHANGE_RATIO_KEEP;
        len = ledger_encode(&c, bytes);
        assert_int_equal(ledger_decode(bytes, len, &again, err, sizeof(err)),
                         0);
        ledger_apply(&a, i + 1, &again, NULL);
        ledger_apply(&b, i + 1, &c, NULL);
        if (i % 50 == 0) {
            void *saved = ledger_save(&b, &len);

            assert_int_equal(ledger_load(&b, saved, len, err, sizeof(err)), 0);
            free(saved);
        }
        if (i % 20 == 0)
            assert_true(same(&a, &b));
    }
    assert_true(same(&a, &b));
    for (size_t i = 1; i < a.nthrottles; i++)
        assert_true(strcmp(a.throttles[i - 1].key, a.throttles[i].key) < 0);
    assert_in_range(a.nthrottles, 10, 300);
    ledger_free(&a);
    ledger_free(&b);
}

static void
test_facts(void **state)
{
    struct ledger l = {0};
    struct facts f = {0};

    (void)state;
    apply(&l, found_of("6f1c9a52"));
    apply(&l, throttle_of("b", 0.5, 1001, 1000));
    apply(&l, throttle_of("c", 1, 1000, 1000));
    apply(&l, throttle_of("a", 0.25, FACT_NEVER, 1000));
    apply(&l, change_of(CHANGE_SKIP, "db2", 5000, 1000));
    apply(&l, change_of(CHANGE_SKIP, "db1", FACT_NEVER, 1000));
    apply(&l, change_of(CHANGE_SKIP, "db0", 999, 1000));
    for (int round = 0; round < 2; round++) {
        ledger_facts(&l, 2000, 77, 300, &f);
        assert_int_equal(f.revision, 7);
        assert_int_equal(f.read_mono_ms, 77);
        assert_string_equal(f.store_id, "6f1c9a52");
        assert_int_equal(f.nthrottles, 2);
        assert_string_equal(f.throttles[0].key, "a");
        assert_true(f.throttles[0].ratio == 0.25);
        assert_true(f.throttles[0].remaining_ms == FACT_NEVER);
        assert_string_equal(f.throttles[0].owner, "owner of a");
        assert_string_equal(f.throttles[0].reason, "at 1000");
        assert_string_equal(f.throttles[1].key, "b");
        assert_int_equal(f.throttles[1].remaining_ms, 301); /* 1 from now on */
        assert_int_equal(f.nskips, 2);
        assert_string_equal(f.skips[0].host, "db1");
        assert_true(f.skips[0].remaining_ms == FACT_NEVER);
        assert_string_equal(f.skips[1].host, "db2");
        assert_int_equal(f.skips[1].remaining_ms, 4300);
        assert_string_equal(f.skips[1].owner, "owner of db2");
        assert_string_equal(f.skips[1].reason, "at 1000");
    }
    assert_int_equal(l.nthrottles, 3); /* looking takes nothing away */
    ledger_free(&l);
    ledger_facts(&l, 2000, 78, 0, &f);
    assert_int_equal(f.revision, 0);
    assert_int_equal(f.nthrottles, 0);
    assert_int_equal(f.nskips, 0);
    assert_string_equal(f.store_id, "");
    facts_free(&f);
}

static void
test_facts_of_odd_times(void **state)
{
    struct ledger l = {0};
    struct facts f = {0};

    (void)state;
    apply(&l, throttle_of("a", 1, INT64_MAX - 1, 1));
    apply(&l, throttle_of("b", 1, FACT_NEVER, 1));
    ledger_facts(&l, 0, 0, 0, &f);
    assert_true(f.throttles[0].remaining_ms == INT64_MAX);
    ledger_facts(&l, 10, 0, 3, &f);
    assert_true(f.throttles[0].remaining_ms == INT64_MAX - 7);
    ledger_facts(&l, 10, 0, UINT64_MAX, &f);
    assert_true(f.throttles[0].remaining_ms == FACT_NEVER);
    assert_true(f.throttles[1].remaining_ms == FACT_NEVER);
    ledger_facts(&l, UINT64_MAX, 0, UINT64_MAX, &f);
    assert_int_equal(f.nthrottles, 1);
    assert_string_equal(f.throttles[0].key, "b");
    assert_true(f.throttles[0].remaining_ms == FACT_NEVER);
    ledger_free(&l);
    facts_free(&f);
}

static void
test_many(void **state)
{
    struct ledger l = {0};
    struct facts f = {0};

    (void)state;
    fill(&l, 2000);
    assert_int_equal(l.nthrottles, 2000);
    assert_int_equal(l.nskips, 1000);
    for (size_t i = 1; i < l.nthrottles; i++)
        assert_true(strcmp(l.throttles[i - 1].key, l.throttles[i].key) < 0);
    ledger_facts(&l, 61000 + 999, 0, 0, &f);
    assert_int_equal(f.nthrottles, 1000);
    assert_int_equal(f.nskips, 1000);
    /* All but one go at once; then there is room for more. */
    apply(&l, throttle_of("app", 1, FACT_NEVER, 61000 + 1998));
    assert_int_equal(l.nthrottles, 2);
    for (char key[] = "a"; *key <= 'z'; ++*key)
        apply(&l, throttle_of(key, 1, FACT_NEVER, 61000 + 1998));
    assert_int_equal(l.nthrottles, 28);
    ledger_free(&l);
    facts_free(&f);
}

static struct consensus_change
set(struct ledger *l, const char *name, const char *value, const char *expected)
{
    struct ledger_command c = change_of(CHANGE_SET, name, 0, 1000);

    strcpy(c.change.value, value);
    c.change.compares = expected != NULL;
    c.change.expected = expected ? fact_value_mark(expected) : 0;
    return apply(l, c);
}

static void
test_settings(void **state)
{
    struct ledger l = {0};
    struct facts f = {0};

    (void)state;
    assert_int_equal(set(&l, "b", "1", NULL).lost, 0);
    assert_int_equal(set(&l, "a", "2", "").lost, 0);
    assert_int_equal(set(&l, "a", "3", "").lost, 1); /* it is there */
    assert_int_equal(set(&l, "a", "3", "1").lost, 1);
    assert_int_equal(set(&l, "c", "3", "1").lost, 1);
    assert_int_equal(set(&l, "a", "4", "2").lost, 0);
    assert_int_equal(l.revision, 6); /* also of what was lost */
    ledger_facts(&l, 1000, 5, 0, &f);
    assert_int_equal(f.nsettings, 2);
    assert_string_equal(f.settings[0].name, "a");
    assert_string_equal(f.settings[0].value, "4");
    assert_string_equal(f.settings[1].value, "1");
    assert_int_equal(set(&l, "a", "", "2").lost, 1);
    assert_int_equal(set(&l, "a", "", "4").lost, 0);
    assert_int_equal(set(&l, "b", "", NULL).lost, 0);
    assert_int_equal(set(&l, "b", "", NULL).lost, 0);
    ledger_facts(&l, 1000, 5, 0, &f);
    assert_int_equal(f.nsettings, 0);
    facts_free(&f);
    ledger_free(&l);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_settings),
        cmocka_unit_test(test_throttles_are_sorted_in),
        cmocka_unit_test(test_a_throttle_again_replaces),
        cmocka_unit_test(test_taking_back),
        cmocka_unit_test(test_a_ratio_is_kept),
        cmocka_unit_test(test_the_expired_go_with_the_next),
        cmocka_unit_test(test_ends_beyond_all_time),
        cmocka_unit_test(test_founding_and_settling),
        cmocka_unit_test(test_indexes_may_have_gaps),
        cmocka_unit_test(test_what_must_not_be_applied),
        cmocka_unit_test(test_all_nodes_come_to_the_same),
        cmocka_unit_test(test_facts),
        cmocka_unit_test(test_facts_of_odd_times),
        cmocka_unit_test(test_many),
    };

    return cmocka_run_group_tests_name("ledger", tests, NULL, NULL);
}
