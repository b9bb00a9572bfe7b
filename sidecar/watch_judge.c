/* A cluster under watch: from what the hosts said to what nginx will read. */
#include <float.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "decide/quarantine.h"
#include "watch_private.h"

/* The bound on a value's age: MaxAgeMillis, but never less than what a
 * healthy host may take between two answers. */
static uint64_t
age_bound_ms(const struct conf_cluster *c)
{
    int round_ms = c->cache_ms + c->probe_interval_ms + 2 * c->probe_timeout_ms;

    return (uint64_t)(c->max_age_ms > round_ms ? c->max_age_ms : round_ms);
}

/* ---- one metric ------------------------------------------------------- */

/* Which of the cluster's: -1 is its own. */
static const struct watch_answer *
answer_of(const struct watch_host *host, int which)
{
    return which < 0 || !host->own.probe ? &host->own : host->metrics[which];
}

static enum conf_scope
scope_of(const struct conf_cluster *c, int which)
{
    return which < 0 ? c->scope : c->metrics[which].scope;
}

static double
threshold_of(const struct conf_cluster *c, int which)
{
    return which < 0 ? c->threshold : c->metrics[which].threshold;
}

/* IgnoreHostsThreshold is in the unit of the cluster's own metric. Of the
 * others IgnoreHostsCount forgives errors only, no value. */
static void
aggregate(const struct watch *w,
          int which,
          uint64_t now_ms,
          struct aggregate *out)
{
    const struct aggregate_rules rules = {
        .ignore_hosts_count = w->cluster->ignore_hosts_count,
        .ignore_hosts_threshold =
            which < 0 ? w->cluster->ignore_hosts_threshold : DBL_MAX,
        .ignore_dial_errors = w->cluster->ignore_dial_tcp_errors,
        .max_age_ms = age_bound_ms(w->cluster),
    };
    struct aggregate_host *hosts = calloc(w->nhosts + 1, sizeof(*hosts));

    if (!hosts)
        abort();
    for (size_t i = 0; i < w->nhosts; i++)
        watch_host_state(w->hosts[i], answer_of(w->hosts[i], which),
                         scope_of(w->cluster, which), now_ms, &hosts[i]);
    aggregate_hosts(hosts, w->nhosts, &rules, now_ms, out);
    free(hosts);
}

/* An error does not age: it stands until an answer replaces it. */
static void
set_error(struct watch_value *value, const char *text)
{
    memset(value, 0, sizeof(*value));
    value->status = SLUICE_METRIC_ERROR;
    value->valid_until_ms = UINT64_MAX;
    snprintf(value->error, sizeof(value->error), "%s", text);
}

static void
set_value(struct watch_value *value,
          const struct aggregate *metric,
          uint64_t age_ms)
{
    memset(value, 0, sizeof(*value));
    value->status = SLUICE_METRIC_VALUE;
    value->value = metric->value;
    value->sampled_ms = metric->sampled_ms;
    value->valid_until_ms = metric->sampled_ms + age_ms;
}

/*
 * While a newcomer has not answered, the last value stands as long as it is
 * valid: adding a host, or starting sluiced again, refuses nobody.
 */
static int
still_stands(const struct watch_value *value, uint64_t now_ms)
{
    return value->status == SLUICE_METRIC_VALUE &&
           now_ms <= value->valid_until_ms;
}

static void
judge_metric(struct watch *w,
             int which,
             uint64_t now_ms,
             struct watch_value *value)
{
    struct aggregate metric;

    if (!w->known) {
        if (!still_stands(value, now_ms))
            memset(value, 0, sizeof(*value));
        return;
    }
    aggregate(w, which, now_ms, &metric);
    if (metric.kind == AGGREGATE_METRIC_VALUE)
        set_value(value, &metric, age_bound_ms(w->cluster));
    else if (metric.kind == AGGREGATE_METRIC_ERROR ||
             !still_stands(value, now_ms))
        set_error(value, metric.error);
}

/* ---- quarantine ------------------------------------------------------- */

static void
log_quarantine(const struct watch_host *host)
{
    if (host->quarantined)
        log_warn("host_quarantined",
                 log_str("cluster", watch_name(host->watch)),
                 log_str("host", host->id.name), log_int("port", host->id.port),
                 log_num("value", host->own.last.value));
    else
        log_info("host_out_of_quarantine",
                 log_str("cluster", watch_name(host->watch)),
                 log_str("host", host->id.name), log_int("port", host->id.port),
                 log_num("value", host->own.last.value));
}

