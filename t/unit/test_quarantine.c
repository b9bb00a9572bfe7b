/* Quarantine of hosts far behind: in, out, and never more than half. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "decide/quarantine.h"

#define LAG 100
#define THRESHOLD 1

/* "1 200 x ? - -1": a value each, x an error, ? not heard yet, - not counted,
 * without a value or with one; a '*' behind it: it was inside. Returns what is
 * inside after, one letter each. */
static int changed;

static const char *
run(const char *words, double lag_s)
{
    static char inside[16];
    struct quarantine_host hosts[16];
    size_t count = 0;
    char copy[128], *save = NULL;

    memset(hosts, 0, sizeof(hosts));
    strcpy(copy, words);
    for (char *w = strtok_r(copy, " ", &save); w;
         w = strtok_r(NULL, " ", &save)) {
        struct quarantine_host *host = &hosts[count++];

        host->counts = *w != '-';
        host->pending = *w == '?';
        host->has_value = *w != 'x' && *w != '?' && strcmp(w, "-") != 0;
        host->value = strtod(w + (*w == '-'), NULL);
        host->quarantined = w[strlen(w) - 1] == '*';
    }
    changed = quarantine_hosts(hosts, count, lag_s, THRESHOLD);
    for (size_t i = 0; i < count; i++)
        inside[i] = hosts[i].quarantined ? 'q' : '.';
    inside[count] = '\0';
    return inside;
}

static void
test_in_above_one_bound(void **state)
{
    (void)state;
    assert_string_equal(run("0 100 0", LAG), "...");
    assert_int_equal(changed, 0);
    assert_string_equal(run("0 100.1 0", LAG), ".q.");
    assert_int_equal(changed, 1);
}

static void
test_out_within_the_other(void **state)
{
    (void)state;
    assert_string_equal(run("0 50* 0", LAG), ".q.");
    assert_int_equal(changed, 0);
    assert_string_equal(run("0 1.1* 0", LAG), ".q.");
    assert_string_equal(run("0 1* 0", LAG), "...");
    assert_int_equal(changed, 1);
}

static void
test_never_more_than_half(void **state)
{
    (void)state;
    assert_string_equal(run("200", LAG), ".");
    assert_string_equal(run("200*", LAG), ".");
    assert_int_equal(changed, 1);
    assert_string_equal(run("200 0", LAG), "q.");
    assert_string_equal(run("200 300", LAG), ".q");
    assert_string_equal(run("200 300 400", LAG), "..q");
    assert_string_equal(run("200 300 400 150", LAG), ".qq.");
    assert_string_equal(run("200 - -", LAG), "...");
    assert_string_equal(run("200 -0 -0", LAG), "...");
    assert_string_equal(run("200 x x", LAG), "...");
    assert_string_equal(run("200 300 x 0", LAG), ".q..");
    assert_string_equal(run("", LAG), "");
}

static void
test_an_error_stays_where_it_is(void **state)
{
    (void)state;
    assert_string_equal(run("x* 0", LAG), "q.");
    assert_string_equal(run("x 0", LAG), "..");
    assert_string_equal(run("x* 500 0", LAG), "q..");
    assert_string_equal(run("500 x* 0", LAG), ".q.");
}

/* A reload that asks everybody anew lets nobody out. */
static void
test_who_was_not_heard_yet_may_be_fine(void **state)
{
    (void)state;
    assert_string_equal(run("?* ?", LAG), "q.");
    assert_int_equal(changed, 0);
    assert_string_equal(run("200* ?", LAG), "q.");
    assert_string_equal(run("?* x", LAG), "..");
    assert_string_equal(run("200 ?", LAG), "q.");
}

static void
test_one_that_does_not_count_stays_where_it_is(void **state)
{
    (void)state;
    assert_string_equal(run("-50* 0 0", LAG), "q..");
    assert_int_equal(changed, 0);
    assert_string_equal(run("-900* 200 0", LAG), "qq.");
    assert_string_equal(run("-900 200 0", LAG), ".q.");
    assert_string_equal(run("-900* 200", LAG), "q.");
}

static void
test_a_swap_is_a_change(void **state)
{
    (void)state;
    assert_string_equal(run("150* 300 0", LAG), ".q.");
    assert_int_equal(changed, 1);
}

static void
test_without_the_rule_nobody_is(void **state)
{
    (void)state;
    assert_string_equal(run("900 900* 0 0", 0), "....");
    assert_int_equal(changed, 1);
    assert_int_equal(quarantine_hosts(NULL, 0, LAG, THRESHOLD), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_in_above_one_bound),
        cmocka_unit_test(test_out_within_the_other),
        cmocka_unit_test(test_never_more_than_half),
        cmocka_unit_test(test_an_error_stays_where_it_is),
        cmocka_unit_test(test_who_was_not_heard_yet_may_be_fine),
        cmocka_unit_test(test_one_that_does_not_count_stays_where_it_is),
        cmocka_unit_test(test_a_swap_is_a_change),
        cmocka_unit_test(test_without_the_rule_nobody_is),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
