
/*
 * Sessions whose time is over: they are cut as soon as routes change, or when
 * the time until which writers may write has come, whether sluiced lives or
 * not.  A look at all of them is made in portions.
 */


#include "ngx_stream_sluice.h"


#define NGX_STREAM_SLUICE_PORTION    64    /* sessions between looks at time */
#define NGX_STREAM_SLUICE_BUSY       5     /* ms; the rest comes next */
#define NGX_STREAM_SLUICE_HOSTS      64    /* whose numbers are kept */
#define NGX_STREAM_SLUICE_STEP       100   /* ms, towards the end of a lease */


/* a look at one cluster */

typedef struct {
    ngx_stream_sluice_cluster_t  *cluster;
    const struct sluice_view     *view;
    const struct sluice_route    *route;
    const char                   *closed;
    uint64_t                      hosts[NGX_STREAM_SLUICE_HOSTS];
    uint64_t                      end;
    ngx_uint_t                    seen;
    ngx_uint_t                    cut;
} ngx_stream_sluice_sweep_t;


static void ngx_stream_sluice_sweep_handler(ngx_event_t *ev);
static void ngx_stream_sluice_sweep_post(ngx_queue_t *queue);
static void ngx_stream_sluice_sweep_look(ngx_stream_sluice_sweep_t *sweep);
static void ngx_stream_sluice_sweep_hosts(ngx_stream_sluice_sweep_t *sweep);
static ngx_int_t ngx_stream_sluice_sweep_cluster(
    ngx_stream_sluice_sweep_t *sweep);
static ngx_int_t ngx_stream_sluice_sweep_queue(
    ngx_stream_sluice_sweep_t *sweep, ngx_queue_t *queue, ngx_uint_t writers);
static ngx_uint_t ngx_stream_sluice_lives(ngx_stream_sluice_sweep_t *sweep,
    ngx_stream_sluice_peer_t *sp, ngx_uint_t writer);
static void ngx_stream_sluice_cut(ngx_stream_sluice_peer_t *sp);
static uint64_t ngx_stream_sluice_mark(ngx_stream_sluice_sweep_t *sweep);
static uint64_t ngx_stream_sluice_mix(uint64_t mark, uint64_t value);
static void ngx_stream_sluice_sweep_report(ngx_stream_sluice_sweep_t *sweep);
static void ngx_stream_sluice_sweep_timer(uint64_t until);


static ngx_event_t        ngx_stream_sluice_sweep_event;
static ngx_event_t        ngx_stream_sluice_end_event;
static ngx_connection_t   ngx_stream_sluice_sweep_dummy;

static ngx_queue_t        ngx_stream_sluice_clusters;


void
ngx_stream_sluice_sweep_init(ngx_cycle_t *cycle,
    ngx_stream_sluice_main_conf_t *smcf)
{
    ngx_uint_t                     i;
    ngx_stream_sluice_cluster_t  **cluster;

    ngx_stream_sluice_sweep_dummy.fd = (ngx_socket_t) -1;

    ngx_stream_sluice_sweep_event.handler = ngx_stream_sluice_sweep_handler;
    ngx_stream_sluice_sweep_event.data = &ngx_stream_sluice_sweep_dummy;
    ngx_stream_sluice_sweep_event.log = cycle->log;

    ngx_stream_sluice_end_event.handler = ngx_stream_sluice_sweep_handler;
    ngx_stream_sluice_end_event.data = &ngx_stream_sluice_sweep_dummy;
    ngx_stream_sluice_end_event.log = cycle->log;
    ngx_stream_sluice_end_event.cancelable = 1;

    ngx_queue_init(&ngx_stream_sluice_clusters);

    cluster = smcf->clusters.elts;

    for (i = 0; i < smcf->clusters.nelts; i++) {
        ngx_queue_insert_tail(&ngx_stream_sluice_clusters,
                              &cluster[i]->queue);
    }

    ngx_sluice_routes_handler = ngx_stream_sluice_sweep_soon;
}


/*
 * Never at once: routes are read in the middle of somebody's connect, too, and
 * no session may end within another one's handler.
 */

void
ngx_stream_sluice_sweep_soon(void)
{
    ngx_stream_sluice_sweep_post(&ngx_posted_events);
}


static void
ngx_stream_sluice_sweep_post(ngx_queue_t *queue)
{
    if (!ngx_stream_sluice_sweep_event.posted) {
        ngx_post_event(&ngx_stream_sluice_sweep_event, queue);
    }
}


