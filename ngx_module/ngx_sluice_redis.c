
/*
 * The worker's ear at Redis: one connection that subscribes to the channel
 * named in the state file.  This is its life, ngx_sluice_redis_talk.c what is
 * said on it.
 */


#include "ngx_sluice_redis.h"

#include <ngx_event_connect.h>


#define NGX_SLUICE_REDIS_DEADLINE  1000    /* to connect, and be confirmed */
#define NGX_SLUICE_REDIS_SILENCE   3000    /* sluiced sends a beat a second */
#define NGX_SLUICE_REDIS_BACKOFF   100
#define NGX_SLUICE_REDIS_BACKOFFS  5000


static void ngx_sluice_redis_connect(ngx_sluice_subscriber_t *ss);
static void ngx_sluice_redis_drop(ngx_sluice_subscriber_t *ss);
static void ngx_sluice_redis_timer(ngx_event_t *ev);
static void ngx_sluice_redis_write(ngx_event_t *wev);
static ngx_int_t ngx_sluice_redis_connected(ngx_sluice_subscriber_t *ss);
static void ngx_sluice_redis_read(ngx_event_t *rev);
static void ngx_sluice_redis_show(ngx_uint_t connected);


static ngx_sluice_subscriber_t  ngx_sluice_subscriber;
static ngx_connection_t         ngx_sluice_redis_dummy;


void
ngx_sluice_redis_start(ngx_cycle_t *cycle)
{
    ngx_sluice_subscriber_t  *ss;

    ss = &ngx_sluice_subscriber;

    ngx_sluice_redis_dummy.fd = (ngx_socket_t) -1;

    ss->timer.handler = ngx_sluice_redis_timer;
    ss->timer.data = &ngx_sluice_redis_dummy;
    ss->timer.log = cycle->log;
    ss->timer.cancelable = 1;
}


/* the state file was looked at: is there a channel, is it still the same */

void
ngx_sluice_redis_look(void)
{
    const char               *channel;
    ngx_sluice_conf_t        *scf;
    ngx_sluice_subscriber_t  *ss;

    ss = &ngx_sluice_subscriber;

    scf = (ngx_sluice_conf_t *) ngx_get_conf(ngx_cycle->conf_ctx,
                                             ngx_sluice_module);

    channel = ngx_sluice_view_rules()->facts.redis_channel;

    /* a worker that is shutting down answers no more checks */

    if (ngx_exiting || scf->redis == NULL || channel[0] == '\0') {
        ngx_sluice_redis_stop();
        return;
    }

    if (ss->state != ngx_sluice_redis_off
        && ss->conf == scf->redis
        && ngx_strcmp(ss->channel, channel) == 0)
    {
        return;
    }

    ngx_sluice_redis_stop();

    ss->conf = scf->redis;
    ngx_cpystrn((u_char *) ss->channel, (u_char *) channel,
                SLUICE_CHANNEL_SIZE);

    ngx_sluice_redis_connect(ss);
}


void
ngx_sluice_redis_stop(void)
{
    ngx_sluice_subscriber_t  *ss;

    ss = &ngx_sluice_subscriber;

    if (ss->state == ngx_sluice_redis_off) {
        return;
    }

    ngx_sluice_redis_drop(ss);

    ss->state = ngx_sluice_redis_off;
    ss->failures = 0;
    ss->trouble[0] = '\0';
}


