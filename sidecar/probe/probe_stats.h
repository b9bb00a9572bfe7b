/*
 * How many probes there were and how long they took, by the names that
 * freno's metrics have for it. Pure: the time is passed in.
 */
#ifndef PROBE_PROBE_STATS_H
#define PROBE_PROBE_STATS_H

#include <stddef.h>
#include <stdint.h>

#define PROBE_STATS_SAMPLES 1028
#define PROBE_STATS_RATES 3 /* over 1, 5 and 15 minutes */

/* An average of events per second that forgets. */
struct probe_rate {
    double alpha;
    double per_s;
};

struct probe_stats {
    uint64_t total;
    uint64_t errors;
    uint64_t samples_us[PROBE_STATS_SAMPLES]; /* each probe is as likely there
                                                 as any other */
    uint64_t random;                          /* state of the generator */
    uint64_t began_ms;                        /* mono */
    uint64_t ticked_ms;                       /* end of the last tick */
    uint64_t unticked;                        /* probes since then */
    int ticked;                               /* there was a tick */
    struct probe_rate rates[PROBE_STATS_RATES];
};

/* SEED may be anything; equal seeds keep equal samples. */
void
probe_stats_begin(struct probe_stats *s, uint64_t seed, uint64_t now_mono_ms);

/* One probe has ended; OK when it gave a value. Time that goes back stands
 * still. */
void probe_stats_add(struct probe_stats *s,
                     int ok,
                     uint32_t took_us,
                     uint64_t now_mono_ms);

/*
 * Calls back for each figure, always for the same PROBE_STATS_FIGURES names:
 * probes.total, probes.error, probes.latency.count; of the samples, in ns,
 * probes.latency.min, max, mean, std-dev and percentiles; in probes per
 * second probes.latency.one-minute, five-minute, fifteen-minute, mean-rate.
 * All are 0 before the first probe.
 */
#define PROBE_STATS_FIGURES 16
typedef void (*probe_stats_cb)(void *data, const char *name, double value);
void probe_stats_show(struct probe_stats *s,
                      uint64_t now_mono_ms,
                      probe_stats_cb cb,
                      void *data);

#endif