static void
ngx_stream_sluice_sweep_handler(ngx_event_t *ev)
{
    uint64_t                    until, end;
    ngx_queue_t                *q;
    ngx_stream_sluice_sweep_t   sweep;

    until = SLUICE_WRITERS_ALWAYS;
    end = ngx_sluice_now() + NGX_STREAM_SLUICE_BUSY;

    for (q = ngx_queue_head(&ngx_stream_sluice_clusters);
         q != ngx_queue_sentinel(&ngx_stream_sluice_clusters);
         q = ngx_queue_next(q))
    {
        ngx_memzero(&sweep, sizeof(ngx_stream_sluice_sweep_t));

        sweep.cluster = ngx_queue_data(q, ngx_stream_sluice_cluster_t, queue);
        sweep.end = end;

        if (ngx_stream_sluice_sweep_cluster(&sweep) == NGX_AGAIN) {
            ngx_stream_sluice_sweep_post(&ngx_posted_next_events);
        }

        if (sweep.closed == NULL) {
            until = ngx_min(until, sweep.route->writers_until_boot_ms);
        }
    }

    ngx_stream_sluice_sweep_timer(until);
}


static void
ngx_stream_sluice_sweep_look(ngx_stream_sluice_sweep_t *sweep)
{
    sweep->view = ngx_sluice_view_routes();
    sweep->route = sluice_view_route(sweep->view,
                                     (char *) sweep->cluster->name.data,
                                     sweep->cluster->name.len);
    sweep->closed = ngx_stream_sluice_closed(sweep->view, sweep->route);
}


/* names become numbers once, and not for each session */

static void
ngx_stream_sluice_sweep_hosts(ngx_stream_sluice_sweep_t *sweep)
{
    ngx_uint_t                       i, n;
    const struct sluice_route_host  *hosts;

    if (sweep->route == NULL) {
        return;
    }

    hosts = sluice_view_route_hosts(sweep->view, sweep->route);
    n = ngx_min(sweep->route->nhosts, NGX_STREAM_SLUICE_HOSTS);

    for (i = 0; i < n; i++) {
        sweep->hosts[i] = ngx_stream_sluice_host(&hosts[i]);
    }
}


static ngx_int_t
ngx_stream_sluice_sweep_cluster(ngx_stream_sluice_sweep_t *sweep)
{
    uint64_t   mark;
    ngx_int_t  rc;

    ngx_stream_sluice_sweep_look(sweep);

    if (sweep->closed == NULL && sweep->cluster->nheld) {
        ngx_stream_sluice_release(sweep->cluster);

        /* they looked for hosts, and may have found newer routes */

        ngx_stream_sluice_sweep_look(sweep);
    }

    /* a proof that merely goes on concerns nobody */

    mark = ngx_stream_sluice_mark(sweep);

    if (mark == sweep->cluster->swept) {
        return NGX_OK;
    }

    if (mark != sweep->cluster->sweeping) {
        sweep->cluster->sweeping = mark;
        sweep->cluster->turn++;
    }

    ngx_stream_sluice_sweep_hosts(sweep);

    rc = ngx_stream_sluice_sweep_queue(sweep, &sweep->cluster->writers, 1);

    if (rc == NGX_OK) {
        rc = ngx_stream_sluice_sweep_queue(sweep, &sweep->cluster->readers, 0);
    }

    if (rc == NGX_OK) {
        sweep->cluster->swept = mark;
        sweep->cluster->sweeping = 0;
    }

    ngx_stream_sluice_sweep_report(sweep);

    return rc;
}


/*
 * Who lives goes to the end of the queue, so that the next portion begins
 * where this one ends; whoever came meanwhile chose by routes that are as new.
 */

