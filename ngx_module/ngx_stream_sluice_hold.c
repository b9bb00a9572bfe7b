
/*
 * "sluice_hold": a new session waits for the cluster to have an active host;
 * and what a client is told that cannot be served.
 */


#include "ngx_stream_sluice.h"


#define NGX_STREAM_SLUICE_ERRNO      1105  /* ER_UNKNOWN_ERROR */
#define NGX_STREAM_SLUICE_HOLD_MAX   1000


struct ngx_stream_sluice_held_s {
    ngx_queue_t                    queue;
    ngx_stream_session_t          *session;
    ngx_stream_sluice_cluster_t   *cluster;
    ngx_event_t                    timer;

    unsigned                       waits:1;
    unsigned                       over:1;
};


static ngx_stream_sluice_held_t *ngx_stream_sluice_wait(
    ngx_stream_session_t *s, ngx_stream_sluice_srv_conf_t *sscf);
static void ngx_stream_sluice_wait_end(ngx_stream_sluice_held_t *held);
static void ngx_stream_sluice_wait_timer(ngx_event_t *ev);
static void ngx_stream_sluice_wait_read(ngx_event_t *rev);
static void ngx_stream_sluice_wait_cleanup(void *data);
static void ngx_stream_sluice_go_on(ngx_stream_sluice_held_t *held);
static ngx_int_t ngx_stream_sluice_turn_away(ngx_stream_session_t *s,
    ngx_stream_sluice_cluster_t *cluster);


ngx_int_t
ngx_stream_sluice_hold_handler(ngx_stream_session_t *s)
{
    const struct sluice_view      *view;
    const struct sluice_route     *route;
    ngx_stream_sluice_ctx_t       *ctx;
    ngx_stream_sluice_srv_conf_t  *sscf;

    sscf = ngx_stream_get_module_srv_conf(s, ngx_stream_sluice_module);

    if (sscf->hold == NULL) {
        return NGX_DECLINED;
    }

    view = ngx_sluice_view_routes();
    route = sluice_view_route(view, (char *) sscf->hold->name.data,
                              sscf->hold->name.len);

    if (ngx_stream_sluice_closed(view, route) == NULL) {
        return NGX_DECLINED;
    }

    ctx = ngx_stream_sluice_ctx(s, sscf->hold);
    if (ctx == NULL) {
        return NGX_ERROR;
    }

    if (ctx->held && ctx->held->over) {
        return ngx_stream_sluice_turn_away(s, sscf->hold);
    }

    /* it went again before the session could go on: it waits on */

    if (sscf->hold->nheld >= sscf->hold_max) {
        ngx_log_error(NGX_LOG_ERR, s->connection->log, 0,
                      "sluice: %V: %ui sessions are held already",
                      &sscf->hold->name, sscf->hold->nheld);

        return ngx_stream_sluice_turn_away(s, sscf->hold);
    }

    if (ctx->held == NULL) {
        ctx->held = ngx_stream_sluice_wait(s, sscf);
        if (ctx->held == NULL) {
            return NGX_ERROR;
        }
    }

    ngx_queue_insert_tail(&sscf->hold->held, &ctx->held->queue);
    sscf->hold->nheld++;
    ctx->held->waits = 1;

    s->connection->read->handler = ngx_stream_sluice_wait_read;

    if (ngx_handle_read_event(s->connection->read, 0) != NGX_OK) {
        return NGX_ERROR;
    }

    return NGX_AGAIN;
}


static ngx_stream_sluice_held_t *
ngx_stream_sluice_wait(ngx_stream_session_t *s,
    ngx_stream_sluice_srv_conf_t *sscf)
{
    ngx_pool_cleanup_t        *cln;
    ngx_stream_sluice_held_t  *held;

    cln = ngx_pool_cleanup_add(s->connection->pool,
                               sizeof(ngx_stream_sluice_held_t));
    if (cln == NULL) {
        return NULL;
    }

    held = cln->data;
    ngx_memzero(held, sizeof(ngx_stream_sluice_held_t));

    held->session = s;
    held->cluster = sscf->hold;

    held->timer.handler = ngx_stream_sluice_wait_timer;
    held->timer.data = s->connection;
    held->timer.log = s->connection->log;

    ngx_add_timer(&held->timer, sscf->hold_time);

    cln->handler = ngx_stream_sluice_wait_cleanup;

    return held;
}


