/* NB: private to consensus_raft_found.c and consensus_raft_lead.c. */
#ifndef CONSENSUS_RAFT_FOUND_PRIVATE_H
#define CONSENSUS_RAFT_FOUND_PRIVATE_H

#include "consensus/consensus_raft_private.h"

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

/* consensus_raft_lead.c: now and then, while this node may act. */
void founder_lead(struct founder *f);

/* Writes node.json; -1, and said so, when it cannot. */
int founder_save(struct consensus *c);

/* Of that id, or at that address. */
int
founder_is_member(const struct consensus *c, uint64_t id, const char *address);

/* RaftNodes lists it. */
int founder_is_node(const struct consensus *c, const char *address);

#endif
