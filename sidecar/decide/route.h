/*
 * Which host a cluster's writers go to. Pure: whole incidents are tables of
 * its tests.
 */
#ifndef DECIDE_ROUTE_H
#define DECIDE_ROUTE_H

#include <stddef.h>
#include <stdint.h>

#define ROUTE_REASON_SIZE 256
#define ROUTE_NO_INDEX UINT64_MAX

/* A host, in the order of the configuration. */
struct route_candidate {
    const char *name;  /* NAME:PORT; borrowed */
    int up;            /* its health allows it */
    int unknown;       /* nothing is known of its health yet */
    int down;          /* an operator said so: never */
    int drained;       /* an operator said so: only if there is no other */
    unsigned priority; /* the least goes first */
    uint64_t index;    /* of Galera, wsrep_local_index; ROUTE_NO_INDEX: none,
                          which is the last */
    const char *why;   /* it is up, or is not; borrowed */
};

struct route_rules {
    int lowest_index; /* Switchboard's rule: always the first; otherwise the
                         active one stays as long as it can */
    int manual;       /* nobody moves it but an operator */
};

struct route_choice {
    int active; /* which host; -1: none can be */
    int moves;  /* it is another than before, or none any more */
    char reason[ROUTE_REASON_SIZE]; /* when it moves: why */
};

/*
 * ACTIVE is the present one, -1: none. While some host is unknown nobody is
 * chosen for the first time, and none is given up for being unknown: a start
 * moves nobody.
 */
void route_choose(const struct route_rules *rules,
                  const struct route_candidate *hosts,
                  size_t count,
                  int active,
                  struct route_choice *out);

/* The host for reports: the last in the order that writers have, and not the
 * active one if there is another. -1: none. */
int
route_inactive(const struct route_candidate *hosts, size_t count, int active);

#endif