static void
ngx_stream_sluice_wait_end(ngx_stream_sluice_held_t *held)
{
    if (held->waits) {
        ngx_queue_remove(&held->queue);
        held->cluster->nheld--;
        held->waits = 0;
    }
}


static void
ngx_stream_sluice_wait_timer(ngx_event_t *ev)
{
    ngx_connection_t          *c;
    ngx_stream_session_t      *s;
    ngx_stream_sluice_ctx_t   *ctx;

    c = ev->data;
    s = c->data;

    ctx = ngx_stream_get_module_ctx(s, ngx_stream_sluice_module);

    ctx->held->over = 1;

    if (ctx->held->waits) {
        ngx_stream_sluice_go_on(ctx->held);
    }
}


/* the client says nothing before the server does: what comes is its end */

static void
ngx_stream_sluice_wait_read(ngx_event_t *rev)
{
    u_char                 byte;
    ssize_t                n;
    ngx_connection_t      *c;
    ngx_stream_session_t  *s;

    c = rev->data;
    s = c->data;

    if (c->close) {
        ngx_stream_finalize_session(s, NGX_STREAM_OK);
        return;
    }

    n = recv(c->fd, &byte, 1, MSG_PEEK);

    if (n == 0 || (n == -1 && ngx_socket_errno != NGX_EAGAIN)
#if (NGX_HAVE_EPOLLRDHUP)
        || rev->pending_eof
#endif
       )
    {
        ngx_stream_finalize_session(s, NGX_STREAM_OK);
        return;
    }

    if (n == -1) {
        rev->ready = 0;
    }

    if (ngx_handle_read_event(rev, 0) != NGX_OK) {
        ngx_stream_finalize_session(s, NGX_STREAM_INTERNAL_SERVER_ERROR);
    }
}


static void
ngx_stream_sluice_wait_cleanup(void *data)
{
    ngx_stream_sluice_held_t  *held = data;

    ngx_stream_sluice_wait_end(held);

    if (held->timer.timer_set) {
        ngx_del_timer(&held->timer);
    }
}


/* all at once: each takes its own way from here */

void
ngx_stream_sluice_release(ngx_stream_sluice_cluster_t *cluster)
{
    ngx_queue_t                released, *q;
    ngx_stream_sluice_ctx_t   *ctx;
    ngx_stream_sluice_held_t  *held;

    /* one that must wait again comes to the emptied queue */

    ngx_queue_init(&released);

    if (!ngx_queue_empty(&cluster->held)) {
        ngx_queue_add(&released, &cluster->held);
        ngx_queue_init(&cluster->held);
    }

    while (!ngx_queue_empty(&released)) {
        q = ngx_queue_head(&released);
        held = ngx_queue_data(q, ngx_stream_sluice_held_t, queue);

        ctx = ngx_stream_get_module_ctx(held->session,
                                        ngx_stream_sluice_module);
        ctx->outcome = "held";

        ngx_stream_sluice_go_on(held);
    }
}


static void
ngx_stream_sluice_go_on(ngx_stream_sluice_held_t *held)
{
    ngx_stream_session_t  *s;

    s = held->session;

    ngx_stream_sluice_wait_end(held);

    s->connection->read->handler = ngx_stream_session_handler;

    ngx_stream_core_run_phases(s);
}


static ngx_int_t
ngx_stream_sluice_turn_away(ngx_stream_session_t *s,
    ngx_stream_sluice_cluster_t *cluster)
{
    ngx_stream_sluice_ctx_t  *ctx;

    ctx = ngx_stream_get_module_ctx(s, ngx_stream_sluice_module);
    ctx->outcome = "refused";

    ngx_stream_sluice_refuse(s, cluster);

    return NGX_STREAM_SERVICE_UNAVAILABLE;
}


