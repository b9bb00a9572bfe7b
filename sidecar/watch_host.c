/* One host of a cluster under watch: what is asked of it, and what it counts
 * for. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "probe/http_check.h"
#include "watch_private.h"
#include "watch_route_private.h"

#define PHASE_STEP_MS 5
#define ROLE_INTERVAL_MS 1000
#define ROLE_MAX_AGE_MS (3 * ROLE_INTERVAL_MS)

/* A number, whichever way the server spells its variable. */
static char role_query[] =
    "select if(@@global.read_only in ('0', 'OFF'), 0, 1)";

/* ---- answers ---------------------------------------------------------- */

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
stir(struct watch_host *host)
{
    host->watch->dirty = 1;
    host->watch->changed(host->watch->data);
}

static int
has_healthcheck(const struct watch_host *host)
{
    return host->eligible && host->eligible->settings.status;
}

/*
 * A healthcheck that is content is not the last word: where nobody listens at
 * the database's own port nobody can go, nor where it is not known which
 * address that is. NULL: that is not known yet.
 */
static const struct probe_result *
last_word(const struct watch_host *host, const struct probe_result *result)
{
    const struct watch_answer *own = &host->own;

    if (!has_healthcheck(host))
        return result;
    if (!own->answered)
        return NULL;
    return result->ok && (own->last.refused || own->last.address[0] == '\0')
               ? &own->last
               : result;
}

static void
hear_eligible(struct watch_host *host, const struct probe_result *result)
{
    const struct probe_result *word = last_word(host, result);

    if (word)
        watch_route_heard(host, word);
    host->watch->changed(host->watch->data);
}

/* Of a host with a healthcheck: it is dead, or what that said first counts. */
static void
hear_own(struct watch_host *host, int first)
{
    if (!has_healthcheck(host))
        return;
    if (host->own.last.refused)
        watch_route_heard(host, &host->own.last);
    else if (first && host->eligible->answered)
        hear_eligible(host, &host->eligible->last);
}

static void
on_probe(void *data, const struct probe_result *result)
{
    struct watch_answer *answer = data;
    struct watch_host *host = answer->host;
    int first = !answer->answered;

    answer->last = *result;
    answer->answered = 1;
    if (answer == host->eligible) {
        hear_eligible(host, result);
        return;
    }
    if (answer == &host->own) {
        log_host(host, result);
        hear_own(host, first);
    }
    stir(host);
}

static struct probe_settings
settings_of(const struct conf_cluster *cluster,
            const struct inventory_host *id,
            char *query)
{
    struct probe_settings settings = {
        .host = (char *)id->name,
        .port = id->port,
        .user = cluster->user,
        .password = cluster->password,
        .collation = cluster->collation,
        .query = query,
        .interval_ms = cluster->probe_interval_ms,
        .timeout_ms = cluster->probe_timeout_ms,
        .cache_ms = cluster->cache_ms,
        .tls = cluster->tls,
    };

    return settings;
}

static struct probe_settings
role_settings(const struct conf_cluster *cluster,
              const struct inventory_host *id)
{
    struct probe_settings settings = settings_of(cluster, id, role_query);

    settings.interval_ms = ROLE_INTERVAL_MS;
    settings.cache_ms = 0;
    return settings;
}

