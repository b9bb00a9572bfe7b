/* libraft's transport over the raft port. */
#include "consensus/consensus_raft_transport.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

/* A connection that libraft asked for. */
struct connecting {
    struct transport *t;
    struct raft_uv_connect *req;
    raft_uv_connect_cb cb;
    struct raft_dial *dial;
    uint64_t id; /* whom it wants */
    char address[MEMBER_ADDRESS_SIZE];
    struct connecting *next;
};

struct transport {
    struct raft_uv_transport raft;
    struct loop *loop;
    struct raft_port *port;
    raft_uv_accept_cb accept;
    struct connecting *connecting;
    uv_timer_t closing;
    raft_uv_transport_close_cb close_cb;
    uint64_t said_ms;
    int closed;
};

static int
transport_init(struct raft_uv_transport *raft, raft_id id, const char *address)
{
    (void)raft;
    (void)id;
    (void)address;
    return 0;
}

static int
transport_listen(struct raft_uv_transport *raft, raft_uv_accept_cb cb)
{
    struct transport *t = raft->impl;

    t->accept = cb;
    return 0;
}

void
transport_accept(struct transport *t,
                 const struct handshake *proven,
                 uv_tcp_t *stream)
{
    if (!t->accept || t->closed) {
        raft_port_hang_up(stream);
        return;
    }
    t->accept(&t->raft, proven->other.id, proven->other.address,
              (struct uv_stream_s *)stream);
}

/* ---- connecting ------------------------------------------------------- */

static void
forget(struct connecting *c)
{
    struct connecting **at = &c->t->connecting;

    while (*at != c)
        at = &(*at)->next;
    *at = c->next;
}

static void
end(struct connecting *c, uv_tcp_t *stream, int status)
{
    forget(c);
    c->cb(c->req, (struct uv_stream_s *)stream, status);
    free(c);
}

/* libraft tries again ten times a second. */
static void
say(struct transport *t, const char *address, const char *problem)
{
    if (!log_again(&t->said_ms, clock_mono_ms()))
        return;
    log_warn("raft_peer_unreachable", log_str("peer", address),
             log_str("problem", problem));
}

static void
on_dialled(void *data,
           int status,
           const struct handshake *proven,
           uv_tcp_t *stream,
           const void *extra,
           size_t extra_len,
           enum handshake_refusal why,
           const char *text)
{
    struct connecting *c = data;

    (void)extra;
    (void)extra_len;
    (void)why;
    if (status != 0) {
        say(c->t, c->address, text);
        end(c, NULL, RAFT_NOCONNECTION);
    } else if (proven->other.id != c->id) {
        say(c->t, c->address,
            "another node answers there than the member of that address");
        raft_port_hang_up(stream);
        end(c, NULL, RAFT_NOCONNECTION);
    } else {
        end(c, stream, 0);
    }
}

static int
transport_connect(struct raft_uv_transport *raft,
                  struct raft_uv_connect *req,
                  raft_id id,
                  const char *address,
                  raft_uv_connect_cb cb)
{
    struct transport *t = raft->impl;
    struct connecting *c = calloc(1, sizeof(*c));

    if (!c)
        abort();
    *c = (struct connecting){.t = t, .req = req, .cb = cb, .id = id};
    snprintf(c->address, sizeof(c->address), "%s", address);
    c->next = t->connecting;
    t->connecting = c;
    c->dial =
        raft_port_dial(t->port, c->address, HANDSHAKE_RAFT, on_dialled, c);
    return 0;
}

/* ---- the end ---------------------------------------------------------- */

static void
timer_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void
on_closing(uv_timer_t *timer)
{
    struct transport *t = timer->data;

    t->close_cb(&t->raft);
}

static void
transport_close(struct raft_uv_transport *raft, raft_uv_transport_close_cb cb)
{
    struct transport *t = raft->impl;

    t->closed = 1;
    t->close_cb = cb;
    while (t->connecting) {
        raft_dial_cancel(t->connecting->dial);
        end(t->connecting, NULL, RAFT_CANCELED);
    }
    /* libraft is still in its own close function. */
    uv_timer_start(&t->closing, on_closing, 0, 0);
}

struct transport *
transport_new(struct loop *loop, struct raft_port *port)
{
    struct transport *t = calloc(1, sizeof(*t));

    if (!t)
        abort();
    t->loop = loop;
    t->port = port;
    t->raft = (struct raft_uv_transport){
        .impl = t,
        .init = transport_init,
        .listen = transport_listen,
        .connect = transport_connect,
        .close = transport_close,
    };
    uv_timer_init(&loop->uv, &t->closing);
    t->closing.data = t;
    return t;
}

struct raft_uv_transport *
transport_raft(struct transport *t)
{
    return &t->raft;
}

void
transport_free(struct transport *t)
{
    uv_close((uv_handle_t *)&t->closing, timer_closed);
}
