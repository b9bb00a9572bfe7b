/*
 * The facts as this node knows them: the last read, and what this node had
 * stored since. Pure.
 */
#ifndef CONSENSUS_KNOWN_H
#define CONSENSUS_KNOWN_H

#include "consensus/consensus.h"

struct known {
    struct facts facts; /* sorted; owned */
    int ever;           /* facts were read at least once */

    /* private: the newest change of ours that is in */
    uint64_t stored_revision;
    uint64_t stored_mono_ms;
};

/* Begins zeroed. Takes over a copy. Returns 0, or -1 when the read is older
 * than what this node had stored since: it is then ignored. */
int known_read(struct known *k, const struct facts *facts);

/* A change of this node's was committed under that revision (0: the store has
 * none). */
void known_stored(struct known *k,
                  const struct consensus_change *change,
                  uint64_t revision,
                  uint64_t now_mono_ms);

/* Frees what it owns and zeroes it. */
void known_free(struct known *k);

#endif
