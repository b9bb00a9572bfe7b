/* NB: private to node*.c. The node: node.c has its life, node_publish.c what
 * of it goes to the state file. */
#ifndef NODE_PRIVATE_H
#define NODE_PRIVATE_H

#include "base/backoff.h"
#include "base/connector.h"
#include "base/http_client.h"
#include "control.h"
#include "decide/route_fact.h"
#include "inventory/fetch.h"
#include "node.h"
#include "probe/http_check.h"
#include "publish/memcache.h"
#include "publish/publish.h"
#include "share/share_domain.h"
#include "sluice_view.h"
#include "watch.h"

struct node {
    struct loop *loop;
    struct conf *conf;
    struct connector *connector;
    struct http_client *http;
    struct watch_shared shared;
    struct share_domain *share;
    struct control *control;
    struct memcache *memcache;   /* likewise */
    struct publisher *publisher; /* NULL until node_start has it */
    struct watch **watches;      /* in the order of conf->clusters */
    size_t nwatches;
    int half_set;             /* some of them are to be taken over yet */
    struct watch_skip *skips; /* names owned */
    size_t nskips;
    int ready;        /* stays 1: a newcomer's cluster answers for itself */
    int leads;        /* as published last */
    int apps_changed; /* since the rules were published last */
    int stopping;
    uv_timer_t route_timer;
    int stirs;                           /* something of a route changed */
    unsigned route_orders;               /* on their way to the store */
    struct backoff route_backoff;        /* of those that are refused */
    uint64_t route_again_ms;             /* no order before */
    char route_refusal[ROUTE_FACT_SIZE]; /* as logged; "": stored */
    uint64_t routes_ms;                  /* when they were published last */
    uint64_t routes_begun_ms;
    int routes_filled; /* in this process */
    node_failed_cb failed;
    void *failed_data;
};

/* node_route.c: where sessions go. */
void node_route_open(struct node *n);
void node_route_facts(struct node *n); /* they were read */
void node_route_run(struct node *n);
void node_route_count(const struct node *n, struct sluice_capacity *count);
int node_route_fill(struct node *n,
                    struct sluice_route *routes,
                    struct sluice_route_host *hosts);

/* What operators say of routes, for the control API. */
int node_route_of(void *node, const char *cluster, struct api_route *out);
int node_route_switch(void *node,
                      const char *cluster,
                      const char *host,
                      const char *why,
                      struct consensus_change *out,
                      char *err,
                      size_t err_size);
int node_route_has(void *node, const char *cluster, const char *host);

/* What the publisher and memcache ask (node_publish.c). */
struct publish_source node_publish_source(struct node *n);
void node_collect(void *n, struct memcache_batch *batch);

#endif
