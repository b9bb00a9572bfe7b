/*
 * A view: a private copy of an image, validated once, in this build's own
 * record sizes, indexed by name. Pure: memory comes from malloc, nothing is
 * read but what is passed in. A view begins zeroed.
 */
#ifndef SLUICE_VIEW_H
#define SLUICE_VIEW_H

#include "sluice_abi.h"
#include "sluice_index.h"

struct sluice_view {
    uint64_t published_mono_ms;
    struct sluice_node node; /* zero when the image has none */
    struct sluice_cluster *clusters;
    uint32_t nclusters;
    struct sluice_host *hosts; /* only of a DETAIL image */
    uint32_t nhosts;
    struct sluice_facts facts;         /* zero when the image has none */
    struct sluice_throttle *throttles; /* only of a RULES image */
    uint32_t nthrottles;
    struct sluice_metric *metrics; /* sorted by cluster, then name */
    uint32_t nmetrics;
    struct sluice_app *apps; /* only of a RULES image; sorted likewise */
    uint32_t napps;
    /* Only of a DETAIL image; sorted by cluster, host, port, metric. */
    struct sluice_host_metric *host_metrics;
    uint32_t nhost_metrics;
    struct sluice_inventory *inventories; /* only of a DETAIL image */
    uint32_t ninventories;
    struct sluice_counter *counters; /* only of a DETAIL image */
    uint32_t ncounters;
    struct sluice_route *routes; /* only of a ROUTES image, as all below */
    uint32_t nroutes;
    struct sluice_route_host *route_hosts;
    uint32_t nroute_hosts;

    /* private */
    struct sluice_index clusters_by_name;
    struct sluice_index throttles_by_key;
    struct sluice_index inventories_by_cluster;
    struct sluice_index counters_by_name;
    struct sluice_index routes_by_cluster;
};

/*
 * Replaces what the view holds by what the image says. 0; or -1 with a
 * sentence in err, and the view as it was. Unknown sections are skipped,
 * shorter records are filled with zeros, strings are terminated. A cluster
 * without a name or named twice, a record outside the image, a NaN or
 * infinite value, an unknown status make the whole image invalid; so do a
 * throttle without a key or with another's, and a ratio outside [0..1].
 * Likewise: a metric, app, inventory or counter without its names or with
 * another's, a metric called SLUICE_METRIC_OWN, an app's threshold below 0.
 * A route without a cluster or with another's, or whose hosts or active host
 * are not among those of the image; a lag that is no number of 0 or more.
 * Roles, scopes and reasons to exclude are not looked at: a newer minor may
 * have more of them.
 */
int sluice_view_load(struct sluice_view *v,
                     const void *image,
                     size_t size,
                     char *err,
                     size_t err_size);

/* NULL when there is no cluster of that name. name need not be terminated. */
const struct sluice_cluster *
sluice_view_cluster(const struct sluice_view *v, const char *name, size_t len);

/* The rule with exactly this key, expired or not; NULL: there is none. key
 * need not be terminated. */
const struct sluice_throttle *
sluice_view_throttle(const struct sluice_view *v, const char *key, size_t len);

/* The further metrics of a cluster, sorted by name; NULL and 0: it has none.
 * Names of this and what follows need not be terminated. */
const struct sluice_metric *sluice_view_metrics(const struct sluice_view *v,
                                                const char *cluster,
                                                size_t len,
                                                uint32_t *count);

/* What the app has instead of the cluster's threshold: the one it has in this
 * cluster, else the one it has in all; NULL: neither. */
const struct sluice_app *sluice_view_app(const struct sluice_view *v,
                                         const char *cluster,
                                         size_t cluster_len,
                                         const char *app,
                                         size_t app_len);

/* What that host of a DETAIL image said of further metrics, sorted by name;
 * NULL and 0: nothing. */
const struct sluice_host_metric *
sluice_view_host_metrics(const struct sluice_view *v,
                         const struct sluice_host *host,
                         uint32_t *count);

/* NULL: nothing is said of it. */
const struct sluice_inventory *
sluice_view_inventory(const struct sluice_view *v,
                      const char *cluster,
                      size_t len);
const struct sluice_counter *
sluice_view_counter(const struct sluice_view *v, const char *name, size_t len);

/* NULL: sessions of that cluster are not routed. */
const struct sluice_route *
sluice_view_route(const struct sluice_view *v, const char *cluster, size_t len);

/* The route's hosts, route->nhosts of them, in their order. */
const struct sluice_route_host *
sluice_view_route_hosts(const struct sluice_view *v,
                        const struct sluice_route *route);

/* 1: the lease by which this node sends writers is over. */
int sluice_view_writers_are_over(const struct sluice_route *route,
                                 uint64_t now_boot_ms);

/* The host that writers go to; NULL: there is none, or traffic is off, or
 * writers_until_boot_ms is over. */
const struct sluice_route_host *
sluice_view_active(const struct sluice_view *v,
                   const struct sluice_route *route,
                   uint64_t now_boot_ms);

/* Frees what the view owns and zeroes it. */
void sluice_view_free(struct sluice_view *v);

#endif