static void
ngx_sluice_redis_connect(ngx_sluice_subscriber_t *ss)
{
    ngx_int_t               rc;
    ngx_addr_t             *addr;
    ngx_connection_t       *c;
    ngx_peer_connection_t   pc;

    if (ngx_sluice_redis_begin(ss) != NGX_OK) {
        ngx_sluice_redis_lost(ss, 0, "no memory");
        return;
    }

    addr = &ss->conf->addrs[ss->addr++ % ss->conf->naddrs];

    /* what fails is told from here, once: the connection's log is for alerts */

    ss->log = *ngx_cycle->log;
    ss->log.log_level = NGX_LOG_ALERT;

    ngx_memzero(&pc, sizeof(ngx_peer_connection_t));

    pc.sockaddr = addr->sockaddr;
    pc.socklen = addr->socklen;
    pc.name = &addr->name;
    pc.get = ngx_event_get_peer;
    pc.log = &ss->log;

    rc = ngx_event_connect_peer(&pc);

    if (rc != NGX_OK && rc != NGX_AGAIN) {
        ngx_sluice_redis_lost(ss, ngx_socket_errno, "cannot connect");
        return;
    }

    c = pc.connection;

    c->data = ss;
    c->read->handler = ngx_sluice_redis_read;
    c->write->handler = ngx_sluice_redis_write;

    /* closed first when the worker is to shut down */

    c->idle = 1;

    ss->connection = c;
    ss->state = ngx_sluice_redis_connecting;

    ngx_add_timer(&ss->timer, NGX_SLUICE_REDIS_DEADLINE);

    if (rc == NGX_OK) {
        ngx_sluice_redis_write(c->write);
    }
}


static void
ngx_sluice_redis_drop(ngx_sluice_subscriber_t *ss)
{
    if (ss->timer.timer_set) {
        ngx_del_timer(&ss->timer);
    }

    if (ss->connection) {
        ngx_close_connection(ss->connection);
        ss->connection = NULL;
    }

    ngx_sluice_redis_end(ss);

    ngx_sluice_redis_show(0);
}


/* a change is said at once, another reason for the same once a minute */

void
ngx_sluice_redis_lost(ngx_sluice_subscriber_t *ss, ngx_err_t err,
    const char *fmt, ...)
{
    u_char      *p, *last, why[NGX_SLUICE_ERRSTR];
    va_list      args;
    ngx_msec_t   wait;

    last = why + NGX_SLUICE_ERRSTR - 1;

    va_start(args, fmt);
    p = ngx_vslprintf(why, last, fmt, args);
    va_end(args);
    *p = '\0';

    /* what the arguments point to goes with it */

    ngx_sluice_redis_drop(ss);

    if (ss->trouble[0] == '\0'
        || (ngx_strcmp(ss->trouble, why) != 0
            && ngx_current_msec - ss->said > NGX_SLUICE_REDIS_MINUTE))
    {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, err,
                      "sluice: redis \"%V\": %s; until it is back orders come "
                      "by the state file", &ss->conf->name, why);

        ngx_cpystrn(ss->trouble, why, NGX_SLUICE_ERRSTR);
        ss->said = ngx_current_msec;
    }

    wait = ngx_min(NGX_SLUICE_REDIS_BACKOFF << ngx_min(ss->failures, 10),
                   NGX_SLUICE_REDIS_BACKOFFS);

    /* all workers lose it together, and need not come back together */

    wait = wait * (80 + ngx_random() % 41) / 100;

    ss->failures++;
    ss->state = ngx_sluice_redis_waiting;

    ngx_add_timer(&ss->timer, wait);
}


static void
ngx_sluice_redis_timer(ngx_event_t *ev)
{
    ngx_sluice_subscriber_t  *ss;

    ss = &ngx_sluice_subscriber;

    if (ngx_exiting) {
        ngx_sluice_redis_stop();
        return;
    }

    switch (ss->state) {

    case ngx_sluice_redis_off:
        break;

    case ngx_sluice_redis_waiting:
        ngx_sluice_redis_connect(ss);
        break;

    case ngx_sluice_redis_up:
        ngx_sluice_redis_lost(ss, 0, "no beat from any sluiced in %d ms",
                              NGX_SLUICE_REDIS_SILENCE);
        break;

    default:
        ngx_sluice_redis_lost(ss, 0, "%s within %d ms",
                              ss->state == ngx_sluice_redis_connecting
                              ? "no connection" : "no answer",
                              NGX_SLUICE_REDIS_DEADLINE);
    }
}


