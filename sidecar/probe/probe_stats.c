/*
 * How many probes there were and how long they took, reckoned as go-metrics
 * does: a sample of all of them, and rates that are brought up every 5 s.
 */
#include "probe/probe_stats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TICK_MS 5000
#define NS_PER_US 1000.0

/* xorshift64*; it never stands at 0. */
static uint64_t
next_random(struct probe_stats *s)
{
    s->random ^= s->random >> 12;
    s->random ^= s->random << 25;
    s->random ^= s->random >> 27;
    return s->random * 0x2545f4914f6cdd1dULL;
}

void
probe_stats_begin(struct probe_stats *s, uint64_t seed, uint64_t now_mono_ms)
{
    const double minutes[PROBE_STATS_RATES] = {1, 5, 15};

    memset(s, 0, sizeof(*s));
    s->random = seed ? seed : 1;
    s->began_ms = s->ticked_ms = now_mono_ms;
    for (int i = 0; i < PROBE_STATS_RATES; i++)
        s->rates[i].alpha = 1 - exp(-(TICK_MS / 1000.0) / 60 / minutes[i]);
}

/* ---- rates ---------------------------------------------------------------
 */

/* The first tick is the rate, each further one moves it. */
static void
tick(struct probe_stats *s)
{
    double per_s = (double)s->unticked / (TICK_MS / 1000.0);

    for (int i = 0; i < PROBE_STATS_RATES; i++) {
        struct probe_rate *rate = &s->rates[i];

        if (s->ticked)
            rate->per_s += rate->alpha * (per_s - rate->per_s);
        else
            rate->per_s = per_s;
    }
    s->ticked = 1;
    s->unticked = 0;
    s->ticked_ms += TICK_MS;
}

static void
bring_up(struct probe_stats *s, uint64_t now_mono_ms)
{
    while (now_mono_ms >= s->ticked_ms && now_mono_ms - s->ticked_ms >= TICK_MS)
        tick(s);
}

static double
mean_rate(const struct probe_stats *s, uint64_t now_mono_ms)
{
    if (now_mono_ms <= s->began_ms)
        return 0;
    return (double)s->total * 1000 / (double)(now_mono_ms - s->began_ms);
}

/* ---- samples -------------------------------------------------------------
 */

void
probe_stats_add(struct probe_stats *s,
                int ok,
                uint32_t took_us,
                uint64_t now_mono_ms)
{
    uint64_t place = s->total;

    bring_up(s, now_mono_ms);
    s->total++;
    s->unticked++;
    s->errors += !ok;
    if (place >= PROBE_STATS_SAMPLES)
        place = next_random(s) % s->total;
    if (place < PROBE_STATS_SAMPLES)
        s->samples_us[place] = took_us;
}

static int
compare(const void *a, const void *b)
{
    uint64_t one = *(const uint64_t *)a, two = *(const uint64_t *)b;

    return (one > two) - (one < two);
}

static double
mean_of(const uint64_t *sorted, size_t count)
{
    double sum = 0;

    for (size_t i = 0; i < count; i++)
        sum += (double)sorted[i];
    return count ? sum / (double)count : 0;
}

static double
deviation_of(const uint64_t *sorted, size_t count)
{
    double mean = mean_of(sorted, count), sum = 0;

    for (size_t i = 0; i < count; i++)
        sum += ((double)sorted[i] - mean) * ((double)sorted[i] - mean);
    return count ? sqrt(sum / (double)count) : 0;
}

/* Between the two samples that lie around it. */
static double
percentile_of(const uint64_t *sorted, size_t count, double part)
{
    double at = part * (double)(count + 1);
    size_t below = (size_t)at;

    if (count == 0)
        return 0;
    if (below < 1)
        return (double)sorted[0];
    if (below >= count)
        return (double)sorted[count - 1];
    return (double)sorted[below - 1] +
           (at - (double)below) * (double)(sorted[below] - sorted[below - 1]);
}

/* ---- what it comes to ----------------------------------------------------
 */

static void
show_samples(const struct probe_stats *s, probe_stats_cb cb, void *data)
{
    uint64_t sorted[PROBE_STATS_SAMPLES];
    size_t count =
        s->total < PROBE_STATS_SAMPLES ? s->total : PROBE_STATS_SAMPLES;
    const struct {
        const char *name;
        double part;
    } percentiles[] = {
        {"probes.latency.50-percentile", 0.5},
        {"probes.latency.75-percentile", 0.75},
        {"probes.latency.95-percentile", 0.95},
        {"probes.latency.99-percentile", 0.99},
        {"probes.latency.999-percentile", 0.999},
    };

    memcpy(sorted, s->samples_us, count * sizeof(*sorted));
    qsort(sorted, count, sizeof(*sorted), compare);
    cb(data, "probes.latency.min", count ? (double)sorted[0] * NS_PER_US : 0);
    cb(data, "probes.latency.max",
       count ? (double)sorted[count - 1] * NS_PER_US : 0);
    cb(data, "probes.latency.mean", mean_of(sorted, count) * NS_PER_US);
    cb(data, "probes.latency.std-dev", deviation_of(sorted, count) * NS_PER_US);
    for (size_t i = 0; i < sizeof(percentiles) / sizeof(*percentiles); i++)
        cb(data, percentiles[i].name,
           percentile_of(sorted, count, percentiles[i].part) * NS_PER_US);
}

void
probe_stats_show(struct probe_stats *s,
                 uint64_t now_mono_ms,
                 probe_stats_cb cb,
                 void *data)
{
    bring_up(s, now_mono_ms);
    cb(data, "probes.total", (double)s->total);
    cb(data, "probes.error", (double)s->errors);
    cb(data, "probes.latency.count", (double)s->total);
    show_samples(s, cb, data);
    cb(data, "probes.latency.one-minute", s->rates[0].per_s);
    cb(data, "probes.latency.five-minute", s->rates[1].per_s);
    cb(data, "probes.latency.fifteen-minute", s->rates[2].per_s);
    cb(data, "probes.latency.mean-rate", mean_rate(s, now_mono_ms));
}
