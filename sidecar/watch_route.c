/* Routes of a cluster under watch: its hosts' health, and what all nodes
 * agree on. The choice is in watch_route_choice.c. */
#include "watch_route.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "consensus/facts.h"
#include "watch_eligible.h"
#include "watch_private.h"
#include "watch_route_private.h"

/* ---- hosts ------------------------------------------------------------- */

void
watch_route_name(const struct inventory_host *id,
                 char name[ROUTE_FACT_HOST_SIZE])
{
    snprintf(name, ROUTE_FACT_HOST_SIZE,
             strchr(id->name, ':') ? "[%s]:%u" : "%s:%u", id->name, id->port);
}

void
watch_route_host_name(const struct sluice_route_host *host,
                      char name[ROUTE_FACT_HOST_SIZE])
{
    struct inventory_host id = {.port = host->port};

    snprintf(id.name, sizeof(id.name), "%s", host->name);
    watch_route_name(&id, name);
}

static struct health_rules
rules_of(const struct watch *w)
{
    const struct conf_routing *r = &w->cluster->routing;
    struct health_rules rules = {
        .rise = r->rise, .fall = r->fall, .freeze_ms = (unsigned)r->freeze_ms};

    return rules;
}

static void
log_health(const struct watch_host *host,
           const struct health *health,
           const char *event)
{
    log_event(health->state == HEALTH_UP ? LOG_LEVEL_INFO : LOG_LEVEL_WARN,
              event, log_str("cluster", watch_name(host->watch)),
              log_str("host", host->id.name), log_int("port", host->id.port),
              log_str("why", health->text));
}

static void
stir(struct watch *w)
{
    w->route->stirred = 1;
    *w->shared->stirs = 1;
}

/* One line where both change: who cannot be read cannot be written. */
static void
log_changes(const struct watch_host *host, int health, int reads)
{
    if (health)
        log_health(host, &host->health,
                   host->health.state == HEALTH_UP ? "host_healthy"
                                                   : "host_unhealthy");
    else if (reads && watch_route_reads(host->watch))
        log_health(host, &host->reads,
                   host->reads.state == HEALTH_UP ? "host_readable"
                                                  : "host_unreadable");
    if (health || reads)
        stir(host->watch);
}

void
watch_route_heard(struct watch_host *host, const struct probe_result *result)
{
    struct watch *w = host->watch;
    struct health_rules rules = rules_of(w);
    uint64_t now_ms = clock_mono_ms();
    struct eligible got;
    int health, reads;

    if (result->ok || result->answered)
        host->heard_ms = now_ms;
    eligible_read(&w->cluster->routing, result, &got);
    if (got.index != ELIGIBLE_INDEX_UNSAID && got.index != host->index) {
        host->index = got.index;
        stir(w);
    }
    health = health_hear(&host->health, &rules, got.kind, got.text, now_ms);
    reads = health_hear(&host->reads, &rules,
                        result->ok ? HEALTH_GOOD : got.kind, got.text, now_ms);
    log_changes(host, health, reads);
}

/* What a former process said of it: it is that, until it is heard. */
static const struct sluice_route_host *
before_of(const struct watch_route *r, const struct inventory_host *id)
{
    for (size_t i = 0; i < r->nbefore; i++)
        if (r->before[i].port == id->port &&
            strcmp(r->before[i].name, id->name) == 0)
            return &r->before[i];
    return NULL;
}

void
watch_route_ask_anew(struct watch_host *host)
{
    health_begin(&host->health, HEALTH_UNKNOWN, clock_mono_ms());
    health_begin(&host->reads, HEALTH_UNKNOWN, clock_mono_ms());
    stir(host->watch);
}

void
watch_route_begin_host(struct watch_host *host)
{
    const struct sluice_route_host *before =
        before_of(host->watch->route, &host->id);

    host->index = ROUTE_NO_INDEX;
    host->epoch = before ? before->epoch : 1;
    host->served = before && (before->flags &
                              (SLUICE_ROUTE_HEALTHY | SLUICE_ROUTE_REPLICA));
    watch_route_ask_anew(host);
}

