
/*
 * A routed cluster over HTTP, as Switchboard's clients know it, and whether
 * writers find a host.
 */


#include "ngx_http_sluice.h"
#include "ngx_http_sluice_json.h"
#include "ngx_sluice_zone.h"


#define NGX_HTTP_SLUICE_YEAR_10000  253402300800000    /* ms; none is printed */


typedef struct {
    ngx_str_t                          name;
    const struct sluice_view          *view;
    const struct sluice_route         *route;
    const struct sluice_route_host    *hosts;
} ngx_http_sluice_routed_t;


static ngx_int_t ngx_http_sluice_routed(ngx_http_request_t *r,
    ngx_http_sluice_routed_t *routed);
static ngx_int_t ngx_http_sluice_not_routed(ngx_http_request_t *r,
    ngx_http_sluice_routed_t *routed, ngx_uint_t status, const char *why);
static ngx_int_t ngx_http_sluice_unknown(ngx_http_request_t *r,
    ngx_http_sluice_routed_t *routed);
static ngx_int_t ngx_http_sluice_inactive(ngx_http_request_t *r,
    ngx_http_sluice_routed_t *routed);
static const struct sluice_route_host *ngx_http_sluice_backends_active(
    ngx_http_sluice_routed_t *routed);
static ngx_int_t ngx_http_sluice_backends_send(ngx_http_request_t *r,
    ngx_http_sluice_json_t *j);
static void ngx_http_sluice_backend(ngx_http_sluice_json_t *j,
    ngx_http_sluice_routed_t *routed, ngx_uint_t n);
static void ngx_http_sluice_backend_name(ngx_http_sluice_json_t *j,
    const struct sluice_route_host *host);
static void ngx_http_sluice_updated(ngx_http_sluice_json_t *j, uint64_t ms);