const char *
ngx_stream_sluice_closed(const struct sluice_view *view,
    const struct sluice_route *route)
{
    if (route == NULL) {
        return "sluiced routes no such cluster";
    }

    if (route->flags & SLUICE_ROUTE_TRAFFIC_OFF) {
        return route->message[0] ? route->message : "traffic is switched off";
    }

    if (!(route->flags & SLUICE_ROUTE_ACTIVE)) {
        return route->reason[0] ? route->reason : "no host is active";
    }

    if (sluice_view_active(view, route, ngx_sluice_boot_now()) == NULL) {
        return "what was agreed on is too old to go on";
    }

    return NULL;
}


/*
 * An ERR packet in the place of the greeting.  It has no SQL state: nobody
 * knows yet what the client can read.  It is short, and the socket is empty.
 */

void
ngx_stream_sluice_refuse(ngx_stream_session_t *s,
    ngx_stream_sluice_cluster_t *cluster)
{
    u_char                        *p, packet[7 + NGX_SLUICE_ERRSTR];
    size_t                         len;
    const char                    *why;
    const struct sluice_view      *view;
    const struct sluice_route     *route;
    ngx_stream_sluice_srv_conf_t  *sscf;

    sscf = ngx_stream_get_module_srv_conf(s, ngx_stream_sluice_module);

    if (sscf->refuse == NGX_STREAM_SLUICE_CLOSE) {
        return;
    }

    view = ngx_sluice_view_routes();
    route = sluice_view_route(view, (char *) cluster->name.data,
                              cluster->name.len);
    why = ngx_stream_sluice_closed(view, route);

    p = ngx_snprintf(packet + 7, NGX_SLUICE_ERRSTR,
                     "sluice: cluster %V, epoch %uL: %s", &cluster->name,
                     route ? route->epoch : (uint64_t) 0,
                     why ? why : "no host serves that role");
    len = p - packet - 4;

    packet[0] = (u_char) len;
    packet[1] = (u_char) (len >> 8);
    packet[2] = 0;
    packet[3] = 0;
    packet[4] = 0xff;
    packet[5] = NGX_STREAM_SLUICE_ERRNO & 0xff;
    packet[6] = NGX_STREAM_SLUICE_ERRNO >> 8;

    (void) s->connection->send(s->connection, packet, p - packet);
}


char *
ngx_stream_sluice_hold(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_stream_sluice_srv_conf_t  *sscf = conf;

    ngx_int_t   n;
    ngx_str_t  *value, directive;

    if (sscf->hold || sscf->hold_off != NGX_CONF_UNSET) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (cf->args->nelts == 2) {

        if (ngx_strcmp(value[1].data, "off") == 0) {
            sscf->hold_off = 1;
            return NGX_CONF_OK;
        }

        return "takes a cluster and a time, such as \"sluice_hold main1 10s "
               "max=1000;\", or \"off\"";
    }

    sscf->hold_off = 0;
    sscf->hold_time = ngx_parse_time(&value[2], 0);

    if (sscf->hold_time == (ngx_msec_t) NGX_ERROR || sscf->hold_time == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid time \"%V\": write one above zero, such "
                           "as \"sluice_hold %V 10s;\"", &value[2], &value[1]);
        return NGX_CONF_ERROR;
    }

    sscf->hold_max = NGX_STREAM_SLUICE_HOLD_MAX;

    if (cf->args->nelts == 4) {
        n = NGX_ERROR;

        if (ngx_strncmp(value[3].data, "max=", 4) == 0) {
            n = ngx_atoi(value[3].data + 4, value[3].len - 4);
        }

        if (n == NGX_ERROR || n == 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\": write how many "
                               "sessions a worker may hold, such as "
                               "\"max=1000\"", &value[3]);
            return NGX_CONF_ERROR;
        }

        sscf->hold_max = n;
    }

    sscf->hold = ngx_stream_sluice_cluster(cf, &value[1]);
    if (sscf->hold == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_str_set(&directive, "sluice_hold");

    return ngx_sluice_need(cf, "directive", &directive) == NGX_OK
           ? NGX_CONF_OK : NGX_CONF_ERROR;
}
