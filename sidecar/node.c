/* The node: clusters under watch, published. */
#include "node.h"

#include <stdlib.h>
#include <string.h>

#include "base/connector.h"
#include "base/log.h"
#include "publish/publish.h"
#include "sluice_view.h"
#include "watch.h"

struct node {
    struct loop *loop;
    struct conf *conf;
    struct connector *connector;
    struct probe_shared *shared;
    struct publisher *publisher; /* NULL until node_start has it */
    struct watch **watches;      /* in the order of conf->clusters */
    size_t nwatches;
    int ready; /* stays 1: a newcomer's cluster answers for itself */
};

/* ---- what the publisher asks ------------------------------------------ */

static struct sluice_capacity
node_count(void *data)
{
    struct node *n = data;
    struct sluice_capacity count = {.clusters = (uint32_t)n->nwatches};

    for (size_t i = 0; i < n->nwatches; i++)
        count.hosts += (uint32_t)watch_host_count(n->watches[i]);
    return count;
}

static int
node_all_ready(const struct node *n)
{
    for (size_t i = 0; i < n->nwatches; i++)
        if (!watch_ready(n->watches[i]))
            return 0;
    return 1;
}

static int
node_verdicts(void *data,
              struct sluice_node *node,
              struct sluice_cluster *clusters)
{
    struct node *n = data;
    uint64_t now_ms = clock_mono_ms();
    int changed = 0;

    for (size_t i = 0; i < n->nwatches; i++)
        changed |= watch_verdict(n->watches[i], now_ms, &clusters[i]);
    if (!n->ready && node_all_ready(n)) {
        n->ready = changed = 1;
        log_info("ready", log_int("clusters", (int64_t)n->nwatches));
    }
    if (n->ready)
        node->flags |= SLUICE_NODE_READY;
    if (n->conf->leader_only_probes)
        node->flags |= SLUICE_NODE_LEADER_ONLY;
    /* There is no consensus: every node is its own leader. */
    node->leader_until_boot_ms = SLUICE_LEADER_ALWAYS;
    return changed;
}

static void
node_detail(void *data, struct sluice_host *hosts)
{
    struct node *n = data;

    for (size_t i = 0; i < n->nwatches; i++) {
        watch_hosts(n->watches[i], hosts);
        hosts += watch_host_count(n->watches[i]);
    }
}

/* There is no store of facts: nobody is throttled. */
static int
node_rules(void *data,
           struct sluice_facts *facts,
           struct sluice_throttle *throttles)
{
    (void)data;
    (void)facts;
    (void)throttles;
    return 0;
}

static void
on_watch(void *data)
{
    struct node *n = data;

    if (n->publisher)
        publisher_wake(n->publisher);
}

/* ---- the former process's words --------------------------------------- */

/* What the state file says now, if it can be read: its valid verdicts stand
 * until this process has its own. */
static void
read_before(const char *path, struct sluice_view *before)
{
    struct sluice_map map = {0};
    char err[256];
    size_t size;
    void *image;

    memset(before, 0, sizeof(*before));
    if (sluice_map_open(&map, path, err, sizeof(err)) != 0)
        return;
    size = sluice_map_slot_size(&map, SLUICE_PART_VERDICTS);
    image = aligned_alloc(64, size ? size : 64);
    if (!image)
        abort();
    if (size && sluice_map_snapshot(&map, SLUICE_PART_VERDICTS, image) &&
        sluice_view_load(before, image, size, err, sizeof(err)) != 0)
        log_warn("old_state_ignored", log_str("state", path),
                 log_str("error", err));
    free(image);
    sluice_map_close(&map);
}

/* ---- clusters --------------------------------------------------------- */

static struct watch *
take_watch(struct watch **old, size_t count, const char *name)
{
    struct watch *w;

    for (size_t i = 0; i < count; i++) {
        w = old[i];
        if (w && strcmp(watch_name(w), name) == 0) {
            old[i] = NULL;
            return w;
        }
    }
    return NULL;
}

static void
node_set_conf(struct node *n,
              struct conf *conf,
              const struct sluice_view *before)
{
    struct watch **old = n->watches;
    size_t nold = n->nwatches;

    n->watches = calloc(conf->nclusters + 1, sizeof(*n->watches));
    if (!n->watches)
        abort();
    n->nwatches = conf->nclusters;
    for (size_t i = 0; i < conf->nclusters; i++) {
        const struct conf_cluster *cluster = &conf->clusters[i];
        const char *name = cluster->name;

        n->watches[i] = take_watch(old, nold, name);
        if (n->watches[i])
            watch_reload(n->watches[i], cluster);
        else
            n->watches[i] = watch_start(
                n->shared, cluster,
                sluice_view_cluster(before, name, strlen(name)), on_watch, n);
    }
    for (size_t i = 0; i < nold; i++)
        if (old[i])
            watch_stop(old[i]);
    free(old);
    conf_free(n->conf);
    n->conf = conf;
}

static const struct sluice_view no_view;

/* ---- life ------------------------------------------------------------- */

static void
node_free(struct node *n)
{
    for (size_t i = 0; i < n->nwatches; i++)
        watch_stop(n->watches[i]);
    free(n->watches);
    probe_shared_free(n->shared);
    connector_free(n->connector);
    free(n);
}

struct node *
node_start(struct loop *loop, struct conf *conf, char *err, size_t err_size)
{
    struct node *n = calloc(1, sizeof(*n));
    struct publish_source source = {n, node_count, node_verdicts, node_detail,
                                    node_rules};
    struct sluice_view before;

    if (!n)
        abort();
    n->loop = loop;
    n->connector = connector_new(loop);
    n->shared = probe_shared_new(loop, n->connector);
    read_before(conf->state_file, &before);
    node_set_conf(n, conf, &before);
    sluice_view_free(&before);
    n->publisher =
        publisher_open(loop, conf->state_file, &source, err, err_size);
    if (!n->publisher) {
        node_free(n);
        return NULL;
    }
    return n;
}

void
node_reload(struct node *n, struct conf *conf)
{
    char *state_file = conf->state_file;

    if (strcmp(n->conf->state_file, state_file) != 0) {
        log_warn("reload_keeps", log_str("key", "StateFile"),
                 log_str("value", n->conf->state_file),
                 log_str("advice", "restart sluiced to move the state file"));
        conf->state_file = n->conf->state_file;
        n->conf->state_file = state_file;
    }
    node_set_conf(n, conf, &no_view);
    publisher_wake(n->publisher);
}

void
node_stop(struct node *n)
{
    struct conf *conf = n->conf;

    publisher_close(n->publisher);
    node_free(n);
    conf_free(conf);
}