void
watch_route_tick(struct watch *w, uint64_t now_ms)
{
    struct health_rules rules = rules_of(w);
    uint64_t stalls = loop_stalls(w->shared->inventories.loop);

    for (size_t i = 0; i < w->nhosts; i++) {
        struct watch_host *host = w->hosts[i];

        if (!host->eligible)
            continue;
        if (stalls != w->route->stalls) {
            health_forgive(&host->health, now_ms);
            health_forgive(&host->reads, now_ms);
        } else {
            int reads = health_wait(&host->reads, &rules, now_ms);

            log_changes(host, health_wait(&host->health, &rules, now_ms),
                        reads);
        }
    }
    w->route->stalls = stalls;
}

/* ---- what is agreed on -------------------------------------------------- */

const char *
watch_route_setting(const struct watch *w,
                    const struct facts *facts,
                    const char *kind)
{
    char name[FACT_NAME_SIZE];
    const char *value;

    snprintf(name, sizeof(name), "%s%s", kind, watch_name(w));
    value = facts_setting(facts, name);
    return value ? value : "";
}

/* Of a store that was put back: an older epoch than was published, or the same
 * one for another host. It has to be raised before it counts. */
static int
is_old(const struct watch_route *r, const struct route_fact *fact)
{
    return fact->epoch < r->fact.epoch ||
           (fact->epoch == r->fact.epoch && r->fact.active[0] != '\0' &&
            strcmp(fact->active, r->fact.active) != 0);
}

static int
read_fact(const struct watch *w, const char *text, struct route_fact *fact)
{
    if (route_fact_read(text, fact) == 0)
        return 0;
    log_warn("route_unreadable", log_str("cluster", watch_name(w)),
             log_str("value", text));
    return -1;
}

static void
take_fact(struct watch *w, const char *text)
{
    struct watch_route *r = w->route;
    struct route_fact fact;
    int was_old = r->fact_is_old;

    snprintf(r->fact_text, sizeof(r->fact_text), "%s", text);
    if (*text == '\0')
        memset(&fact, 0, sizeof(fact));
    r->fact_is_old =
        (*text != '\0' && read_fact(w, text, &fact) != 0) || is_old(r, &fact);
    if (r->fact_is_old) {
        if (!was_old)
            r->old_since_ms = clock_mono_ms();
        return;
    }
    if (fact.active[0] == '\0')
        r->nobody_since_boot_ms = clock_boot_ms();
    if (fact.epoch > r->fact.epoch)
        log_info("route", log_str("cluster", watch_name(w)),
                 log_int("epoch", (int64_t)fact.epoch),
                 log_str("active", fact.active),
                 log_str("reason", fact.reason));
    r->fact = fact;
}

/* What cannot be read switches nothing. */
static void
take_traffic(struct watch *w, const char *text)
{
    struct watch_route *r = w->route;
    struct route_traffic traffic;

    if (r->known && strcmp(text, r->traffic_text) == 0)
        return;
    snprintf(r->traffic_text, sizeof(r->traffic_text), "%s", text);
    if (*text == '\0')
        memset(&traffic, 0, sizeof(traffic));
    else if (route_traffic_read(text, &traffic) != 0) {
        log_warn("traffic_unreadable", log_str("cluster", watch_name(w)),
                 log_str("value", text),
                 log_str("advice", r->traffic.off ? "traffic stays off"
                                                  : "traffic stays on"));
        return;
    }
    r->traffic = traffic;
}

void
watch_route_facts(struct watch *w, const struct facts *facts)
{
    struct watch_route *r = w->route;
    const char *text = watch_route_setting(w, facts, WATCH_ROUTE_FACT);

    if (strcmp(text, r->fact_text) != 0 || !r->known)
        take_fact(w, text);
    if (!r->fact_is_old && r->proof_boot_ms < facts->read_boot_ms)
        r->proof_boot_ms = facts->read_boot_ms;
    take_traffic(w, watch_route_setting(w, facts, WATCH_ROUTE_TRAFFIC));
    r->manual =
        strcmp(watch_route_setting(w, facts, WATCH_ROUTE_MODE), "manual") == 0;
    snprintf(r->marks, sizeof(r->marks), "%s",
             watch_route_setting(w, facts, WATCH_ROUTE_HOSTS));
    watch_route_witness(w, facts);
    r->known = 1;
    stir(w);
}

