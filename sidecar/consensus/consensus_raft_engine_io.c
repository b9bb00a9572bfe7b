/*
 * What stands between libraft and its I/O, and why:
 *
 * - time: libraft asks the loop's cached clock. In a long turn of the loop a
 *   voter would date its leader's last word too early, and vote too soon.
 * - append: after a failed write libraft goes on without ever writing again;
 *   a follower does not even say so. We end instead, and libraft never hears
 *   of it: its way of taking entries back is not to be relied on.
 * - receive: a voter that starts does not know what it promised before. It
 *   gives no vote for as long as a leader may count on its last answer.
 * - close: libraft says that it is closed again when a file is, which it did
 *   not wait for. We hear it once, and let go when all of them are.
 *
 * After each message and tick we look what became of leadership: who just
 * lost it may give its vote with the next message.
 */
#include "consensus/consensus_raft_engine_private.h"

#include <stdlib.h>

static raft_time
io_time(struct raft_io *io)
{
    (void)io;
    return clock_mono_ms();
}

/* ---- append ----------------------------------------------------------- */

struct append {
    struct raft_io_append inner;
    struct raft_io_append *outer;
    raft_io_append_cb cb;
    struct engine *engine;
};

static void
on_appended(struct raft_io_append *req, int status)
{
    struct append *a = req->data;

    if (status == 0 || status == RAFT_CANCELED)
        a->cb(a->outer, status);
    else
        engine_fail(a->engine, "cannot write to RaftDataDir: %s",
                    status == RAFT_NOSPACE ? "no room left"
                                           : raft_strerror(status));
    free(a);
}

static int
io_append(struct raft_io *io,
          struct raft_io_append *req,
          const struct raft_entry entries[],
          unsigned n,
          raft_io_append_cb cb)
{
    struct engine *e = engine_of(io);
    struct append *a = calloc(1, sizeof(*a));
    int rc;

    if (!a)
        abort();
    a->inner.data = a;
    a->outer = req;
    a->cb = cb;
    a->engine = e;
    rc = e->io_append(io, &a->inner, entries, n, on_appended);
    if (rc != 0)
        engine_fail(e, "cannot write to RaftDataDir: %s", raft_strerror(rc));
    return rc;
}

/* ---- receive ---------------------------------------------------------- */

static void
hear(struct engine *e, uint64_t id)
{
    size_t i = 0;

    while (i < HEARD_MAX - 1 && e->heard[i].id != 0 && e->heard[i].id != id)
        i++;
    e->heard[i].id = id;
    e->heard[i].mono_ms = clock_mono_ms();
}

int64_t
engine_heard_ms(const struct engine *e, uint64_t id)
{
    for (size_t i = 0; i < HEARD_MAX; i++)
        if (e->heard[i].id == id && id != 0)
            return (int64_t)(clock_mono_ms() - e->heard[i].mono_ms);
    return -1;
}

/* The vote of one whom its leader told to take over disturbs nobody: that
 * leader acts no more. */
static int
too_soon_to_vote(const struct engine *e, const struct raft_message *msg)
{
    return msg->type == RAFT_IO_REQUEST_VOTE &&
           !msg->request_vote.disrupt_leader &&
           clock_mono_ms() < e->votes_from_ms;
}

static void
on_receive(struct raft_io *io, struct raft_message *msg)
{
    struct engine *e = engine_of(io);

    hear(e, msg->server_id);
    if (too_soon_to_vote(e, msg))
        return;
    e->recv(io, msg);
    engine_look(e);
}

static void
on_tick(struct raft_io *io)
{
    struct engine *e = engine_of(io);

    e->ticked(io);
    engine_look(e);
}

static int
io_start(struct raft_io *io,
         unsigned msecs,
         raft_io_tick_cb tick,
         raft_io_recv_cb recv)
{
    struct engine *e = engine_of(io);

    e->recv = recv;
    e->ticked = tick;
    e->votes_from_ms = clock_mono_ms() + ENGINE_ELECTION_MS;
    return e->io_start(io, msecs, on_tick, on_receive);
}

/* ---- close ------------------------------------------------------------ */

/* What is on its way to be closed is so within two turns of the loop. */
#define CLOSE_TURNS 4

static void
on_turn(uv_timer_t *timer)
{
    struct engine *e = timer->data;

    if (++e->io_turns <= CLOSE_TURNS)
        return;
    uv_timer_stop(timer);
    e->io_closed(&e->io);
}

static void
on_closed(struct raft_io *io)
{
    struct engine *e = engine_of(io);

    if (e->io_turns == 0)
        uv_timer_start(&e->patience, on_turn, 1, 1);
    e->io_turns += e->io_turns == 0;
}

static void
io_close(struct raft_io *io, raft_io_close_cb cb)
{
    struct engine *e = engine_of(io);

    e->io_closed = cb;
    e->io_close(io, on_closed);
}

void
engine_wrap_io(struct engine *e)
{
    e->io_close = e->io.close;
    e->io.close = io_close;
    e->io_start = e->io.start;
    e->io_append = e->io.append;
    e->io.start = io_start;
    e->io.append = io_append;
    e->io.time = io_time;
}