static ngx_int_t
ngx_stream_sluice_sweep_queue(ngx_stream_sluice_sweep_t *sweep,
    ngx_queue_t *queue, ngx_uint_t writers)
{
    ngx_uint_t                 turn;
    ngx_queue_t               *q;
    ngx_stream_sluice_peer_t  *sp;

    turn = sweep->cluster->turn;

    while (!ngx_queue_empty(queue)) {

        q = ngx_queue_head(queue);
        sp = ngx_queue_data(q, ngx_stream_sluice_peer_t, queue);

        if (sp->turn == turn) {
            break;
        }

        ngx_queue_remove(q);
        ngx_queue_insert_tail(queue, q);
        sp->turn = turn;

        if (!ngx_stream_sluice_lives(sweep, sp, writers)) {
            ngx_stream_sluice_cut(sp);
            sweep->cut++;
        }

        if (++sweep->seen % NGX_STREAM_SLUICE_PORTION == 0
            && ngx_sluice_now() >= sweep->end)
        {
            return NGX_AGAIN;
        }
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_stream_sluice_lives(ngx_stream_sluice_sweep_t *sweep,
    ngx_stream_sluice_peer_t *sp, ngx_uint_t writer)
{
    uint64_t                         host;
    ngx_uint_t                       i;
    const struct sluice_route       *route;
    const struct sluice_route_host  *hosts;

    route = sweep->route;

    if (writer) {
        return sweep->closed == NULL && sp->epoch == route->epoch;
    }

    if (route == NULL || (route->flags & SLUICE_ROUTE_TRAFFIC_OFF)) {
        return 0;
    }

    hosts = sluice_view_route_hosts(sweep->view, route);

    for (i = 0; i < route->nhosts; i++) {

        host = (i < NGX_STREAM_SLUICE_HOSTS)
               ? sweep->hosts[i] : ngx_stream_sluice_host(&hosts[i]);

        if (host == sp->host) {
            return sp->epoch == hosts[i].epoch;
        }
    }

    return 0;
}


/*
 * What nginx does to those left at worker_shutdown_timeout: the proxy frees
 * its peer and ends the session, whatever it is doing.
 */

static void
ngx_stream_sluice_cut(ngx_stream_sluice_peer_t *sp)
{
    ngx_connection_t  *c;

    sp->cut = 1;
    sp->ctx->outcome = "severed";

    c = sp->session->connection;

    c->close = 1;
    c->error = 1;

    c->read->handler(c->read);
}


/* a number that differs when some session's fate may */

static uint64_t
ngx_stream_sluice_mark(ngx_stream_sluice_sweep_t *sweep)
{
    uint64_t                         mark;
    ngx_uint_t                       i;
    const struct sluice_route       *route;
    const struct sluice_route_host  *hosts;

    route = sweep->route;

    mark = ngx_stream_sluice_mix(1, sweep->closed != NULL);

    if (route) {
        hosts = sluice_view_route_hosts(sweep->view, route);

        mark = ngx_stream_sluice_mix(mark, route->epoch);
        mark = ngx_stream_sluice_mix(mark, route->flags);

        for (i = 0; i < route->nhosts; i++) {
            mark = ngx_stream_sluice_mix(mark,
                                         ngx_stream_sluice_host(&hosts[i]));
            mark = ngx_stream_sluice_mix(mark, hosts[i].epoch);
        }
    }

    return mark ? mark : 1;
}


/* FNV-1a, a word at a time */

static uint64_t
ngx_stream_sluice_mix(uint64_t mark, uint64_t value)
{
    return ((mark ^ value) * 1099511628211ULL) ^ (mark >> 29);
}


uint64_t
ngx_stream_sluice_host(const struct sluice_route_host *host)
{
    uint64_t     hash;
    const char  *p;

    hash = 14695981039346656037ULL;

    for (p = host->name; *p; p++) {
        hash = (hash ^ (u_char) *p) * 1099511628211ULL;
    }

    return (hash ^ host->port) * 1099511628211ULL;
}


static void
ngx_stream_sluice_sweep_report(ngx_stream_sluice_sweep_t *sweep)
{
    const char  *why;

    if (sweep->cut == 0) {
        return;
    }

    why = sweep->closed;

    if (why == NULL && sweep->route->reason[0]) {
        why = sweep->route->reason;
    }

    ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                  "sluice: %V: %ui sessions cut, epoch %uL: %s",
                  &sweep->cluster->name, sweep->cut,
                  sweep->route ? sweep->route->epoch : (uint64_t) 0,
                  why ? why : "another host");
}


/*
 * The first moment at which some cluster's writers may write no more.  It is
 * looked for in steps: timers stand still while the machine is suspended, and
 * that moment does not.
 */

static void
ngx_stream_sluice_sweep_timer(uint64_t until)
{
    uint64_t  now;

    if (ngx_stream_sluice_end_event.timer_set) {
        ngx_del_timer(&ngx_stream_sluice_end_event);
    }

    if (until == SLUICE_WRITERS_ALWAYS) {
        return;
    }

    now = ngx_sluice_boot_now();

    ngx_add_timer(&ngx_stream_sluice_end_event,
                  until > now
                  ? (ngx_msec_t) ngx_min(until - now, NGX_STREAM_SLUICE_STEP)
                  : 0);
}
