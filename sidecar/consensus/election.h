/*
 * Who leads in freno's eyes: the row of service_election, which freno's nodes
 * take over after 5 s of the server's clock. Pure. Sluice nodes write it only
 * while they hold the lease (or where there is none); from one of their own
 * that lost the lease they take it at once. All times are milliseconds of
 * this machine's CLOCK_BOOTTIME.
 */
#ifndef CONSENSUS_ELECTION_H
#define CONSENSUS_ELECTION_H

#include <stdint.h>

#include "consensus/consensus.h"

#define ELECTION_READ_MS 250
#define ELECTION_WRITE_MS 1000
#define ELECTION_TRUST_MS 4000 /* less than the 5 s after which others take */

enum election_step {
    ELECTION_READ,  /* who is it */
    ELECTION_CLAIM, /* freno's statement: renew it, or take it after 5 s */
    ELECTION_TAKE   /* make it ours where it is still the former's */
};

struct election {
    char leader[FACT_NAME_SIZE]; /* as last read; "" unknown, or none */

    /* private */
    char id[FACT_NAME_SIZE];
    char former[FACT_NAME_SIZE]; /* a Sluice node that has lost the lease */
    int may_own;
    int wrote;         /* and the row was not read since */
    uint64_t wrote_ms; /* start of that write */
    uint64_t until_ms; /* leads before */
    uint64_t write_due_ms;
    uint64_t read_due_ms;
};

void election_init(struct election *e, const char *id);

/*
 * The lease is held, and was FORMER's ("" unknown); or there is no lease and
 * freno's clock alone decides. Not to be called again while it stays so.
 */
void election_enter(struct election *e, const char *former, uint64_t now_ms);

/* The lease is lost: another one's. */
void election_leave(struct election *e);

enum election_step election_next(const struct election *e, uint64_t now_ms);
uint64_t election_due_ms(const struct election *e);

/* CLAIM or TAKE was carried out; the row tells what came of it. */
void election_wrote(struct election *e, uint64_t started_ms);

/* READ was answered: "" when there is no row. */
void
election_read(struct election *e, const char *service_id, uint64_t started_ms);

/* No answer, or an error. */
void election_failed(struct election *e, uint64_t now_ms);

/* Leads in freno's eyes until then; 0: does not. */
uint64_t election_until(const struct election *e, uint64_t now_ms);

/* 1 while this node leads in freno's eyes. */
int election_leads(const struct election *e, uint64_t now_ms);

#endif
