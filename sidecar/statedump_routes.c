/* Where sessions go, for humans. */
#include <inttypes.h>
#include <stdio.h>

#include "statedump.h"
#include "statedump_table.h"

static void
cell_writers(struct table *t,
             const struct dump *d,
             const struct sluice_route *r)
{
    if (r->writers_until_boot_ms == SLUICE_WRITERS_ALWAYS)
        table_cell(t, "always");
    else if (r->writers_until_boot_ms <= d->now_boot_ms)
        table_cell(t, "over");
    else
        dump_cell_duration(t, r->writers_until_boot_ms - d->now_boot_ms);
}

static void
cell_active(struct table *t, const struct dump *d, const struct sluice_route *r)
{
    const struct sluice_route_host *h = sluice_view_route_hosts(d->routes, r);

    if (r->flags & SLUICE_ROUTE_ACTIVE)
        dump_cell_host(t, h[r->active].name, h[r->active].port);
    else
        table_cell(t, "-");
}

static void
print_routes(const struct dump *d)
{
    static const char *const head[] = {"ROUTE",   "EPOCH", "ACTIVE", "WRITERS",
                                       "TRAFFIC", "MODE",  "REASON", "MESSAGE"};
    const struct sluice_route *r = d->routes->routes;
    struct table t;

    dump_begin_table(&t, 8, d->routes->nroutes, head);
    for (uint32_t i = 0; i < d->routes->nroutes; i++, r++) {
        table_row(&t);
        table_cell(&t, "%s", r->cluster);
        table_cell(&t, "%" PRIu64, r->epoch);
        cell_active(&t, d, r);
        cell_writers(&t, d, r);
        table_cell(&t, r->flags & SLUICE_ROUTE_TRAFFIC_OFF ? "off" : "on");
        table_cell(&t, r->flags & SLUICE_ROUTE_MANUAL ? "manual" : "automatic");
        table_cell(&t, "%s", r->reason);
        table_cell(&t, "%s", r->message);
    }
    table_print(&t, stdout);
    table_free(&t);
}

static void
print_host(struct table *t,
           const struct dump *d,
           const struct sluice_route *r,
           const struct sluice_route_host *h)
{
    table_row(t);
    dump_cell_host(t, h->name, h->port);
    table_cell(t, "%s", r->cluster);
    table_cell(t, "%s", h->address);
    table_cell(t, "%" PRIu64, h->epoch);
    table_cell(t, "%s%s%s%s%s",
               h->flags & SLUICE_ROUTE_HEALTHY ? "healthy" : "unhealthy",
               h->flags & SLUICE_ROUTE_REPLICA ? ", replica" : "",
               h->flags & SLUICE_ROUTE_INACTIVE ? ", inactive" : "",
               h->flags & SLUICE_ROUTE_DOWN ? ", down" : "",
               h->flags & SLUICE_ROUTE_DRAINED ? ", drained" : "");
    dump_cell_number(t, (h->flags & SLUICE_ROUTE_HAS_LAG) != 0, h->lag_s);
    dump_cell_duration(t, dump_age(d, h->sampled_mono_ms));
    table_cell(t, "%s", h->text);
}

static void
print_hosts(const struct dump *d)
{
    static const char *const head[] = {"ROUTED", "CLUSTER", "ADDRESS", "EPOCH",
                                       "STATE",  "LAG",     "AGE",     "TEXT"};
    const struct sluice_view *v = d->routes;
    struct table t;

    dump_begin_table(&t, 8, v->nroute_hosts, head);
    for (uint32_t i = 0; i < v->nroutes; i++)
        for (uint32_t j = 0; j < v->routes[i].nhosts; j++)
            print_host(&t, d, &v->routes[i],
                       sluice_view_route_hosts(v, &v->routes[i]) + j);
    table_print(&t, stdout);
    table_free(&t);
}

void
dump_text_routes(const struct dump *d)
{
    print_routes(d);
    putchar('\n');
    print_hosts(d);
}
