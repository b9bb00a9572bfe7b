/* NB: private to consensus_raft_engine*.c. */
#ifndef CONSENSUS_RAFT_ENGINE_PRIVATE_H
#define CONSENSUS_RAFT_ENGINE_PRIVATE_H

#include "consensus/consensus_raft_engine.h"

#define HEARD_MAX 16

enum engine_change_step {
    CHANGE_NOTHING,
    CHANGE_ADD,
    CHANGE_VOTER,
    CHANGE_CLEAN,
    CHANGE_REMOVE
};

struct append;

struct engine {
    struct loop *loop;
    const char *dir;
    struct ledger *ledger;
    struct engine_events events;
    struct raft raft;
    struct raft_io io;
    struct raft_fsm fsm;
    struct raft_tracer tracer;
    uv_timer_t tick;
    int started;
    int failed;
    char why[512]; /* it failed */
    int leaving;   /* acts no more, in this life */

    /* the lease */
    uint64_t until_boot_ms;       /* 0: may not act */
    uint64_t proof_boot_ms;       /* start of the last that was committed */
    unsigned long long lead_term; /* in which the barrier was committed; 0 */
    int proving;                  /* barriers that are under way */

    /* what libraft's own functions were, before ours stood in their place */
    int (*io_start)(struct raft_io *io,
                    unsigned msecs,
                    raft_io_tick_cb tick,
                    raft_io_recv_cb recv);
    int (*io_append)(struct raft_io *io,
                     struct raft_io_append *req,
                     const struct raft_entry entries[],
                     unsigned n,
                     raft_io_append_cb cb);
    void (*io_close)(struct raft_io *io, raft_io_close_cb cb);
    int (*io_truncate)(struct raft_io *io, raft_index index);
    int (*io_snapshot_put)(struct raft_io *io,
                           unsigned trailing,
                           struct raft_io_snapshot_put *req,
                           const struct raft_snapshot *snapshot,
                           raft_io_snapshot_put_cb cb);
    uint64_t appends;       /* so far */
    uint64_t truncating;    /* until that one is written; 0: not */
    int members_taken_back; /* with it */
    unsigned snapshots;     /* being written */
    struct append *unwritten;
    raft_io_recv_cb recv;
    raft_io_tick_cb ticked;
    raft_io_close_cb io_closed;
    int io_turns;           /* of the loop, since it was */
    uint64_t votes_from_ms; /* no vote is given before */
    struct {
        uint64_t id;
        uint64_t mono_ms;
    } heard[HEARD_MAX];

    /* of the command that was applied last, for its proposer */
    struct consensus_change stored;

    /* a change of members */
    struct raft_change change;
    enum engine_change_step change_step;
    int change_ended; /* the step has, with this status */
    int change_status;
    uint64_t change_id;
    engine_member_cb change_cb;
    void *change_data;

    size_t proposals; /* not answered yet */
    int draining;     /* until they are */
    struct raft_transfer transfer;
    uv_timer_t patience; /* with a hand-over */
    void (*handed_over)(void *data);
    void *handed_over_data;

    void (*closed)(void *data);
    void *closed_data;
    unsigned closing; /* handles */
};

static inline struct engine *
engine_of(const struct raft_io *io)
{
    return (struct engine *)((char *)io - offsetof(struct engine, io));
}

/* Says so, once. */
__attribute__((format(printf, 2, 3))) void
engine_fail(struct engine *e, const char *format, ...);

/* consensus_raft_engine_io.c: stands between libraft and its I/O. */
void engine_wrap_io(struct engine *e);
int64_t engine_heard_ms(const struct engine *e, uint64_t id);

/* consensus_raft_engine_leave.c: nothing that was proposed is open now. */
void engine_drained(struct engine *e);

/* consensus_raft_engine_lease.c */
void engine_look(struct engine *e);
void engine_prove(struct engine *e);
void engine_spread(struct engine *e);
void
engine_proven(struct engine *e, uint64_t start_boot_ms, uint64_t start_mono_ms);
void engine_lose(struct engine *e);

/* consensus_raft_engine_member.c */
void engine_change_step(struct engine *e);

/* consensus_raft_engine_fsm.c */
void engine_set_fsm(struct engine *e);

#endif
