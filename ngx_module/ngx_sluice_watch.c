
/*
 * When a worker looks at the state file without being asked: a tick, and the
 * doorbell, an inotify watch on the directory, which makes it immediate.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "ngx_sluice.h"
#include "ngx_sluice_zone.h"

#include <sys/inotify.h>


#define NGX_SLUICE_TICK    100

#define NGX_SLUICE_EVENTS  (IN_ATTRIB|IN_CREATE|IN_DELETE                     \
                            |IN_MOVED_FROM|IN_MOVED_TO                        \
                            |IN_DELETE_SELF|IN_MOVE_SELF|IN_ONLYDIR)

#define NGX_SLUICE_REWATCH (IN_DELETE_SELF|IN_MOVE_SELF|IN_IGNORED            \
                            |IN_UNMOUNT|IN_Q_OVERFLOW)


static void ngx_sluice_tick_handler(ngx_event_t *ev);
static void ngx_sluice_look(void);
static void ngx_sluice_bell_open(void);
static void ngx_sluice_bell_close(void);
static void ngx_sluice_bell_watch(ngx_sluice_conf_t *scf);
static void ngx_sluice_bell_silent(ngx_err_t err, char *what);
static void ngx_sluice_bell_handler(ngx_event_t *rev);
static ngx_uint_t ngx_sluice_bell_rung(ngx_sluice_conf_t *scf, u_char *p,
    u_char *last);


static ngx_event_t        ngx_sluice_tick;
static ngx_connection_t   ngx_sluice_tick_dummy;

static ngx_connection_t  *ngx_sluice_bell;
static int                ngx_sluice_bell_wd = -1;
static ngx_uint_t         ngx_sluice_bell_told;


void
ngx_sluice_watch_start(ngx_cycle_t *cycle)
{
    ngx_sluice_tick_dummy.fd = (ngx_socket_t) -1;

    ngx_sluice_tick.handler = ngx_sluice_tick_handler;
    ngx_sluice_tick.data = &ngx_sluice_tick_dummy;
    ngx_sluice_tick.log = cycle->log;
    ngx_sluice_tick.cancelable = 1;

    ngx_sluice_tick_handler(&ngx_sluice_tick);
}


void
ngx_sluice_watch_stop(void)
{
    if (ngx_sluice_tick.timer_set) {
        ngx_del_timer(&ngx_sluice_tick);
    }

    ngx_sluice_bell_close();
}


static void
ngx_sluice_tick_handler(ngx_event_t *ev)
{
    ngx_sluice_look();

    /* a draining worker has sessions to look after: it goes on */

    ngx_add_timer(ev, NGX_SLUICE_TICK);
}


static void
ngx_sluice_look(void)
{
    ngx_sluice_conf_t  *scf;
    ngx_sluice_zone_t  *zone;

    scf = (ngx_sluice_conf_t *) ngx_get_conf(ngx_cycle->conf_ctx,
                                             ngx_sluice_module);

    /* first the watch, so that nothing happens between look and watch */

    if (ngx_sluice_bell == NULL) {
        ngx_sluice_bell_open();
    }

    if (ngx_sluice_bell) {
        ngx_sluice_bell_watch(scf);
    }

    ngx_sluice_view_refresh(scf);
    ngx_sluice_redis_look();

    zone = ngx_sluice_zone();

    if (zone) {
        ngx_sluice_seats_look(zone);
    }
}


