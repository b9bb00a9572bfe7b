/* A connection to another node's raft port: look the name up, connect to one
 * of its addresses, shake hands; all of it in one deadline. */
#include "consensus/raft_port_private.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/resolve.h"

#define TEXT_SIZE (RAFT_HOST_SIZE + 128)

enum dial_stage { DIAL_BEGIN, DIAL_LOOKUP, DIAL_CONNECT, DIAL_MEET, DIAL_OVER };

struct raft_dial {
    struct raft_port *port;
    struct raft_dial *next, *previous;
    char address[MEMBER_ADDRESS_SIZE];
    enum handshake_role role;
    raft_dial_cb cb;
    void *data;

    enum dial_stage stage;
    uv_timer_t timer; /* of the stage */
    uint64_t deadline_ms;
    uint64_t stalls; /* when the deadline was set */

    char host[RAFT_HOST_SIZE];
    uint16_t tcp_port;
    struct resolve *lookup;
    struct resolve_addresses addresses;
    unsigned tried;        /* of them */
    uv_connect_t *request; /* frees itself when libuv is done with it */
    uv_tcp_t *stream;
    struct handshake h;
};

/* ---- ends ------------------------------------------------------------- */

static void
dial_free(uv_handle_t *timer)
{
    struct raft_dial *d = timer->data;
    struct raft_port *p = d->port;

    free(d);
    raft_port_release(p);
}

static void
drop_connection(struct raft_dial *d)
{
    if (d->request)
        d->request->data = NULL;
    d->request = NULL;
    raft_port_hang_up(d->stream);
    d->stream = NULL;
}

/* It lives on until the loop turns: callers need not hurry. */
static void
end(struct raft_dial *d)
{
    *(d->previous ? &d->previous->next : &d->port->dials) = d->next;
    if (d->next)
        d->next->previous = d->previous;
    d->stage = DIAL_OVER;
    resolve_cancel(d->lookup);
    drop_connection(d);
    handshake_clear(&d->h);
    uv_close((uv_handle_t *)&d->timer, dial_free);
}

static void
fail(struct raft_dial *d, enum handshake_refusal why, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void
fail(struct raft_dial *d, enum handshake_refusal why, const char *format, ...)
{
    char text[TEXT_SIZE];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    end(d);
    d->cb(d->data, -1, NULL, NULL, NULL, 0, why, text);
}

/* ---- time ------------------------------------------------------------- */

static void on_timer(uv_timer_t *timer);

/* Where this process stood still the time counts for nobody. */
static void
renew_after_stall(struct raft_dial *d)
{
    uint64_t stalls = loop_stalls(d->port->loop);

    if (stalls != d->stalls)
        d->deadline_ms = clock_mono_ms() + PORT_HANDSHAKE_MS;
    d->stalls = stalls;
}

/* Of several addresses none may take the time of those behind it. */
static void
arm(struct raft_dial *d)
{
    uint64_t now, left_ms;

    renew_after_stall(d);
    now = clock_mono_ms();
    left_ms = d->deadline_ms > now ? d->deadline_ms - now : 0;
    if (d->stage == DIAL_CONNECT)
        left_ms /= d->addresses.count - d->tried + 1;
    uv_update_time(&d->port->loop->uv);
    uv_timer_start(&d->timer, on_timer, left_ms, 0);
}

static void
enter(struct raft_dial *d, enum dial_stage stage)
{
    d->stage = stage;
    arm(d);
}

/* ---- the handshake ---------------------------------------------------- */

/* The port may be closed by the callee. */
static void
hand_out(struct raft_dial *d, const char *extra, size_t extra_len)
{
    uv_tcp_t *stream = d->stream;

    raft_port_prepare(stream);
    d->stream = NULL;
    end(d);
    d->cb(d->data, 0, &d->h, stream, extra_len ? extra : NULL, extra_len,
          HANDSHAKE_ACCEPTED, "");
}

static void
fed(struct raft_dial *d,
    enum handshake_step step,
    const char *extra,
    size_t extra_len)
{
    int rc = raft_port_say(d->stream, &d->h);

    if (step == HANDSHAKE_FAILED)
        fail(d, d->h.why, "%s: %s", d->h.told ? "refused us" : "refused",
             handshake_refusal_text(d->h.why));
    else if (rc != 0)
        fail(d, HANDSHAKE_ACCEPTED, "%s", uv_strerror(rc));
    else if (step == HANDSHAKE_MORE)
        return;
    else if (!raft_port_extra_allowed(&d->h, extra_len))
        fail(d, HANDSHAKE_NO_SLUICE, "refused: talks where it should listen");
    else
        hand_out(d, extra, extra_len);
}

static void
on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct raft_dial *d = stream->data;
    enum handshake_step step;
    size_t used;

    if (n == UV_EOF) {
        fail(d, HANDSHAKE_ACCEPTED, "hung up in the middle of the handshake");
    } else if (n < 0) {
        fail(d, HANDSHAKE_ACCEPTED, "%s", uv_strerror((int)n));
    } else {
        step = handshake_feed(&d->h, buf->base, (size_t)n, &used);
        fed(d, step, buf->base + used, (size_t)n - used);
    }
}

