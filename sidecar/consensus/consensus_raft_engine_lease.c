/*
 * When this node may act. raft_state() is not it: libraft says LEADER for a
 * while after another was elected, and after the process was stopped. A
 * majority that has stored an entry of ours had heard of us after we sent it,
 * and elects nobody within ENGINE_ELECTION_MS of that: so from the start of
 * the last command or barrier that was committed in this term we may act for
 * ENGINE_LEASE_MS.
 */
#include "consensus/consensus_raft_engine_private.h"

#include <stdlib.h>

/* How often a leader without changes has itself confirmed: an entry on every
 * voter's disk. */
#define PROOF_EVERY_MS 100

struct proof {
    struct raft_barrier req;
    struct engine *engine;
    uint64_t boot_ms;
    uint64_t mono_ms;
};

void
engine_lose(struct engine *e)
{
    e->lead_term = 0;
    if (e->until_boot_ms == 0)
        return;
    e->until_boot_ms = 0;
    e->events.leadership(e->events.data, 0, 0, 0);
}

void
engine_proven(struct engine *e, uint64_t start_boot_ms, uint64_t start_mono_ms)
{
    if (e->leaving || e->failed || raft_state(&e->raft) != RAFT_LEADER)
        return;
    e->lead_term = e->raft.current_term;
    if (start_boot_ms < e->proof_boot_ms)
        return;
    e->proof_boot_ms = start_boot_ms;
    if (start_boot_ms + ENGINE_LEASE_MS <= clock_boot_ms())
        return;
    e->until_boot_ms = start_boot_ms + ENGINE_LEASE_MS;
    e->events.leadership(e->events.data, e->until_boot_ms, start_mono_ms,
                         start_boot_ms);
}

static void
on_barrier(struct raft_barrier *req, int status)
{
    struct proof *p = req->data;

    p->engine->proving--;
    if (status == 0)
        engine_proven(p->engine, p->boot_ms, p->mono_ms);
    free(p);
}

static void
begin_barrier(struct engine *e)
{
    struct proof *p = calloc(1, sizeof(*p));

    if (!p)
        abort();
    p->req.data = p;
    p->engine = e;
    p->boot_ms = clock_boot_ms();
    p->mono_ms = clock_mono_ms();
    e->proving++;
    if (raft_barrier(&e->raft, &p->req, on_barrier) == 0)
        return;
    e->proving--;
    free(p);
}

/* The only voter has no rival: once it has committed what was left in its log
 * it needs nobody's word, and no write. */
static int
is_alone(const struct engine *e)
{
    return e->lead_term == e->raft.current_term && engine_voter_count(e) == 1 &&
           e->raft.configuration_uncommitted_index == 0;
}

/* The others hear that something is committed with the next entry, or the next
 * heartbeat, 50 ms later. */
void
engine_spread(struct engine *e)
{
    if (raft_state(&e->raft) == RAFT_LEADER && !e->leaving && !e->failed &&
        !is_alone(e))
        begin_barrier(e);
}

/* What is seen after whatever raft did. */
void
engine_look(struct engine *e)
{
    int state = raft_state(&e->raft);

    if (state == RAFT_UNAVAILABLE && !e->leaving)
        engine_fail(e, "raft stopped: %s",
                    *e->io.errmsg ? e->io.errmsg : raft_errmsg(&e->raft));
    if (state != RAFT_LEADER)
        engine_lose(e);
    else if (e->lead_term == 0)
        engine_prove(e);
}

void
engine_prove(struct engine *e)
{
    if (raft_state(&e->raft) != RAFT_LEADER)
        return;
    if (e->until_boot_ms != 0 && e->until_boot_ms <= clock_boot_ms())
        engine_lose(e);
    if (e->leaving || e->failed || e->proving ||
        (e->lead_term != 0 &&
         clock_boot_ms() < e->proof_boot_ms + PROOF_EVERY_MS))
        return;
    if (is_alone(e))
        engine_proven(e, clock_boot_ms(), clock_mono_ms());
    else
        begin_barrier(e);
}
