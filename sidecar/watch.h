/*
 * A cluster under watch: its inventory, one probe per host, and the verdict
 * made of them.
 */
#ifndef WATCH_H
#define WATCH_H

#include "base/conf.h"
#include "inventory/inventory.h"
#include "probe/probe.h"
#include "sluice_abi.h"

struct watch;

/* Called in the loop whenever a host of the cluster said something new. */
typedef void (*watch_cb)(void *data);

/*
 * Begins to watch; the cluster is borrowed until watch_stop or the next
 * watch_reload. `before` is what a former process last said of the cluster,
 * or NULL: it stands, as long as it is valid, until every host has answered.
 */
struct watch *watch_start(struct probe_shared *shared,
                          const struct conf_cluster *cluster,
                          const struct sluice_cluster *before,
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
 * probed, so that one that is recovered counts at once. Call it again after
 * watch_reload: a new host knows of none. */
void watch_skip(struct watch *w, const struct watch_skip *skips, size_t count);

const char *watch_name(const struct watch *w);

/* The verdict now. Recomputed only when something was heard since. Returns 1
 * when the status that a check would get changed since the last call. */
int watch_verdict(struct watch *w, uint64_t now_ms, struct sluice_cluster *out);

/* 1 once every host has answered or run out of time. */
int watch_ready(const struct watch *w);

size_t watch_host_count(const struct watch *w);

/* Fills in watch_host_count() records, zeroed by the caller. */
void watch_hosts(const struct watch *w, struct sluice_host *out);

#endif
