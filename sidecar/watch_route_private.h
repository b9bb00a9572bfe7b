/* NB: private to watch*.c. What a watch knows of where its sessions go. */
#ifndef WATCH_ROUTE_PRIVATE_H
#define WATCH_ROUTE_PRIVATE_H

#include "decide/route.h"
#include "decide/route_fact.h"
#include "decide/witness.h"
#include "inventory/inventory.h"
#include "probe/probe.h"
#include "sluice_view.h"

struct consensus_change;
struct facts;
struct watch;
struct watch_host;

struct watch_route {
    char *query;                      /* what hosts are asked */
    char *old_query;                  /* some may still be asked that */
    struct sluice_route_host *before; /* of a former process */
    size_t nbefore;
    char (*names)[ROUTE_FACT_HOST_SIZE]; /* NAME:PORT of w->hosts */
    int known;                           /* facts were read in this process */
    char fact_text[ROUTE_FACT_SIZE];     /* as read; "": there is none */
    int fact_is_old;                     /* below the epoch published, or
                                            it cannot be read */
    uint64_t old_since_ms;               /* CLOCK_MONOTONIC */
    struct route_fact fact;              /* as it counts here */
    uint64_t nobody_since_boot_ms;       /* it says so: read then, or before */
    uint64_t proof_boot_ms; /* a read that was begun then said that fact */
    uint64_t until_before_boot_ms; /* what a former process had of it */
    struct route_traffic traffic;
    char traffic_text[ROUTE_FACT_SIZE]; /* as read */
    int manual;
    char marks[ROUTE_FACT_SIZE]; /* of hosts, by operators */
    struct witness witness;      /* whether others hear the active host */
    struct witness_answer seen;  /* what another node said, last */
    char seen_text[ROUTE_FACT_SIZE];
    char asked[WITNESS_NUMBER_SIZE]; /* the last question that was read */
    int owes_answer;                 /* to it */
    struct witness_answer answer;
    uint64_t stalls;
    int stirred;        /* something to decide, or to publish */
    int filled;         /* by what this process knows, and not the former */
    uint64_t published; /* a number of what sessions depend on */
};

/* For the cluster as it is configured now; before (NULL: nothing) is what a
 * former process published. */
void watch_route_follow(struct watch *w, const struct sluice_view *before);
void watch_route_free(struct watch_route *r);

/* The list of hosts is another. */
void watch_route_hosts(struct watch *w);

/* A host that is asked from now on, or from now on asked in another way; what
 * it said. */
void watch_route_begin_host(struct watch_host *host);
void watch_route_ask_anew(struct watch_host *host);
void watch_route_heard(struct watch_host *host,
                       const struct probe_result *result);

/* Writers may go on so long after a read that was begun then; 0: it does not
 * matter (Agreement static). */
uint64_t watch_route_lease_ms(const struct watch *w);

/* What others ask, and what they answered. */
void watch_route_witness(struct watch *w, const struct facts *facts);

/* Before a silent active host is given up: *out is to be stored, and 1; or -1:
 * others have to be waited for; or 0: it is silent to all. */
int watch_route_ask(struct watch *w,
                    const struct watch_host *host,
                    struct consensus_change *out);

/* The value of one of the cluster's settings, "" for none. */
const char *watch_route_setting(const struct watch *w,
                                const struct facts *facts,
                                const char *kind);

/* 1: hosts that take no writers may have readers. */
int watch_route_reads(const struct watch *w);

void watch_route_name(const struct inventory_host *id,
                      char name[ROUTE_FACT_HOST_SIZE]);
void watch_route_host_name(const struct sluice_route_host *host,
                           char name[ROUTE_FACT_HOST_SIZE]);

/* All hosts in their order, to be freed, and which is active (-1: none). */
struct route_candidate *watch_route_candidates(const struct watch *w,
                                               int *active);

#endif
