
/*
 * "upstream NAME { sluice CLUSTER; }": the host that a session goes to.  It is
 * noted before the dial, so that whoever is still on the way is cut, too.
 */


#include "ngx_stream_sluice.h"


static ngx_int_t ngx_stream_sluice_init_upstream(ngx_conf_t *cf,
    ngx_stream_upstream_srv_conf_t *us);
static ngx_int_t ngx_stream_sluice_init_peer(ngx_stream_session_t *s,
    ngx_stream_upstream_srv_conf_t *us);
static ngx_int_t ngx_stream_sluice_get_peer(ngx_peer_connection_t *pc,
    void *data);
static void ngx_stream_sluice_free_peer(ngx_peer_connection_t *pc, void *data,
    ngx_uint_t state);
static const struct sluice_route_host *ngx_stream_sluice_choose(
    ngx_stream_sluice_peer_t *sp, const struct sluice_view *view,
    const struct sluice_route *route);
static const struct sluice_route_host *ngx_stream_sluice_least(
    ngx_stream_sluice_peer_t *sp, const struct sluice_view *view,
    const struct sluice_route *route);
static ngx_sluice_zone_t *ngx_stream_sluice_counts(
    const struct sluice_view *view, const struct sluice_route *route);
static ngx_uint_t ngx_stream_sluice_serves(ngx_stream_sluice_peer_t *sp,
    const struct sluice_route_host *host);
static ngx_int_t ngx_stream_sluice_go(ngx_peer_connection_t *pc,
    ngx_stream_sluice_peer_t *sp, const struct sluice_route *route,
    const struct sluice_route_host *host, ngx_uint_t writer);
static char *ngx_stream_sluice_param(ngx_conf_t *cf, ngx_str_t *value,
    ngx_stream_sluice_srv_conf_t *sscf);
#if (NGX_STREAM_SSL)
static ngx_int_t ngx_stream_sluice_set_session(ngx_peer_connection_t *pc,
    void *data);
static void ngx_stream_sluice_save_session(ngx_peer_connection_t *pc,
    void *data);
#endif


static ngx_int_t
ngx_stream_sluice_init_upstream(ngx_conf_t *cf,
    ngx_stream_upstream_srv_conf_t *us)
{
#if (NGX_STREAM_UPSTREAM_ZONE)

    if (us->shm_zone) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "upstream \"%V\" in %s:%ui has \"zone\" beside "
                      "\"sluice\": remove it, hosts come from the state file",
                      &us->host, us->file_name, us->line);
        return NGX_ERROR;
    }

#endif

    if (us->servers->nelts != 1) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "upstream \"%V\" in %s:%ui has \"server\" beside "
                      "\"sluice\": remove it, hosts come from the state file",
                      &us->host, us->file_name, us->line);
        return NGX_ERROR;
    }

    us->peer.init = ngx_stream_sluice_init_peer;

    return NGX_OK;
}


static ngx_int_t
ngx_stream_sluice_init_peer(ngx_stream_session_t *s,
    ngx_stream_upstream_srv_conf_t *us)
{
    ngx_stream_sluice_peer_t      *sp;
    ngx_stream_sluice_srv_conf_t  *sscf;

    sscf = ngx_stream_conf_upstream_srv_conf(us, ngx_stream_sluice_module);

    if (s->connection->type != SOCK_STREAM) {
        ngx_log_error(NGX_LOG_ERR, s->connection->log, 0,
                      "sluice: upstream \"%V\" is for TCP: remove \"udp\" "
                      "from \"listen\"", &us->host);
        return NGX_ERROR;
    }

    sp = ngx_pcalloc(s->connection->pool, sizeof(ngx_stream_sluice_peer_t));
    if (sp == NULL) {
        return NGX_ERROR;
    }

    sp->ctx = ngx_stream_sluice_ctx(s, sscf->cluster);
    if (sp->ctx == NULL) {
        return NGX_ERROR;
    }

    sp->session = s;
    sp->conf = sscf;

    s->upstream->peer.data = sp;
    s->upstream->peer.get = ngx_stream_sluice_get_peer;
    s->upstream->peer.free = ngx_stream_sluice_free_peer;

    /* who writes goes to the one host, or nowhere */

    s->upstream->peer.tries = (sscf->role == NGX_STREAM_SLUICE_REPLICA)
                              ? NGX_STREAM_SLUICE_TRIED : 1;

#if (NGX_STREAM_SSL)
    s->upstream->peer.set_session = ngx_stream_sluice_set_session;
    s->upstream->peer.save_session = ngx_stream_sluice_save_session;
#endif

    return NGX_OK;
}


