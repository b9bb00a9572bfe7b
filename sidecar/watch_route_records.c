/* Where a cluster's sessions go, as records of the state file. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "watch_private.h"
#include "watch_route.h"
#include "watch_route_private.h"

/* Who knows all of it; until then the former process's word stands, and its
 * sessions. */
static int
is_filled(const struct watch *w)
{
    const struct watch_route *r = w->route;

    return r->filled || (w->known && (r->known || r->fact.epoch > 0));
}

int
watch_route_known(const struct watch *w)
{
    return is_filled(w) || w->route->fact.epoch > 0;
}

size_t
watch_route_count(const struct watch *w)
{
    return is_filled(w) ? w->nhosts : w->route->nbefore;
}

/* May readers be there? Of those that replicate also who is read-only. */
static int
serves(const struct watch_host *host, const struct route_candidate *c)
{
    enum health_state state =
        watch_route_reads(host->watch) ? host->reads.state : host->health.state;

    if (c->down || !host->eligible)
        return 0;
    return state == HEALTH_UNKNOWN ? host->served : state == HEALTH_UP;
}

/* Who cannot serve any more has no sessions: its epoch is over. */
static void
judge(struct watch_host *host, const struct route_candidate *c)
{
    int now = serves(host, c);

    if (host->served && !now)
        host->epoch++;
    host->served = now;
}

static void
fill_lag(const struct watch_host *host, struct sluice_route_host *out)
{
    const struct probe_result *last = &host->own.last;

    if (!host->own.answered || !last->ok || !(last->value >= 0))
        return;
    out->lag_s = last->value;
    out->flags |= SLUICE_ROUTE_HAS_LAG;
}

static void
fill_host(struct watch_host *host,
          const struct route_candidate *c,
          int is_active,
          struct sluice_route_host *out)
{
    const struct probe_result *last =
        host->eligible ? &host->eligible->last : NULL;

    judge(host, c);
    snprintf(out->name, sizeof(out->name), "%s", host->id.name);
    out->port = host->id.port;
    out->epoch = host->epoch;
    if (c->up)
        out->flags |= SLUICE_ROUTE_HEALTHY;
    if (host->served && !is_active)
        out->flags |= SLUICE_ROUTE_REPLICA;
    if (c->down)
        out->flags |= SLUICE_ROUTE_DOWN;
    if (c->drained)
        out->flags |= SLUICE_ROUTE_DRAINED;
    fill_lag(host, out);
    snprintf(out->text, sizeof(out->text), "%s", c->why);
    if (!last)
        return;
    /* A healthcheck knows of none. */
    snprintf(out->address, sizeof(out->address), "%s",
             last->address[0] ? last->address : host->own.last.address);
    out->sampled_mono_ms = last->started_ms;
}

/* Before a host was asked in this process it is where it was. */
static void
fill_address(const struct watch_route *r, struct sluice_route_host *out)
{
    for (size_t i = 0; i < r->nbefore && out->address[0] == '\0'; i++)
        if (r->before[i].port == out->port &&
            strcmp(r->before[i].name, out->name) == 0)
            memcpy(out->address, r->before[i].address, sizeof(out->address));
}

static const char *
reason_of(const struct watch *w)
{
    const struct watch_route *r = w->route;

    if (!watch_route_known(w) && w->known)
        return "what the nodes agree on is not known yet";
    if (!watch_route_known(w))
        return "which hosts it has is not known yet";
    return r->fact.reason;
}

/* So long after the begin of a proof, and a little less: clocks of two nodes do
 * not run at quite the same pace. Without a proof of our own what the former
 * process had stands. */
#define PACE_MS 100

static uint64_t
writers_until(const struct watch *w)
{
    const struct watch_route *r = w->route;
    uint64_t lease_ms = watch_route_lease_ms(w);

    if (lease_ms == 0)
        return SLUICE_WRITERS_ALWAYS;
    return r->proof_boot_ms == 0 ? r->until_before_boot_ms
                                 : r->proof_boot_ms + lease_ms - PACE_MS;
}

