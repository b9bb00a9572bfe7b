/* What probes came to: counts, a fair sample, go-metrics' percentiles, rates.
 */
#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "probe/probe_stats.h"

#define BEGAN_MS 1000000

struct figures {
    unsigned count;
    char names[PROBE_STATS_FIGURES][64];
    double values[PROBE_STATS_FIGURES];
};

static void
note(void *data, const char *name, double value)
{
    struct figures *f = data;

    assert_true(f->count < PROBE_STATS_FIGURES);
    assert_true(strlen(name) < sizeof(f->names[0]));
    strcpy(f->names[f->count], name);
    f->values[f->count++] = value;
}

static struct figures
show(struct probe_stats *s, uint64_t now_ms)
{
    struct figures f = {0};

    probe_stats_show(s, now_ms, note, &f);
    return f;
}

static double
figure(const struct figures *f, const char *name)
{
    for (unsigned i = 0; i < f->count; i++)
        if (strcmp(f->names[i], name) == 0)
            return f->values[i];
    fail_msg("no figure %s", name);
    return 0;
}

static void
assert_near(double got, double expected, double within)
{
    if (!(fabs(got - expected) <= within))
        fail_msg("%.9g is not within %g of %.9g", got, within, expected);
}

static void
assert_figure(const struct figures *f, const char *name, double expected)
{
    assert_near(figure(f, name), expected, 1e-6);
}

static void
before_the_first_probe_all_figures_are_0(void **state)
{
    struct probe_stats s;
    struct figures f;

    (void)state;
    probe_stats_begin(&s, 7, BEGAN_MS);
    f = show(&s, BEGAN_MS);
    assert_int_equal(f.count, PROBE_STATS_FIGURES);
    for (unsigned i = 0; i < f.count; i++) {
        assert_near(f.values[i], 0, 0);
        for (unsigned j = 0; j < i; j++)
            assert_string_not_equal(f.names[i], f.names[j]);
    }
}

static void
an_error_is_a_probe_and_an_error(void **state)
{
    struct probe_stats s;
    struct figures f;

    (void)state;
    probe_stats_begin(&s, 7, BEGAN_MS);
    for (int i = 0; i < 10; i++)
        probe_stats_add(&s, i % 5 != 0, 100, BEGAN_MS);
    f = show(&s, BEGAN_MS);
    assert_figure(&f, "probes.total", 10);
    assert_figure(&f, "probes.error", 2);
    assert_figure(&f, "probes.latency.count", 10);
}

/* What go-metrics' SamplePercentile, SampleStdDev give for 1 to 10 us. */
static void
latencies_are_in_ns_and_reckoned_as_go_metrics_does(void **state)
{
    struct probe_stats s;
    struct figures f;

    (void)state;
    probe_stats_begin(&s, 7, BEGAN_MS);
    for (uint32_t us = 10; us > 0; us--)
        probe_stats_add(&s, 1, us, BEGAN_MS);
    f = show(&s, BEGAN_MS);
    assert_figure(&f, "probes.latency.min", 1000);
    assert_figure(&f, "probes.latency.max", 10000);
    assert_figure(&f, "probes.latency.mean", 5500);
    assert_near(figure(&f, "probes.latency.std-dev"), 2872.281, 0.001);
    assert_figure(&f, "probes.latency.50-percentile", 5500);
    assert_figure(&f, "probes.latency.75-percentile", 8250);
    assert_figure(&f, "probes.latency.95-percentile", 10000);
    assert_figure(&f, "probes.latency.99-percentile", 10000);
    assert_figure(&f, "probes.latency.999-percentile", 10000);
}

static void
one_probe_is_every_percentile(void **state)
{
    struct probe_stats s;
    struct figures f;

    (void)state;
    probe_stats_begin(&s, 7, BEGAN_MS);
    probe_stats_add(&s, 1, 42, BEGAN_MS);
    f = show(&s, BEGAN_MS);
    assert_figure(&f, "probes.latency.min", 42000);
    assert_figure(&f, "probes.latency.50-percentile", 42000);
    assert_figure(&f, "probes.latency.999-percentile", 42000);
    assert_figure(&f, "probes.latency.std-dev", 0);
}

/* Of 100,000 rising latencies the median of 1,028 fair samples lies within
 * 5 % with a probability beyond doubt; of the first or the last it does not. */
