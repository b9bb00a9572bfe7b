/* A cluster under watch: hosts from the inventory, and what of them is
 * published. */
#include "watch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "watch_private.h"
#include "watch_route_private.h"

#define INVENTORY_WAIT_MS 3000 /* one that hangs does not hold up the node */

/* ---- hosts ------------------------------------------------------------ */

static uint64_t
skip_until_ms(const struct watch *w, const char *host)
{
    for (size_t i = 0; i < w->nskips; i++)
        if (strcmp(w->skips[i].host, host) == 0)
            return w->skips[i].until_ms;
    return 0;
}

/* The inventory's order. */
static int
order(const struct inventory_host *a, const struct inventory_host *b)
{
    int by_name = strcmp(a->name, b->name);

    return by_name != 0 ? by_name : (int)a->port - (int)b->port;
}

/* Hosts of both lists stand in the same order: *at goes on from the last, and
 * those passed over are gone. */
static struct watch_host *
take_host(struct watch *w,
          struct watch_host **old,
          size_t count,
          size_t *at,
          const struct inventory_host *id)
{
    struct watch_host *host;

    while (*at < count && order(&old[*at]->id, id) < 0)
        watch_host_free(old[(*at)++]);
    if (*at < count && watch_host_is(old[*at], w->cluster, id)) {
        host = old[(*at)++];
        watch_host_follow(host);
        return host;
    }
    host = watch_host_new(w, id);
    if (*at < count && order(&old[*at]->id, id) == 0)
        watch_host_remember(host, old[*at]);
    return host;
}

/*
 * Makes the list of hosts that the inventory says, keeping the probes that
 * need no change. Settings are compared while both the old and the new
 * cluster are alive, then point into the new one.
 */
static void
set_hosts(struct watch *w, const struct inventory_hosts *found)
{
    struct watch_host **old = w->hosts;
    size_t nold = w->nhosts, at = 0;

    w->nhosts = found->count;
    w->hosts = calloc(found->count + 1, sizeof(*w->hosts));
    if (!w->hosts)
        abort();
    for (size_t i = 0; i < found->count; i++) {
        w->hosts[i] = take_host(w, old, nold, &at, &found->items[i]);
        w->hosts[i]->skip_until_ms = skip_until_ms(w, found->items[i].name);
    }
    while (at < nold)
        watch_host_free(old[at++]);
    free(old);
    watch_route_hosts(w);
    w->dirty = 1;
}

static void
on_inventory(void *data, const struct inventory_hosts *hosts)
{
    struct watch *w = data;

    w->dirty = 1;
    if (hosts) {
        w->known = 1;
        set_hosts(w, hosts);
    }
    w->changed(w->data);
}

static void
forget_hosts(struct watch *w)
{
    const struct inventory_hosts none = {NULL, 0};

    set_hosts(w, &none);
    w->known = 0;
}

/* Begins, follows or ends the inventory that w->cluster has. */
static void
follow_inventory(struct watch *w)
{
    const struct inventory_shared *shared = &w->shared->inventories;

    if (w->inventory && w->cluster->inventory) {
        inventory_reload(w->inventory, w->cluster);
    } else if (w->cluster->inventory) {
        w->inventory = inventory_start(shared, w->cluster, on_inventory, w);
    } else if (w->inventory) {
        inventory_stop(w->inventory);
        w->inventory = NULL;
        forget_hosts(w);
    }
}

/* ---- verdict ---------------------------------------------------------- */

/* What was last good stays to be seen: a graph has no holes. */
void
watch_peek(const struct watch *w, struct sluice_cluster *out)
{
    memset(out, 0, sizeof(*out));
    snprintf(out->name, sizeof(out->name), "%s", w->name);
    out->value = w->last_value;
    out->flags = w->had_value ? SLUICE_CLUSTER_HAD_VALUE : 0;
    out->threshold = w->cluster->threshold;
    out->sampled_mono_ms = w->own.sampled_ms;
    out->valid_until_mono_ms = w->own.valid_until_ms;
    out->healthy_mono_ms = w->healthy_mono_ms;
    out->healthy_real_ms = w->healthy_real_ms;
    out->status = w->own.status;
    snprintf(out->error, sizeof(out->error), "%s", w->own.error);
}

int
watch_verdict(struct watch *w, uint64_t now_ms, struct sluice_cluster *out)
{
    unsigned before = w->status;

    if (w->dirty || watch_value_ended(w, now_ms)) {
        w->dirty = 0;
        watch_judge(w, now_ms);
    }
    watch_peek(w, out);
    return w->status != before;
}

/* ---- life ------------------------------------------------------------- */

static void
take_before(struct watch_value *value,
            uint32_t status,
            double number,
            uint64_t sampled_ms,
            uint64_t valid_until_ms)
{
    if (status != SLUICE_METRIC_VALUE)
        return;
    value->status = status;
    value->value = number;
    value->sampled_ms = sampled_ms;
    value->valid_until_ms = valid_until_ms;
}

