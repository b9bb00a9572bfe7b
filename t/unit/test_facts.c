/* Rows to facts: freno's rules for times and ratios, row by row. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "consensus/facts.h"

#define NOW "1795239642.250000"
#define BAD (-1)

static void
test_remaining(void **state)
{
    static const struct {
        const char *expires, *now;
        int rc;
        int64_t remaining_ms;
    } rows[] = {
        {NULL, NOW, 0, FACT_NEVER},
        {"0", NOW, 0, FACT_NEVER}, /* the zero date of old servers */
        {"0.000000", NOW, 0, FACT_NEVER},
        {"2147483647", NOW, 0, FACT_NEVER},
        {"2147483647.000000", NOW, 0, FACT_NEVER},
        {"4294967295", NOW, 0, FACT_NEVER},
        {"2147483646", NOW, 0, 352244003750},
        {"1795239702", NOW, 0, 59750},
        {"1795239643", NOW, 0, 750},
        {"1795239642.252000", NOW, 0, 2},
        {"1795239642", NOW, 0, -250}, /* freno reads 0: never */
        {"1795239641", NOW, 0, -1250},
        {"1", NOW, 0, -1795239641250},
        {"x", NOW, BAD, 0},
        {"", NOW, BAD, 0},
        {"1e", NOW, BAD, 0},
        {"nan", NOW, BAD, 0},
        {"inf", NOW, BAD, 0},
        {"1795239702", "x", BAD, 0},
        {"1795239702", NULL, BAD, 0},
        {NULL, NULL, BAD, 0},
    };
    int64_t remaining_ms;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        remaining_ms = 0;
        assert_int_equal(
            facts_remaining_ms(rows[i].expires, rows[i].now, &remaining_ms),
            rows[i].rc);
        if (rows[i].rc == 0 && llabs(remaining_ms - rows[i].remaining_ms) > 1)
            fail_msg("row %zu: %lld", i, (long long)remaining_ms);
        /* Never by a hair on the wrong side. */
        if (rows[i].rc == 0)
            assert_int_equal(remaining_ms > 0, rows[i].remaining_ms > 0);
    }
}

static void
test_ratio(void **state)
{
    static const struct {
        const char *text;
        int rc;
        double ratio;
    } rows[] = {
        {NULL, 0, 1},    {"-1", 0, 1},      {"0", 0, 0},    {"0.25", 0, 0.25},
        {"1", 0, 1},     {"1.5", 0, 1},     {"-0.5", 0, 1}, {"1e-7", 0, 1e-7},
        {"nan", BAD, 0}, {"x", BAD, 0},     {"", BAD, 0},   {"0.5x", BAD, 0},
        {"inf", BAD, 0}, {"1e400", BAD, 0},
    };
    double ratio;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        assert_int_equal(facts_ratio(rows[i].text, &ratio), rows[i].rc);
        if (rows[i].rc == 0)
            assert_true(ratio == rows[i].ratio);
    }
}

static void
test_sorted_and_without_the_expired(void **state)
{
    struct facts f = {0};

    (void)state;
    for (int round = 0; round < 2; round++) {
        facts_clear(&f);
        assert_int_equal(facts_add_throttle(&f, "b", NULL, NOW, "-1"), 0);
        assert_int_equal(facts_add_throttle(&f, "gone", "1", NOW, "1"), 0);
        assert_int_equal(
            facts_add_throttle(&f, "a/c", "1795239700", NOW, "0.5"), 0);
        assert_int_equal(facts_add_throttle(&f, "a", NULL, NOW, "0"), 0);
        assert_int_equal(facts_add_skip(&f, "db2", "1795239700", NOW), 0);
        assert_int_equal(facts_add_skip(&f, "db1", NULL, NOW), 0);
        assert_int_equal(facts_add_skip(&f, "db0", "1795239642", NOW), 0);
        facts_sort(&f);
        assert_int_equal(f.nthrottles, 3);
        assert_string_equal(f.throttles[0].key, "a");
        assert_true(f.throttles[0].ratio == 0);
        assert_string_equal(f.throttles[1].key, "a/c");
        assert_string_equal(f.throttles[2].key, "b");
        assert_true(f.throttles[2].ratio == 1);
        assert_true(f.throttles[2].remaining_ms == FACT_NEVER);
        assert_int_equal(f.nskips, 2);
        assert_string_equal(f.skips[0].host, "db1");
        assert_string_equal(f.skips[1].host, "db2");
    }
    facts_free(&f);
    assert_null(f.throttles);
    facts_free(&f);
}