static ngx_int_t
ngx_stream_sluice_get_peer(ngx_peer_connection_t *pc, void *data)
{
    ngx_stream_sluice_peer_t  *sp = data;

    const char                      *why;
    ngx_uint_t                       writer;
    const struct sluice_view        *view;
    const struct sluice_route       *route;
    const struct sluice_route_host  *host;

    view = ngx_sluice_view_routes();
    route = sluice_view_route(view, (char *) sp->conf->cluster->name.data,
                              sp->conf->cluster->name.len);

    writer = sp->conf->role == NGX_STREAM_SLUICE_PRIMARY;
    why = "no host serves that role";

    host = NULL;

    if (writer || route == NULL || (route->flags & SLUICE_ROUTE_TRAFFIC_OFF)) {
        why = ngx_stream_sluice_closed(view, route);

    } else {
        host = ngx_stream_sluice_choose(sp, view, route);

        if (host == NULL && sp->conf->fallback
            && ngx_stream_sluice_closed(view, route) == NULL)
        {
            writer = 1;
            why = NULL;
        }
    }

    if (host == NULL && why == NULL) {
        host = sluice_view_active(view, route, ngx_sluice_boot_now());
    }

    if (host && ngx_stream_sluice_go(pc, sp, route, host, writer) == NGX_OK) {
        return NGX_OK;
    }

    sp->ctx->outcome = "no_active";

    ngx_log_error(NGX_LOG_ERR, pc->log, 0, "sluice: %V: %s",
                  &sp->conf->cluster->name,
                  host ? "its host has no address yet" : why);

    ngx_stream_sluice_refuse(sp->session, sp->conf->cluster);

    return NGX_BUSY;
}


static const struct sluice_route_host *
ngx_stream_sluice_choose(ngx_stream_sluice_peer_t *sp,
    const struct sluice_view *view, const struct sluice_route *route)
{
    ngx_uint_t                       i;
    const struct sluice_route_host  *hosts;

    if (sp->conf->role == NGX_STREAM_SLUICE_REPLICA) {
        return ngx_stream_sluice_least(sp, view, route);
    }

    hosts = sluice_view_route_hosts(view, route);

    for (i = 0; i < route->nhosts; i++) {
        if (hosts[i].flags & SLUICE_ROUTE_INACTIVE) {
            return &hosts[i];
        }
    }

    return NULL;
}


/* least sessions, then least lag; of equal ones any */

static const struct sluice_route_host *
ngx_stream_sluice_least(ngx_stream_sluice_peer_t *sp,
    const struct sluice_view *view, const struct sluice_route *route)
{
    double                           lag, least_lag;
    ngx_uint_t                       i, n, least, equal;
    ngx_sluice_zone_t               *zone;
    const struct sluice_route_host  *hosts, *best;

    zone = ngx_stream_sluice_counts(view, route);
    hosts = sluice_view_route_hosts(view, route);
    best = NULL;
    least = 0;
    least_lag = 0;
    equal = 0;

    for (i = 0; i < route->nhosts; i++) {

        if (!ngx_stream_sluice_serves(sp, &hosts[i])) {
            continue;
        }

        n = 0;
        lag = 0;

        if (zone) {
            n = ngx_sluice_seat_count(zone, ngx_sluice_seat(zone,
                                                 route->cluster, &hosts[i]));
            lag = hosts[i].lag_s;
        }

        if (best && (n > least || (n == least && lag > least_lag))) {
            continue;
        }

        if (best == NULL || n < least || lag < least_lag) {
            equal = 0;
        }

        if (ngx_random() % ++equal == 0) {
            best = &hosts[i];
        }

        least = n;
        least_lag = lag;
    }

    return best;
}


/* the zone, if it counts the sessions of each host: who has none is not idle */

static ngx_sluice_zone_t *
ngx_stream_sluice_counts(const struct sluice_view *view,
    const struct sluice_route *route)
{
    ngx_uint_t                       i;
    ngx_sluice_zone_t               *zone;
    const struct sluice_route_host  *hosts;

    zone = ngx_sluice_zone();
    hosts = sluice_view_route_hosts(view, route);

    for (i = 0; zone && i < route->nhosts; i++) {
        if (ngx_sluice_seat(zone, route->cluster, &hosts[i]) == NULL) {
            return NULL;
        }
    }

    return zone;
}


