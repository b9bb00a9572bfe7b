/* Aggregation: sort, spend the ignore tokens, the largest that is left. */
#include "decide/aggregate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
aggregate_error(struct aggregate *out, const char *text)
{
    out->kind = AGGREGATE_METRIC_ERROR;
    out->value = 0;
    snprintf(out->error, sizeof(out->error), "%s", text);
}

static int
by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* A value too old to count is an error of its host. Returns 1 and writes the
 * text when it is. */
static int
aggregate_stale(const struct aggregate_host *host,
                const struct aggregate_rules *rules,
                uint64_t now_ms,
                char *text,
                size_t text_size)
{
    if (host->state != AGGREGATE_VALUE || rules->max_age_ms == 0 ||
        now_ms <= host->sampled_ms + rules->max_age_ms)
        return 0;
    snprintf(text, text_size, "stale: last answer %llu ms ago",
             (unsigned long long)(now_ms - host->sampled_ms));
    return 1;
}

/*
 * The largest value once the tokens are spent. A token is spent on the
 * largest value that it may drop, and is spent even when it may drop none;
 * the last value always stays.
 */
static double
aggregate_largest(double *values,
                  size_t count,
                  int tokens,
                  double ignore_threshold)
{
    qsort(values, count, sizeof(values[0]), by_value);
    for (; tokens > 0 && count > 1; tokens--) {
        if (ignore_threshold > 0 && values[count - 1] <= ignore_threshold)
            break;
        count--;
    }
    return values[count - 1];
}

/*
 * Collects the values of the hosts that count and spends tokens on those in
 * error. Returns how many, or -1 with *out filled in when one host decides
 * for the whole cluster.
 */
static long
aggregate_collect(const struct aggregate_host *hosts,
                  size_t count,
                  const struct aggregate_rules *rules,
                  uint64_t now_ms,
                  double *values,
                  int *tokens,
                  struct aggregate *out)
{
    char stale[64];
    long nvalues = 0;

    for (size_t i = 0; i < count; i++) {
        const struct aggregate_host *host = &hosts[i];
        enum aggregate_state state = host->state;
        const char *error = host->error;

        if (aggregate_stale(host, rules, now_ms, stale, sizeof(stale))) {
            state = AGGREGATE_ERROR;
            error = stale;
        }
        switch (state) {
        case AGGREGATE_EXCLUDED:
        case AGGREGATE_PENDING: /* there is none: aggregate_any_pending */
            continue;
        case AGGREGATE_DIAL_ERROR:
            if (rules->ignore_dial_errors)
                continue;
            /* fall through */
        case AGGREGATE_ERROR:
            if ((*tokens)-- > 0)
                continue;
            aggregate_error(out, error ? error : "unknown error");
            return -1;
        case AGGREGATE_VALUE:
            values[nvalues++] = host->value;
            if (out->sampled_ms == 0 || host->sampled_ms < out->sampled_ms)
                out->sampled_ms = host->sampled_ms;
        }
    }
    return nvalues;
}

/* A pending host decides before any error does: the order of hosts must not
 * matter for that. */
static int
aggregate_any_pending(const struct aggregate_host *hosts, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (hosts[i].state == AGGREGATE_PENDING)
            return 1;
    return 0;
}

void
aggregate_hosts(const struct aggregate_host *hosts,
                size_t count,
                const struct aggregate_rules *rules,
                uint64_t now_ms,
                struct aggregate *out)
{
    int tokens = rules->ignore_hosts_count;
    double *values;
    long nvalues;

    memset(out, 0, sizeof(*out));
    if (aggregate_any_pending(hosts, count)) {
        aggregate_error(out, "Metric not collected yet");
        out->kind = AGGREGATE_METRIC_PENDING;
        return;
    }
    values = malloc((count ? count : 1) * sizeof(*values));
    if (!values)
        abort();
    nvalues =
        aggregate_collect(hosts, count, rules, now_ms, values, &tokens, out);
    if (nvalues == 0) {
        aggregate_error(out, "No hosts found");
    } else if (nvalues > 0) {
        out->kind = AGGREGATE_METRIC_VALUE;
        out->value = aggregate_largest(values, (size_t)nvalues, tokens,
                                       rules->ignore_hosts_threshold);
    }
    free(values);
}