static void
test_names(void **state)
{
    char name[FACT_NAME_SIZE + 1];
    struct facts f = {0};

    (void)state;
    memset(name, 'x', sizeof(name));
    name[FACT_NAME_SIZE] = '\0';
    assert_int_equal(facts_add_throttle(&f, name, NULL, NOW, "1"), BAD);
    assert_int_equal(facts_add_skip(&f, name, NULL, NOW), BAD);
    name[FACT_NAME_SIZE - 1] = '\0';
    assert_int_equal(facts_add_throttle(&f, name, NULL, NOW, "1"), 0);
    assert_int_equal(facts_add_skip(&f, name, NULL, NOW), 0);
    assert_int_equal(facts_add_throttle(&f, "", NULL, NOW, "1"), BAD);
    assert_int_equal(facts_add_throttle(&f, NULL, NULL, NOW, "1"), BAD);
    assert_int_equal(facts_add_skip(&f, "", NULL, NOW), BAD);
    assert_int_equal(facts_add_throttle(&f, "x", NULL, NOW, "x"), BAD);
    assert_int_equal(f.nthrottles, 1);
    assert_int_equal(f.nskips, 1);
    facts_free(&f);
}

static void
test_many(void **state)
{
    struct facts f = {0};
    char name[32];

    (void)state;
    for (int i = 0; i < 1000; i++) {
        snprintf(name, sizeof(name), "app%d", (i * 7919) % 1000);
        assert_int_equal(facts_add_throttle(&f, name, NULL, NOW, "1"), 0);
    }
    facts_sort(&f);
    assert_int_equal(f.nthrottles, 1000);
    for (size_t i = 1; i < f.nthrottles; i++)
        assert_true(strcmp(f.throttles[i - 1].key, f.throttles[i].key) < 0);
    facts_free(&f);
}

static void
test_notes(void **state)
{
    char longer[FACT_NOTE_SIZE + 10];
    struct facts f = {0};

    (void)state;
    facts_note(&f, "throttle", "none", "o", "r"); /* nothing there yet */
    facts_add_throttle(&f, "app", NULL, NOW, "1");
    facts_add_throttle(&f, "both", NULL, NOW, "1");
    facts_add_skip(&f, "both", NULL, NOW);
    facts_sort(&f);
    memset(longer, 'x', sizeof(longer));
    longer[sizeof(longer) - 1] = '\0';
    facts_note(&f, "throttle", "app", "alice", "a migration");
    facts_note(&f, "skip", "both", "bob", longer);
    memcpy(longer + FACT_NOTE_SIZE - 2, "\xe2\x82\xac", 3);
    facts_note(&f, "throttle", "both", longer + 128, longer);
    assert_int_equal(strlen(f.throttles[1].reason), FACT_NOTE_SIZE - 2);
    assert_string_equal(f.throttles[1].owner + 125, "xx");
    facts_note(&f, "throttle", "both", "", "");
    facts_note(&f, "skip", "app", "eve", "no such host");
    facts_note(&f, "other", "app", "eve", "no such kind");
    facts_note(&f, "throttle", longer, "eve", "no such name");
    assert_string_equal(f.throttles[0].owner, "alice");
    assert_string_equal(f.throttles[0].reason, "a migration");
    assert_string_equal(f.throttles[1].owner, "");
    assert_string_equal(f.skips[0].owner, "bob");
    assert_int_equal(strlen(f.skips[0].reason), FACT_NOTE_SIZE - 1);
    facts_free(&f);
}

static void
test_settings(void **state)
{
    char longest[FACT_VALUE_SIZE + 1], name[FACT_NAME_SIZE + 1];
    struct facts f = {0};

    (void)state;
    memset(longest, 'v', sizeof(longest));
    memset(name, 'n', sizeof(name));
    longest[sizeof(longest) - 1] = name[sizeof(name) - 1] = '\0';
    assert_int_equal(facts_add_setting(&f, "b", "1"), 0);
    assert_int_equal(facts_add_setting(&f, "a", longest + 1), 0);
    assert_int_equal(facts_add_setting(&f, name + 1, "x"), 0);
    assert_int_equal(facts_add_setting(&f, "c", longest), -1);
    assert_int_equal(facts_add_setting(&f, name, "x"), -1);
    assert_int_equal(facts_add_setting(&f, "c", ""), -1);
    assert_int_equal(facts_add_setting(&f, "", "x"), -1);
    assert_int_equal(facts_add_setting(&f, NULL, "x"), -1);
    assert_int_equal(facts_add_setting(&f, "c", NULL), -1);
    facts_sort(&f);
    assert_int_equal(f.nsettings, 3);
    assert_string_equal(facts_setting(&f, "a"), longest + 1);
    assert_string_equal(facts_setting(&f, "b"), "1");
    assert_null(facts_setting(&f, "c"));
    assert_true(fact_value_mark("a") != fact_value_mark("b"));
    assert_true(fact_value_mark("") != fact_value_mark("a"));
    facts_clear(&f);
    assert_null(facts_setting(&f, "a"));
    facts_free(&f);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_settings),
        cmocka_unit_test(test_remaining),
        cmocka_unit_test(test_ratio),
        cmocka_unit_test(test_sorted_and_without_the_expired),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_notes),
    };

    return cmocka_run_group_tests_name("facts", tests, NULL, NULL);
}