uint64_t
watch_route_lease_ms(const struct watch *w)
{
    const struct conf_routing *r = &w->cluster->routing;

    return r->lease ? (uint64_t)r->writer_lease_ms : 0;
}

int
watch_route_reads(const struct watch *w)
{
    return w->cluster->routing.eligible == CONF_ELIGIBLE_REPLICATION;
}

int
watch_route_has(const struct watch *w, const char *host)
{
    for (size_t i = 0; i < w->nhosts; i++)
        if (strcmp(w->route->names[i], host) == 0)
            return 1;
    return 0;
}

/* ---- life --------------------------------------------------------------- */

int
watch_is_routed(const struct watch *w)
{
    return w->route != NULL;
}

const struct route_fact *
watch_route_fact(const struct watch *w)
{
    return &w->route->fact;
}

const struct route_traffic *
watch_route_traffic(const struct watch *w)
{
    return &w->route->traffic;
}

/* The former process's word stands until the facts are known, and its epoch
 * is never gone below. */
static void
take_before(struct watch_route *r,
            const char *cluster,
            const struct sluice_view *before)
{
    const struct sluice_route *route =
        before ? sluice_view_route(before, cluster, strlen(cluster)) : NULL;
    const struct sluice_route_host *hosts;

    if (!route)
        return;
    hosts = sluice_view_route_hosts(before, route);
    r->nbefore = route->nhosts;
    r->before = calloc(route->nhosts + 1, sizeof(*r->before));
    if (!r->before)
        abort();
    if (route->nhosts > 0)
        memcpy(r->before, hosts, route->nhosts * sizeof(*hosts));
    r->fact.epoch = route->epoch;
    r->fact.changed_ms = route->changed_real_ms;
    snprintf(r->fact.reason, sizeof(r->fact.reason), "%s", route->reason);
    r->traffic.off = (route->flags & SLUICE_ROUTE_TRAFFIC_OFF) != 0;
    r->traffic.changed_ms = route->traffic_real_ms;
    snprintf(r->traffic.message, sizeof(r->traffic.message), "%s",
             route->message);
    r->manual = (route->flags & SLUICE_ROUTE_MANUAL) != 0;
    if (route->writers_until_boot_ms != SLUICE_WRITERS_ALWAYS)
        r->until_before_boot_ms = route->writers_until_boot_ms;
    if (route->flags & SLUICE_ROUTE_ACTIVE)
        watch_route_host_name(&hosts[route->active], r->fact.active);
}

void
watch_route_follow(struct watch *w, const struct sluice_view *before)
{
    struct watch_route *r = w->route;
    char *query;

    if (w->cluster->routing.eligible == CONF_ELIGIBLE_NONE) {
        watch_route_free(r);
        w->route = NULL;
        return;
    }
    if (!r) {
        r = w->route = calloc(1, sizeof(*r));
        if (!r)
            abort();
        take_before(r, w->cluster->name, before);
    }
    query = eligible_query(&w->cluster->routing);
    if (r->query && strcmp(r->query, query) == 0) {
        free(query);
    } else {
        /* Hosts go over to the new one later. */
        free(r->old_query);
        r->old_query = r->query;
        r->query = query;
    }
    stir(w);
}

void
watch_route_hosts(struct watch *w)
{
    struct watch_route *r = w->route;

    if (!r)
        return;
    r->names = realloc(r->names, (w->nhosts + 1) * sizeof(*r->names));
    if (!r->names)
        abort();
    for (size_t i = 0; i < w->nhosts; i++)
        watch_route_name(&w->hosts[i]->id, r->names[i]);
    stir(w);
}

void
watch_route_free(struct watch_route *r)
{
    if (!r)
        return;
    free(r->query);
    free(r->old_query);
    free(r->before);
    free(r->names);
    free(r);
}
