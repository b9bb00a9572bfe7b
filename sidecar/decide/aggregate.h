/*
 * Many hosts' results -> one metric of the cluster, by freno's rules
 * (freno b3fbe7e, go/mysql/mysql_throttle_metric.go). Pure.
 */
#ifndef DECIDE_AGGREGATE_H
#define DECIDE_AGGREGATE_H

#include <stddef.h>
#include <stdint.h>

enum aggregate_state {
    AGGREGATE_PENDING,
    AGGREGATE_VALUE,
    AGGREGATE_ERROR,
    AGGREGATE_DIAL_ERROR,
    AGGREGATE_EXCLUDED
};

struct aggregate_host {
    enum aggregate_state state;
    double value;
    uint64_t sampled_ms; /* mono: start of the probe */
    const char *error;
};

struct aggregate_rules {
    int ignore_hosts_count;
    double ignore_hosts_threshold; /* <= 0: any value may be ignored */
    int ignore_dial_errors;
    uint64_t max_age_ms; /* a value sampled longer ago is an error; 0: none */
};

struct aggregate {
    enum {
        AGGREGATE_METRIC_VALUE,
        AGGREGATE_METRIC_PENDING,
        AGGREGATE_METRIC_ERROR
    } kind;
    double value;
    uint64_t sampled_ms; /* oldest of the values that were read */
    char error[256];
};

/* Total; hosts may be NULL when count is 0. With several failing hosts the
 * error is the first one's in the given order, so it does not flap. */
void aggregate_hosts(const struct aggregate_host *hosts,
                     size_t count,
                     const struct aggregate_rules *rules,
                     uint64_t now_ms,
                     struct aggregate *out);

#endif
