/*
 * The facts as the nodes of a raft cluster keep them: every node applies the
 * same commands in the same order and comes to the same ledger, byte for byte
 * as ledger_save writes it. It reads no clock: the time is in the command,
 * and expiries are CLOCK_REALTIME, so that neither a snapshot nor a restart
 * makes them later. Pure.
 */
#ifndef CONSENSUS_LEDGER_H
#define CONSENSUS_LEDGER_H

#include <stddef.h>
#include <stdint.h>

#include "consensus/consensus.h"

/* Of a command, padding to a multiple of eight (which raft needs) included. */
#define LEDGER_COMMAND_MAX 2048

/* The numbers are in the log: new kinds go to the end. */
enum ledger_kind {
    LEDGER_CHANGE = 1, /* of a fact */
    LEDGER_FOUND,      /* the store begins, or begins anew: its id */
    LEDGER_SETTLED     /* every node of RaftNodes was a member once */
};

struct ledger_command {
    enum ledger_kind kind;
    uint64_t now_real_ms;           /* by the clock of who proposes it */
    struct consensus_change change; /* CHANGE; its ttl counts from then */
    char store_id[STORE_ID_SIZE];   /* FOUND */
};

/* Expiries: 0 is never; none is above INT64_MAX, what would be is never. */
struct ledger_throttle {
    char key[FACT_NAME_SIZE];
    double ratio;
    uint64_t expires_real_ms;
    char owner[FACT_NAME_SIZE];
    char reason[FACT_NOTE_SIZE];
};

struct ledger_skip {
    char host[FACT_NAME_SIZE];
    uint64_t expires_real_ms;
    char owner[FACT_NAME_SIZE];
    char reason[FACT_NOTE_SIZE];
};

/* Begins zeroed. */
struct ledger {
    uint64_t revision; /* index of the last command that was applied */
    char store_id[STORE_ID_SIZE]; /* "": not founded yet */
    int settled;
    struct ledger_throttle *throttles; /* sorted by key; owned */
    size_t nthrottles;
    struct ledger_skip *skips; /* sorted by host; owned */
    size_t nskips;
    struct fact_setting *settings; /* sorted by name; owned */
    size_t nsettings;
};

/*
 * 0, or -1 with a sentence in err: a name that is empty or too long, a ratio
 * that is none, a ttl_ms that has passed … Ask before a command is proposed:
 * one that no node can decode must not get into the log.
 */
int
ledger_check(const struct ledger_command *command, char *err, size_t err_size);

/*
 * Writes the command; the bytes are a multiple of eight. Returns how many,
 * never more than LEDGER_COMMAND_MAX; 0: ledger_check refuses it.
 *
 * Only what its kind has a use for is written: the ratio of a THROTTLE, the
 * ttl_ms of a THROTTLE or SKIP, what a SET compares with. The others are 0
 * when it is decoded.
 */
size_t ledger_encode(const struct ledger_command *command,
                     unsigned char bytes[LEDGER_COMMAND_MAX]);

/*
 * 0, or -1 with a sentence in err and *command as it was: what is none, or
 * what a newer sluiced wrote (then the sentence says to upgrade this one). Any
 * bytes will do. What it takes, ledger_encode writes as the same bytes.
 */
int ledger_decode(const void *bytes,
                  size_t len,
                  struct ledger_command *command,
                  char *err,
                  size_t err_size);

/*
 * Applies the command, one that ledger_check takes, under that index (above
 * every one before). `stored` (NULL: not wanted) becomes the change as it was
 * stored: the ratio filled in (with CHANGE_RATIO_KEEP an entry that counts at
 * now_real_ms keeps its own, else 1), the rest as asked; zeroes for a command
 * that is no change. A SET that compared in vain is marked lost, and changed
 * nothing. Nothing is wrong with taking back what is not there. With
 * every THROTTLE and SKIP, what has expired by now_real_ms goes.
 *
 * FOUND: empties nothing, gives the store its id; SETTLED: sets the flag.
 */
void ledger_apply(struct ledger *l,
                  uint64_t index,
                  const struct ledger_command *command,
                  struct consensus_change *stored);

/*
 * Fills in all of *f: what has not expired at now_real_ms, as remaining from
 * now on. For a read that began at read_mono_ms, ago_ms before now: remaining
 * times count from there (struct facts). The arrays of f are reallocated: begin
 * with zeroes, end with facts_free.
 */
void ledger_facts(const struct ledger *l,
                  uint64_t now_real_ms,
                  uint64_t read_mono_ms,
                  uint64_t ago_ms,
                  struct facts *f);

/* All of it, what has expired too, as bytes that ledger_load takes;
 * malloc'ed, a multiple of eight in length. Equal ledgers, equal bytes. */
void *ledger_save(const struct ledger *l, size_t *len);

/* Replaces all of *l. 0, or -1 with a sentence in err, and *l as it was: what
 * is no snapshot, whole and in order, or one that a newer sluiced wrote (then
 * the sentence says to upgrade this one). Any bytes will do. */
int ledger_load(struct ledger *l,
                const void *bytes,
                size_t len,
                char *err,
                size_t err_size);

/* Frees what it owns and zeroes it. */
void ledger_free(struct ledger *l);

#endif