static void
fill_route(const struct watch *w,
           int active,
           uint32_t first_host,
           struct sluice_route *out)
{
    const struct watch_route *r = w->route;

    snprintf(out->cluster, sizeof(out->cluster), "%s", watch_name(w));
    out->epoch = r->fact.epoch;
    out->writers_until_boot_ms = writers_until(w);
    out->changed_real_ms = r->fact.changed_ms;
    out->traffic_real_ms = r->traffic.changed_ms;
    out->first_host = first_host;
    out->nhosts = (uint32_t)watch_route_count(w);
    if (active >= 0) {
        out->active = (uint32_t)active;
        out->flags |= SLUICE_ROUTE_ACTIVE;
    }
    if (r->traffic.off)
        out->flags |= SLUICE_ROUTE_TRAFFIC_OFF;
    if (r->manual)
        out->flags |= SLUICE_ROUTE_MANUAL;
    snprintf(out->message, sizeof(out->message), "%s", r->traffic.message);
    if (active < 0 && r->fact.active[0] != '\0')
        snprintf(out->reason, sizeof(out->reason),
                 "%.100s, which is active, is no host of the cluster here",
                 r->fact.active);
    else
        snprintf(out->reason, sizeof(out->reason), "%s", reason_of(w));
}

/* FNV-1a over what sessions depend on. */
static uint64_t
mix(uint64_t mark, const void *bytes, size_t size)
{
    const unsigned char *p = bytes;

    for (size_t i = 0; i < size; i++)
        mark = (mark ^ p[i]) * 1099511628211u;
    return mark;
}

static uint64_t
mark_of(const struct sluice_route *route, const struct sluice_route_host *hosts)
{
    uint64_t mark = 14695981039346656037u;

    mark = mix(mark, &route->epoch, sizeof(route->epoch));
    mark = mix(mark, &route->flags, sizeof(route->flags));
    mark = mix(mark, &route->active, sizeof(route->active));
    for (uint32_t i = 0; i < route->nhosts; i++) {
        uint32_t flags = hosts[i].flags & ~SLUICE_ROUTE_HAS_LAG;

        mark = mix(mark, &hosts[i].epoch, sizeof(hosts[i].epoch));
        mark = mix(mark, &flags, sizeof(flags));
        mark = mix(mark, hosts[i].address, strlen(hosts[i].address));
    }
    return mark;
}

/* Its hosts as the former process published them; who is active of them. */
static int
fill_before(const struct watch_route *r, struct sluice_route_host *hosts)
{
    char name[ROUTE_FACT_HOST_SIZE];
    int active = -1;

    for (size_t i = 0; i < r->nbefore; i++) {
        watch_route_host_name(&r->before[i], name);
        if (strcmp(name, r->fact.active) == 0)
            active = (int)i;
        hosts[i] = r->before[i];
    }
    return active;
}

static int
fill_hosts(struct watch *w, struct sluice_route_host *hosts)
{
    int active, inactive;
    struct route_candidate *all = watch_route_candidates(w, &active);

    inactive = route_inactive(all, w->nhosts, active);
    for (size_t i = 0; i < w->nhosts; i++) {
        fill_host(w->hosts[i], &all[i], (int)i == active, &hosts[i]);
        fill_address(w->route, &hosts[i]);
        if ((int)i == inactive)
            hosts[i].flags |= SLUICE_ROUTE_INACTIVE;
    }
    free(all);
    return active;
}

int
watch_route_fill(struct watch *w,
                 uint32_t first_host,
                 struct sluice_route *route,
                 struct sluice_route_host *hosts)
{
    struct watch_route *r = w->route;
    uint64_t mark;
    int active;

    r->filled = is_filled(w);
    active = r->filled ? fill_hosts(w, hosts) : fill_before(r, hosts);
    fill_route(w, active, first_host, route);
    mark = mark_of(route, hosts);
    if (mark == r->published)
        return 0;
    r->published = mark;
    return 1;
}
