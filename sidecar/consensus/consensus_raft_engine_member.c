/* Changes of who is a member, one at a time. */
#include "consensus/consensus_raft_engine_private.h"

#include <stdio.h>

static void
answer(struct engine *e, int status, const char *what)
{
    engine_member_cb cb = e->change_cb;
    char text[256];

    e->change_cb = NULL;
    e->change_step = CHANGE_NOTHING;
    snprintf(text, sizeof(text), "%s: %s", what,
             status ? raft_strerror(status) : "done");
    cb(e->change_data, status, text);
}

/* What follows is begun by the tick: we are inside of libraft here. */
static void
on_step(struct raft_change *req, int status)
{
    struct engine *e = req->data;

    e->change_status = status;
    e->change_ended = 1;
}

static void
begin(struct engine *e, enum engine_change_step step, int rc)
{
    e->change_step = step;
    e->change_ended = rc != 0;
    e->change_status = rc;
}

static void
make_voter(struct engine *e)
{
    begin(e, CHANGE_VOTER,
          raft_assign(&e->raft, &e->change, e->change_id, RAFT_VOTER, on_step));
}

/* A spare that never became a voter is in nobody's way, but a list that shows
 * it would mislead. */
static void
clean(struct engine *e)
{
    begin(e, CHANGE_CLEAN,
          raft_remove(&e->raft, &e->change, e->change_id, on_step));
}

void
engine_change_step(struct engine *e)
{
    int status = e->change_status;

    if (!e->change_cb || !e->change_ended)
        return;
    switch (e->change_step) {
    case CHANGE_ADD:
        if (status == 0)
            make_voter(e);
        else
            answer(e, status, "adding it");
        break;
    case CHANGE_VOTER:
        if (status == RAFT_NOCONNECTION)
            clean(e);
        else
            answer(e, status, "adding it");
        break;
    case CHANGE_CLEAN:
        answer(e, RAFT_NOCONNECTION,
               "it did not catch up with the facts, and was not added");
        break;
    default:
        answer(e, status, "removing it");
    }
}

/* Nobody will know here what becomes of it. */
void
engine_change_abandon(struct engine *e)
{
    if (e->change_cb)
        answer(e, RAFT_LEADERSHIPLOST, "look at the list of members");
}

static void
prepare(struct engine *e, uint64_t id, engine_member_cb cb, void *data)
{
    e->change.data = e;
    e->change_id = id;
    e->change_cb = cb;
    e->change_data = data;
}

static int
is_free(const struct engine *e)
{
    return !e->change_cb && !e->leaving && !e->failed && engine_acts(e);
}

int
engine_add(struct engine *e,
           uint64_t id,
           const char *address,
           engine_member_cb cb,
           void *data)
{
    if (!is_free(e))
        return -1;
    prepare(e, id, cb, data);
    begin(e, CHANGE_ADD, raft_add(&e->raft, &e->change, id, address, on_step));
    return 0;
}

int
engine_finish_add(struct engine *e,
                  uint64_t id,
                  engine_member_cb cb,
                  void *data)
{
    if (!is_free(e))
        return -1;
    prepare(e, id, cb, data);
    make_voter(e);
    return 0;
}

int
engine_remove(struct engine *e, uint64_t id, engine_member_cb cb, void *data)
{
    if (!is_free(e))
        return -1;
    prepare(e, id, cb, data);
    begin(e, CHANGE_REMOVE, raft_remove(&e->raft, &e->change, id, on_step));
    return 0;
}