static void
the_sample_is_of_all_probes(void **state)
{
    struct probe_stats s;
    struct figures f;

    (void)state;
    for (uint64_t seed = 0; seed < 20; seed++) {
        probe_stats_begin(&s, seed, BEGAN_MS);
        for (uint32_t us = 1; us <= 100000; us++)
            probe_stats_add(&s, 1, us, BEGAN_MS);
        f = show(&s, BEGAN_MS);
        assert_figure(&f, "probes.latency.count", 100000);
        assert_near(figure(&f, "probes.latency.50-percentile"), 50e6, 10e6);
        assert_near(figure(&f, "probes.latency.95-percentile"), 95e6, 5e6);
        assert_true(figure(&f, "probes.latency.min") < 2e6);
        assert_true(figure(&f, "probes.latency.max") > 98e6);
    }
}

static void
the_longest_latency_is_not_cut(void **state)
{
    struct probe_stats s;
    struct figures f;

    (void)state;
    probe_stats_begin(&s, 7, BEGAN_MS);
    probe_stats_add(&s, 0, UINT32_MAX, BEGAN_MS);
    f = show(&s, BEGAN_MS);
    assert_figure(&f, "probes.latency.max", 4294967295e3);
}

/* alpha of one minute is 1 - e^(-5/60). */
static void
rates_begin_with_the_first_tick_and_fade(void **state)
{
    struct probe_stats s;
    struct figures f;

    (void)state;
    probe_stats_begin(&s, 7, BEGAN_MS);
    for (int i = 0; i < 100; i++)
        probe_stats_add(&s, 1, 1, BEGAN_MS + 10);
    f = show(&s, BEGAN_MS + 4999);
    assert_figure(&f, "probes.latency.one-minute", 0);
    f = show(&s, BEGAN_MS + 5000);
    assert_figure(&f, "probes.latency.one-minute", 20);
    assert_figure(&f, "probes.latency.five-minute", 20);
    assert_figure(&f, "probes.latency.fifteen-minute", 20);
    assert_figure(&f, "probes.latency.mean-rate", 20);
    f = show(&s, BEGAN_MS + 5000 + 60000);
    assert_near(figure(&f, "probes.latency.one-minute"), 20 * 0.36787944, 1e-6);
    assert_near(figure(&f, "probes.latency.five-minute"), 20 * 0.81873075,
                1e-6);
    assert_near(figure(&f, "probes.latency.fifteen-minute"), 20 * 0.93550699,
                1e-6);
    assert_near(figure(&f, "probes.latency.mean-rate"), 100 / 65.0, 1e-6);
}

static void
a_steady_rate_is_the_rate_however_rarely_it_is_shown(void **state)
{
    struct probe_stats s;
    struct figures f;

    (void)state;
    probe_stats_begin(&s, 7, BEGAN_MS);
    for (uint64_t at_ms = 0; at_ms < 3600000; at_ms += 100)
        probe_stats_add(&s, 1, 1, BEGAN_MS + at_ms);
    f = show(&s, BEGAN_MS + 3600000);
    assert_figure(&f, "probes.latency.one-minute", 10);
    assert_figure(&f, "probes.latency.fifteen-minute", 10);
    assert_figure(&f, "probes.latency.mean-rate", 10);
}

static void
time_that_goes_back_stands_still(void **state)
{
    struct probe_stats s;
    struct figures f;

    (void)state;
    probe_stats_begin(&s, 7, BEGAN_MS);
    probe_stats_add(&s, 1, 1, BEGAN_MS - 500);
    f = show(&s, BEGAN_MS - 500);
    assert_figure(&f, "probes.latency.one-minute", 0);
    assert_figure(&f, "probes.latency.mean-rate", 0);
    f = show(&s, BEGAN_MS + 5000);
    assert_figure(&f, "probes.latency.one-minute", 0.2);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(before_the_first_probe_all_figures_are_0),
        cmocka_unit_test(an_error_is_a_probe_and_an_error),
        cmocka_unit_test(latencies_are_in_ns_and_reckoned_as_go_metrics_does),
        cmocka_unit_test(one_probe_is_every_percentile),
        cmocka_unit_test(the_sample_is_of_all_probes),
        cmocka_unit_test(the_longest_latency_is_not_cut),
        cmocka_unit_test(rates_begin_with_the_first_tick_and_fade),
        cmocka_unit_test(a_steady_rate_is_the_rate_however_rarely_it_is_shown),
        cmocka_unit_test(time_that_goes_back_stands_still),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
