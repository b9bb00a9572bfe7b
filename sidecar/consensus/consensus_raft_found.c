/*
 * How a cluster begins. Of the nodes that RaftNodes lists one may found it,
 * the first in the alphabet, and only when a majority of them is there and
 * none was in a cluster before; it begins alone and takes the others in. An
 * id is drawn for each data directory, so that a node which lost its disk is
 * another one, and never votes as the one it was.
 *
 * Facts are kept from when a majority of RaftNodes are voters. Once all have
 * been members nobody comes in by himself any more.
 */
#include "consensus/consensus_raft_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/rand.h>

#include "base/log.h"

#define LOOK_MS 200    /* between two looks at a node */
#define SEEN_MS 2000   /* for so long one was there */
#define PEERS_MAX 256  /* on links */
#define WAITED_MS 5000 /* then it is worth a line */
#define SAY_EVERY_MS 10000
#define SHUN_MS 15000 /* who could not be taken in, while others wait */

/* A node that may be founded with. */
struct fellow {
    struct founder *f;
    const char *address;
    struct raft_dial *dial;
    uint64_t looked_ms;
    uint64_t fresh_ms; /* it was there, and fresh; 0: not yet */
};

/* For whom a node waits that is no member. */
enum waits { WAITS_NOBODY, WAITS_FOUNDER, WAITS_OPERATOR };

struct founder {
    struct consensus *c;
    struct fellow *fellows;
    size_t nfellows;
    int finding;         /* looks whether it may found */
    int forming;         /* a proposal of ours is under way */
    uint64_t shunned_id; /* who was taken in last … */
    uint64_t shunned_ms; /* … and was not; 0: it was */
    uint64_t begin_ms;
    uint64_t said_ms;
    enum waits waits; /* was said last */
};

static int
say_again(struct founder *f)
{
    uint64_t now_ms = clock_mono_ms();

    if (f->said_ms != 0 && now_ms < f->said_ms + SAY_EVERY_MS)
        return 0;
    f->said_ms = now_ms;
    return 1;
}

static int
save(struct consensus *c)
{
    char err[256];

    if (raft_dir_save(&c->dir, err, sizeof(err)) == 0)
        return 0;
    log_error("raft_data_dir", log_str("error", err));
    return -1;
}

/* ---- looking for the others ------------------------------------------- */

static void
begin(struct founder *f)
{
    struct consensus *c = f->c;
    char err[512];

    f->finding = 0;
    if (engine_start(c->engine, err, sizeof(err)) != 0) {
        snprintf(c->why, sizeof(c->why), "%s", err);
        c->failed = 1;
    }
    raft_identify(c);
}

static void
found(struct founder *f)
{
    struct consensus *c = f->c;
    char err[512];

    if (engine_bootstrap(c->engine, err, sizeof(err)) != 0) {
        snprintf(c->why, sizeof(c->why), "founding: %.480s", err);
        c->failed = 1;
        return;
    }
    log_info("raft_founding", log_str("address", c->self),
             log_int("nodes", (int64_t)c->nnodes));
    begin(f);
}

static void
on_looked(void *data,
          int status,
          const struct handshake *proven,
          uv_tcp_t *stream,
          const void *extra,
          size_t extra_len,
          enum handshake_refusal why,
          const char *text)
{
    struct fellow *fellow = data;
    struct founder *f = fellow->f;

    (void)extra;
    (void)extra_len;
    fellow->dial = NULL;
    fellow->looked_ms = clock_mono_ms();
    raft_port_hang_up(stream);
    if (status != 0) {
        fellow->fresh_ms = 0;
        if (why != HANDSHAKE_ACCEPTED && say_again(f))
            log_error("raft_refused", log_str("peer", fellow->address),
                      log_str("problem", text));
    } else if (proven->other.nodes != f->c->identity.nodes) {
        if (say_again(f))
            log_error("raft_nodes_differ", log_str("peer", fellow->address),
                      log_str("advice",
                              "RaftNodes must be the same list on every node"));
    } else if (proven->other.fresh) {
        fellow->fresh_ms = clock_mono_ms();
    } else if (f->finding) {
        log_info("raft_joining", log_str("peer", fellow->address),
                 log_str("reason", "it is in a cluster already"));
        begin(f);
    }
}

static size_t
fresh_fellows(const struct founder *f)
{
    uint64_t now_ms = clock_mono_ms();
    size_t count = 0;

    for (size_t i = 0; i < f->nfellows; i++)
        count += f->fellows[i].fresh_ms != 0 &&
                 now_ms < f->fellows[i].fresh_ms + SEEN_MS;
    return count;
}

static void
look(struct founder *f)
{
    struct consensus *c = f->c;

    if (1 + fresh_fellows(f) > c->nnodes / 2) {
        found(f);
        return;
    }
    for (size_t i = 0; i < f->nfellows; i++) {
        struct fellow *fellow = &f->fellows[i];

        if (!fellow->dial && clock_mono_ms() >= fellow->looked_ms + LOOK_MS)
            fellow->dial = raft_port_dial(c->port, fellow->address,
                                          HANDSHAKE_LINK, on_looked, fellow);
    }
    if (clock_mono_ms() > f->begin_ms + WAITED_MS && say_again(f))
        log_warn("raft_waiting", log_int("fresh", 1 + fresh_fellows(f)),
                 log_int("nodes", (int64_t)c->nnodes),
                 log_str("for", "a majority of RaftNodes, to found a cluster"));
}

/* ---- what who leads sees to ------------------------------------------- */

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
        save(c);
    }
}

