/* Routes of a cluster under watch: its hosts' health, and the choice. */
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

static struct health_rules
rules_of(const struct watch *w)
{
    const struct conf_routing *r = &w->cluster->routing;
    struct health_rules rules = {
        .rise = r->rise, .fall = r->fall, .freeze_ms = (unsigned)r->freeze_ms};

    return rules;
}

static void
log_health(const struct watch_host *host)
{
    if (host->health.state == HEALTH_UP)
        log_info("host_healthy", log_str("cluster", watch_name(host->watch)),
                 log_str("host", host->id.name), log_int("port", host->id.port),
                 log_str("why", host->health.text));
    else
        log_warn("host_unhealthy", log_str("cluster", watch_name(host->watch)),
                 log_str("host", host->id.name), log_int("port", host->id.port),
                 log_str("why", host->health.text));
}

static void
stir(struct watch *w)
{
    w->route->stirred = 1;
    *w->shared->stirs = 1;
}

void
watch_route_heard(struct watch_host *host, const struct probe_result *result)
{
    struct watch *w = host->watch;
    struct health_rules rules = rules_of(w);
    struct eligible got;

    eligible_read(&w->cluster->routing, result, &got);
    host->alive = result->ok;
    if (got.index != UINT64_MAX && got.index != host->index) {
        host->index = got.index;
        stir(w);
    }
    if (health_hear(&host->health, &rules, got.kind, got.text,
                    clock_mono_ms())) {
        log_health(host);
        stir(w);
    }
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
watch_route_begin_host(struct watch_host *host)
{
    const struct sluice_route_host *before =
        before_of(host->watch->route, &host->id);

    health_begin(&host->health, HEALTH_UNKNOWN, clock_mono_ms());
    host->index = ROUTE_NO_INDEX;
    host->epoch = before ? before->epoch : 1;
    host->served = before && (before->flags &
                              (SLUICE_ROUTE_HEALTHY | SLUICE_ROUTE_REPLICA));
    stir(host->watch);
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
        if (stalls != w->route->stalls)
            health_forgive(&host->health, now_ms);
        else if (health_wait(&host->health, &rules, now_ms)) {
            host->alive = 0;
            log_health(host);
            stir(w);
        }
    }
    w->route->stalls = stalls;
}

/* ---- what is agreed on -------------------------------------------------- */

static const char *
setting(const struct watch *w, const struct facts *facts, const char *kind)
{
    char name[FACT_NAME_SIZE];
    const char *value;

    snprintf(name, sizeof(name), "%s%s", kind, watch_name(w));
    value = facts_setting(facts, name);
    return value ? value : "";
}

/* An older one than was published is of a store that was put back: the leader
 * has to raise it before it counts. */
static void
take_fact(struct watch *w, const char *text)
{
    struct watch_route *r = w->route;
    struct route_fact fact;

    snprintf(r->fact_text, sizeof(r->fact_text), "%s", text);
    r->fact_is_old = 0;
    if (*text == '\0')
        memset(&fact, 0, sizeof(fact));
    else if (route_fact_read(text, &fact) != 0) {
        log_warn("route_unreadable", log_str("cluster", watch_name(w)),
                 log_str("value", text));
        return;
    }
    r->fact_is_old = fact.epoch < r->fact.epoch;
    if (r->fact_is_old)
        return;
    if (fact.epoch > r->fact.epoch)
        log_info("route", log_str("cluster", watch_name(w)),
                 log_int("epoch", (int64_t)fact.epoch),
                 log_str("active", fact.active),
                 log_str("reason", fact.reason));
    r->fact = fact;
}

void
watch_route_facts(struct watch *w, const struct facts *facts)
{
    struct watch_route *r = w->route;
    const char *text = setting(w, facts, WATCH_ROUTE_FACT);

    if (strcmp(text, r->fact_text) != 0 || !r->known)
        take_fact(w, text);
    text = setting(w, facts, WATCH_ROUTE_TRAFFIC);
    if (route_traffic_read(text, &r->traffic) != 0 && *text != '\0')
        log_warn("traffic_unreadable", log_str("cluster", watch_name(w)),
                 log_str("value", text));
    r->manual = strcmp(setting(w, facts, WATCH_ROUTE_MODE), "manual") == 0;
    snprintf(r->marks, sizeof(r->marks), "%s",
             setting(w, facts, WATCH_ROUTE_HOSTS));
    r->known = 1;
    stir(w);
}

/* The operator's word about a host, "" when there is none. */
static int
is_marked(const struct watch_route *r, const char *name, const char *word)
{
    char text[ROUTE_FACT_HOST_SIZE + 16];
    size_t len;

    len = (size_t)snprintf(text, sizeof(text), "%s=%s", name, word);
    for (const char *at = r->marks; (at = strstr(at, text)); at += len)
        if ((at == r->marks || at[-1] == ' ') &&
            (at[len] == ' ' || at[len] == '\0'))
            return 1;
    return 0;
}

/* ---- the choice --------------------------------------------------------- */

