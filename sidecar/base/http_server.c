/*
 * libmicrohttpd under the loop: its epoll descriptor is polled, its timer is
 * ours, and it runs once more after each resume. Time limits are our own:
 * libmicrohttpd's begin again with every byte.
 */
#include "base/http_server_private.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <sys/socket.h>

#define SERVER_REQUEST_MS 10000
#define SERVER_IDLE_MS 75000
#define SERVER_CLIENTS 256

/* Request line and headers must fit, as in nginx's buffers for them. */
#define SERVER_HEADERS_BYTES 32768

/* Turns that closing may take until all answers are on their way. */
#define SERVER_LAST_TURNS 16

/* ---- clients ---------------------------------------------------------- */

struct http_client *
http_client_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

    return info->socket_context;
}

void
http_client_allow(struct http_client *c, unsigned allowed_ms)
{
    c->deadline_ms = allowed_ms ? clock_mono_ms() + allowed_ms : 0;
}

static struct http_client *
client_new(struct http_server *s, struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct http_client *c = calloc(1, sizeof(*c));

    if (!c)
        abort();
    c->fd = info->connect_fd;
    http_client_allow(c, s->options.request_ms);
    c->next = s->clients;
    c->link = &s->clients;
    if (c->next)
        c->next->link = &c->next;
    s->clients = c;
    return c;
}

static void
client_free(struct http_client *c)
{
    *c->link = c->next;
    if (c->next)
        c->next->link = c->link;
    free(c);
}

/* A daemon that was full listens again at the begin of its next run only, and
 * nothing else would make it run. */
static void
on_client(void *data,
          struct MHD_Connection *connection,
          void **context,
          enum MHD_ConnectionNotificationCode code)
{
    struct http_server *s = data;

    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        *context = client_new(s, connection);
    } else {
        client_free(*context);
        s->again = 1;
    }
}

/* The daemon sees an end of file and does the rest. Returns the nearest
 * deadline, or 0. */
static uint64_t
drop_overdue(struct http_server *s)
{
    uint64_t now_ms = clock_mono_ms(), nearest_ms = 0;

    for (struct http_client *c = s->clients; c; c = c->next) {
        if (c->deadline_ms == 0)
            continue;
        if (c->deadline_ms <= now_ms) {
            c->deadline_ms = 0;
            shutdown(c->fd, SHUT_RDWR);
        } else if (nearest_ms == 0 || c->deadline_ms < nearest_ms) {
            nearest_ms = c->deadline_ms;
        }
    }
    return nearest_ms;
}

/* ---- the daemon in the loop ------------------------------------------- */

static void on_timer(uv_timer_t *timer);

static void
server_arm(struct http_server *s, uint64_t deadline_ms)
{
    uint64_t now_ms = clock_mono_ms(), wait_ms = UINT64_MAX;
    MHD_UNSIGNED_LONG_LONG daemon_ms;

    if (deadline_ms != 0)
        wait_ms = deadline_ms > now_ms ? deadline_ms - now_ms : 1;
    if (MHD_get_timeout(s->daemon, &daemon_ms) == MHD_YES &&
        daemon_ms < wait_ms)
        wait_ms = daemon_ms;
    if (s->again)
        wait_ms = 0;
    if (wait_ms == UINT64_MAX)
        uv_timer_stop(&s->timer);
    else
        uv_timer_start(&s->timer, on_timer, wait_ms, 0);
}

static void
server_run(struct http_server *s)
{
    s->again = 0;
    s->running = 1;
    MHD_run(s->daemon);
    s->running = 0;
}

/* What came in before a deadline counts, also when we are late: the daemon
 * runs first. */
static void
server_turn(struct http_server *s)
{
    server_run(s);
    server_arm(s, drop_overdue(s));
}

static void
on_timer(uv_timer_t *timer)
{
    server_turn(timer->data);
}

static void
on_poll(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    server_turn(poll->data);
}

void
http_server_wake(struct http_server *s)
{
    s->again = 1;
    if (!s->running && !s->farewell)
        uv_timer_start(&s->timer, on_timer, 0, 0);
}

/* ---- opening and closing ---------------------------------------------- */

