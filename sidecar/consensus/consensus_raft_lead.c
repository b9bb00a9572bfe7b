/*
 * What who leads sees to: that the store has an id once a majority of RaftNodes
 * are voters, that the others come in, and that whoever was taken in half is
 * taken in.
 */
#include "consensus/consensus_raft_found_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "consensus/draw.h"

#define STORE_ID_DIGITS 32
#define PEERS_MAX 256 /* on links */
#define SHUN_MS 15000 /* who could not be taken in, while others wait */

int
founder_save(struct consensus *c)
{
    char err[256];

    if (raft_dir_save(&c->dir, err, sizeof(err)) == 0)
        return 0;
    log_error("raft_data_dir", log_str("error", err));
    return -1;
}

static void
on_formed(void *data,
          enum consensus_outcome outcome,
          const struct consensus_change *stored,
          uint64_t revision,
          const char *text)
{
    struct consensus *c = data;

    (void)stored;
    (void)revision;
    (void)text;
    if (!c->founder)
        return;
    c->founder->forming = 0;
    if (outcome == CONSENSUS_DONE && c->dir.anew) {
        c->dir.anew = 0;
        founder_save(c);
    }
}

static void
propose(struct founder *f, enum ledger_kind kind)
{
    struct ledger_command command = {.kind = kind,
                                     .now_real_ms = clock_real_ms()};

    if (kind == LEDGER_FOUND)
        draw_hex(command.store_id, STORE_ID_DIGITS);
    f->forming = 1;
    engine_apply(f->c->engine, &command, on_formed, f->c);
}

int
founder_is_member(const struct consensus *c, uint64_t id, const char *address)
{
    size_t count = engine_member_count(c->engine);
    struct engine_member members[count + 1];
    int found = 0;

    engine_members(c->engine, members);
    for (size_t i = 0; i < count; i++)
        found |=
            members[i].id == id || strcmp(members[i].address, address) == 0;
    return found;
}

int
founder_is_node(const struct consensus *c, const char *address)
{
    for (size_t i = 0; i < c->nnodes; i++)
        if (strcmp(c->nodes[i], address) == 0)
            return 1;
    return 0;
}

static void
on_member(void *data, int status, const char *text)
{
    struct consensus *c = data;

    if (!c->founder)
        return;
    c->founder->forming = 0;
    if (status == 0)
        return;
    c->founder->shunned_ms = clock_mono_ms();
    log_warn("raft_not_added", log_str("problem", text));
}

int
raft_not_alone(struct consensus *c)
{
    if (!c->dir.alone)
        return 0;
    c->dir.alone = 0;
    if (founder_save(c) == 0)
        return 0;
    c->dir.alone = 1;
    return -1;
}

/* One that could not be reached must not keep the others out. */
static int
is_shunned(const struct founder *f, uint64_t id)
{
    return id == f->shunned_id && f->shunned_ms != 0 &&
           clock_mono_ms() < f->shunned_ms + SHUN_MS;
}

static void
take_in(struct founder *f)
{
    const struct handshake_self *peers[PEERS_MAX];
    struct consensus *c = f->c;
    size_t count = server_peers(c->server, peers, PEERS_MAX);

    for (size_t i = 0; i < count; i++) {
        const struct handshake_self *p = peers[i];

        if (p->observer || !p->fresh || p->nodes != c->identity.nodes ||
            !founder_is_node(c, p->address) ||
            founder_is_member(c, p->id, p->address) || is_shunned(f, p->id))
            continue;
        if (raft_not_alone(c) == 0 &&
            engine_add(c->engine, p->id, p->address, on_member, c) == 0) {
            f->forming = 1;
            f->shunned_id = p->id;
            f->shunned_ms = 0;
            log_info("raft_adding", log_str("address", p->address));
        }
        return;
    }
}

/* A leader that was lost while it added somebody leaves one who is neither in
 * nor out: 1 if there is. */
static int
finish_adding(struct founder *f)
{
    struct consensus *c = f->c;
    size_t count = engine_member_count(c->engine);
    struct engine_member members[count + 1];

    engine_members(c->engine, members);
    for (size_t i = 0; i < count; i++) {
        if (members[i].voter)
            continue;
        if (engine_finish_add(c->engine, members[i].id, on_member, c) == 0) {
            f->forming = 1;
            f->shunned_id = members[i].id;
            f->shunned_ms = 0;
            log_info("raft_adding", log_str("address", members[i].address),
                     log_str("begun", "by another leader"));
        }
        return 1;
    }
    return 0;
}

void
founder_lead(struct founder *f)
{
    struct consensus *c = f->c;
    size_t voters = engine_voter_count(c->engine);

    if (f->forming)
        return;
    if ((c->ledger.store_id[0] == '\0' && voters > c->nnodes / 2) ||
        c->dir.anew)
        propose(f, LEDGER_FOUND);
    else if (!c->ledger.settled && voters >= c->nnodes)
        propose(f, LEDGER_SETTLED);
    else if (!finish_adding(f) && !c->ledger.settled)
        take_in(f);
}
