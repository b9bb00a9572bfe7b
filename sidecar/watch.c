/* A cluster under watch: hosts from the inventory, a probe for each, and the
 * verdict that nginx will read. */
#include "watch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "decide/aggregate.h"

#define PHASE_STEP_MS 5
#define WATCH_LOG_MS 1000 /* one line per cluster or host in this time */

struct watch_host {
    struct watch *watch;
    struct inventory_host id;
    struct probe_settings settings; /* strings borrowed from the cluster */
    struct probe *probe;            /* NULL: ignored */
    uint64_t skip_until_ms;         /* 0: not skipped */
    struct probe_result last;
    int answered;
    uint64_t logged_ms; /* when the log had its last word of it, and which */
    int logged_ok;
    char logged_text[PROBE_TEXT_SIZE];
};

struct watch {
    struct probe_shared *shared;
    const struct conf_cluster *cluster;
    watch_cb changed;
    void *data;
    struct watch_host **hosts;
    size_t nhosts;
    int dirty;
    struct sluice_cluster verdict; /* what watch_verdict last said */
    unsigned status;               /* of a check against it */
    uint64_t logged_ms;
    unsigned logged_status;
    unsigned unlogged; /* changes since then */
};

/* ---- hosts ------------------------------------------------------------ */

/* What cannot be said now, one line a second, is said by a later result: the
 * log's last word is always true. */
static void
log_host(struct watch_host *host, const struct probe_result *result)
{
    uint64_t now_ms = clock_mono_ms();

    if (host->logged_ms != 0) {
        if (host->logged_ok == result->ok &&
            (result->ok || strcmp(host->logged_text, result->text) == 0))
            return;
        if (now_ms - host->logged_ms < WATCH_LOG_MS)
            return;
    }
    host->logged_ok = result->ok;
    snprintf(host->logged_text, sizeof(host->logged_text), "%s",
             result->ok ? "" : result->text);
    host->logged_ms = now_ms;
    if (result->ok)
        log_info("host_answers", log_str("cluster", watch_name(host->watch)),
                 log_str("host", host->id.name), log_int("port", host->id.port),
                 log_num("value", result->value));
    else
        log_warn("host_error", log_str("cluster", watch_name(host->watch)),
                 log_str("host", host->id.name), log_int("port", host->id.port),
                 log_str("error", result->text));
}

static void
on_probe(void *data, const struct probe_result *result)
{
    struct watch_host *host = data;

    log_host(host, result);
    host->last = *result;
    host->answered = 1;
    host->watch->dirty = 1;
    host->watch->changed(host->watch->data);
}

static struct probe_settings
host_settings(const struct conf_cluster *cluster, struct inventory_host *id)
{
    struct probe_settings settings = {
        .host = id->name,
        .port = id->port,
        .user = cluster->user,
        .password = cluster->password,
        .collation = cluster->collation,
        .query = cluster->metric_query,
        .interval_ms = cluster->probe_interval_ms,
        .timeout_ms = cluster->probe_timeout_ms,
        .cache_ms = cluster->cache_ms,
        .tls = cluster->tls,
    };

    return settings;
}

/*
 * Spreads the probes of a process evenly over their interval: multiples of
 * the golden ratio, wherever the sequence begins. In steps, because hosts that
 * are asked together answer together, and the loop wakes up once for them.
 */
static unsigned
next_phase_ms(int interval_ms)
{
    static uint32_t turn;
    unsigned steps = (unsigned)interval_ms / PHASE_STEP_MS;

    turn += 2654435769u;
    return (unsigned)(((uint64_t)turn * steps) >> 32) * PHASE_STEP_MS;
}

static struct watch_host *
host_new(struct watch *w, const struct inventory_host *id)
{
    struct watch_host *host = calloc(1, sizeof(*host));

    if (!host)
        abort();
    host->watch = w;
    host->id = *id;
    host->settings = host_settings(w->cluster, &host->id);
    if (!id->ignored)
        host->probe = probe_start(w->shared, &host->settings,
                                  next_phase_ms(w->cluster->probe_interval_ms),
                                  on_probe, host);
    return host;
}

static void
host_free(struct watch_host *host)
{
    if (host->probe)
        probe_stop(host->probe);
    free(host);
}

/* The host of the old list that can go on as it is, taken out of the list. */
static struct watch_host *
take_unchanged(struct watch_host **old,
               size_t count,
               const struct conf_cluster *cluster,
               struct inventory_host *id)
{
    struct probe_settings settings = host_settings(cluster, id);

    for (size_t i = 0; i < count; i++) {
        struct watch_host *host = old[i];

        if (host && host->id.ignored == id->ignored &&
            host->id.port == id->port && strcmp(host->id.name, id->name) == 0 &&
            probe_settings_equal(&host->settings, &settings)) {
            old[i] = NULL;
            return host;
        }
    }
    return NULL;
}

