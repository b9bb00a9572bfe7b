/* The end of libraft's life here: leadership to another first. */
#include "consensus/consensus_raft_engine_private.h"

#include <stdlib.h>

#define DRAIN_MS 100
#define HAND_OVER_MS 150

/* ---- handing over ----------------------------------------------------- */

static void
handed_over(struct engine *e)
{
    void (*done)(void *data) = e->handed_over;

    uv_timer_stop(&e->patience);
    e->handed_over = NULL;
    engine_change_abandon(e);
    if (done)
        done(e->handed_over_data);
}

static void
on_patience(uv_timer_t *timer)
{
    handed_over(timer->data);
}

/* Out of libraft's hands first. */
static void
on_transferred(struct raft_transfer *req)
{
    struct engine *e = req->data;

    if (e->handed_over)
        uv_timer_start(&e->patience, on_patience, 0, 0);
}

static void
transfer(struct engine *e)
{
    int waits = 0;

    e->draining = 0;
    e->transfer.data = e;
    if (e->started && raft_state(&e->raft) == RAFT_LEADER)
        waits = raft_transfer(&e->raft, &e->transfer, 0, on_transferred) == 0;
    uv_timer_start(&e->patience, on_patience, waits ? HAND_OVER_MS : 0, 0);
}

static void
on_drained(uv_timer_t *timer)
{
    transfer(timer->data);
}

void
engine_drained(struct engine *e)
{
    uv_timer_start(&e->patience, on_drained, 0, 0);
}

/* What was proposed is answered first, if the disks are quick. */
void
engine_hand_over(struct engine *e, void (*done)(void *data), void *data)
{
    int drains = e->proposals > 0 && !e->failed;

    e->leaving = 1;
    engine_lose(e);
    e->handed_over = done;
    e->handed_over_data = data;
    e->draining = 1;
    uv_timer_start(&e->patience, on_drained, drains ? DRAIN_MS : 0, 0);
}

/* ---- closing ---------------------------------------------------------- */

static void
handle_closed(uv_handle_t *handle)
{
    struct engine *e = handle->data;
    void (*closed)(void *data) = e->closed;
    void *data = e->closed_data;

    if (--e->closing > 0)
        return;
    engine_change_abandon(e);
    raft_uv_close(&e->io);
    free(e);
    closed(data);
}

static void
raft_closed(struct raft *raft)
{
    struct engine *e =
        (struct engine *)((char *)raft - offsetof(struct engine, raft));

    e->closing = 2;
    uv_close((uv_handle_t *)&e->tick, handle_closed);
    uv_close((uv_handle_t *)&e->patience, handle_closed);
}

void
engine_close(struct engine *e, void (*closed)(void *data), void *data)
{
    e->leaving = 1;
    engine_lose(e);
    e->closed = closed;
    e->closed_data = data;
    uv_timer_stop(&e->tick);
    uv_timer_stop(&e->patience);
    raft_close(&e->raft, raft_closed);
}
