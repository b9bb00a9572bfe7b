/*
 * NB: private to watch*.c. A cluster under watch: watch.c has its life and
 * its hosts, watch_host.c what is asked of one, watch_judge.c what follows,
 * watch_records.c what is published.
 */
#ifndef WATCH_PRIVATE_H
#define WATCH_PRIVATE_H

#include "decide/aggregate.h"
#include "decide/health.h"
#include "watch.h"

struct watch_route;

#define WATCH_LOG_MS 1000 /* one line per cluster or host in this time */

/* One host's answer to one question. */
struct watch_answer {
    struct watch_host *host;
    struct probe_settings settings; /* strings borrowed from the cluster */
    struct probe *probe;            /* NULL: not asked */
    struct probe_result last;
    int answered;
};

struct watch_host {
    struct watch *watch;
    struct inventory_host id;
    const struct conf_cluster *cluster; /* that it is asked for */
    struct watch_answer own;       /* of the cluster's own metric; not asked:
                                      the host is ignored */
    struct watch_answer **metrics; /* in the order of the cluster's */
    size_t nmetrics;
    struct watch_answer *role;     /* 1: read_only; NULL: it does not matter */
    struct http_check *http;       /* NULL: none */
    struct watch_answer *eligible; /* whether writers may go there; NULL: the
                                      cluster is not routed */
    struct health health;          /* by that */
    uint64_t index;                /* of Galera; ROUTE_NO_INDEX */
    uint64_t epoch;                /* of its replica and inactive sessions */
    struct health reads;           /* whether readers may: it answers */
    uint64_t heard_ms;             /* it answered that last; 0: never */
    int served;                    /* sessions may be there */
    uint64_t skip_until_ms;        /* 0: not skipped */
    int quarantined;
    uint64_t logged_ms; /* when the log had its last word of it, and which */
    int logged_ok;
    char logged_text[PROBE_TEXT_SIZE];
};

/* What is published of a metric. */
struct watch_value {
    uint32_t status; /* SLUICE_METRIC_* */
    double value;
    uint64_t sampled_ms;
    uint64_t valid_until_ms;
    char error[SLUICE_ERROR_SIZE];
};

struct watch {
    const struct watch_shared *shared;
    const struct conf_cluster *cluster;
    watch_cb changed;
    void *data;
    struct inventory *inventory; /* NULL: the cluster has none */
    int known;                   /* it has said which hosts there are */
    uint64_t started_ms;
    const struct watch_skip *skips;
    size_t nskips;
    struct watch_host **hosts; /* in the inventory's order */
    size_t nhosts;
    int dirty;
    char name[SLUICE_NAME_SIZE];
    struct watch_value own;
    double last_value; /* of the own metric; 0 when there was none */
    int had_value;
    struct watch_value *metrics; /* cluster->nmetrics */
    uint64_t healthy_mono_ms, healthy_real_ms;
    unsigned status; /* of a check against all that */
    uint64_t logged_ms;
    unsigned logged_status;
    unsigned unlogged;         /* changes since then */
    struct watch_route *route; /* NULL: its sessions are not routed */
};

/* ---- watch_host.c ------------------------------------------------------ */

struct watch_host *watch_host_new(struct watch *w,
                                  const struct inventory_host *id);
void watch_host_free(struct watch_host *host);

/* 1 when it is the same host, and the cluster asks it the same way. */
int watch_host_is(const struct watch_host *host,
                  const struct conf_cluster *cluster,
                  const struct inventory_host *id);

/* The same host before it was asked in another way: what was decided and told
 * of it goes on. */
void watch_host_remember(struct watch_host *host,
                         const struct watch_host *before);

/* Goes over to what w->cluster says, if that is another configuration than
 * before; probes that need no change go on. */
void watch_host_follow(struct watch_host *host);

/* Why it does not count, SLUICE_EXCLUDED_*; 0: it does. */
unsigned watch_host_excluded(const struct watch_host *host, uint64_t now_ms);

/* SLUICE_ROLE_*; 0: not known, or it does not matter. */
unsigned watch_host_role(const struct watch_host *host, uint64_t now_ms);

/* What it contributes to the metric whose answer this is. */
void watch_host_state(const struct watch_host *host,
                      const struct watch_answer *answer,
                      enum conf_scope scope,
                      uint64_t now_ms,
                      struct aggregate_host *out);

/* ---- watch_judge.c ----------------------------------------------------- */

/* Makes the values and the status anew. */
void watch_judge(struct watch *w, uint64_t now_ms);

/* 1 when a value that stood without hosts is over. */
int watch_value_ended(const struct watch *w, uint64_t now_ms);

/* 1 while some host has not answered everything. */
int watch_is_pending(const struct watch *w, uint64_t now_ms);

#endif