/* One whose role is not known is nobody's measure. */
static int
is_in_scope(const struct watch_host *host,
            enum conf_scope scope,
            uint64_t now_ms)
{
    switch (scope) {
    case CONF_SCOPE_PRIMARY:
        return watch_host_role(host, now_ms) == SLUICE_ROLE_PRIMARY;
    case CONF_SCOPE_REPLICAS:
        return watch_host_role(host, now_ms) == SLUICE_ROLE_REPLICA;
    default:
        return 1;
    }
}

static void
fill_quarantine(struct watch_host *host,
                uint64_t now_ms,
                struct quarantine_host *out)
{
    unsigned excluded = watch_host_excluded(host, now_ms);

    out->counts = (excluded == 0 || excluded == SLUICE_EXCLUDED_QUARANTINED) &&
                  is_in_scope(host, host->watch->cluster->scope, now_ms);
    out->has_value = host->own.answered && host->own.last.ok;
    out->pending = !host->own.answered;
    out->value = host->own.last.value;
    out->quarantined = host->quarantined;
}

static int
any_quarantined(const struct watch *w)
{
    for (size_t i = 0; i < w->nhosts; i++)
        if (w->hosts[i]->quarantined)
            return 1;
    return 0;
}

static void
judge_quarantine(struct watch *w, uint64_t now_ms)
{
    struct quarantine_host *hosts;

    if (w->cluster->quarantine_lag_s == 0 && !any_quarantined(w))
        return;
    hosts = calloc(w->nhosts + 1, sizeof(*hosts));
    if (!hosts)
        abort();
    for (size_t i = 0; i < w->nhosts; i++)
        fill_quarantine(w->hosts[i], now_ms, &hosts[i]);
    if (quarantine_hosts(hosts, w->nhosts, w->cluster->quarantine_lag_s,
                         w->cluster->threshold))
        for (size_t i = 0; i < w->nhosts; i++)
            if (w->hosts[i]->quarantined != hosts[i].quarantined) {
                w->hosts[i]->quarantined = hosts[i].quarantined;
                log_quarantine(w->hosts[i]);
            }
    free(hosts);
}

/* ---- the cluster ------------------------------------------------------ */

static const struct watch_value *
value_of(const struct watch *w, int which)
{
    return which < 0 ? &w->own : &w->metrics[which];
}

/* What a check gets that no app's rule touches. */
static unsigned
check_status(const struct watch *w)
{
    unsigned status = 200;

    if (w->own.status == SLUICE_METRIC_NONE)
        return 404;
    for (int i = -1; i < (int)w->cluster->nmetrics; i++) {
        const struct watch_value *value = value_of(w, i);

        if (value->status != SLUICE_METRIC_VALUE)
            return 500;
        if (value->value > threshold_of(w->cluster, i))
            status = 429;
    }
    return status;
}

/* As of a host: a change that came too soon is told with the next result, if
 * it still stands. */
static void
log_verdict(struct watch *w, int changed, uint64_t now_ms)
{
    w->unlogged += changed != 0;
    if (w->status == w->logged_status ||
        (w->logged_ms != 0 && now_ms - w->logged_ms < WATCH_LOG_MS))
        return;
    log_info(
        "verdict", log_str("cluster", watch_name(w)),
        log_int("status", w->status), log_num("value", w->own.value),
        log_num("threshold", w->cluster->threshold),
        log_str("error", w->own.error),
        log_int("changes_not_logged", w->unlogged > 0 ? w->unlogged - 1 : 0));
    w->logged_ms = now_ms;
    w->logged_status = w->status;
    w->unlogged = 0;
}

void
watch_judge(struct watch *w, uint64_t now_ms)
{
    unsigned before = w->status;

    judge_quarantine(w, now_ms);
    judge_metric(w, -1, now_ms, &w->own);
    if (w->own.status == SLUICE_METRIC_VALUE) {
        w->last_value = w->own.value;
        w->had_value = 1;
    }
    for (size_t i = 0; i < w->cluster->nmetrics; i++)
        judge_metric(w, (int)i, now_ms, &w->metrics[i]);
    w->status = check_status(w);
    if (w->status == 200) {
        w->healthy_mono_ms = now_ms;
        w->healthy_real_ms = clock_real_ms();
    }
    log_verdict(w, w->status != before, now_ms);
}

int
watch_value_ended(const struct watch *w, uint64_t now_ms)
{
    return !w->known && w->own.status == SLUICE_METRIC_VALUE &&
           !still_stands(&w->own, now_ms);
}

int
watch_is_pending(const struct watch *w, uint64_t now_ms)
{
    struct aggregate_host state;

    for (size_t i = 0; i < w->nhosts; i++)
        for (int m = -1; m < (int)w->cluster->nmetrics; m++) {
            watch_host_state(w->hosts[i], answer_of(w->hosts[i], m),
                             scope_of(w->cluster, m), now_ms, &state);
            if (state.state == AGGREGATE_PENDING)
                return 1;
        }
    return 0;
}