static void
meet(struct raft_dial *d)
{
    struct raft_port *p = d->port;
    unsigned char nonce[HANDSHAKE_NONCE_SIZE];
    int rc;

    raft_port_nonce(nonce);
    handshake_client(&d->h, &p->self, p->secret, d->role, nonce);
    d->stream->data = d;
    rc = raft_port_say(d->stream, &d->h);
    if (rc == 0)
        rc = uv_read_start((uv_stream_t *)d->stream, raft_port_room, on_read);
    if (rc == 0)
        enter(d, DIAL_MEET);
    else
        fail(d, HANDSHAKE_ACCEPTED, "%s", uv_strerror(rc));
}

/* ---- connecting ------------------------------------------------------- */

static void connect_next(struct raft_dial *d, int rc);

static void
on_connected(uv_connect_t *request, int status)
{
    struct raft_dial *d = request->data;

    free(request);
    if (!d)
        return;
    d->request = NULL;
    if (status == 0) {
        meet(d);
        return;
    }
    drop_connection(d);
    connect_next(d, status);
}

static int
connect_to(struct raft_dial *d, const struct sockaddr_storage *address)
{
    int rc;

    d->stream = raft_port_stream(d->port);
    d->request = calloc(1, sizeof(*d->request));
    if (!d->request)
        abort();
    d->request->data = d;
    rc = uv_tcp_connect(d->request, d->stream, (const struct sockaddr *)address,
                        on_connected);
    if (rc != 0) {
        free(d->request);
        d->request = NULL;
        drop_connection(d);
    }
    return rc;
}

/* RC is what became of the address before. */
static void
connect_next(struct raft_dial *d, int rc)
{
    struct sockaddr_storage address;

    while (d->tried < d->addresses.count) {
        rc = raft_endpoint_of(d->addresses.items[d->tried++], d->tcp_port,
                              &address);
        if (rc == 0 && !raft_port_may_meet(d->port, &address)) {
            fail(d, HANDSHAKE_LOOPBACK_ONLY, "refused: %s",
                 handshake_refusal_text(HANDSHAKE_LOOPBACK_ONLY));
            return;
        }
        if (rc == 0)
            rc = connect_to(d, &address);
        if (rc == 0) {
            enter(d, DIAL_CONNECT);
            return;
        }
    }
    fail(d, HANDSHAKE_ACCEPTED, "%s", uv_strerror(rc));
}

/* ---- the name --------------------------------------------------------- */

static void
looked_up(void *data, int status, const struct resolve_addresses *found)
{
    struct raft_dial *d = data;

    d->lookup = NULL;
    if (status != 0) {
        fail(d, HANDSHAKE_ACCEPTED, "cannot look %s up: %s", d->host,
             uv_strerror(status));
        return;
    }
    d->addresses = *found;
    connect_next(d, 0);
}

static void
begin(struct raft_dial *d)
{
    int status;

    d->stalls = loop_stalls(d->port->loop);
    d->deadline_ms = clock_mono_ms() + PORT_HANDSHAKE_MS;
    if (raft_endpoint_split(d->address, d->host, &d->tcp_port) != 0) {
        fail(d, HANDSHAKE_ACCEPTED, "not HOST:PORT or [IPv6]:PORT");
        return;
    }
    if (resolve_literal(d->host, &d->addresses)) {
        connect_next(d, 0);
        return;
    }
    enter(d, DIAL_LOOKUP);
    d->lookup = resolve_start(d->port->loop, d->host, looked_up, d, &status);
    if (!d->lookup)
        fail(d, HANDSHAKE_ACCEPTED, "cannot look %s up: %s", d->host,
             uv_strerror(status));
}

/* ---- out of time ------------------------------------------------------ */

static void
out_of_time(struct raft_dial *d)
{
    switch (d->stage) {
    case DIAL_LOOKUP:
        fail(d, HANDSHAKE_ACCEPTED,
             "no answer to the look-up of %s within %d ms", d->host,
             PORT_HANDSHAKE_MS);
        break;
    case DIAL_CONNECT:
        drop_connection(d);
        if (d->tried < d->addresses.count)
            connect_next(d, UV_ETIMEDOUT);
        else
            fail(d, HANDSHAKE_ACCEPTED, "no answer within %d ms",
                 PORT_HANDSHAKE_MS);
        break;
    default:
        fail(d, HANDSHAKE_ACCEPTED,
             "took the connection, but no answer "
             "within %d ms",
             PORT_HANDSHAKE_MS);
        break;
    }
}

static void
on_timer(uv_timer_t *timer)
{
    struct raft_dial *d = timer->data;

    if (d->stage == DIAL_BEGIN)
        begin(d);
    else if (loop_stalls(d->port->loop) != d->stalls)
        arm(d);
    else
        out_of_time(d);
}

/* ---- interface -------------------------------------------------------- */

struct raft_dial *
raft_port_dial(struct raft_port *p,
               const char *address,
               enum handshake_role role,
               raft_dial_cb cb,
               void *data)
{
    struct raft_dial *d = calloc(1, sizeof(*d));

    if (!d)
        abort();
    d->port = p;
    snprintf(d->address, sizeof(d->address), "%s", address);
    d->role = role;
    d->cb = cb;
    d->data = data;
    uv_timer_init(&p->loop->uv, &d->timer);
    d->timer.data = d;
    uv_timer_start(&d->timer, on_timer, 0, 0);
    raft_port_hold(p);
    d->next = p->dials;
    if (d->next)
        d->next->previous = d;
    p->dials = d;
    return d;
}

void
raft_dial_cancel(struct raft_dial *d)
{
    if (d && d->stage != DIAL_OVER)
        end(d);
}

void
raft_dial_cancel_all(struct raft_port *p)
{
    while (p->dials)
        end(p->dials);
}
