/*
 * What stands between libraft and its I/O, and why:
 *
 * - time: libraft asks the loop's cached clock. In a long turn of the loop a
 *   voter would date its leader's last word too early, and vote too soon.
 * - append: after a failed write libraft goes on without ever writing again;
 *   a follower does not even say so. We end instead, and libraft never hears
 *   of it: its way of taking entries back is not to be relied on. At the end
 *   it gets all back that was not written. Each time it forgets whatever is
 *   behind as well, and crashes when that is gone already: so the last one
 *   comes first.
 * - receive: a voter that starts does not know what it promised before. It
 *   gives no vote for as long as a leader may count on its last answer.
 * - close: libraft says that it is closed again when a file is, which it did
 *   not wait for. We hear it once, and let go when all of them are.
 * - truncate, snapshot: what libraft does then relies on entries that may be
 *   gone, or goes on as if nothing were; see there.
 *
 * After each message and tick we look what became of leadership: who just
 * lost it may give its vote with the next message.
 */
#include "consensus/consensus_raft_engine_private.h"

#include <stdlib.h>
#include <sys/statvfs.h>

#define ROOM_BYTES (9u * 1024 * 1024) /* for a segment, and a little more */

static raft_time
io_time(struct raft_io *io)
{
    (void)io;
    return clock_mono_ms();
}

static int
has_room(const struct engine *e)
{
    struct statvfs fs;

    return statvfs(e->dir, &fs) != 0 ||
           (uint64_t)fs.f_bavail * fs.f_frsize >= ROOM_BYTES;
}

/* libraft says "I/O error" of a full disk, too. */
static const char *
disk_problem(const struct engine *e, int status)
{
    if (status == RAFT_NOSPACE || !has_room(e))
        return "no room left";
    return *e->io.errmsg ? e->io.errmsg : raft_strerror(status);
}

/* ---- append ----------------------------------------------------------- */

struct append {
    struct raft_io_append inner;
    struct raft_io_append *outer;
    raft_io_append_cb cb;
    struct engine *engine;
    uint64_t number;
    uint64_t last; /* index */
    struct append *next;
};

/* Until the end; the last to be appended is the first of them. */
static void
keep_unwritten(struct engine *e, struct append *a)
{
    struct append **at = &e->unwritten;

    while (*at && (*at)->number > a->number)
        at = &(*at)->next;
    a->next = *at;
    *at = a;
}

/* The append that follows a truncation is written after it. */
static void
truncated(struct engine *e, uint64_t number)
{
    if (e->truncating == 0 || number < e->truncating)
        return;
    e->truncating = 0;
    if (e->members_taken_back)
        engine_fail(e, "a change of members was taken back by who leads now: "
                       "this node has to start again");
}

static void
on_appended(struct raft_io_append *req, int status)
{
    struct append *a = req->data;

    truncated(a->engine, a->number);
    if (status == 0 && !a->engine->failed) {
        a->cb(a->outer, status);
        free(a);
        return;
    }
    keep_unwritten(a->engine, a);
    if (status != 0 && status != RAFT_CANCELED)
        engine_fail(a->engine, "cannot write to RaftDataDir: %s",
                    disk_problem(a->engine, status));
}

/* From the last to the first. */
static void
give_back_unwritten(struct engine *e)
{
    struct append *a;

    while ((a = e->unwritten)) {
        e->unwritten = a->next;
        if (a->last <= raft_last_index(&e->raft))
            a->cb(a->outer, RAFT_CANCELED);
        free(a);
    }
}

static int
io_append(struct raft_io *io,
          struct raft_io_append *req,
          const struct raft_entry entries[],
          unsigned n,
          raft_io_append_cb cb)
{
    struct engine *e = engine_of(io);
    struct append *a;
    int rc;

    if (e->failed)
        return RAFT_IOERR;
    a = calloc(1, sizeof(*a));
    if (!a)
        abort();
    a->inner.data = a;
    a->outer = req;
    a->cb = cb;
    a->engine = e;
    a->number = ++e->appends;
    a->last = raft_last_index(&e->raft);
    rc = e->io_append(io, &a->inner, entries, n, on_appended);
    if (rc != 0) {
        engine_fail(e, "cannot write to RaftDataDir: %s", disk_problem(e, rc));
        free(a);
    }
    return rc;
}

/* ---- snapshots -------------------------------------------------------- */

struct snapshot_put {
    struct raft_io_snapshot_put inner;
    struct raft_io_snapshot_put *outer;
    raft_io_snapshot_put_cb cb;
    struct engine *engine;
};

static void
on_snapshot(struct raft_io_snapshot_put *req, int status)
{
    struct snapshot_put *p = req->data;

    p->engine->snapshots--;
    if (status != 0 && status != RAFT_CANCELED)
        engine_fail(p->engine, "cannot write a snapshot to RaftDataDir: %s",
                    disk_problem(p->engine, status));
    p->cb(p->outer, status);
    free(p);
}

