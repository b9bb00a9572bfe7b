/*
 * NB: private to consensus_raft*.c. libraft, made safe to rely on: when this
 * node may act, what was committed, and that a disk which failed ends it.
 */
#ifndef CONSENSUS_RAFT_ENGINE_H
#define CONSENSUS_RAFT_ENGINE_H

#include <raft.h>
#include <raft/uv.h>

#include "base/loop.h"
#include "consensus/consensus.h"
#include "consensus/ledger.h"

/* Nobody else is elected within ELECTION of the last word that a voter had
 * from its leader; who leads stops acting after LEASE. */
#define ENGINE_ELECTION_MS 300
#define ENGINE_HEARTBEAT_MS 50
#define ENGINE_LEASE_MS 250

struct engine;

struct engine_events {
    void *data;

    /* A command was applied; its bytes are the callee's during the call. */
    void (*applied)(void *data, uint64_t index, const void *bytes, size_t len);

    /* The ledger is another one: a snapshot came. */
    void (*restored)(void *data);

    /* May act until then (CLOCK_BOOTTIME), as committed by a majority, or
     * 0. Everything that was committed by anyone before `proven` is in the
     * ledger then (CLOCK_MONOTONIC). */
    void (*leadership)(void *data,
                       uint64_t until_boot_ms,
                       uint64_t proven_mono_ms,
                       uint64_t proven_boot_ms);

    /* It can go on no longer. What is under way stays unanswered by raft;
     * once. */
    void (*failed)(void *data, const char *why);
};

/* NULL with a sentence in err. The transport outlives it, and DIR. */
struct engine *engine_open(struct loop *loop,
                           const char *dir,
                           uint64_t id,
                           const char *address,
                           struct raft_uv_transport *transport,
                           struct ledger *ledger,
                           const struct engine_events *events,
                           char *err,
                           size_t err_size);

/* Before engine_start: the first and only member so far is this node. 0, or
 * -1 with a sentence. */
int engine_bootstrap(struct engine *e, char *err, size_t err_size);

/* Before engine_start: the same, but over what is there. */
int engine_rewrite(struct engine *e, char *err, size_t err_size);

/* Reads what is on disk and takes part. 0, or -1 with a sentence. */
int engine_start(struct engine *e, char *err, size_t err_size);

/* ---- what it is ------------------------------------------------------- */

/* "Leader", "Follower", "Candidate", "Shutdown". */
const char *engine_state(const struct engine *e);

/* 1 while it may act, by the clock. */
int engine_acts(const struct engine *e);

/* Of who leads, as far as is known; "" unknown. */
const char *engine_leader(const struct engine *e);

uint64_t engine_applied(const struct engine *e);
uint64_t engine_last(const struct engine *e);

/* Of the last entry of the log. */
uint64_t engine_last_term(const struct engine *e);

/* Nothing of raft's was ever stored here. */
int engine_empty(const struct engine *e);

/* The members as configured, and how each stands (for who leads). */
struct engine_member {
    uint64_t id;
    const char *address;
    int voter;
    int64_t heard_ms; /* ago; -1: not in this life */
    uint64_t behind;
};

size_t engine_members(const struct engine *e, struct engine_member *out);
size_t engine_member_count(const struct engine *e);
size_t engine_voter_count(const struct engine *e);

/* ---- what it does ----------------------------------------------------- */

/*
 * Proposes the command; only where engine_acts. DONE: committed by a majority
 * and applied, `stored` and revision are of that; UNKNOWN: leadership was
 * lost meanwhile; REFUSED: nothing was appended. Calls back once, never from
 * within.
 */
typedef void (*engine_apply_cb)(void *data,
                                enum consensus_outcome outcome,
                                const struct consensus_change *stored,
                                uint64_t revision,
                                const char *text);

void engine_apply(struct engine *e,
                  const struct ledger_command *command,
                  engine_apply_cb cb,
                  void *data);

/* 0, or what libraft says; a sentence in either case. Never from within. */
typedef void (*engine_member_cb)(void *data, int status, const char *text);

/* As a voter, once it has caught up. One change at a time: -1 while another
 * is under way, or this node may not act. */
int engine_add(struct engine *e,
               uint64_t id,
               const char *address,
               engine_member_cb cb,
               void *data);

/* One whose adding another leader began and did not end. */
int engine_finish_add(struct engine *e,
                      uint64_t id,
                      engine_member_cb cb,
                      void *data);
int
engine_remove(struct engine *e, uint64_t id, engine_member_cb cb, void *data);

/* Answers a change of members that is under way: RAFT_LEADERSHIPLOST. */
void engine_change_abandon(struct engine *e);

/* Stops acting at once, and hands over to another voter if it leads; calls
 * back when that is done or took too long. A change of members that is under
 * way is answered before: RAFT_LEADERSHIPLOST. */
void engine_hand_over(struct engine *e, void (*done)(void *data), void *data);

/* Frees itself, then calls closed. What was not answered is answered. */
void engine_close(struct engine *e, void (*closed)(void *data), void *data);

#endif