static ngx_uint_t
ngx_stream_sluice_serves(ngx_stream_sluice_peer_t *sp,
    const struct sluice_route_host *host)
{
    uint64_t    number;
    ngx_uint_t  i;

    if (!(host->flags & SLUICE_ROUTE_REPLICA)
        || (host->flags & (SLUICE_ROUTE_DOWN|SLUICE_ROUTE_DRAINED))
        || host->address[0] == '\0')
    {
        return 0;
    }

    if (sp->conf->max_lag != NGX_CONF_UNSET_MSEC
        && (!(host->flags & SLUICE_ROUTE_HAS_LAG)
            || host->lag_s * 1000 > sp->conf->max_lag))
    {
        return 0;
    }

    number = ngx_stream_sluice_host(host);

    for (i = 0; i < sp->ntried; i++) {
        if (sp->tried[i] == number) {
            return 0;
        }
    }

    return 1;
}


static ngx_int_t
ngx_stream_sluice_go(ngx_peer_connection_t *pc, ngx_stream_sluice_peer_t *sp,
    const struct sluice_route *route, const struct sluice_route_host *host,
    ngx_uint_t writer)
{
    size_t              size;
    ngx_str_t          *name;
    ngx_addr_t          addr;
    ngx_pool_t         *pool;
    ngx_sluice_zone_t  *zone;

    pool = sp->session->connection->pool;

    if (ngx_parse_addr(pool, &addr, (u_char *) host->address,
                       ngx_strlen(host->address))
        != NGX_OK)
    {
        return NGX_DECLINED;
    }

    ngx_inet_set_port(addr.sockaddr, host->port);

    /* pc->name must live as long as the session */

    name = ngx_palloc(pool, sizeof(ngx_str_t));
    size = ngx_strlen(host->name) + sizeof("[]:65535");
    sp->ctx->host.data = ngx_pnalloc(pool, size);

    if (name == NULL || sp->ctx->host.data == NULL) {
        return NGX_DECLINED;
    }

    name->data = ngx_pnalloc(pool, NGX_SOCKADDR_STRLEN);
    if (name->data == NULL) {
        return NGX_DECLINED;
    }

    name->len = ngx_sock_ntop(addr.sockaddr, addr.socklen, name->data,
                              NGX_SOCKADDR_STRLEN, 1);

    sp->ctx->host.len = ngx_snprintf(sp->ctx->host.data, size,
                                     ngx_strchr(host->name, ':') ? "[%s]:%ui"
                                                                 : "%s:%ui",
                                     host->name, (ngx_uint_t) host->port)
                        - sp->ctx->host.data;

    pc->connection = NULL;
    pc->sockaddr = addr.sockaddr;
    pc->socklen = addr.socklen;
    pc->name = name;
    pc->cached = 0;

    sp->epoch = writer ? route->epoch : host->epoch;
    sp->host = ngx_stream_sluice_host(host);
    sp->ctx->epoch = sp->epoch;

    ngx_queue_insert_tail(writer ? &sp->conf->cluster->writers
                                 : &sp->conf->cluster->readers, &sp->queue);
    sp->queued = 1;

    zone = ngx_sluice_zone();
    sp->seat = zone ? ngx_sluice_seat(zone, route->cluster, host) : NULL;

    if (sp->seat) {
        ngx_sluice_seat_add(zone, sp->seat, 1);
    }

    return NGX_OK;
}


static void
ngx_stream_sluice_free_peer(ngx_peer_connection_t *pc, void *data,
    ngx_uint_t state)
{
    ngx_stream_sluice_peer_t  *sp = data;

    struct linger  linger;

    if (sp->queued) {
        ngx_queue_remove(&sp->queue);
        sp->queued = 0;
    }

    if (sp->seat) {
        ngx_sluice_seat_add(ngx_sluice_zone(), sp->seat, -1);
        sp->seat = NULL;
    }

    if ((state & NGX_PEER_FAILED) && sp->ntried < NGX_STREAM_SLUICE_TRIED) {
        sp->tried[sp->ntried++] = sp->host;
    }

    if (sp->cut && pc->connection) {

        /* statements that were not sent yet never arrive */

        linger.l_onoff = 1;
        linger.l_linger = 0;

        if (setsockopt(pc->connection->fd, SOL_SOCKET, SO_LINGER,
                       (const void *) &linger, sizeof(struct linger))
            == -1)
        {
            ngx_log_error(NGX_LOG_ERR, pc->log, ngx_socket_errno,
                          "setsockopt(SO_LINGER) failed");
        }
    }

    if (pc->tries) {
        pc->tries--;
    }
}


