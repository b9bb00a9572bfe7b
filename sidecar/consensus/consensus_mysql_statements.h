/*
 * NB: private to consensus_mysql*.c. The statements of the lease, the election
 * and the reader. freno's own are its to the letter: their rows are shared,
 * and their assignments go from left to right.
 */
#ifndef CONSENSUS_MYSQL_STATEMENTS_H
#define CONSENSUS_MYSQL_STATEMENTS_H

#include "consensus/consensus_mysql_private.h"
#include "consensus/consensus_mysql_sql.h"
#include "consensus/election.h"
#include "consensus/lease.h"

/* In the order in which they are asked. */
enum read_step {
    READ_SCHEMA,
    READ_SERVER,
    READ_REPLICA,
    READ_STORE, /* the row of sluice_revision, if there is none */
    READ_REVISION,
    READ_THROTTLES,
    READ_SKIPS,
    READ_NOTES,
    READ_SETTINGS,
    READ_BEAT,
    READ_SERVICES, /* of the domain */
    READ_SHARES,   /* leaders of the share domain */
    READ_STEPS
};

void statement_lease(struct sql *q,
                     const struct consensus *c,
                     enum lease_step step,
                     const struct lease_row *row);

/* The lease is nobody's. */
void statement_release(struct sql *q, const struct consensus *c);

/* LEADER: as last read. */
void statement_election(struct sql *q,
                        const struct consensus *c,
                        enum election_step step,
                        const char *leader);

/* Our row is old: anybody may take it. */
void statement_age(struct sql *q, const struct consensus *c);

void
statement_read(struct sql *q, const struct consensus *c, enum read_step step);

#endif