static void
propose(struct founder *f, enum ledger_kind kind)
{
    struct ledger_command command = {.kind = kind,
                                     .now_real_ms = clock_real_ms()};
    unsigned char bytes[(STORE_ID_SIZE - 8) / 2];

    if (kind == LEDGER_FOUND) {
        if (RAND_bytes(bytes, sizeof(bytes)) != 1)
            abort();
        for (size_t i = 0; i < sizeof(bytes); i++)
            sprintf(command.store_id + 2 * i, "%02x", bytes[i]);
    }
    f->forming = 1;
    engine_apply(f->c->engine, &command, on_formed, f->c);
}

static int
is_member(const struct consensus *c, uint64_t id, const char *address)
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

static int
is_node(const struct consensus *c, const char *address)
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
    if (save(c) == 0)
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
            !is_node(c, p->address) || is_member(c, p->id, p->address) ||
            is_shunned(f, p->id))
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

static void
lead(struct founder *f)
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

/* ---- what every voter sees to ----------------------------------------- */

static void
keep_store_id(struct consensus *c)
{
    if (c->ledger.store_id[0] == '\0' || c->dir.anew ||
        teller_proven_ms(c->teller) == 0 ||
        strcmp(c->dir.store_id, c->ledger.store_id) == 0)
        return;
    strcpy(c->dir.store_id, c->ledger.store_id);
    save(c);
    log_info("raft_store", log_str("store", c->dir.store_id));
}

static const char *
first_node(const struct consensus *c)
{
    const char *first = c->nodes[0];

    for (size_t i = 1; i < c->nnodes; i++)
        if (strcmp(c->nodes[i], first) < 0)
            first = c->nodes[i];
    return first;
}

/* Not in the list of members: nobody leads yet who could take it in, or
 * nobody takes it in by himself. */
static void
say_waiting(struct founder *f)
{
    struct consensus *c = f->c;
    const char *leader = raft_leader_address(c);
    enum waits waits = *leader ? WAITS_OPERATOR : WAITS_FOUNDER;
    /* Who was removed is not told: it only gets nothing any more. */
    int removed = link_behind_ms(c->link) > WAITED_MS;

    if (f->waits == waits || clock_mono_ms() < f->begin_ms + WAITED_MS ||
        (is_member(c, c->dir.id, c->self) && !removed))
        return;
    f->waits = waits;
    if (waits == WAITS_FOUNDER)
        log_warn("raft_waiting", log_str("for", first_node(c)),
                 log_str("advice", "the first of RaftNodes founds the cluster, "
                                   "when a majority of them is there"));
    else
        log_warn("raft_no_member", log_str("address", c->self),
                 log_str("leader", leader),
                 log_str("advice", "sluicectl members add, or replace, on any "
                                   "member takes this node in"));
}

void
founder_tick(struct founder *f)
{
    struct consensus *c = f->c;

    raft_identify(c);
    if (f->finding) {
        look(f);
        return;
    }
    keep_store_id(c);
    if (raft_acts(c))
        lead(f);
    else
        say_waiting(f);
}

/* ---- life ------------------------------------------------------------- */

/* What it was called counts only for others: alone, it may change. */
static int
readdress(struct consensus *c, char *err, size_t err_size)
{
    if (strcmp(c->dir.address, c->self) == 0)
        return 0;
    if (!c->dir.alone) {
        snprintf(err, err_size,
                 "RaftBind: the others call this node %s: remove it from the "
                 "cluster and add it again as %s, with an empty RaftDataDir",
                 c->dir.address, c->self);
        return -1;
    }
    if (engine_rewrite(c->engine, err, err_size) != 0)
        return -1;
    log_info("raft_address", log_str("was", c->dir.address),
             log_str("is", c->self));
    snprintf(c->dir.address, sizeof(c->dir.address), "%s", c->self);
    return raft_dir_save(&c->dir, err, err_size);
}

static int
found_alone(struct consensus *c, char *err, size_t err_size)
{
    c->dir.alone = 1;
    snprintf(c->dir.address, sizeof(c->dir.address), "%s", c->self);
    if (raft_dir_save(&c->dir, err, err_size) != 0)
        return -1;
    return engine_bootstrap(c->engine, err, err_size);
}

static void
find_fellows(struct founder *f)
{
    struct consensus *c = f->c;

    f->finding = 1;
    f->fellows = calloc(c->nnodes, sizeof(*f->fellows));
    if (!f->fellows)
        abort();
    for (size_t i = 0; i < c->nnodes; i++)
        if (strcmp(c->nodes[i], c->self) != 0)
            f->fellows[f->nfellows++] =
                (struct fellow){.f = f, .address = c->nodes[i]};
}

/* 0: the engine is to be started now; 1: not yet. */
static int
prepare(struct founder *f, char *err, size_t err_size)
{
    struct consensus *c = f->c;

    if (c->dir.logged)
        return readdress(c, err, err_size);
    if (!is_node(c, c->self))
        return 0; /* it comes later, and founds nothing */
    if (c->nnodes == 1)
        return found_alone(c, err, err_size);
    if (strcmp(first_node(c), c->self) != 0)
        return 0;
    find_fellows(f);
    return 1;
}

struct founder *
founder_new(struct consensus *c, char *err, size_t err_size)
{
    struct founder *f = calloc(1, sizeof(*f));
    int rc;

    if (!f)
        abort();
    f->c = c;
    f->begin_ms = clock_mono_ms();
    rc = prepare(f, err, err_size);
    if (rc == 0)
        rc = engine_start(c->engine, err, err_size);
    if (rc >= 0)
        return f;
    free(f);
    return NULL;
}

void
founder_free(struct founder *f)
{
    if (!f)
        return;
    for (size_t i = 0; i < f->nfellows; i++)
        raft_dial_cancel(f->fellows[i].dial);
    free(f->fellows);
    free(f);
}