ngx_int_t
ngx_http_sluice_backends_handler(ngx_http_request_t *r)
{
    ngx_int_t                  rc;
    ngx_uint_t                 i;
    ngx_http_sluice_json_t     j;
    ngx_http_sluice_routed_t   routed;

    /* whatever the method is, as there */

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_sluice_routed(r, &routed);

    if (rc == NGX_DECLINED) {
        return ngx_http_sluice_unknown(r, &routed);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    ngx_http_sluice_json_begin(&j, r->pool);
    ngx_http_sluice_json_open(&j, NULL, '[');

    for (i = 0; i < routed.route->nhosts; i++) {
        ngx_http_sluice_backend(&j, &routed, i);
    }

    ngx_http_sluice_json_close(&j, ']');

    return ngx_http_sluice_backends_send(r, &j);
}


ngx_int_t
ngx_http_sluice_cluster_handler(ngx_http_request_t *r)
{
    ngx_int_t                        rc;
    ngx_http_sluice_json_t           j;
    ngx_http_sluice_routed_t         routed;
    const struct sluice_route       *route;
    const struct sluice_route_host  *host;

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
        return ngx_http_sluice_send_static(r, NGX_HTTP_NOT_ALLOWED,
                                           NGX_HTTP_SLUICE_TEXT,
                                           "Method not allowed\n");
    }

    rc = ngx_http_sluice_routed(r, &routed);

    if (rc == NGX_DECLINED) {
        return ngx_http_sluice_unknown(r, &routed);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    route = routed.route;

    ngx_http_sluice_json_begin(&j, r->pool);
    ngx_http_sluice_json_open(&j, NULL, '{');

    host = ngx_http_sluice_backends_active(&routed);

    if (host) {
        ngx_http_sluice_json_open(&j, "activeBackend", '{');
        ngx_http_sluice_json_string(&j, "host", host->name);
        ngx_http_sluice_json_integer(&j, "port", host->port);
        ngx_http_sluice_backend_name(&j, host);
        ngx_http_sluice_json_close(&j, '}');

    } else {
        ngx_http_sluice_json_null(&j, "activeBackend");
    }

    ngx_http_sluice_json_flag(&j, "trafficEnabled",
                              !(route->flags & SLUICE_ROUTE_TRAFFIC_OFF));
    ngx_http_sluice_json_string(&j, "message", route->message);
    ngx_http_sluice_updated(&j, route->traffic_real_ms);
    ngx_http_sluice_json_close(&j, '}');

    return ngx_http_sluice_backends_send(r, &j);
}


/* 200: a writer that comes now finds a host */

ngx_int_t
ngx_http_sluice_active_handler(ngx_http_request_t *r)
{
    ngx_int_t                  rc;
    ngx_http_sluice_routed_t   routed;

    rc = ngx_http_sluice_begin(r);

    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_sluice_routed(r, &routed);

    if (rc == NGX_DECLINED) {
        return ngx_http_sluice_unknown(r, &routed);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    if (sluice_view_active(routed.view, routed.route, ngx_sluice_boot_now())) {
        return ngx_http_sluice_send_static(r, NGX_HTTP_OK,
                                           NGX_HTTP_SLUICE_TEXT, "OK\n");
    }

    return ngx_http_sluice_inactive(r, &routed);
}


/* what an operator or the leader said of it stands in the answer */

static ngx_int_t
ngx_http_sluice_inactive(ngx_http_request_t *r,
    ngx_http_sluice_routed_t *routed)
{
    const char                 *what, *why;
    const struct sluice_route  *route;
    u_char                      text[SLUICE_ERROR_SIZE + 128];

    route = routed->route;

    if (route->flags & SLUICE_ROUTE_TRAFFIC_OFF) {
        what = "traffic is switched off";
        why = route->message;

    } else if (route->flags & SLUICE_ROUTE_ACTIVE) {
        what = "no host is active for this node";
        why = "its lease is over, for it could not read for long where "
              "writers go";

    } else {
        what = "no host is active";
        why = route->reason;
    }

    (void) ngx_snprintf(text, sizeof(text), "%s%s%s%Z", what,
                        why[0] ? ": " : "", why);
    text[sizeof(text) - 1] = '\0';

    return ngx_http_sluice_not_routed(r, routed, NGX_HTTP_SERVICE_UNAVAILABLE,
                                      (char *) text);
}


/* without a state nobody knows which clusters there are */

static ngx_int_t
ngx_http_sluice_unknown(ngx_http_request_t *r, ngx_http_sluice_routed_t *routed)
{
    struct sluice_freshness  fresh;

    if (ngx_sluice_view(&fresh) == NULL) {
        return ngx_http_sluice_not_routed(r, routed,
                                          NGX_HTTP_SERVICE_UNAVAILABLE,
                                          fresh.no_state);
    }

    return ngx_http_sluice_not_routed(r, routed, NGX_HTTP_NOT_FOUND,
                                      "sluiced routes no such cluster");
}


/* NULL: none, or this node's lease is over; traffic is another matter */

static const struct sluice_route_host *
ngx_http_sluice_backends_active(ngx_http_sluice_routed_t *routed)
{
    if (!(routed->route->flags & SLUICE_ROUTE_ACTIVE)
        || sluice_view_writers_are_over(routed->route, ngx_sluice_boot_now()))
    {
        return NULL;
    }

    return &routed->hosts[routed->route->active];
}


/* NGX_DECLINED: there is no such route */

static ngx_int_t
ngx_http_sluice_routed(ngx_http_request_t *r, ngx_http_sluice_routed_t *routed)
{
    ngx_http_sluice_loc_conf_t  *slcf;

    slcf = ngx_http_get_module_loc_conf(r, ngx_http_sluice_module);

    if (ngx_http_complex_value(r, slcf->cluster, &routed->name) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    routed->view = ngx_sluice_view_routes();
    routed->route = sluice_view_route(routed->view,
                                      (char *) routed->name.data,
                                      routed->name.len);

    if (routed->route == NULL) {
        return NGX_DECLINED;
    }

    routed->hosts = sluice_view_route_hosts(routed->view, routed->route);

    return NGX_OK;
}


static ngx_int_t
ngx_http_sluice_not_routed(ngx_http_request_t *r,
    ngx_http_sluice_routed_t *routed, ngx_uint_t status, const char *why)
{
    u_char                    *p;
    ngx_buf_t                 *b;
    ngx_str_t                  text;
    ngx_http_sluice_json_t     j;

    text.len = routed->name.len + ngx_strlen(why) + sizeof("cluster : ");
    text.data = ngx_pnalloc(r->pool, text.len);
    if (text.data == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    p = ngx_snprintf(text.data, text.len, "cluster %V: %s", &routed->name,
                     why);

    ngx_http_sluice_json_begin(&j, r->pool);
    ngx_http_sluice_json_open(&j, NULL, '{');
    ngx_http_sluice_json_integer(&j, "StatusCode", status);
    ngx_http_sluice_json_text(&j, "Message", (char *) text.data,
                              p - text.data);
    ngx_http_sluice_json_close(&j, '}');

    b = ngx_http_sluice_json_end(&j);
    if (b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_sluice_send(r, status, NGX_HTTP_SLUICE_JSON, b);
}


/* Switchboard's bodies end without a newline */

static ngx_int_t
ngx_http_sluice_backends_send(ngx_http_request_t *r, ngx_http_sluice_json_t *j)
{
    ngx_buf_t  *b;

    b = ngx_http_sluice_json_end(j);
    if (b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    b->last--;

    return ngx_http_sluice_send(r, NGX_HTTP_OK,
                                NGX_HTTP_SLUICE_JSON "; charset=utf-8", b);
}


static void
ngx_http_sluice_backend(ngx_http_sluice_json_t *j,
    ngx_http_sluice_routed_t *routed, ngx_uint_t n)
{
    ngx_uint_t                       active;
    ngx_sluice_seat_t               *seat;
    ngx_sluice_zone_t               *zone;
    const struct sluice_route_host  *host;

    host = &routed->hosts[n];
    active = ngx_http_sluice_backends_active(routed) == host;

    zone = ngx_sluice_zone();
    seat = zone ? ngx_sluice_seat(zone, routed->route->cluster, host) : NULL;

    ngx_http_sluice_json_open(j, NULL, '{');
    ngx_http_sluice_json_string(j, "host", host->name);
    ngx_http_sluice_json_integer(j, "port", host->port);
    ngx_http_sluice_json_flag(j, "healthy",
                              (host->flags & SLUICE_ROUTE_HEALTHY) != 0);
    ngx_http_sluice_backend_name(j, host);
    ngx_http_sluice_json_integer(j, "currentSessionCount",
                                 seat ? ngx_sluice_seat_count(zone, seat) : 0);
    ngx_http_sluice_json_flag(j, "active", active);
    ngx_http_sluice_json_flag(j, "trafficEnabled",
                              !(routed->route->flags
                                & SLUICE_ROUTE_TRAFFIC_OFF));
    ngx_http_sluice_json_string(j, "ip", host->address[0] ? host->address
                                                          : host->name);
    ngx_http_sluice_json_close(j, '}');
}


static void
ngx_http_sluice_backend_name(ngx_http_sluice_json_t *j,
    const struct sluice_route_host *host)
{
    u_char  *p, name[SLUICE_HOST_NAME_SIZE + sizeof("[]:65535")];

    if (host->label[0]) {
        ngx_http_sluice_json_string(j, "name", host->label);
        return;
    }

    p = ngx_snprintf(name, sizeof(name),
                     ngx_strchr(host->name, ':') ? "[%s]:%ui" : "%s:%ui",
                     host->name, (ngx_uint_t) host->port);

    ngx_http_sluice_json_text(j, "name", (char *) name, p - name);
}


/*
 * Go's time.Time: year 1 before the first change, or where it cannot be, and
 * no zeroes at the end.
 */

static void
ngx_http_sluice_updated(ngx_http_sluice_json_t *j, uint64_t ms)
{
    u_char    *p, text[sizeof("1970-01-01T00:00:00.000Z")];
    ngx_tm_t   tm;

    if (ms == 0 || ms >= NGX_HTTP_SLUICE_YEAR_10000) {
        ngx_http_sluice_json_string(j, "lastUpdated", "0001-01-01T00:00:00Z");
        return;
    }

    ngx_gmtime(ms / 1000, &tm);

    p = ngx_sprintf(text, "%4d-%02d-%02dT%02d:%02d:%02d",
                    tm.ngx_tm_year, tm.ngx_tm_mon, tm.ngx_tm_mday,
                    tm.ngx_tm_hour, tm.ngx_tm_min, tm.ngx_tm_sec);

    if (ms % 1000) {
        p = ngx_sprintf(p, ".%03d", (int) (ms % 1000));

        while (p[-1] == '0') {
            p--;
        }
    }

    *p++ = 'Z';

    ngx_http_sluice_json_text(j, "lastUpdated", (char *) text, p - text);
}


/* "sluice_backends", "sluice_cluster", "sluice_active": each of a cluster */

char *
ngx_http_sluice_route_page(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_sluice_loc_conf_t  *slcf = conf;

    char                              *rv;
    ngx_str_t                         *value;
    ngx_http_core_loc_conf_t          *clcf;
    ngx_http_compile_complex_value_t   ccv;

    rv = ngx_http_sluice_place(cf, cmd, slcf);

    if (rv != NGX_CONF_OK) {
        return rv;
    }

    value = cf->args->elts;

    if (cf->args->nelts != 2 || value[1].len == 0) {
        return "takes the name of a cluster, such as \"main1\"";
    }

    slcf->cluster = ngx_palloc(cf->pool, sizeof(ngx_http_complex_value_t));
    if (slcf->cluster == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(&ccv, sizeof(ngx_http_compile_complex_value_t));

    ccv.cf = cf;
    ccv.value = &value[1];
    ccv.complex_value = slcf->cluster;

    if (ngx_http_compile_complex_value(&ccv) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (slcf->cluster->lengths == NULL
        && ngx_sluice_need_route(cf, &value[1]) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (ngx_strcmp(cmd->name.data, "sluice_backends") == 0) {
        slcf->handler = ngx_http_sluice_backends_handler;

    } else if (ngx_strcmp(cmd->name.data, "sluice_cluster") == 0) {
        slcf->handler = ngx_http_sluice_cluster_handler;

    } else {
        slcf->handler = ngx_http_sluice_active_handler;
    }

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    clcf->handler = slcf->handler;

    return NGX_CONF_OK;
}
