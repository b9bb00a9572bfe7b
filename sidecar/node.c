/* The node: clusters under watch, published. */
#include "node.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "node_private.h"

static void
on_watch(void *data)
{
    struct node *n = data;

    if (!n->publisher)
        return;
    publisher_wake(n->publisher);
    if (n->stirs)
        node_route_run(n);
}

/* ---- what the control plane says --------------------------------------- */

/* Who steps down says so before it gives the lease to another. */
static void
on_control(void *data)
{
    struct node *n = data;

    if (!n->publisher)
        return;
    if (n->stopping)
        publisher_flush(n->publisher);
    publisher_wake_rules(n->publisher);
    publisher_wake(n->publisher);
    if (!n->stopping)
        node_route_facts(n);
}

static void
keep_skips(struct node *n, const struct watch_skip *skips, size_t count)
{
    for (size_t i = 0; i < n->nskips; i++)
        free((char *)n->skips[i].host);
    free(n->skips);
    n->nskips = count;
    n->skips = calloc(count + 1, sizeof(*n->skips));
    if (!n->skips)
        abort();
    for (size_t i = 0; i < count; i++) {
        n->skips[i] = skips[i];
        n->skips[i].host = strdup(skips[i].host);
        if (!n->skips[i].host)
            abort();
    }
}

/* At once, on every node: not at the next look at the inventory. */
static void
on_skips(void *data, const struct watch_skip *skips, size_t count)
{
    struct node *n = data;

    keep_skips(n, skips, count);
    for (size_t i = 0; i < n->nwatches; i++)
        watch_skip(n->watches[i], n->skips, n->nskips);
}

static int
has_cluster(void *data, const char *name)
{
    struct node *n = data;

    for (size_t i = 0; i < n->nwatches; i++)
        if (strcmp(watch_name(n->watches[i]), name) == 0)
            return 1;
    return 0;
}

static const struct conf_memcache *
memcache_conf(void *data)
{
    const struct node *n = data;

    return &n->conf->memcache;
}

static void
on_failed(void *data, const char *why)
{
    struct node *n = data;

    log_error("consensus_failed", log_str("error", why),
              log_str("advice", "this process ends; start it again when that "
                                "is mended"));
    n->failed(n->failed_data);
}

static const struct control_events control_events = {
    .changed = on_control,
    .skips = on_skips,
    .cluster_exists = has_cluster,
    .memcache = memcache_conf,
    .failed = on_failed,
    .route = node_route_of,
    .route_switch = node_route_switch,
    .route_has = node_route_has,
};

/* ---- the former process's words --------------------------------------- */

static void
read_part(struct sluice_map *map, uint32_t kind, struct sluice_view *view)
{
    size_t size = sluice_map_slot_size(map, kind);
    void *image;
    char err[256];

    if (size == 0)
        return;
    image = aligned_alloc(64, size);
    if (!image)
        abort();
    if (sluice_map_snapshot(map, kind, image) != 0 &&
        sluice_view_load(view, image, size, err, sizeof(err)) != 0)
        log_warn("old_state_ignored", log_str("error", err));
    free(image);
}

/* What the state file says now, if it can be read: its valid verdicts and its
 * rules stand until this process has its own. */
struct before {
    struct sluice_view verdicts;
    struct sluice_view rules;
    struct sluice_view routes;
};

static void
read_before(const char *path, struct before *before)
{
    struct sluice_map map = {0};
    char err[256];

    memset(before, 0, sizeof(*before));
    if (sluice_map_open(&map, path, err, sizeof(err)) != 0)
        return;
    read_part(&map, SLUICE_PART_VERDICTS, &before->verdicts);
    read_part(&map, SLUICE_PART_RULES, &before->rules);
    read_part(&map, SLUICE_PART_ROUTES, &before->routes);
    sluice_map_close(&map);
}