static void
ngx_sluice_bell_open(void)
{
    int                fd;
    ngx_event_t       *rev;
    ngx_connection_t  *c;

    fd = inotify_init1(IN_NONBLOCK|IN_CLOEXEC);

    if (fd == -1) {
        ngx_sluice_bell_silent(ngx_errno, "inotify_init1()");
        return;
    }

    c = ngx_get_connection(fd, ngx_cycle->log);

    if (c == NULL) {
        ngx_sluice_bell_silent(0, "ngx_get_connection()");

        if (close(fd) == -1) {
            ngx_log_error(NGX_LOG_ALERT, ngx_cycle->log, ngx_errno,
                          "close() inotify failed");
        }

        return;
    }

    rev = c->read;
    rev->handler = ngx_sluice_bell_handler;
    rev->log = ngx_cycle->log;
    c->write->log = ngx_cycle->log;

    ngx_sluice_bell = c;
    ngx_sluice_bell_wd = -1;

    if (ngx_handle_read_event(rev, 0) != NGX_OK) {
        ngx_sluice_bell_silent(0, "ngx_handle_read_event()");
        ngx_sluice_bell_close();
    }
}


static void
ngx_sluice_bell_close(void)
{
    if (ngx_sluice_bell) {
        ngx_close_connection(ngx_sluice_bell);
        ngx_sluice_bell = NULL;
    }
}


/* the same directory keeps its descriptor, a new one in its place gets one */

static void
ngx_sluice_bell_watch(ngx_sluice_conf_t *scf)
{
    int        wd;
    ngx_err_t  err;

    wd = inotify_add_watch(ngx_sluice_bell->fd, (char *) scf->directory.data,
                           NGX_SLUICE_EVENTS);

    if (wd == -1) {
        err = ngx_errno;

        if (err != NGX_ENOENT && err != NGX_ENOTDIR) {
            ngx_sluice_bell_silent(err, "inotify_add_watch()");
        }
    }

    if (wd != ngx_sluice_bell_wd && ngx_sluice_bell_wd != -1) {

        /* EINVAL: it went with its directory */

        (void) inotify_rm_watch(ngx_sluice_bell->fd, ngx_sluice_bell_wd);
    }

    ngx_sluice_bell_wd = wd;
}


/* not worth more than one line: the tick does the same, a little later */

static void
ngx_sluice_bell_silent(ngx_err_t err, char *what)
{
    if (ngx_sluice_bell_told) {
        return;
    }

    ngx_sluice_bell_told = 1;

    ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, err,
                  "%s failed, changes of the state file are noticed "
                  "within %d ms instead of at once", what, NGX_SLUICE_TICK);
}


static void
ngx_sluice_bell_handler(ngx_event_t *rev)
{
    ssize_t             n;
    ngx_err_t           err;
    ngx_uint_t          rung;
    ngx_connection_t   *c;
    ngx_sluice_conf_t  *scf;

    union {
        struct inotify_event  event;
        u_char                buf[4096];
    } u;

    c = rev->data;

    scf = (ngx_sluice_conf_t *) ngx_get_conf(ngx_cycle->conf_ctx,
                                             ngx_sluice_module);
    rung = 0;

    for ( ;; ) {
        n = read(c->fd, u.buf, sizeof(u));

        if (n > 0) {
            rung += ngx_sluice_bell_rung(scf, u.buf, u.buf + n);
            continue;
        }

        err = (n == 0) ? 0 : ngx_errno;

        if (err == NGX_EINTR) {
            continue;
        }

        break;
    }

    rev->ready = 0;

    if (err != NGX_EAGAIN || ngx_handle_read_event(rev, 0) != NGX_OK) {
        ngx_sluice_bell_silent(err, "read() from inotify");
        ngx_sluice_bell_close();
        return;
    }

    if (rung) {
        ngx_log_debug0(NGX_LOG_DEBUG_CORE, rev->log, 0, "sluice doorbell");

        ngx_sluice_look();
    }
}


static ngx_uint_t
ngx_sluice_bell_rung(ngx_sluice_conf_t *scf, u_char *p, u_char *last)
{
    ngx_uint_t             rung;
    struct inotify_event  *ie;

    rung = 0;

    while (p < last) {
        ie = (struct inotify_event *) p;
        p += sizeof(struct inotify_event) + ie->len;

        if ((ie->mask & NGX_SLUICE_REWATCH)
            || (ie->len && ngx_strcmp(ie->name, scf->name.data) == 0))
        {
            rung++;
        }
    }

    return rung;
}
