/* What libraft does with the ledger: commands, snapshots. */
#include "consensus/consensus_raft_engine_private.h"

#include <stdlib.h>

/* libraft counts an entry as applied when this has returned. */
static int
fsm_apply(struct raft_fsm *fsm, const struct raft_buffer *buf, void **result)
{
    struct engine *e = fsm->data;
    uint64_t index = raft_last_applied(&e->raft) + 1;
    struct ledger_command command;
    char err[256];

    *result = NULL;
    if (ledger_decode(buf->base, buf->len, &command, err, sizeof(err)) != 0) {
        engine_fail(e, "entry %llu: %s", (unsigned long long)index, err);
        return RAFT_MALFORMED;
    }
    ledger_apply(e->ledger, index, &command, &e->stored);
    e->events.applied(e->events.data, index, buf->base, buf->len);
    return 0;
}

static int
fsm_snapshot(struct raft_fsm *fsm, struct raft_buffer *bufs[], unsigned *n_bufs)
{
    struct engine *e = fsm->data;
    struct raft_buffer *buf;

    /* libraft would put members into it that may be taken back: later. */
    if (e->raft.configuration_uncommitted_index != 0 ||
        e->raft.configuration_index > e->raft.last_applied)
        return RAFT_BUSY;
    buf = raft_malloc(sizeof(*buf));
    if (!buf)
        return RAFT_NOMEM;
    buf->base = ledger_save(e->ledger, &buf->len);
    *bufs = buf;
    *n_bufs = 1;
    return 0;
}

static int
fsm_restore(struct raft_fsm *fsm, struct raft_buffer *buf)
{
    struct engine *e = fsm->data;
    char err[256];

    if (ledger_load(e->ledger, buf->base, buf->len, err, sizeof(err)) != 0) {
        engine_fail(e, "a snapshot: %s", err);
        return RAFT_MALFORMED;
    }
    raft_free(buf->base);
    e->events.restored(e->events.data);
    return 0;
}

void
engine_set_fsm(struct engine *e)
{
    e->fsm = (struct raft_fsm){
        .version = 1,
        .data = e,
        .apply = fsm_apply,
        .snapshot = fsm_snapshot,
        .restore = fsm_restore,
    };
}
