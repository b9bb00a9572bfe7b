/*
 * A cluster under watch: its inventory, one probe per host, and the verdict
 * made of them.
 */
#ifndef WATCH_H
#define WATCH_H

#include "base/conf.h"
#include "inventory/inventory.h"
#include "probe/probe.h"
#include "sluice_view.h"

struct watch;
struct http_checks;

/* What all watches of a process ask with. */
struct watch_shared {
    struct probe_shared *probes;
    struct http_checks *checks;
    struct inventory_shared inventories;
    int *stirs; /* set when something of a route changed */
};

/* What a former process said last. */
struct watch_before {
    const struct sluice_view *verdicts;
    const struct sluice_view *routes;
};

/* Called in the loop whenever something was heard of the cluster. */
typedef void (*watch_cb)(void *data);

/*
 * Begins to watch; the cluster is borrowed until watch_stop or the next
 * watch_reload. `before` is what a former process said last: what it says of
 * this cluster stands, as long as it is valid, until every host has answered.
 */
struct watch *watch_start(const struct watch_shared *shared,
                          const struct conf_cluster *cluster,
                          const struct watch_before *before,
                          watch_cb changed,
                          void *data);

/* Goes over to a new configuration of the same cluster: probes whose
 * settings did not change go on, with their data. */
void watch_reload(struct watch *w, const struct conf_cluster *cluster);

void watch_stop(struct watch *w);

/* A host left out by an operator, by its bare name, until then (mono;
 * UINT64_MAX: for good). */
struct watch_skip {
    const char *host;
    uint64_t until_ms;
};

/* These hosts, and no others, are left out from now on. They are still
 * probed, so that one that is recovered counts at once. Borrowed until the
 * next call: hosts may come that are among them. */
void watch_skip(struct watch *w, const struct watch_skip *skips, size_t count);

const char *watch_name(const struct watch *w);

/* The verdict now. Recomputed only when something was heard since. Returns 1
 * when the status that a check would get changed since the last call. */
int watch_verdict(struct watch *w, uint64_t now_ms, struct sluice_cluster *out);

/* What watch_verdict said last. */
void watch_peek(const struct watch *w, struct sluice_cluster *out);

/* 1 once every host that the inventory knows has answered or run out of time;
 * an inventory that says nothing is not waited for longer than 3 s. */
int watch_ready(const struct watch *w);

/* Of each of these the caller asks how many there are, and hands as many
 * zeroed records over. */
size_t watch_metric_count(const struct watch *w);
void watch_metrics(const struct watch *w, struct sluice_metric *out);
size_t watch_host_count(const struct watch *w);
void watch_hosts(const struct watch *w, struct sluice_host *out);
size_t watch_host_metric_count(const struct watch *w);
void watch_host_metrics(const struct watch *w, struct sluice_host_metric *out);

/* Where its hosts come from. */
void watch_inventory(const struct watch *w, struct sluice_inventory *out);

#endif
