/* NB: private to consensus_raft_member*.c. */
#ifndef CONSENSUS_RAFT_MEMBERS_PRIVATE_H
#define CONSENSUS_RAFT_MEMBERS_PRIVATE_H

#include "consensus/consensus_raft_private.h"

struct member_list {
    struct consensus_member *items; /* malloc'ed */
    size_t count;
};

/* Members, those that wait, and observers, as who leads knows them. */
void members_make_list(const struct consensus *c, struct member_list *l);

/* consensus_raft_member_change.c: on who leads; calls back once. */
void members_change_here(struct consensus *c,
                         const struct consensus_member_change *change,
                         consensus_member_change_cb cb,
                         void *data);

static const char members_lost[] =
    "the leader was lost before it answered: look at the list of members";

#endif
