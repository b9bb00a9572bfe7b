/* Aggregation: freno's published vectors, and where Sluice differs. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdio.h>

#include <cmocka.h>

#include "decide/aggregate.h"

#define NOW 100000

static const double freno_values[] = {1.2, 1.7, 0.3, 0.6, 1.1};

static void
fill(struct aggregate_host *hosts)
{
    for (size_t i = 0; i < 5; i++)
        hosts[i] = (struct aggregate_host){.state = AGGREGATE_VALUE,
                                           .value = freno_values[i],
                                           .sampled_ms = NOW - 10 * (i + 1)};
}

static struct aggregate
run(const struct aggregate_host *hosts,
    size_t count,
    struct aggregate_rules rules)
{
    struct aggregate out;

    aggregate_hosts(hosts, count, &rules, NOW, &out);
    return out;
}

static void
want_value(struct aggregate got, double value)
{
    assert_int_equal(got.kind, AGGREGATE_METRIC_VALUE);
    assert_true(got.value == value);
    assert_string_equal(got.error, "");
}

static void
want_error(struct aggregate got, const char *text)
{
    assert_int_equal(got.kind, AGGREGATE_METRIC_ERROR);
    assert_string_equal(got.error, text);
}

static void
test_ignore_hosts_count(void **state)
{
    const double expected[] = {1.7, 1.2, 1.1, 0.6, 0.3, 0.3};
    struct aggregate_host hosts[5];

    (void)state;
    fill(hosts);
    for (int tokens = 0; tokens <= 5; tokens++)
        want_value(run(hosts, 5,
                       (struct aggregate_rules){.ignore_hosts_count = tokens}),
                   expected[tokens]);
}

static void
test_ignore_hosts_threshold(void **state)
{
    const double expected[] = {1.7, 1.2, 1.1, 0.6, 0.6, 0.6};
    struct aggregate_host hosts[5];

    (void)state;
    fill(hosts);
    for (int tokens = 0; tokens <= 5; tokens++)
        want_value(run(hosts, 5,
                       (struct aggregate_rules){.ignore_hosts_count = tokens,
                                                .ignore_hosts_threshold = 1}),
                   expected[tokens]);
}

static void
test_error_takes_a_token(void **state)
{
    struct aggregate_host hosts[5];

    (void)state;
    fill(hosts);
    hosts[3].state = AGGREGATE_ERROR;
    hosts[3].error = "Error 1045: no";
    want_error(run(hosts, 5, (struct aggregate_rules){0}), "Error 1045: no");
    want_value(run(hosts, 5, (struct aggregate_rules){.ignore_hosts_count = 1}),
               1.7);
    want_value(run(hosts, 5, (struct aggregate_rules){.ignore_hosts_count = 2}),
               1.2);
}

static void
test_first_error_is_told(void **state)
{
    struct aggregate_host hosts[5];

    (void)state;
    fill(hosts);
    hosts[1].state = AGGREGATE_ERROR;
    hosts[1].error = "first";
    hosts[4].state = AGGREGATE_ERROR;
    hosts[4].error = "second";
    want_error(run(hosts, 5, (struct aggregate_rules){0}), "first");
    want_error(run(hosts, 5, (struct aggregate_rules){.ignore_hosts_count = 1}),
               "second");
    hosts[1].error = NULL;
    want_error(run(hosts, 5, (struct aggregate_rules){0}), "unknown error");
}

static void
test_dial_errors(void **state)
{
    struct aggregate_host hosts[5];
    const char *text = "dial tcp 127.0.0.1:1: connect: connection refused";

    (void)state;
    fill(hosts);
    hosts[1].state = AGGREGATE_DIAL_ERROR;
    hosts[1].error = text;
    want_error(run(hosts, 5, (struct aggregate_rules){0}), text);
    /* Free of charge: the token still drops the largest value. */
    want_value(run(hosts, 5, (struct aggregate_rules){.ignore_dial_errors = 1}),
               1.2);
    want_value(run(hosts, 5,
                   (struct aggregate_rules){.ignore_dial_errors = 1,
                                            .ignore_hosts_count = 1}),
               1.1);
}

static void
test_pending_decides_alone(void **state)
{
    struct aggregate_host hosts[5];
    struct aggregate got;

    (void)state;
    fill(hosts);
    hosts[0].state = AGGREGATE_ERROR;
    hosts[0].error = "not this";
    hosts[4].state = AGGREGATE_PENDING;
    got = run(hosts, 5,
              (struct aggregate_rules){.ignore_hosts_count = 5,
                                       .ignore_dial_errors = 1});
    assert_int_equal(got.kind, AGGREGATE_METRIC_PENDING);
    assert_string_equal(got.error, "Metric not collected yet");
}

static void
test_no_hosts(void **state)
{
    struct aggregate_host hosts[5];

    (void)state;
    want_error(run(NULL, 0, (struct aggregate_rules){0}), "No hosts found");
    fill(hosts);
    for (size_t i = 0; i < 5; i++)
        hosts[i].state = AGGREGATE_EXCLUDED;
    want_error(run(hosts, 5, (struct aggregate_rules){0}), "No hosts found");
    hosts[2].state = AGGREGATE_VALUE;
    want_value(run(hosts, 5, (struct aggregate_rules){0}), 0.3);
    /* All in error, all ignored: nothing is left to judge by. */
    for (size_t i = 0; i < 5; i++)
        hosts[i].state = AGGREGATE_ERROR;
    want_error(run(hosts, 5, (struct aggregate_rules){.ignore_hosts_count = 5}),
               "No hosts found");
}

static void
test_stale_value_is_an_error(void **state)
{
    struct aggregate_rules rules = {.max_age_ms = 1000};
    struct aggregate_host hosts[5];

    (void)state;
    fill(hosts);
    hosts[1].sampled_ms = NOW - 1000;
    want_value(run(hosts, 5, rules), 1.7);
    hosts[1].sampled_ms = NOW - 1001;
    want_error(run(hosts, 5, rules), "stale: last answer 1001 ms ago");
    rules.ignore_hosts_count = 1;
    want_value(run(hosts, 5, rules), 1.2);
}

static void
test_oldest_sample(void **state)
{
    struct aggregate_host hosts[5];
    struct aggregate got;

    (void)state;
    fill(hosts);
    got = run(hosts, 5, (struct aggregate_rules){0});
    assert_int_equal(got.sampled_ms, NOW - 50);
    /* A host that does not count does not make the verdict old. */
    hosts[4].state = AGGREGATE_EXCLUDED;
    got = run(hosts, 5, (struct aggregate_rules){0});
    assert_int_equal(got.sampled_ms, NOW - 40);
}

static void
test_negative_values(void **state)
{
    struct aggregate_host hosts[2] = {
        {.state = AGGREGATE_VALUE, .value = -3},
        {.state = AGGREGATE_VALUE, .value = -1},
    };

    (void)state;
    want_value(run(hosts, 2, (struct aggregate_rules){0}), -1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ignore_hosts_count),
        cmocka_unit_test(test_ignore_hosts_threshold),
        cmocka_unit_test(test_error_takes_a_token),
        cmocka_unit_test(test_first_error_is_told),
        cmocka_unit_test(test_dial_errors),
        cmocka_unit_test(test_pending_decides_alone),
        cmocka_unit_test(test_no_hosts),
        cmocka_unit_test(test_stale_value_is_an_error),
        cmocka_unit_test(test_oldest_sample),
        cmocka_unit_test(test_negative_values),
    };

    return cmocka_run_group_tests_name("aggregate", tests, NULL, NULL);
}