static void
take_metrics_before(struct watch *w, const struct sluice_view *before)
{
    uint32_t count;
    const struct sluice_metric *m =
        sluice_view_metrics(before, w->name, strlen(w->name), &count);

    for (uint32_t i = 0; i < count; i++)
        for (size_t j = 0; j < w->cluster->nmetrics; j++)
            if (strcmp(m[i].name, w->cluster->metrics[j].name) == 0)
                take_before(&w->metrics[j], m[i].status, m[i].value,
                            m[i].sampled_mono_ms, m[i].valid_until_mono_ms);
}

/* Only values stand: an error of a former process is none of ours. */
static void
take_all_before(struct watch *w, const struct sluice_view *before)
{
    const struct sluice_cluster *c =
        sluice_view_cluster(before, w->name, strlen(w->name));

    if (!c)
        return;
    take_before(&w->own, c->status, c->value, c->sampled_mono_ms,
                c->valid_until_mono_ms);
    w->last_value = c->value;
    w->had_value = (c->flags & SLUICE_CLUSTER_HAD_VALUE) != 0;
    w->healthy_mono_ms = c->healthy_mono_ms;
    w->healthy_real_ms = c->healthy_real_ms;
    take_metrics_before(w, before);
}

static struct watch_value *
new_values(const struct conf_cluster *cluster)
{
    struct watch_value *values = calloc(cluster->nmetrics + 1, sizeof(*values));

    if (!values)
        abort();
    return values;
}

struct watch *
watch_start(const struct watch_shared *shared,
            const struct conf_cluster *cluster,
            const struct watch_before *before,
            watch_cb changed,
            void *data)
{
    struct watch *w = calloc(1, sizeof(*w));

    if (!w)
        abort();
    w->shared = shared;
    w->changed = changed;
    w->data = data;
    w->cluster = cluster;
    w->metrics = new_values(cluster);
    snprintf(w->name, sizeof(w->name), "%s", cluster->name);
    take_all_before(w, before->verdicts);
    watch_route_follow(w, before->routes);
    watch_route_hosts(w);
    w->dirty = 1;
    w->started_ms = clock_mono_ms();
    follow_inventory(w);
    return w;
}

static int
is_same_metric(const struct conf_metric *a, const struct conf_metric *b)
{
    return strcmp(a->name, b->name) == 0 && strcmp(a->query, b->query) == 0 &&
           a->scope == b->scope;
}

/* A metric that goes on keeps its value; the answer to another question is
 * none. */
static void
follow_values(struct watch *w, const struct conf_cluster *cluster)
{
    const struct conf_cluster *before = w->cluster;
    struct watch_value *values = new_values(cluster);

    for (size_t i = 0; i < cluster->nmetrics; i++)
        for (size_t j = 0; j < before->nmetrics; j++)
            if (is_same_metric(&cluster->metrics[i], &before->metrics[j]))
                values[i] = w->metrics[j];
    if (!conf_same(cluster->metric_query, before->metric_query) ||
        cluster->scope != before->scope)
        memset(&w->own, 0, sizeof(w->own));
    free(w->metrics);
    w->metrics = values;
}

void
watch_reload(struct watch *w, const struct conf_cluster *cluster)
{
    follow_values(w, cluster);
    w->cluster = cluster;
    w->dirty = 1;
    watch_route_follow(w, NULL);
    watch_route_hosts(w);
    follow_inventory(w);
}

void
watch_stop(struct watch *w)
{
    if (w->inventory)
        inventory_stop(w->inventory);
    for (size_t i = 0; i < w->nhosts; i++)
        watch_host_free(w->hosts[i]);
    free(w->hosts);
    free(w->metrics);
    watch_route_free(w->route);
    free(w);
}

void
watch_skip(struct watch *w, const struct watch_skip *skips, size_t count)
{
    w->skips = skips;
    w->nskips = count;
    for (size_t i = 0; i < w->nhosts; i++) {
        struct watch_host *host = w->hosts[i];
        uint64_t until_ms = skip_until_ms(w, host->id.name);

        w->dirty |= until_ms != host->skip_until_ms;
        host->skip_until_ms = until_ms;
    }
    if (w->dirty)
        w->changed(w->data);
}

const char *
watch_name(const struct watch *w)
{
    return w->name;
}

int
watch_ready(const struct watch *w)
{
    struct inventory_status status;
    uint64_t now_ms = clock_mono_ms();

    if (!w->inventory)
        return 1;
    inventory_status(w->inventory, &status);
    if (status.answered_mono_ms == 0 && status.failures == 0)
        return now_ms - w->started_ms > INVENTORY_WAIT_MS;
    return !watch_is_pending(w, now_ms);
}