static void
free_before(struct before *before)
{
    sluice_view_free(&before->verdicts);
    sluice_view_free(&before->rules);
    sluice_view_free(&before->routes);
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

/* ---- domains that share their health ----------------------------------- */

static size_t
share_peers(void *data, char *const **service_ids)
{
    const struct node *n = data;

    return n->control ? control_share_leaders(n->control, service_ids) : 0;
}

static const struct share_domain_events share_events = {
    .peers = share_peers,
    .heard = on_watch,
};

/* ---- the configuration --------------------------------------------------- */

static void
node_set_conf(struct node *n,
              struct conf *conf,
              const struct watch_before *before)
{
    struct watch **old = n->watches;
    size_t nold = n->nwatches;

    n->watches = calloc(conf->nclusters + 1, sizeof(*n->watches));
    if (!n->watches)
        abort();
    n->nwatches = conf->nclusters;
    n->half_set = 1;
    for (size_t i = 0; i < conf->nclusters; i++) {
        const struct conf_cluster *cluster = &conf->clusters[i];
        const char *name = cluster->name;

        n->watches[i] = take_watch(old, nold, name);
        if (n->watches[i])
            watch_reload(n->watches[i], cluster);
        else
            n->watches[i] =
                watch_start(&n->shared, cluster, before, on_watch, n);
        watch_skip(n->watches[i], n->skips, n->nskips);
    }
    n->half_set = 0;
    for (size_t i = 0; i < nold; i++)
        if (old[i])
            watch_stop(old[i]);
    free(old);
    conf_free(n->conf);
    n->conf = conf;
    n->apps_changed = 1;
}

static const struct sluice_view no_view;
static const struct watch_before nothing = {&no_view, &no_view};

/* ---- life ------------------------------------------------------------- */

static void
stop_watches(struct node *n)
{
    for (size_t i = 0; i < n->nwatches; i++)
        watch_stop(n->watches[i]);
    free(n->watches);
    n->watches = NULL;
    n->nwatches = 0;
}

static void
on_timer_closed(uv_handle_t *handle)
{
    free(handle->data);
}

/* The last to go: whoever used the connector's threads is gone. */
static void
node_free(void *data)
{
    struct node *n = data;

    memcache_close(n->memcache);
    stop_watches(n);
    keep_skips(n, NULL, 0);
    free(n->skips);
    share_domain_free(n->share);
    http_checks_free(n->shared.checks);
    fetches_free(n->shared.inventories.fetches);
    http_client_free(n->http);
    probe_shared_free(n->shared.probes);
    connector_free(n->connector);
    conf_free(n->conf);
    uv_close((uv_handle_t *)&n->route_timer, on_timer_closed);
}

static int
node_open(struct node *n,
          const struct conf *conf,
          const struct before *before,
          char *err,
          size_t err_size)
{
    const struct publish_source source = node_publish_source(n);

    n->control = control_open(n->loop, n->connector, conf, &before->rules,
                              &control_events, n, err, err_size);
    if (!n->control)
        return -1;
    n->publisher =
        publisher_open(n->loop, conf->state_file, &source, err, err_size);
    if (!n->publisher)
        return -1;
    if (control_serve(n->control, conf, err, err_size) != 0)
        return -1;
    n->memcache = memcache_open(n->loop, &conf->memcache, node_collect, n);
    node_route_facts(n);
    return 0;
}

static void
share_all(struct node *n)
{
    struct loop *loop = n->loop;

    n->connector = connector_new(loop);
    n->http = http_client_new(loop);
    n->shared.probes = probe_shared_new(loop, n->connector, n->http);
    n->shared.checks = http_checks_new(loop, n->http, 0);
    n->shared.inventories.loop = loop;
    n->shared.stirs = &n->stirs;
    node_route_open(n);
    n->shared.inventories.fetches = fetches_new(n->http);
    n->shared.inventories.connector = n->connector;
    n->share = share_domain_new(loop, n->http, &share_events, n, 0);
}

struct node *
node_start(struct loop *loop,
           struct conf *conf,
           node_failed_cb failed,
           void *data,
           char *err,
           size_t err_size)
{
    struct node *n = calloc(1, sizeof(*n));
    struct before before;
    int rc;

    if (!n)
        abort();
    n->loop = loop;
    n->failed = failed;
    n->failed_data = data;
    share_all(n);
    read_before(conf->state_file, &before);
    node_set_conf(n, conf,
                  &(struct watch_before){&before.verdicts, &before.routes});
    rc = node_open(n, conf, &before, err, err_size);
    free_before(&before);
    if (rc == 0)
        return n;
    stop_watches(n); /* the configuration is the caller's again */
    n->conf = NULL;
    if (n->control)
        control_close(n->control, node_free, n);
    else
        node_free(n);
    return NULL;
}

/* What is decided once, at the start, stays what it was. */
static void
keep_string(const char *key, char **now, char **wanted)
{
    char *text = *wanted;

    if (strcmp(*now, text) == 0)
        return;
    log_warn("reload_keeps", log_str("key", key), log_str("value", *now),
             log_str("advice", "restart sluiced to change it"));
    *wanted = *now;
    *now = text;
}

static int
same_backend(const struct conf_backend *a, const struct conf_backend *b)
{
    return conf_same(a->host, b->host) && a->port == b->port &&
           conf_same(a->schema, b->schema) && conf_same(a->user, b->user) &&
           conf_same(a->password, b->password) &&
           conf_same(a->collation, b->collation) &&
           conf_same_tls(&a->tls, &b->tls);
}

/* A new password that looks applied and is not would be found out at night. */
static void
keep_backend(struct conf_backend *now, struct conf_backend *wanted)
{
    struct conf_backend text = *wanted;

    if (same_backend(now, wanted))
        return;
    log_warn("reload_keeps", log_str("key", "BackendMySQL*"),
             log_str("value", now->host),
             log_str("advice", "restart sluiced to change any of its keys"));
    *wanted = *now;
    *now = text;
}

static int
same_raft(const struct conf_raft *a, const struct conf_raft *b)
{
    if (!conf_same(a->data_dir, b->data_dir) || !conf_same(a->bind, b->bind) ||
        !conf_same(a->self, b->self) || !conf_same(a->secret, b->secret) ||
        a->insecure != b->insecure || a->observer != b->observer)
        return 0;
    return conf_same_list(&a->nodes, &b->nodes);
}

static void
keep_raft(struct conf_raft *now, struct conf_raft *wanted)
{
    struct conf_raft text = *wanted;

    if (same_raft(now, wanted))
        return;
    log_warn("reload_keeps", log_str("key", "Raft*, Role"),
             log_str("value", now->self),
             log_str("advice", "restart sluiced to change any of its keys"));
    *wanted = *now;
    *now = text;
}

void
node_reload(struct node *n, struct conf *conf)
{
    keep_string("StateFile", &n->conf->state_file, &conf->state_file);
    keep_backend(&n->conf->backend, &conf->backend);
    keep_raft(&n->conf->raft, &conf->raft);
    keep_string("Domain", &n->conf->domain, &conf->domain);
    keep_string("ShareDomain", &n->conf->share_domain, &conf->share_domain);
    keep_string("ListenPort, in the service id", &n->conf->service_id,
                &conf->service_id);
    node_set_conf(n, conf, &nothing);
    node_route_facts(n);
    control_reload(n->control, conf);
    memcache_reload(n->memcache, &conf->memcache);
    publisher_wake(n->publisher);
    publisher_wake_rules(n->publisher);
}

static void
on_control_closed(void *data)
{
    struct node *n = data;

    publisher_close(n->publisher);
    n->publisher = NULL;
    node_free(n);
}

void
node_stop(struct node *n)
{
    n->stopping = 1;
    control_close(n->control, on_control_closed, n);
}
