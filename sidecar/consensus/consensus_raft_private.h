/*
 * NB: private to consensus_raft*.c. The parts of a node:
 *
 *   engine    libraft (voters only)
 *   teller    says what the facts are, and how new
 *   server    answers the links that come
 *   link      asks the leader, where that is another node
 *   proposer  the changes that were asked for here
 *   founder   how the first members find each other, and later ones come in
 */
#ifndef CONSENSUS_RAFT_PRIVATE_H
#define CONSENSUS_RAFT_PRIVATE_H

#include "base/loop.h"
#include "consensus/consensus.h"
#include "consensus/consensus_raft_dir.h"
#include "consensus/consensus_raft_engine.h"
#include "consensus/consensus_raft_transport.h"
#include "consensus/handshake.h"
#include "consensus/ledger.h"
#include "consensus/raft_frame.h"
#include "consensus/raft_port.h"

struct teller;
struct server;
struct link;
struct proposer;
struct founder;

struct consensus {
    struct loop *loop;
    struct consensus_events events;
    void *data;

    char *self; /* address; an observer's service id */
    char *domain;
    char *share_domain;
    char **nodes; /* RaftNodes, or self alone */
    size_t nnodes;
    int observer;

    struct raft_dir dir; /* a voter's */
    struct handshake_self identity;
    struct ledger ledger;

    struct raft_port *port;
    struct transport *transport; /* NULL: an observer */
    struct engine *engine;       /* NULL: an observer */
    struct teller *teller;
    struct server *server;
    struct link *link;
    struct proposer *proposer;
    struct founder *founder; /* NULL: an observer */

    uv_timer_t tick; /* what has no event of its own */
    int failed;
    char why[512]; /* it failed */
    int told;      /* that it failed */
    uint64_t copy_said_ms;

    uv_timer_t closing; /* bounds the end */
    int ending;
    void (*closed)(void *data);
    void *closed_data;
    unsigned handles;
};

/* May act now. An observer never does. */
int raft_acts(const struct consensus *c);

/* Of whoever leads, as far as this node knows; "" unknown. */
const char *raft_leader_address(const struct consensus *c);

/* ---- consensus_raft_identity.c ---------------------------------------- */

void raft_begin_identity(struct consensus *c);

/* What this node says of itself in handshakes may have changed. */
void raft_identify(struct consensus *c);

/* ---- consensus_raft_facts.c ------------------------------------------- */

struct teller *teller_new(struct consensus *c);
void teller_free(struct teller *t);

/* The ledger changed. */
void teller_changed(struct teller *t);

/* Everything that was committed before then is in the ledger. */
void teller_proven(struct teller *t, uint64_t mono_ms, uint64_t boot_ms);

/* The facts are of another store: nothing is proven any more. */
void teller_forget(struct teller *t);

/* As last proven; 0: not yet. */
uint64_t teller_proven_ms(const struct teller *t);

/* ---- consensus_raft_server.c ------------------------------------------ */

struct server *server_new(struct consensus *c);
void server_free(struct server *s);
void server_accept(struct server *s,
                   const struct handshake *proven,
                   uv_tcp_t *stream,
                   const void *extra,
                   size_t extra_len);

/* To observers that were sent the facts. */
void server_push_command(struct server *s,
                         uint64_t index,
                         const void *bytes,
                         size_t len);

/* The facts are others: they are sent anew, with the next proof. */
void server_forget_pushed(struct server *s);

/* Who is there on a link, fresh nodes and observers too: fills in at most
 * `most`, returns how many. Theirs until the loop goes on. */
size_t server_peers(const struct server *s,
                    const struct handshake_self **out,
                    size_t most);

/* ---- consensus_raft_link.c -------------------------------------------- */

struct link *link_new(struct consensus *c);
void link_free(struct link *l);
void link_tick(struct link *l);

/* Somebody heard of something newer: ask soon. */
void link_hint(struct link *l);

/* "" while there is none that acts. */
const char *link_leader(const struct link *l);

/* 1 while the leader is linked and said that it acts. */
int link_ready(const struct link *l);

/* For how long what the leader has committed did not arrive here. */
uint64_t link_behind_ms(const struct link *l);

/* Whether its answers came within the last second. */
int link_healthy(const struct link *l);

/* Sends a frame with a question; its answer, or NULL when the link was lost
 * before it came, goes to the callback, once, from the loop. Only when
 * link_ready. */
typedef void (*link_cb)(void *data, const struct frame *answer);
void link_ask(struct link *l, struct frame *question, link_cb cb, void *data);

/* ---- consensus_raft_propose.c ------------------------------------------ */

struct proposer *proposer_new(struct consensus *c);
void proposer_free(struct proposer *p);
void proposer_add(struct proposer *p,
                  const struct consensus_change *change,
                  consensus_done_cb cb,
                  void *data);

/* Somebody may be there now who takes what waits; and time passed. */
void proposer_pump(struct proposer *p);

/* Refuses what was not sent, and takes no more. */
void proposer_leave(struct proposer *p);

/* A change that came by a link; only where raft_acts. */
void proposer_propose(struct consensus *c,
                      const struct consensus_change *change,
                      engine_apply_cb cb,
                      void *data);

/* Answers the rest: not known. */
void proposer_abandon(struct proposer *p);

/* ---- consensus_raft_members.c ----------------------------------------- */

void members_list(struct consensus *c, consensus_members_cb cb, void *data);
void members_change(struct consensus *c,
                    const struct consensus_member_change *change,
                    consensus_member_change_cb cb,
                    void *data);

/* ---- consensus_raft_found.c ------------------------------------------- */

/* 0, or -1 with a sentence. Starts the engine, at once or in time. */
struct founder *founder_new(struct consensus *c, char *err, size_t err_size);
void founder_free(struct founder *f);
void founder_tick(struct founder *f);

/* Before another member is added. -1: that could not be noted, and nobody may
 * be added. */
int raft_not_alone(struct consensus *c);

#endif
