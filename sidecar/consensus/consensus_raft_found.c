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
#include "consensus/consensus_raft_found_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

#define LOOK_MS 200    /* between two looks at a node */
#define SEEN_MS 2000   /* for so long one was there */
#define WAITED_MS 5000 /* then it is worth a line */

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
        if (why != HANDSHAKE_ACCEPTED &&
            log_again(&f->said_ms, clock_mono_ms()))
            log_error("raft_refused", log_str("peer", fellow->address),
                      log_str("problem", text));
    } else if (proven->other.nodes != f->c->identity.nodes) {
        if (log_again(&f->said_ms, clock_mono_ms()))
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
    if (clock_mono_ms() > f->begin_ms + WAITED_MS &&
        log_again(&f->said_ms, clock_mono_ms()))
        log_warn("raft_waiting", log_int("fresh", 1 + fresh_fellows(f)),
                 log_int("nodes", (int64_t)c->nnodes),
                 log_str("for", "a majority of RaftNodes, to found a cluster"));
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
    founder_save(c);
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
        (founder_is_member(c, c->dir.id, c->self) && !removed))
        return;
    f->waits = waits;
    if (waits == WAITS_FOUNDER)
        log_warn("raft_waiting", log_str("for", first_node(c)),
                 log_str("advice", "that one of RaftNodes founds the cluster, "
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
        founder_lead(f);
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

/* A voter whose log says nothing has forgotten what it promised. */
static int
look_at_log(const struct consensus *c, char *err, size_t err_size)
{
    if (c->dir.store_id[0] == '\0' || !engine_empty(c->engine))
        return 0;
    snprintf(err, err_size,
             "%s: the log is empty, and this node was a member: give it an "
             "empty RaftDataDir, and the others take it in (sluicectl members "
             "replace)",
             c->dir.raft);
    return -1;
}

/* 0: the engine is to be started now; 1: not yet. */
static int
prepare(struct founder *f, char *err, size_t err_size)
{
    struct consensus *c = f->c;

    if (c->dir.logged)
        return readdress(c, err, err_size);
    if (!founder_is_node(c, c->self))
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
    if (rc == 0)
        rc = look_at_log(c, err, err_size);
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