static void
inventory_hosts(const struct conf_cluster *cluster, struct inventory_hosts *out)
{
    const struct inventory_driver *driver = inventory_find(cluster->inventory);
    char err[256];

    memset(out, 0, sizeof(*out));
    if (driver && driver->hosts(cluster, out, err, sizeof(err)) != 0)
        log_error("inventory_failed", log_str("cluster", cluster->name),
                  log_str("error", err));
}

/*
 * Makes the list of hosts that the cluster's inventory says, keeping the
 * probes that need no change. Settings are compared while both the old and
 * the new cluster are alive, then point into the new one.
 */
static void
set_hosts(struct watch *w, const struct conf_cluster *cluster)
{
    struct watch_host **old = w->hosts;
    size_t nold = w->nhosts;
    struct inventory_hosts found;

    inventory_hosts(cluster, &found);
    w->cluster = cluster;
    w->nhosts = found.count;
    w->hosts = calloc(found.count ? found.count : 1, sizeof(*w->hosts));
    if (!w->hosts)
        abort();
    for (size_t i = 0; i < found.count; i++) {
        struct watch_host *host =
            take_unchanged(old, nold, cluster, &found.items[i]);

        w->hosts[i] = host ? host : host_new(w, &found.items[i]);
        w->hosts[i]->settings = host_settings(cluster, &w->hosts[i]->id);
    }
    for (size_t i = 0; i < nold; i++)
        if (old[i])
            host_free(old[i]);
    free(old);
    inventory_hosts_free(&found);
    w->dirty = 1;
}

/* ---- verdict ---------------------------------------------------------- */

static unsigned
check_status(const struct sluice_cluster *verdict)
{
    switch (verdict->status) {
    case SLUICE_METRIC_VALUE:
        return verdict->value > verdict->threshold ? 429 : 200;
    case SLUICE_METRIC_ERROR:
        return 500;
    default:
        return 404;
    }
}

/* The bound on a value's age: MaxAgeMillis, but never less than what a
 * healthy host may take between two answers. */
static uint64_t
age_bound_ms(const struct conf_cluster *c)
{
    int round_ms = c->cache_ms + c->probe_interval_ms + 2 * c->probe_timeout_ms;

    return (uint64_t)(c->max_age_ms > round_ms ? c->max_age_ms : round_ms);
}

static int
is_skipped(const struct watch_host *host, uint64_t now_ms)
{
    return host->skip_until_ms > now_ms;
}

static enum aggregate_state
host_state(const struct watch_host *host, uint64_t now_ms)
{
    if (!host->probe || is_skipped(host, now_ms))
        return AGGREGATE_EXCLUDED;
    if (!host->answered)
        return AGGREGATE_PENDING;
    if (host->last.ok)
        return AGGREGATE_VALUE;
    return host->last.dial_error ? AGGREGATE_DIAL_ERROR : AGGREGATE_ERROR;
}

static void
aggregate(const struct watch *w, uint64_t now_ms, struct aggregate *out)
{
    const struct aggregate_rules rules = {
        .ignore_hosts_count = w->cluster->ignore_hosts_count,
        .ignore_hosts_threshold = w->cluster->ignore_hosts_threshold,
        .ignore_dial_errors = w->cluster->ignore_dial_tcp_errors,
        .max_age_ms = age_bound_ms(w->cluster),
    };
    struct aggregate_host *hosts = calloc(w->nhosts + 1, sizeof(*hosts));

    if (!hosts)
        abort();
    for (size_t i = 0; i < w->nhosts; i++) {
        hosts[i].state = host_state(w->hosts[i], now_ms);
        hosts[i].value = w->hosts[i]->last.value;
        hosts[i].sampled_ms = w->hosts[i]->last.started_ms;
        hosts[i].error = w->hosts[i]->last.text;
    }
    aggregate_hosts(hosts, w->nhosts, &rules, now_ms, out);
    free(hosts);
}

/* An error does not age: it stands until an answer replaces it. */
static void
set_error(struct sluice_cluster *verdict, const char *text)
{
    verdict->status = SLUICE_METRIC_ERROR;
    verdict->value = 0;
    verdict->sampled_mono_ms = 0;
    verdict->valid_until_mono_ms = UINT64_MAX;
    snprintf(verdict->error, sizeof(verdict->error), "%s", text);
}

static void
set_value(struct watch *w, uint64_t now_ms, const struct aggregate *metric)
{
    struct sluice_cluster *verdict = &w->verdict;

    verdict->status = SLUICE_METRIC_VALUE;
    verdict->value = metric->value;
    verdict->sampled_mono_ms = metric->sampled_ms;
    verdict->valid_until_mono_ms =
        metric->sampled_ms + age_bound_ms(w->cluster);
    memset(verdict->error, 0, sizeof(verdict->error));
    if (verdict->value <= verdict->threshold) {
        verdict->healthy_mono_ms = now_ms;
        verdict->healthy_real_ms = clock_real_ms();
    }
}

