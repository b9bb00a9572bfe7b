/* The node, as records of the state file. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "node_private.h"

/* ---- how many ------------------------------------------------------------ */

static size_t
app_count(const struct conf *conf)
{
    size_t count = conf->apps.count;

    for (size_t i = 0; i < conf->nclusters; i++)
        count += conf->clusters[i].apps.count;
    return count;
}

static void
count_one(void *data, unsigned status, unsigned long long count)
{
    uint32_t *counters = data;

    (void)status;
    (void)count;
    ++*counters;
}

static struct sluice_capacity
node_count(void *data)
{
    const struct node *n = data;
    struct sluice_capacity count = {
        .clusters = (uint32_t)n->nwatches,
        .throttles = control_throttle_count(n->control),
        .inventories = (uint32_t)n->nwatches,
        .apps = (uint32_t)app_count(n->conf),
        .counters = 1 + PROBE_STATS_FIGURES,
    };

    for (size_t i = 0; i < n->nwatches; i++) {
        count.hosts += (uint32_t)watch_host_count(n->watches[i]);
        count.metrics += (uint32_t)watch_metric_count(n->watches[i]);
        count.host_metrics += (uint32_t)watch_host_metric_count(n->watches[i]);
    }
    http_checks_count(n->shared.checks, count_one, &count.counters);
    node_route_count(n, &count);
    return count;
}

/* ---- verdicts ------------------------------------------------------------ */

static int
all_ready(const struct node *n)
{
    for (size_t i = 0; i < n->nwatches; i++)
        if (!watch_ready(n->watches[i]))
            return 0;
    return 1;
}

static int
node_verdicts(void *data,
              struct sluice_node *node,
              struct sluice_cluster *clusters,
              struct sluice_metric *metrics)
{
    struct node *n = data;
    uint64_t now_ms = clock_mono_ms();
    int changed = 0;

    for (size_t i = 0; i < n->nwatches; i++) {
        changed |= watch_verdict(n->watches[i], now_ms, &clusters[i]);
        clusters[i].share_unhealthy_s =
            share_domain_unhealthy(n->share, clusters[i].name, now_ms,
                                   &clusters[i].share_until_mono_ms);
        watch_metrics(n->watches[i], metrics);
        metrics += watch_metric_count(n->watches[i]);
    }
    if (!n->ready && all_ready(n)) {
        n->ready = changed = 1;
        log_info("ready", log_int("clusters", (int64_t)n->nwatches));
    }
    if (n->ready)
        node->flags |= SLUICE_NODE_READY;
    if (n->conf->leader_only_probes)
        node->flags |= SLUICE_NODE_LEADER_ONLY;
    node->leader_until_boot_ms = control_leader_until_ms(n->control);
    changed |= n->leads != (node->leader_until_boot_ms != 0);
    n->leads = node->leader_until_boot_ms != 0;
    return changed;
}

/* ---- detail ----------------------------------------------------------------
 */

static void
add_status(void *data, unsigned status, unsigned long long count)
{
    struct sluice_counter **at = data;

    snprintf((*at)->name, sizeof((*at)->name), "httpcheck.%u", status);
    (*at)++->value = (double)count;
}

static void
add_figure(void *data, const char *name, double value)
{
    struct sluice_counter **at = data;

    snprintf((*at)->name, sizeof((*at)->name), "%s", name);
    (*at)++->value = value;
}

static void
fill_counters(const struct node *n, struct sluice_counter *counters)
{
    probe_stats_show(probe_shared_stats(n->shared.probes), clock_mono_ms(),
                     add_figure, &counters);
    snprintf(counters->name, sizeof(counters->name), "httpcheck.error");
    counters++->value = (double)http_checks_errors(n->shared.checks);
    http_checks_count(n->shared.checks, add_status, &counters);
}

static void
node_detail(void *data, struct publish_detail *detail)
{
    const struct node *n = data;
    struct sluice_host *hosts = detail->hosts;
    struct sluice_host_metric *host_metrics = detail->host_metrics;

    for (size_t i = 0; i < n->nwatches; i++) {
        watch_hosts(n->watches[i], hosts);
        hosts += watch_host_count(n->watches[i]);
        watch_host_metrics(n->watches[i], host_metrics);
        host_metrics += watch_host_metric_count(n->watches[i]);
        watch_inventory(n->watches[i], &detail->inventories[i]);
    }
    fill_counters(n, detail->counters);
}

/* ---- rules
 * ------------------------------------------------------------------- */

static struct sluice_app *
add_apps(struct sluice_app *out,
         const char *cluster,
         const struct conf_apps *apps)
{
    for (size_t i = 0; i < apps->count; i++, out++) {
        snprintf(out->cluster, sizeof(out->cluster), "%s", cluster);
        snprintf(out->app, sizeof(out->app), "%s", apps->items[i].name);
        out->threshold = apps->items[i].threshold;
    }
    return out;
}

static int
node_rules(void *data,
           struct sluice_facts *facts,
           struct sluice_throttle *throttles,
           struct sluice_app *apps)
{
    struct node *n = data;
    int changed = n->apps_changed;

    n->apps_changed = 0;
    apps = add_apps(apps, "", &n->conf->apps);
    for (size_t i = 0; i < n->conf->nclusters; i++)
        apps = add_apps(apps, n->conf->clusters[i].name,
                        &n->conf->clusters[i].apps);
    return control_rules(n->control, facts, throttles) || changed;
}

/* ---- routes ---------------------------------------------------------------
 */

static int
node_routes(void *data,
            struct sluice_route *routes,
            struct sluice_route_host *hosts)
{
    return node_route_fill(data, routes, hosts);
}

/* ---- memcache --------------------------------------------------------------
 */

static int
leads(const struct node *n)
{
    return clock_boot_ms() < control_leader_until_ms(n->control);
}

void
node_collect(void *data, struct memcache_batch *batch)
{
    const struct node *n = data;
    uint64_t now_ms = clock_mono_ms();
    struct sluice_cluster cluster;

    if (!n->ready || !leads(n))
        return;
    for (size_t i = 0; i < n->nwatches; i++) {
        watch_peek(n->watches[i], &cluster);
        if (cluster.status == SLUICE_METRIC_VALUE &&
            now_ms <= cluster.valid_until_mono_ms)
            memcache_put(batch, cluster.name, cluster.value);
        else if (cluster.status != SLUICE_METRIC_NONE)
            memcache_delete(batch, cluster.name);
    }
}

struct publish_source
node_publish_source(struct node *n)
{
    const struct publish_source source = {
        n, node_count, node_verdicts, node_detail, node_rules, node_routes};

    return source;
}
