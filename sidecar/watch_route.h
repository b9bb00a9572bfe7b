/*
 * Where a cluster's sessions go: what its hosts say of themselves, what all
 * nodes agreed on, what the leader would change. A part of a watch.
 */
#ifndef WATCH_ROUTE_H
#define WATCH_ROUTE_H

#include "consensus/consensus.h"
#include "decide/route.h"
#include "decide/route_fact.h"
#include "watch.h"

#define WATCH_ROUTE_TICK_MS 50

/* The names of the settings are these and the cluster's. */
#define WATCH_ROUTE_FACT "route/"      /* struct route_fact */
#define WATCH_ROUTE_TRAFFIC "traffic/" /* struct route_traffic */
#define WATCH_ROUTE_MODE "mode/"       /* "manual", or not there */
#define WATCH_ROUTE_HOSTS "hosts/"     /* "NAME:PORT=down NAME:PORT=drained" */
#define WATCH_ROUTE_ASK "ask/"         /* struct witness_question */
#define WATCH_ROUTE_SEEN "seen/"       /* struct witness_answer */

/* 1: the cluster is routed. The others are for those only. */
int watch_is_routed(const struct watch *w);

/* What the nodes agree on was read. */
void watch_route_facts(struct watch *w, const struct facts *facts);

/* Time passes: hosts that are silent. Every WATCH_ROUTE_TICK_MS. */
void watch_route_tick(struct watch *w, uint64_t now_ms);

/* For the leader: 1 when the fact has to change, and how; it is to be changed
 * on condition that it still is what was read (compares is set). Where there
 * are others they are asked first about an active host that is silent. */
int
watch_route_decide(struct watch *w, int others, struct consensus_change *out);

/* 1: what another node asked is to be answered, and how; once. Whoever is not
 * the first has it refused. */
int watch_route_answer(struct watch *w, struct consensus_change *out);

/* For every node: 1 when the store was put back behind what this node has
 * published, and no leader has mended it for long; the change that does. */
int watch_route_raise(struct watch *w,
                      uint64_t now_ms,
                      struct consensus_change *out);

/* Like watch_route_decide at an operator's word: to that host (NAME:PORT). 0;
 * or -1 with a sentence in err. */
int watch_route_switch(struct watch *w,
                       const char *host,
                       const char *why,
                       struct consensus_change *out,
                       char *err,
                       size_t err_size);

/* 1: the cluster has that host (NAME:PORT). */
int watch_route_has(const struct watch *w, const char *host);

/* 1: there is something to publish: what this process knows of its hosts and
 * of the facts, or what a former process published. */
int watch_route_known(const struct watch *w);

/* How many hosts it has, and its records; first_host: where theirs begin.
 * Returns 1 when somebody's sessions may have to go since the last call. */
size_t watch_route_count(const struct watch *w);
int watch_route_fill(struct watch *w,
                     uint32_t first_host,
                     struct sluice_route *route,
                     struct sluice_route_host *hosts);

/* As watch_route_fill filled it last. */
const struct route_fact *watch_route_fact(const struct watch *w);
const struct route_traffic *watch_route_traffic(const struct watch *w);

#endif