/*
 * While a newcomer has not answered, the last value stands as long as it is
 * valid: adding a host, or starting sluiced again, refuses nobody.
 */
static int
value_still_stands(const struct watch *w, uint64_t now_ms)
{
    return w->verdict.status == SLUICE_METRIC_VALUE &&
           now_ms <= w->verdict.valid_until_mono_ms;
}

static void
judge(struct watch *w, uint64_t now_ms)
{
    struct aggregate metric;

    w->verdict.threshold = w->cluster->threshold;
    if (!w->cluster->inventory) {
        w->verdict.status = SLUICE_METRIC_NONE;
        return;
    }
    aggregate(w, now_ms, &metric);
    if (metric.kind == AGGREGATE_METRIC_VALUE)
        set_value(w, now_ms, &metric);
    else if (metric.kind == AGGREGATE_METRIC_ERROR ||
             !value_still_stands(w, now_ms))
        set_error(&w->verdict, metric.error);
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
        log_int("status", w->status), log_num("value", w->verdict.value),
        log_num("threshold", w->verdict.threshold),
        log_str("error", w->verdict.error),
        log_int("changes_not_logged", w->unlogged > 0 ? w->unlogged - 1 : 0));
    w->logged_ms = now_ms;
    w->logged_status = w->status;
    w->unlogged = 0;
}

int
watch_verdict(struct watch *w, uint64_t now_ms, struct sluice_cluster *out)
{
    unsigned before = w->status;

    if (w->dirty) {
        judge(w, now_ms);
        w->status = check_status(&w->verdict);
        w->dirty = 0;
        log_verdict(w, w->status != before, now_ms);
    }
    *out = w->verdict;
    return w->status != before;
}

/* ---- life ------------------------------------------------------------- */

struct watch *
watch_start(struct probe_shared *shared,
            const struct conf_cluster *cluster,
            const struct sluice_cluster *before,
            watch_cb changed,
            void *data)
{
    struct watch *w = calloc(1, sizeof(*w));

    if (!w)
        abort();
    w->shared = shared;
    w->changed = changed;
    w->data = data;
    if (before)
        w->verdict = *before;
    snprintf(w->verdict.name, sizeof(w->verdict.name), "%s", cluster->name);
    set_hosts(w, cluster);
    return w;
}

void
watch_reload(struct watch *w, const struct conf_cluster *cluster)
{
    set_hosts(w, cluster);
}

void
watch_stop(struct watch *w)
{
    for (size_t i = 0; i < w->nhosts; i++)
        host_free(w->hosts[i]);
    free(w->hosts);
    free(w);
}

static uint64_t
skip_until_ms(const struct watch_skip *skips, size_t count, const char *host)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(skips[i].host, host) == 0)
            return skips[i].until_ms;
    return 0;
}

void
watch_skip(struct watch *w, const struct watch_skip *skips, size_t count)
{
    for (size_t i = 0; i < w->nhosts; i++) {
        struct watch_host *host = w->hosts[i];
        uint64_t until_ms = skip_until_ms(skips, count, host->id.name);

        w->dirty |= until_ms != host->skip_until_ms;
        host->skip_until_ms = until_ms;
    }
    if (w->dirty)
        w->changed(w->data);
}

const char *
watch_name(const struct watch *w)
{
    return w->verdict.name;
}

int
watch_ready(const struct watch *w)
{
    uint64_t now_ms = clock_mono_ms();

    for (size_t i = 0; i < w->nhosts; i++)
        if (host_state(w->hosts[i], now_ms) == AGGREGATE_PENDING)
            return 0;
    return 1;
}

size_t
watch_host_count(const struct watch *w)
{
    return w->nhosts;
}

static void
host_record(const struct watch_host *host, struct sluice_host *out)
{
    const struct probe_result *last = &host->last;

    snprintf(out->cluster, sizeof(out->cluster), "%s", watch_name(host->watch));
    snprintf(out->name, sizeof(out->name), "%s", host->id.name);
    snprintf(out->address, sizeof(out->address), "%s", last->address);
    out->port = host->id.port;
    if (!host->probe) {
        out->status = SLUICE_HOST_EXCLUDED;
        snprintf(out->text, sizeof(out->text), "IgnoreHosts");
    } else if (is_skipped(host, clock_mono_ms())) {
        out->status = SLUICE_HOST_EXCLUDED;
        snprintf(out->text, sizeof(out->text), "skipped by an operator");
    } else if (host->answered) {
        out->status = last->ok ? SLUICE_HOST_VALUE : SLUICE_HOST_ERROR;
        out->value = last->ok ? last->value : 0;
        out->sampled_mono_ms = last->started_ms;
        out->took_us = last->took_us;
        if (!last->ok)
            snprintf(out->text, sizeof(out->text), "%s", last->text);
    }
}

void
watch_hosts(const struct watch *w, struct sluice_host *out)
{
    for (size_t i = 0; i < w->nhosts; i++)
        host_record(w->hosts[i], &out[i]);
}