static void
ngx_sluice_redis_write(ngx_event_t *wev)
{
    ssize_t                   n;
    ngx_connection_t         *c;
    ngx_sluice_subscriber_t  *ss;

    c = wev->data;
    ss = c->data;

    if (ngx_sluice_redis_connected(ss) != NGX_OK) {
        return;
    }

    while (ss->out.len) {

        n = c->send(c, ss->out.data, ss->out.len);

        if (n == NGX_AGAIN) {
            break;
        }

        if (n <= 0) {
            ngx_sluice_redis_lost(ss, ngx_socket_errno, "cannot send");
            return;
        }

        ss->out.data += n;
        ss->out.len -= n;
    }

    if (ngx_handle_write_event(wev, 0) != NGX_OK) {
        ngx_sluice_redis_lost(ss, 0, "no event for its connection");
    }
}


static ngx_int_t
ngx_sluice_redis_connected(ngx_sluice_subscriber_t *ss)
{
    int        err;
    socklen_t  len;

    if (ss->state != ngx_sluice_redis_connecting) {
        return NGX_OK;
    }

    err = 0;
    len = sizeof(int);

    if (getsockopt(ss->connection->fd, SOL_SOCKET, SO_ERROR, (void *) &err,
                   &len)
        == -1)
    {
        err = ngx_socket_errno;
    }

    if (err) {
        ngx_sluice_redis_lost(ss, err, "cannot connect");
        return NGX_ERROR;
    }

    ss->state = ngx_sluice_redis_asking;

    return NGX_OK;
}


static void
ngx_sluice_redis_read(ngx_event_t *rev)
{
    char                      buf[16384];
    ssize_t                   n;
    ngx_uint_t                i;
    ngx_connection_t         *c;
    ngx_sluice_subscriber_t  *ss;

    c = rev->data;
    ss = c->data;

    if (c->close) {
        ngx_sluice_redis_stop();
        return;
    }

    if (ngx_sluice_redis_connected(ss) != NGX_OK) {
        return;
    }

    for (i = 0; i < 16; i++) {

        n = c->recv(c, (u_char *) buf, sizeof(buf));

        if (n == NGX_AGAIN) {

            if (ngx_handle_read_event(rev, 0) != NGX_OK) {
                ngx_sluice_redis_lost(ss, 0, "no event for its connection");
            }

            return;
        }

        if (n <= 0) {
            ngx_sluice_redis_lost(ss, n ? ngx_socket_errno : 0,
                                  "the connection was closed");
            return;
        }

        if (ngx_sluice_redis_feed(ss, buf, n) != NGX_OK) {
            return;
        }
    }

    /* others are waiting too */

    ngx_post_event(rev, &ngx_posted_next_events);
}


void
ngx_sluice_redis_confirmed(ngx_sluice_subscriber_t *ss)
{
    ss->state = ngx_sluice_redis_up;
    ss->failures = 0;

    ngx_sluice_redis_show(1);
    ngx_add_timer(&ss->timer, NGX_SLUICE_REDIS_SILENCE);
}


/* not yet at the confirmation: a channel where nobody speaks is no good */

void
ngx_sluice_redis_heard(ngx_sluice_subscriber_t *ss)
{
    ngx_add_timer(&ss->timer, NGX_SLUICE_REDIS_SILENCE);

    if (ss->trouble[0] == '\0') {
        return;
    }

    ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                  "sluice: redis \"%V\" is good again", &ss->conf->name);

    ss->trouble[0] = '\0';
}


static void
ngx_sluice_redis_show(ngx_uint_t connected)
{
    ngx_sluice_worker_t  *worker;

    worker = ngx_sluice_zone_worker(ngx_sluice_zone());

    if (worker) {
        worker->connected = connected;
    }
}