static int
io_snapshot_put(struct raft_io *io,
                unsigned trailing,
                struct raft_io_snapshot_put *req,
                const struct raft_snapshot *snapshot,
                raft_io_snapshot_put_cb cb)
{
    struct engine *e = engine_of(io);
    struct snapshot_put *p;
    int rc;

    if (e->failed)
        return RAFT_IOERR;
    p = calloc(1, sizeof(*p));
    if (!p)
        abort();
    p->inner.data = p;
    p->outer = req;
    p->cb = cb;
    p->engine = e;
    rc = e->io_snapshot_put(io, trailing, &p->inner, snapshot, on_snapshot);
    if (rc == 0)
        e->snapshots++;
    else
        free(p);
    return rc;
}

/* ---- taking entries back ---------------------------------------------- */

/*
 * libraft does not say when a truncation failed, and forgets one that meets a
 * snapshot under way: it would then write new entries behind those that are
 * still there. Neither may happen; a start does it again, from the beginning.
 */
static int
may_truncate(struct engine *e)
{
    if (e->snapshots == 0 && has_room(e))
        return 1;
    engine_fail(e,
                "entries are to be taken back, and %s: this node has to "
                "start again",
                e->snapshots ? "a snapshot is under way" : "no room is left");
    return 0;
}

/* Where the members that count now are among what is taken back, only the log
 * on the disk says who counts then: reading that is a start's business, once it
 * is written. libraft does not wait for it when it closes either; we do. */
static int
io_truncate(struct raft_io *io, raft_index index)
{
    struct engine *e = engine_of(io);
    int rc;

    if (e->failed || !may_truncate(e))
        return RAFT_IOERR;
    rc = e->io_truncate(io, index);
    if (rc != 0)
        return rc;
    e->truncating = e->appends + 1;
    e->members_taken_back |= index <= e->raft.configuration_index;
    return 0;
}

/* libraft takes a change of members back by reading the one before, without
 * looking whether the log still has it. Then we call it committed, which a
 * start would do too, and io_truncate sees to the rest. */
static void
spare_rollback(struct engine *e, const struct raft_message *msg)
{
    struct raft *r = &e->raft;

    if (msg->type != RAFT_IO_APPEND_ENTRIES ||
        r->configuration_uncommitted_index == 0 ||
        msg->append_entries.term < r->current_term ||
        (r->state == RAFT_LEADER &&
         msg->append_entries.term == r->current_term) ||
        r->configuration_index > r->log.offset)
        return;
    r->configuration_index = r->configuration_uncommitted_index;
    r->configuration_uncommitted_index = 0;
}

/* ---- receive ---------------------------------------------------------- */

static void
hear(struct engine *e, uint64_t id)
{
    size_t at = 0;

    for (size_t i = 0; i < HEARD_MAX && e->heard[at].id != id; i++)
        if (e->heard[i].id == id || e->heard[i].mono_ms < e->heard[at].mono_ms)
            at = i;
    e->heard[at].id = id;
    e->heard[at].mono_ms = clock_mono_ms();
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

/* Its leader's word was for the first round, which was sent just now. libraft
 * would repeat it in every later one, when another may lead. */
static void
forget_disrupting(struct engine *e)
{
    if (raft_state(&e->raft) == RAFT_CANDIDATE)
        e->raft.candidate_state.disrupt_leader = false;
}

static void
on_receive(struct raft_io *io, struct raft_message *msg)
{
    struct engine *e = engine_of(io);

    hear(e, msg->server_id);
    if (too_soon_to_vote(e, msg))
        return;
    spare_rollback(e, msg);
    e->recv(io, msg);
    forget_disrupting(e);
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
    give_back_unwritten(e);
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
close_io(uv_timer_t *timer)
{
    struct engine *e = timer->data;

    if (e->truncating != 0)
        return;
    uv_timer_stop(timer);
    e->io_close(&e->io, on_closed);
}

static void
io_close(struct raft_io *io, raft_io_close_cb cb)
{
    struct engine *e = engine_of(io);

    e->io_closed = cb;
    uv_timer_start(&e->patience, close_io, 0, 1);
}

void
engine_wrap_io(struct engine *e)
{
    e->io_start = e->io.start;
    e->io_append = e->io.append;
    e->io_truncate = e->io.truncate;
    e->io_snapshot_put = e->io.snapshot_put;
    e->io_close = e->io.close;
    e->io.start = io_start;
    e->io.append = io_append;
    e->io.truncate = io_truncate;
    e->io.snapshot_put = io_snapshot_put;
    e->io.close = io_close;
    e->io.time = io_time;
}
