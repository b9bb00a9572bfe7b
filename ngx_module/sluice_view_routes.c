/* The sections of a view since minor 3: where sessions go. */
#include <math.h>
#include <string.h>

#include "sluice_reading.h"

#define refuse sluice_reading_refuse

_Static_assert(offsetof(struct sluice_route, cluster) == 0,
               "an index needs it");

static struct sluice_records
routes_of(const struct sluice_view *v)
{
    return (struct sluice_records){v->routes, sizeof(*v->routes)};
}

static int
read_hosts(const struct sluice_reading *r, struct sluice_view *v)
{
    struct sluice_route_host *h;
    void *records;

    if (sluice_reading_all(r, SLUICE_SECTION_ROUTE_HOSTS, sizeof(*h), &records,
                           &v->nroute_hosts) != 0)
        return -1;
    v->route_hosts = h = records;
    for (uint32_t i = 0; i < v->nroute_hosts; i++, h++) {
        SLUICE_TERMINATE(h->name);
        SLUICE_TERMINATE(h->address);
        SLUICE_TERMINATE(h->label);
        SLUICE_TERMINATE(h->text);
        if (h->name[0] == '\0')
            return refuse(r, "routed host %u has no name", i);
        if (!isfinite(h->lag_s) || h->lag_s < 0)
            return refuse(r, "routed host %s:%u: lag is no number of 0 or more",
                          h->name, h->port);
    }
    return 0;
}

static int
check_route(const struct sluice_reading *r,
            const struct sluice_view *v,
            const struct sluice_route *route,
            uint32_t i)
{
    if (route->cluster[0] == '\0')
        return refuse(r, "route %u has no cluster", i);
    if (route->first_host > v->nroute_hosts ||
        route->nhosts > v->nroute_hosts - route->first_host)
        return refuse(r, "route %s: hosts %u to %u of %u", route->cluster,
                      route->first_host, route->first_host + route->nhosts,
                      v->nroute_hosts);
    if ((route->flags & SLUICE_ROUTE_ACTIVE) && route->active >= route->nhosts)
        return refuse(r, "route %s: host %u of %u is active", route->cluster,
                      route->active, route->nhosts);
    return 0;
}

int
sluice_view_read_routes(const struct sluice_reading *r, struct sluice_view *v)
{
    struct sluice_route *route;
    void *records;

    if (read_hosts(r, v) != 0 ||
        sluice_reading_all(r, SLUICE_SECTION_ROUTES, sizeof(*route), &records,
                           &v->nroutes) != 0)
        return -1;
    v->routes = route = records;
    if (sluice_reading_index(r, &v->routes_by_cluster, SLUICE_SECTION_ROUTES,
                             v->nroutes) != 0)
        return -1;
    for (uint32_t i = 0; i < v->nroutes; i++, route++) {
        SLUICE_TERMINATE(route->cluster);
        SLUICE_TERMINATE(route->reason);
        SLUICE_TERMINATE(route->message);
        if (check_route(r, v, route, i) != 0)
            return -1;
        if (sluice_index_add(&v->routes_by_cluster, routes_of(v), i) != 0)
            return refuse(r, "route %s stands in the image twice",
                          route->cluster);
    }
    return 0;
}

const struct sluice_route *
sluice_view_route(const struct sluice_view *v, const char *cluster, size_t len)
{
    return sluice_index_find(&v->routes_by_cluster, routes_of(v), cluster, len);
}

const struct sluice_route_host *
sluice_view_route_hosts(const struct sluice_view *v,
                        const struct sluice_route *route)
{
    return v->route_hosts + route->first_host;
}

int
sluice_view_writers_are_over(const struct sluice_route *route,
                             uint64_t now_boot_ms)
{
    uint64_t until_ms = route->writers_until_boot_ms;

    return until_ms != SLUICE_WRITERS_ALWAYS &&
           (now_boot_ms >= until_ms ||
            until_ms - now_boot_ms > SLUICE_WRITERS_MAX_MS);
}

const struct sluice_route_host *
sluice_view_active(const struct sluice_view *v,
                   const struct sluice_route *route,
                   uint64_t now_boot_ms)
{
    if (!(route->flags & SLUICE_ROUTE_ACTIVE) ||
        (route->flags & SLUICE_ROUTE_TRAFFIC_OFF) ||
        sluice_view_writers_are_over(route, now_boot_ms))
        return NULL;
    return sluice_view_route_hosts(v, route) + route->active;
}