static struct probe_settings
status_settings(const struct conf_cluster *cluster,
                const struct inventory_host *id)
{
    const struct conf_status *status = &cluster->routing.status;
    struct probe_settings settings = {
        .host = (char *)id->name,
        .interval_ms = status->interval_ms,
        .timeout_ms = cluster->probe_timeout_ms,
        .status = status,
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

static void
ask(struct watch_host *host,
    struct watch_answer *answer,
    const struct probe_settings *settings)
{
    answer->host = host;
    answer->settings = *settings;
    answer->probe =
        probe_start(host->watch->shared->probes, settings,
                    next_phase_ms(settings->interval_ms), on_probe, answer);
}

static struct watch_answer *
answer_new(struct watch_host *host, const struct probe_settings *settings)
{
    struct watch_answer *answer = calloc(1, sizeof(*answer));

    if (!answer)
        abort();
    ask(host, answer, settings);
    return answer;
}

static void
answer_free(struct watch_answer *answer)
{
    if (!answer)
        return;
    probe_stop(answer->probe);
    free(answer);
}

/* ---- what the cluster wants to know ------------------------------------ */

/* The answer that asks so already, taken out of the list; or a new one. */
static struct watch_answer *
take_answer(struct watch_host *host,
            struct watch_answer **old,
            size_t count,
            const struct probe_settings *settings)
{
    for (size_t i = 0; i < count; i++) {
        struct watch_answer *answer = old[i];

        if (answer && probe_settings_equal(&answer->settings, settings)) {
            old[i] = NULL;
            answer->settings = *settings;
            return answer;
        }
    }
    return answer_new(host, settings);
}

static void
follow_metrics(struct watch_host *host, const struct conf_cluster *cluster)
{
    struct watch_answer **old = host->metrics;
    size_t nold = host->nmetrics;

    host->nmetrics = cluster->nmetrics;
    host->metrics = calloc(cluster->nmetrics + 1, sizeof(*host->metrics));
    if (!host->metrics)
        abort();
    for (size_t i = 0; i < cluster->nmetrics; i++) {
        struct probe_settings settings =
            settings_of(cluster, &host->id, cluster->metrics[i].query);

        host->metrics[i] = take_answer(host, old, nold, &settings);
    }
    for (size_t i = 0; i < nold; i++)
        answer_free(old[i]);
    free(old);
}

static int
role_matters(const struct conf_cluster *cluster)
{
    if (cluster->scope != CONF_SCOPE_ALL)
        return 1;
    for (size_t i = 0; i < cluster->nmetrics; i++)
        if (cluster->metrics[i].scope != CONF_SCOPE_ALL)
            return 1;
    return 0;
}

static void
follow_role(struct watch_host *host, const struct conf_cluster *cluster)
{
    struct probe_settings settings = role_settings(cluster, &host->id);
    struct watch_answer *old = host->role;

    host->role =
        role_matters(cluster) ? take_answer(host, &old, 1, &settings) : NULL;
    answer_free(old);
}

/* By SQL at the pace of the probes, and never from a cache: it may be a
 * death. */
static struct probe_settings
eligible_settings(const struct watch_host *host,
                  const struct conf_cluster *cluster)
{
    struct probe_settings settings;

    if (cluster->routing.eligible == CONF_ELIGIBLE_HTTP)
        return status_settings(cluster, &host->id);
    settings = settings_of(cluster, &host->id, host->watch->route->query);
    settings.cache_ms = 0;
    return settings;
}

static void
follow_eligible(struct watch_host *host, const struct conf_cluster *cluster)
{
    struct watch_answer *old = host->eligible;
    int was_asked = old != NULL;
    struct probe_settings settings;

    host->eligible = NULL;
    if (host->watch->route) {
        settings = eligible_settings(host, cluster);
        host->eligible = take_answer(host, &old, 1, &settings);
    }
    if (host->eligible && !was_asked)
        watch_route_begin_host(host);
    else if (host->eligible && old)
        watch_route_ask_anew(host);
    answer_free(old);
}

static void
on_http_check(void *data)
{
    stir(data);
}

/* One that asks the same is shared by all who do: what it knows stays. */
static void
follow_http(struct watch_host *host, const struct conf_cluster *cluster)
{
    struct http_check *old = host->http;

    host->http = NULL;
    if (cluster->http_check_port > 0)
        host->http =
            http_check_start(host->watch->shared->checks, host->id.name,
                             cluster->http_check_port, cluster->http_check_path,
                             on_http_check, host);
    if (old)
        http_check_stop(old);
}

void
watch_host_follow(struct watch_host *host)
{
    const struct conf_cluster *cluster = host->watch->cluster;

    if (!host->own.probe || host->cluster == cluster)
        return;
    host->cluster = cluster;
    host->own.settings = settings_of(cluster, &host->id, cluster->metric_query);
    follow_metrics(host, cluster);
    follow_role(host, cluster);
    follow_eligible(host, cluster);
    follow_http(host, cluster);
}

int
watch_host_is(const struct watch_host *host,
              const struct conf_cluster *cluster,
              const struct inventory_host *id)
{
    struct probe_settings settings =
        settings_of(cluster, id, cluster->metric_query);

    return host->id.ignored == id->ignored && host->id.port == id->port &&
           strcmp(host->id.name, id->name) == 0 &&
           (id->ignored ||
            probe_settings_equal(&host->own.settings, &settings));
}

struct watch_host *
watch_host_new(struct watch *w, const struct inventory_host *id)
{
    const struct conf_cluster *cluster = w->cluster;
    struct watch_host *host = calloc(1, sizeof(*host));
    struct probe_settings settings;

    if (!host)
        abort();
    host->watch = w;
    host->id = *id;
    if (id->ignored)
        return host;
    settings = settings_of(cluster, &host->id, cluster->metric_query);
    ask(host, &host->own, &settings);
    watch_host_follow(host);
    return host;
}

void
watch_host_remember(struct watch_host *host, const struct watch_host *before)
{
    host->quarantined = before->quarantined;
    if (host->eligible && before->eligible) {
        host->epoch = before->epoch;
        host->served = before->served;
        host->index = before->index;
    }
    host->logged_ms = before->logged_ms;
    host->logged_ok = before->logged_ok;
    memcpy(host->logged_text, before->logged_text, sizeof(host->logged_text));
}

void
watch_host_free(struct watch_host *host)
{
    if (host->own.probe)
        probe_stop(host->own.probe);
    for (size_t i = 0; i < host->nmetrics; i++)
        answer_free(host->metrics[i]);
    free(host->metrics);
    answer_free(host->role);
    answer_free(host->eligible);
    if (host->http)
        http_check_stop(host->http);
    free(host);
}

/* ---- what it counts for ------------------------------------------------ */

unsigned
watch_host_excluded(const struct watch_host *host, uint64_t now_ms)
{
    if (!host->own.probe)
        return SLUICE_EXCLUDED_IGNORED;
    if (host->skip_until_ms > now_ms)
        return SLUICE_EXCLUDED_SKIPPED;
    if (host->http && http_check_removes(host->http))
        return SLUICE_EXCLUDED_HTTP;
    if (host->quarantined)
        return SLUICE_EXCLUDED_QUARANTINED;
    return 0;
}

/* NULL: its role is known. */
static const char *
role_error(const struct watch_answer *role, uint64_t now_ms)
{
    if (!role->last.ok)
        return role->last.text;
    if (now_ms > role->last.started_ms + ROLE_MAX_AGE_MS +
                     (uint64_t)role->settings.timeout_ms)
        return "stale: read_only was not answered for long";
    return NULL;
}

unsigned
watch_host_role(const struct watch_host *host, uint64_t now_ms)
{
    const struct watch_answer *role = host->role;

    if (!role || !role->answered || role_error(role, now_ms))
        return 0;
    return role->last.value == 0 ? SLUICE_ROLE_PRIMARY : SLUICE_ROLE_REPLICA;
}

static void
state_of_answer(const struct watch_answer *answer, struct aggregate_host *out)
{
    const struct probe_result *last = &answer->last;

    out->value = last->value;
    out->sampled_ms = last->started_ms;
    out->error = last->text;
    if (!answer->answered)
        out->state = AGGREGATE_PENDING;
    else if (last->ok)
        out->state = AGGREGATE_VALUE;
    else
        out->state = last->dial_error ? AGGREGATE_DIAL_ERROR : AGGREGATE_ERROR;
}

/* 1: whether it is in the scope decides, and *out says how. */
static int
state_by_role(const struct watch_host *host,
              enum conf_scope scope,
              uint64_t now_ms,
              struct aggregate_host *out)
{
    unsigned wanted =
        scope == CONF_SCOPE_PRIMARY ? SLUICE_ROLE_PRIMARY : SLUICE_ROLE_REPLICA;
    const struct watch_answer *role = host->role;

    if (!role->answered) {
        out->state = AGGREGATE_PENDING;
        return 1;
    }
    out->error = role_error(role, now_ms);
    if (out->error) {
        out->state = role->last.ok || !role->last.dial_error
                         ? AGGREGATE_ERROR
                         : AGGREGATE_DIAL_ERROR;
        return 1;
    }
    out->state = AGGREGATE_EXCLUDED;
    return watch_host_role(host, now_ms) != wanted;
}

void
watch_host_state(const struct watch_host *host,
                 const struct watch_answer *answer,
                 enum conf_scope scope,
                 uint64_t now_ms,
                 struct aggregate_host *out)
{
    memset(out, 0, sizeof(*out));
    out->state = AGGREGATE_EXCLUDED;
    if (watch_host_excluded(host, now_ms) != 0)
        return;
    if (scope != CONF_SCOPE_ALL && state_by_role(host, scope, now_ms, out))
        return;
    state_of_answer(answer, out);
}
