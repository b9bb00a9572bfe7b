/*
 * Publishing: what the node knows goes to the state file, at most once in
 * PUBLISH_VERDICTS_MS, with a heartbeat that says the loop turns.
 */
#ifndef PUBLISH_PUBLISH_H
#define PUBLISH_PUBLISH_H

#include "base/loop.h"
#include "sluice_state.h"

#define PUBLISH_VERDICTS_MS 5
#define PUBLISH_DETAIL_MS 100
#define PUBLISH_HEARTBEAT_MS 50

/* Where the records of a DETAIL image go. */
struct publish_detail {
    struct sluice_host *hosts;
    struct sluice_host_metric *host_metrics;
    struct sluice_inventory *inventories;
    struct sluice_counter *counters;
};

/* Asked for records when an image is made; the arrays come zeroed, each as
 * long as count() said. */
struct publish_source {
    void *data;

    /* How many records the next image will have. */
    struct sluice_capacity (*count)(void *data);

    /* Fills clusters, metrics and the node. Returns 1 when some status
     * changed since the last time: readers are then rung. */
    int (*verdicts)(void *data,
                    struct sluice_node *node,
                    struct sluice_cluster *clusters,
                    struct sluice_metric *metrics);

    void (*detail)(void *data, struct publish_detail *detail);

    /* Fills the facts, throttles and apps. Returns 1 when some rule changed
     * since the last time: readers are then rung. */
    int (*rules)(void *data,
                 struct sluice_facts *facts,
                 struct sluice_throttle *throttles,
                 struct sluice_app *apps);

    /* Fills the routes and their hosts. Returns 1 when an epoch or who is
     * active changed since the last time: readers are then rung; -1: nothing
     * can be said yet, what readers know stands. */
    int (*routes)(void *data,
                  struct sluice_route *routes,
                  struct sluice_route_host *hosts);
};

struct publisher;

/*
 * Takes the state file at path (its directory is made when only the last
 * part is missing), publishes what the source says and makes it visible.
 * NULL with a sentence in err.
 */
struct publisher *publisher_open(struct loop *loop,
                                 const char *path,
                                 const struct publish_source *source,
                                 char *err,
                                 size_t err_size);

/* Something a check depends on changed: publish soon, verdicts and detail.
 * Cheap: call it for every probe's result. */
void publisher_wake(struct publisher *p);

/* The same at once: when this returns, readers can see it. */
void publisher_flush(struct publisher *p);

/* The facts or the rules changed: publish them soon. */
void publisher_wake_rules(struct publisher *p);

/* Where sessions go changed: publish it soon. */
void publisher_wake_routes(struct publisher *p);

/* No heartbeat from here on. The handles close when the loop runs; p frees
 * itself then. NULL is allowed. */
void publisher_close(struct publisher *p);

#endif