/* The list's place of NAME or NAME:PORT; those not named are the last. */
static unsigned
priority_of(const struct watch *w, const struct watch_host *host)
{
    const struct conf_list *list = &w->cluster->routing.priority;
    char name[ROUTE_FACT_HOST_SIZE];

    watch_route_name(&host->id, name);
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->items[i], host->id.name) == 0 ||
            strcmp(list->items[i], name) == 0)
            return (unsigned)i;
    return (unsigned)list->count;
}

struct route_candidate *
watch_route_candidates(const struct watch *w, int *active)
{
    struct route_candidate *all = calloc(w->nhosts + 1, sizeof(*all));
    char(*names)[ROUTE_FACT_HOST_SIZE] = w->route->names;

    if (!all)
        abort();
    *active = -1;
    for (size_t i = 0; i < w->nhosts; i++) {
        const struct watch_host *host = w->hosts[i];

        all[i].name = names[i];
        all[i].up = host->eligible && host->health.state == HEALTH_UP;
        all[i].unknown = host->eligible && host->health.state == HEALTH_UNKNOWN;
        all[i].down = is_marked(w->route, names[i], "down");
        all[i].drained = is_marked(w->route, names[i], "drained");
        all[i].priority = priority_of(w, host);
        all[i].index = host->index;
        all[i].why = host->eligible ? host->health.text : "IgnoreHosts";
        if (strcmp(w->route->fact.active, names[i]) == 0)
            *active = (int)i;
    }
    return all;
}

static void
make_change(const struct watch *w,
            const char *active,
            const char *reason,
            struct consensus_change *out)
{
    struct route_fact fact = {.epoch = w->route->fact.epoch + 1,
                              .changed_ms = clock_real_ms()};

    memset(out, 0, sizeof(*out));
    out->kind = CHANGE_SET;
    out->compares = 1;
    out->expected = fact_value_mark(w->route->fact_text);
    snprintf(out->key, sizeof(out->key), WATCH_ROUTE_FACT "%s", watch_name(w));
    snprintf(fact.active, sizeof(fact.active), "%s", active);
    snprintf(fact.reason, sizeof(fact.reason), "%s", reason);
    route_fact_write(&fact, out->value);
}

int
watch_route_decide(struct watch *w, struct consensus_change *out)
{
    struct watch_route *r = w->route;
    const struct route_rules rules = {
        .lowest_index = w->cluster->routing.lowest_index, .manual = r->manual};
    struct route_candidate *all;
    struct route_choice choice;
    int active;

    if (!r->known || !w->known)
        return 0;
    all = watch_route_candidates(w, &active);
    if (active < 0 && r->fact.active[0] != '\0') {
        /* It is no host of the cluster any more. */
        memset(&choice, 0, sizeof(choice));
        choice.active = -1;
        if (!rules.manual)
            route_choose(&rules, all, w->nhosts, -1, &choice);
        snprintf(choice.reason, sizeof(choice.reason),
                 "%.100s is no host of the cluster any more", r->fact.active);
        choice.moves = 1;
    } else {
        route_choose(&rules, all, w->nhosts, active, &choice);
    }
    if (!choice.moves && r->fact_is_old) {
        snprintf(choice.reason, sizeof(choice.reason),
                 "the store was put back to an older epoch");
        choice.moves = 1;
    }
    if (choice.moves)
        make_change(w, choice.active < 0 ? "" : all[choice.active].name,
                    choice.reason, out);
    free(all);
    return choice.moves;
}

static const struct route_candidate *
find(const struct route_candidate *all, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(all[i].name, name) == 0)
            return &all[i];
    return NULL;
}

int
watch_route_switch(struct watch *w,
                   const char *host,
                   const char *why,
                   struct consensus_change *out,
                   char *err,
                   size_t err_size)
{
    int active;
    struct route_candidate *all = watch_route_candidates(w, &active);
    const struct route_candidate *to = find(all, w->nhosts, host);
    char reason[ROUTE_REASON_SIZE];
    int rc = -1;

    if (!w->route->known)
        snprintf(err, err_size, "what the nodes agree on is not known yet");
    else if (!to)
        snprintf(err, err_size, "%s is no host of the cluster: write NAME:PORT",
                 host);
    else if (to->down)
        snprintf(err, err_size, "%s is down: an operator said so", host);
    else if (!to->up)
        snprintf(err, err_size, "%s cannot take writers: %s", host, to->why);
    else if (active >= 0 && to == &all[active])
        snprintf(err, err_size, "%s is the active host", host);
    else if (w->cluster->routing.lowest_index && !w->route->manual)
        snprintf(err, err_size,
                 "with Choice lowest-index it would not stay: make the mode "
                 "manual first");
    else
        rc = 0;
    if (rc == 0) {
        snprintf(reason, sizeof(reason), "an operator switched to it%s%.150s",
                 *why ? ": " : "", why);
        make_change(w, host, reason, out);
    }
    free(all);
    return rc;
}

int
watch_route_known(const struct watch *w)
{
    return w->route->known || w->route->fact.epoch > 0;
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
    struct inventory_host id;

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
    if (!(route->flags & SLUICE_ROUTE_ACTIVE))
        return;
    memset(&id, 0, sizeof(id));
    snprintf(id.name, sizeof(id.name), "%s", hosts[route->active].name);
    id.port = hosts[route->active].port;
    watch_route_name(&id, r->fact.active);
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
