/*
 * Who came to the raft port and has not yet proven anything. Cheap to turn
 * away and bounded in number and time, so that a thousand of them cost the
 * nodes nothing.
 */
#include "consensus/raft_port_private.h"

#include <stdlib.h>
#include <sys/socket.h>

#include "base/log.h"

/* Of one turned away this much is still read, so that our last word is not
 * lost in the reset that unread bytes cause. */
#define DRAIN_MAX_BYTES 16384

struct stranger {
    struct raft_port *port;
    struct stranger *older, *newer;
    uv_tcp_t *stream;
    uv_timer_t timer;
    uint64_t stalls; /* when the timer was set */
    struct handshake h;
    char peer[RAFT_PEER_SIZE];
    int spoke;
    int refused; /* stays until it hung up */
    size_t drained_bytes;
};

/* ---- the log ---------------------------------------------------------- */

/* A node of ours that is set up wrongly is named; others are just counted. One
 * line for each reason in a while. */
static void
complain(struct stranger *s, enum handshake_refusal why, const char *reason)
{
    struct port_complaint *c = &s->port->complaints[why];

    c->count++;
    if (!log_again(&c->said_ms, clock_mono_ms()))
        return;
    log_warn(why == HANDSHAKE_NO_SLUICE ? "raft_port_stranger"
                                        : "raft_port_refused",
             log_str("peer", s->peer), log_str("reason", reason),
             log_int("count", c->count));
    c->count = 0;
}

/* ---- ends ------------------------------------------------------------- */

static void
stranger_free(uv_handle_t *timer)
{
    struct stranger *s = timer->data;
    struct raft_port *p = s->port;

    free(s);
    raft_port_release(p);
}

/* It lives on until the loop turns: callers need not hurry. */
static void
end(struct stranger *s)
{
    struct raft_port *p = s->port;

    *(s->older ? &s->older->newer : &p->oldest) = s->newer;
    *(s->newer ? &s->newer->older : &p->newest) = s->older;
    p->nstrangers--;
    handshake_clear(&s->h);
    raft_port_hang_up(s->stream);
    s->stream = NULL;
    uv_close((uv_handle_t *)&s->timer, stranger_free);
}

void
raft_stranger_end_all(struct raft_port *p)
{
    while (p->oldest)
        end(p->oldest);
}

/* Says why, and waits for the other side to hang up. */
static void
turn_away(struct stranger *s)
{
    uv_os_fd_t fd;

    complain(s, s->h.why, handshake_refusal_text(s->h.why));
    s->refused = 1;
    handshake_clear(&s->h);
    if (raft_port_say(s->stream, &s->h) != 0 ||
        uv_fileno((uv_handle_t *)s->stream, &fd) != 0 ||
        shutdown(fd, SHUT_WR) != 0)
        end(s);
}

/* ---- time ------------------------------------------------------------- */

static void out_of_time(uv_timer_t *timer);

static void
arm(struct stranger *s)
{
    struct loop *loop = s->port->loop;

    uv_update_time(&loop->uv);
    s->stalls = loop_stalls(loop);
    uv_timer_start(&s->timer, out_of_time, PORT_HANDSHAKE_MS, 0);
}

/* Where this process stood still the time counts for nobody. */
static void
out_of_time(uv_timer_t *timer)
{
    struct stranger *s = timer->data;

    if (loop_stalls(s->port->loop) != s->stalls) {
        arm(s);
        return;
    }
    if (!s->refused)
        complain(s, HANDSHAKE_NO_SLUICE, "too slow");
    end(s);
}

/* ---- the handshake ---------------------------------------------------- */

/* The port may be closed by the callee. */
static void
hand_out(struct stranger *s, const char *extra, size_t extra_len)
{
    struct raft_port *p = s->port;
    uv_tcp_t *stream = s->stream;

    raft_port_prepare(stream);
    s->stream = NULL;
    end(s);
    p->accept(p->data, &s->h, stream, extra_len ? extra : NULL, extra_len);
}

static void
proven(struct stranger *s, const char *extra, size_t extra_len)
{
    if (!raft_port_extra_allowed(&s->h, extra_len)) {
        complain(s, HANDSHAKE_NO_SLUICE, "talks before it is answered");
        end(s);
    } else if (raft_port_say(s->stream, &s->h) != 0) {
        end(s);
    } else {
        hand_out(s, extra, extra_len);
    }
}

/* Who comes and goes without a word, as a check of the port does, is no
 * matter. */
static void
gone(struct stranger *s, int error)
{
    if (s->spoke && !s->refused)
        complain(s, HANDSHAKE_NO_SLUICE,
                 error == UV_EOF ? "hung up" : uv_strerror(error));
    end(s);
}

static void
on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct stranger *s = stream->data;
    size_t used;

    if (n < 0) {
        gone(s, (int)n);
        return;
    }
    if (s->refused) {
        s->drained_bytes += (size_t)n;
        if (s->drained_bytes > DRAIN_MAX_BYTES)
            end(s);
        return;
    }
    s->spoke |= n > 0;
    switch (handshake_feed(&s->h, buf->base, (size_t)n, &used)) {
    case HANDSHAKE_DONE:
        proven(s, buf->base + used, (size_t)n - used);
        break;
    case HANDSHAKE_FAILED:
        turn_away(s);
        break;
    case HANDSHAKE_MORE:
        if (raft_port_say(s->stream, &s->h) != 0)
            end(s);
        break;
    }
}

/* ---- coming ----------------------------------------------------------- */

static struct stranger *
stranger_new(struct raft_port *p, uv_tcp_t *stream)
{
    struct stranger *s = calloc(1, sizeof(*s));
    unsigned char nonce[HANDSHAKE_NONCE_SIZE];

    if (!s)
        abort();
    s->port = p;
    s->stream = stream;
    stream->data = s;
    raft_port_nonce(nonce);
    handshake_server(&s->h, &p->self, p->secret, nonce);
    uv_timer_init(&p->loop->uv, &s->timer);
    s->timer.data = s;
    raft_port_hold(p);
    s->older = p->newest;
    *(p->newest ? &p->newest->newer : &p->oldest) = s;
    p->newest = s;
    p->nstrangers++;
    return s;
}

/* The oldest had the most time already. */
static void
make_room(struct raft_port *p)
{
    if (p->nstrangers < PORT_STRANGERS_MAX)
        return;
    if (!p->oldest->refused)
        complain(p->oldest, HANDSHAKE_NO_SLUICE, "too many at once");
    end(p->oldest);
}

static void
greet(struct raft_port *p, uv_tcp_t *stream)
{
    struct sockaddr_storage address = {0};
    int len = sizeof(address);
    struct stranger *s = stranger_new(p, stream);

    if (uv_tcp_getpeername(stream, (struct sockaddr *)&address, &len) != 0 ||
        uv_read_start((uv_stream_t *)stream, raft_port_room, on_read) != 0) {
        end(s); /* gone already */
        return;
    }
    raft_endpoint_text(&address, s->peer);
    arm(s);
    if (!raft_port_may_meet(p, &address)) {
        handshake_refuse(&s->h, HANDSHAKE_LOOPBACK_ONLY);
        turn_away(s);
    }
}

void
raft_stranger_come(uv_stream_t *listener, int status)
{
    struct raft_port *p = listener->data;
    uv_tcp_t *stream;

    if (status != 0)
        return; /* out of descriptors, or gone already: libuv goes on */
    make_room(p);
    stream = raft_port_stream(p);
    if (uv_accept(listener, (uv_stream_t *)stream) == 0)
        greet(p, stream);
    else
        raft_port_hang_up(stream);
}