#if (NGX_STREAM_SSL)

/* the proxy calls them without a look whether they are there */

static ngx_int_t
ngx_stream_sluice_set_session(ngx_peer_connection_t *pc, void *data)
{
    return NGX_OK;
}


static void
ngx_stream_sluice_save_session(ngx_peer_connection_t *pc, void *data)
{
    return;
}

#endif


char *
ngx_stream_sluice_upstream(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_stream_sluice_srv_conf_t  *sscf = conf;

    ngx_str_t                       *value, directive;
    ngx_uint_t                       i;
    ngx_stream_upstream_server_t    *server;
    ngx_stream_upstream_srv_conf_t  *uscf;

    if (sscf->cluster) {
        return "is duplicate";
    }

    uscf = ngx_stream_conf_get_module_srv_conf(cf, ngx_stream_upstream_module);

    if (uscf->peer.init_upstream) {
        return "stands beside another way to choose a host: remove that one";
    }

    value = cf->args->elts;

    sscf->cluster = ngx_stream_sluice_cluster(cf, &value[1]);
    if (sscf->cluster == NULL) {
        return NGX_CONF_ERROR;
    }

    for (i = 2; i < cf->args->nelts; i++) {
        if (ngx_stream_sluice_param(cf, &value[i], sscf) != NGX_CONF_OK) {
            return NGX_CONF_ERROR;
        }
    }

    if (sscf->role != NGX_STREAM_SLUICE_REPLICA
        && (sscf->max_lag != NGX_CONF_UNSET_MSEC || sscf->fallback))
    {
        return "takes \"max_lag=\" and \"fallback=\" only with "
               "\"role=replica\"";
    }

    /* an upstream block must have a server; this one stands for all hosts */

    server = ngx_array_push(uscf->servers);
    if (server == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(server, sizeof(ngx_stream_upstream_server_t));

    uscf->flags = NGX_STREAM_UPSTREAM_CREATE;
    uscf->peer.init_upstream = ngx_stream_sluice_init_upstream;

    ngx_str_set(&directive, "sluice");

    return ngx_sluice_need(cf, "directive", &directive) == NGX_OK
           ? NGX_CONF_OK : NGX_CONF_ERROR;
}


static char *
ngx_stream_sluice_param(ngx_conf_t *cf, ngx_str_t *value,
    ngx_stream_sluice_srv_conf_t *sscf)
{
    ngx_str_t  time;

    if (ngx_strcmp(value->data, "role=primary") == 0) {
        sscf->role = NGX_STREAM_SLUICE_PRIMARY;
        return NGX_CONF_OK;
    }

    if (ngx_strcmp(value->data, "role=replica") == 0) {
        sscf->role = NGX_STREAM_SLUICE_REPLICA;
        return NGX_CONF_OK;
    }

    if (ngx_strcmp(value->data, "role=inactive") == 0) {
        sscf->role = NGX_STREAM_SLUICE_INACTIVE;
        return NGX_CONF_OK;
    }

    if (ngx_strcmp(value->data, "fallback=primary") == 0) {
        sscf->fallback = 1;
        return NGX_CONF_OK;
    }

    if (ngx_strcmp(value->data, "fallback=none") == 0) {
        sscf->fallback = 0;
        return NGX_CONF_OK;
    }

    if (ngx_strncmp(value->data, "max_lag=", 8) == 0) {
        time.data = value->data + 8;
        time.len = value->len - 8;
        sscf->max_lag = ngx_parse_time(&time, 0);

        if (time.len && sscf->max_lag != (ngx_msec_t) NGX_ERROR) {
            return NGX_CONF_OK;
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid \"%V\": write a time, such as "
                           "\"max_lag=1s\" or \"max_lag=500ms\"", value);
        return NGX_CONF_ERROR;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid parameter \"%V\": \"sluice CLUSTER\" takes "
                       "\"role=primary\", \"role=replica\" or "
                       "\"role=inactive\", and with replicas \"max_lag=TIME\" "
                       "and \"fallback=primary\"", value);

    return NGX_CONF_ERROR;
}