static struct MHD_Daemon *
start_daemon(struct http_server *s)
{
    return MHD_start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL,
        http_request_step, s, MHD_OPTION_LISTEN_SOCKET, s->socket.fd,
        MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_CONNECTION_LIMIT,
        s->options.max_clients, MHD_OPTION_PER_IP_CONNECTION_LIMIT,
        s->options.max_per_address, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)SERVER_HEADERS_BYTES, MHD_OPTION_URI_LOG_CALLBACK,
        http_request_line, s, MHD_OPTION_NOTIFY_COMPLETED,
        http_request_completed, s, MHD_OPTION_NOTIFY_CONNECTION, on_client, s,
        MHD_OPTION_END);
}

static void
watch_daemon(struct http_server *s)
{
    const union MHD_DaemonInfo *info =
        MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_EPOLL_FD);

    uv_poll_init(&s->loop->uv, &s->poll, info->epoll_fd);
    uv_timer_init(&s->loop->uv, &s->timer);
    s->poll.data = s->timer.data = s;
    s->open_handles = 2;
    uv_poll_start(&s->poll, UV_READABLE, on_poll);
}

static void
set_defaults(struct http_options *o)
{
    if (o->request_ms == 0)
        o->request_ms = SERVER_REQUEST_MS;
    if (o->idle_ms == 0)
        o->idle_ms = SERVER_IDLE_MS;
    if (o->max_clients == 0)
        o->max_clients = SERVER_CLIENTS;
}

static struct http_server *
server_new(struct loop *loop, const struct http_options *options)
{
    struct http_server *s = calloc(1, sizeof(*s));

    if (!s)
        abort();
    s->loop = loop;
    s->options = *options;
    set_defaults(&s->options);
    return s;
}

/* Takes s with its socket, where there is one. */
static struct http_server *
server_begin(struct http_server *s,
             int listens,
             const char *where,
             char *err,
             size_t err_size)
{
    s->daemon = listens ? start_daemon(s) : NULL;
    if (s->daemon) {
        watch_daemon(s);
        return s;
    }
    if (listens) {
        snprintf(err, err_size, "%s: libmicrohttpd does not start", where);
        close(s->socket.fd);
        http_socket_remove(&s->socket);
    }
    free(s);
    return NULL;
}

struct http_server *
http_server_open(struct loop *loop,
                 const char *path,
                 const struct http_options *options,
                 char *err,
                 size_t err_size)
{
    struct http_server *s = server_new(loop, options);
    int rc = http_socket_listen(&s->socket, path, err, err_size);

    return server_begin(s, rc == 0, path, err, err_size);
}

struct http_server *
http_server_open_tcp(struct loop *loop,
                     const char *address,
                     uint16_t port,
                     const struct http_options *options,
                     char *err,
                     size_t err_size)
{
    struct http_server *s = server_new(loop, options);
    int rc = http_socket_listen_tcp(&s->socket, address, port, err, err_size);

    return server_begin(s, rc == 0, address, err, err_size);
}

static void
on_closed(uv_handle_t *handle)
{
    struct http_server *s = handle->data;

    if (--s->open_handles == 0)
        free(s);
}

/* Stopping the daemon with a connection suspended aborts the process, and
 * cuts off what was not sent. */
static void
last_turns(struct http_server *s)
{
    MHD_UNSIGNED_LONG_LONG wait_ms;

    while (s->waiting)
        http_request_dismiss(s->waiting, s->farewell);
    for (int i = 0; i < SERVER_LAST_TURNS; i++) {
        server_run(s);
        if (!s->again &&
            (MHD_get_timeout(s->daemon, &wait_ms) != MHD_YES || wait_ms > 0))
            break;
    }
}

void
http_server_close(struct http_server *s, const struct http_answer *farewell)
{
    if (!s)
        return;
    assert(!s->running);
    s->farewell = farewell;
    uv_poll_stop(&s->poll);
    uv_timer_stop(&s->timer);
    close(MHD_quiesce_daemon(s->daemon));
    http_socket_remove(&s->socket);
    last_turns(s);
    MHD_stop_daemon(s->daemon);
    uv_close((uv_handle_t *)&s->poll, on_closed);
    uv_close((uv_handle_t *)&s->timer, on_closed);
}
