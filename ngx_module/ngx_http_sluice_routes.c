
/*
 * Where sessions go, as JSON: of each routed cluster the choice, the switches,
 * and the hosts with the sessions that all workers have there.
 */


#include "ngx_http_sluice_describe.h"
#include "ngx_sluice_zone.h"


static void ngx_http_sluice_routes_one(ngx_http_sluice_json_t *j,
    ngx_http_sluice_known_t *known, const struct sluice_view *view,
    const struct sluice_route *route);
static void ngx_http_sluice_routes_host(ngx_http_sluice_json_t *j,
    ngx_http_sluice_known_t *known, const struct sluice_route *route,
    const struct sluice_route_host *host, ngx_uint_t active);
static void ngx_http_sluice_routes_age(ngx_http_sluice_json_t *j,
    const char *key, uint64_t real);
static ngx_uint_t ngx_http_sluice_routes_sessions(
    const struct sluice_route *route, const struct sluice_route_host *host);


void
ngx_http_sluice_describe_routes(ngx_http_sluice_json_t *j,
    ngx_http_sluice_known_t *known)
{
    uint32_t                   i;
    const struct sluice_view  *view;

    view = ngx_sluice_view_routes();

    ngx_http_sluice_json_open(j, "Routes", '{');

    for (i = 0; i < view->nroutes; i++) {
        ngx_http_sluice_routes_one(j, known, view, &view->routes[i]);
    }

    ngx_http_sluice_json_close(j, '}');
}


static void
ngx_http_sluice_routes_one(ngx_http_sluice_json_t *j,
    ngx_http_sluice_known_t *known, const struct sluice_view *view,
    const struct sluice_route *route)
{
    uint32_t                         i;
    ngx_uint_t                       active;
    const struct sluice_route_host  *hosts;

    hosts = sluice_view_route_hosts(view, route);

    ngx_http_sluice_json_open(j, route->cluster, '{');
    ngx_http_sluice_json_integer(j, "Epoch", route->epoch);
    ngx_http_sluice_routes_age(j, "ChangedAgeMs", route->changed_real_ms);
    ngx_http_sluice_json_string(j, "Reason", route->reason);
    ngx_http_sluice_json_flag(j, "Writers",
                              sluice_view_active(view, route,
                                                 known->fresh.now_boot_ms)
                              != NULL);
    ngx_http_sluice_json_flag(j, "Traffic",
                              !(route->flags & SLUICE_ROUTE_TRAFFIC_OFF));
    ngx_http_sluice_routes_age(j, "TrafficAgeMs", route->traffic_real_ms);
    ngx_http_sluice_json_string(j, "Message", route->message);
    ngx_http_sluice_json_string(j, "Mode",
                                route->flags & SLUICE_ROUTE_MANUAL
                                ? "manual" : "automatic");

    ngx_http_sluice_json_open(j, "Hosts", '[');

    for (i = 0; i < route->nhosts; i++) {
        active = (route->flags & SLUICE_ROUTE_ACTIVE) && route->active == i;

        ngx_http_sluice_routes_host(j, known, route, &hosts[i], active);
    }

    ngx_http_sluice_json_close(j, ']');
    ngx_http_sluice_json_close(j, '}');
}


static void
ngx_http_sluice_routes_host(ngx_http_sluice_json_t *j,
    ngx_http_sluice_known_t *known, const struct sluice_route *route,
    const struct sluice_route_host *host, ngx_uint_t active)
{
    ngx_http_sluice_json_open(j, NULL, '{');
    ngx_http_sluice_json_string(j, "Name", host->name);
    ngx_http_sluice_json_integer(j, "Port", host->port);
    ngx_http_sluice_json_string(j, "Address", host->address);
    ngx_http_sluice_json_string(j, "Label", host->label);
    ngx_http_sluice_json_flag(j, "Active", active);
    ngx_http_sluice_json_flag(j, "Healthy",
                              (host->flags & SLUICE_ROUTE_HEALTHY) != 0);
    ngx_http_sluice_json_flag(j, "Replica",
                              (host->flags & SLUICE_ROUTE_REPLICA) != 0);
    ngx_http_sluice_json_flag(j, "Inactive",
                              (host->flags & SLUICE_ROUTE_INACTIVE) != 0);
    ngx_http_sluice_json_string(j, "Operator",
                                host->flags & SLUICE_ROUTE_DOWN ? "down"
                                : host->flags & SLUICE_ROUTE_DRAINED
                                ? "drained" : "");
    ngx_http_sluice_json_integer(j, "Epoch", host->epoch);

    if (host->flags & SLUICE_ROUTE_HAS_LAG) {
        ngx_http_sluice_json_number(j, "LagSeconds", host->lag_s);

    } else {
        ngx_http_sluice_json_null(j, "LagSeconds");
    }

    ngx_http_sluice_describe_age(j, "AgeMs", host->sampled_mono_ms,
                                 known->fresh.now_mono_ms);
    ngx_http_sluice_json_integer(j, "Sessions",
                                 ngx_http_sluice_routes_sessions(route, host));
    ngx_http_sluice_json_string(j, "Text", host->text);
    ngx_http_sluice_json_close(j, '}');
}


/* null: never; a clock that was put back since shows 0 */

static void
ngx_http_sluice_routes_age(ngx_http_sluice_json_t *j, const char *key,
    uint64_t real)
{
    uint64_t     now;
    ngx_time_t  *tp;

    if (real == 0) {
        ngx_http_sluice_json_null(j, key);
        return;
    }

    tp = ngx_timeofday();
    now = (uint64_t) tp->sec * 1000 + tp->msec;

    ngx_http_sluice_json_integer(j, key, now > real ? now - real : 0);
}


static ngx_uint_t
ngx_http_sluice_routes_sessions(const struct sluice_route *route,
    const struct sluice_route_host *host)
{
    ngx_sluice_seat_t  *seat;
    ngx_sluice_zone_t  *zone;

    zone = ngx_sluice_zone();
    seat = zone ? ngx_sluice_seat(zone, route->cluster, host) : NULL;

    return seat ? ngx_sluice_seat_count(zone, seat) : 0;
}
