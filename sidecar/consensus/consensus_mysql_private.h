/*
 * NB: private to consensus_mysql*.c. Three parts, each with a connection of
 * its own so that none can hold up another: the lease and the election, the
 * facts, and the changes.
 */
#ifndef CONSENSUS_MYSQL_PRIVATE_H
#define CONSENSUS_MYSQL_PRIVATE_H

#include "base/mysql_target.h"
#include "consensus/consensus.h"
#include "consensus/consensus_mysql_session.h"
#include "consensus/lease.h"
#include "consensus/schema.h"

struct reader;  /* consensus_mysql_facts.c */
struct keeper;  /* consensus_mysql_lease.c */
struct changer; /* consensus_mysql_change.c */

struct consensus {
    struct loop *loop;
    struct connector *connector;
    struct mysql_target target;
    char *domain;
    char *share_domain;
    char service_id[FACT_NAME_SIZE];
    char instance[LEASE_INSTANCE_SIZE];
    struct consensus_events events;
    void *data;

    struct schema schema; /* as last seen */
    int schema_known;

    struct reader *reader;
    struct keeper *keeper;
    struct changer *changer;

    uv_timer_t closing; /* bounds the end */
    void (*closed)(void *data);
    void *closed_data;
    unsigned leaving; /* parts that have not ended yet */
};

/* Words for what happened to the backend that help whoever reads them. */
void consensus_mysql_advise(const struct mysql_failure *why,
                            char *text,
                            size_t size);

/* A part has done what it had to do before the end. */
void consensus_mysql_left(struct consensus *c);

/* ---- consensus_mysql_facts.c ------------------------------------------ */

struct reader *reader_new(struct consensus *c);
void reader_free(struct reader *r);

/* Read at once; 0: whatever the revision. */
void reader_hint(struct reader *r, uint64_t revision);

/* A statement met a table that is not as it was. */
void reader_look_again(struct reader *r);

int reader_is_healthy(const struct reader *r);

/* Fills in the lists. */
void reader_status(const struct reader *r, struct consensus_status *out);

/* ---- consensus_mysql_server.c ----------------------------------------- */

/* What is worth a warning of the server; each NULL where it was not asked or
 * may not be. */
struct server_report {
    int read_only;
    int flush; /* innodb_flush_log_at_trx_commit */
    int replica;
};

/* Says what changed since the last, once. */
void server_say(const struct consensus *c,
                const struct server_report *now,
                const struct server_report *before);
void schema_say(const struct schema *now, const struct schema *before);

/* ---- consensus_mysql_lease.c ------------------------------------------ */

struct keeper *keeper_new(struct consensus *c);
void keeper_free(struct keeper *k);

/* The schema is known, or is another one. */
void keeper_go(struct keeper *k);

/* Steps down, then consensus_mysql_left. */
void keeper_leave(struct keeper *k);

int keeper_leads(const struct keeper *k);
const char *keeper_leader(const struct keeper *k);

/* ---- consensus_mysql_change.c ----------------------------------------- */

struct changer *changer_new(struct consensus *c);
void changer_free(struct changer *ch);
void changer_add(struct changer *ch,
                 const struct consensus_change *change,
                 consensus_done_cb cb,
                 void *data);

/* Refuses what has not begun, ends what has, then consensus_mysql_left. */
void changer_leave(struct changer *ch);

/* Answers what is still open: the time is up. */
void changer_abandon(struct changer *ch);

#endif
