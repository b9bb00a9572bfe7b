/* One cluster's inventory: asks its driver again and again, keeps the last
 * answer while it fails, tells what changed. */
#include "inventory/inventory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

#define ERROR_SIZE 256

struct inventory {
    const struct inventory_driver *driver;
    const struct inventory_shared *shared;
    const struct conf_cluster *cluster;
    void *source;
    inventory_cb changed;
    void *data;
    uv_timer_t timer;
    int asking;
    struct inventory_hosts hosts; /* what was told last */
    uint64_t answered_ms;
    unsigned failures;
    char error[ERROR_SIZE];
};

/* ---- hosts ------------------------------------------------------------- */

static int
by_name_and_port(const void *a, const void *b)
{
    const struct inventory_host *x = a, *y = b;
    int order = strcmp(x->name, y->name);

    return order != 0 ? order : (int)x->port - (int)y->port;
}

/* freno's rule: a substring of host:port. */
static int
is_ignored(const struct conf_cluster *cluster,
           const struct inventory_host *host)
{
    char text[sizeof(host->name) + 16];

    snprintf(text, sizeof(text), "%s:%u", host->name, host->port);
    for (size_t i = 0; i < cluster->ignore_hosts.count; i++)
        if (strstr(text, cluster->ignore_hosts.items[i]))
            return 1;
    return 0;
}

/* In order, each once. */
static void
settle(struct inventory_hosts *hosts, const struct conf_cluster *cluster)
{
    size_t kept = 0;

    if (hosts->count > 0)
        qsort(hosts->items, hosts->count, sizeof(*hosts->items),
              by_name_and_port);
    for (size_t i = 0; i < hosts->count; i++)
        if (i == 0 ||
            by_name_and_port(&hosts->items[kept - 1], &hosts->items[i]) != 0)
            hosts->items[kept++] = hosts->items[i];
    hosts->count = kept;
    for (size_t i = 0; i < kept; i++)
        hosts->items[i].ignored = is_ignored(cluster, &hosts->items[i]);
}

static int
same_hosts(const struct inventory_hosts *a, const struct inventory_hosts *b)
{
    if (a->count != b->count)
        return 0;
    for (size_t i = 0; i < a->count; i++)
        if (by_name_and_port(&a->items[i], &b->items[i]) != 0 ||
            a->items[i].ignored != b->items[i].ignored)
            return 0;
    return 1;
}

const struct conf_cluster *
inventory_cluster(const struct inventory *inventory)
{
    return inventory->cluster;
}

/* ---- answers ------------------------------------------------------------ */

static void
log_back(const struct inventory *inventory)
{
    if (inventory->failures > 0)
        log_info("inventory_back", log_str("cluster", inventory->cluster->name),
                 log_str("provider", inventory->driver->name),
                 log_int("hosts", (int64_t)inventory->hosts.count));
}

void
inventory_answer(struct inventory *inventory, struct inventory_hosts *hosts)
{
    int first = inventory->answered_ms == 0;

    inventory->asking = 0;
    settle(hosts, inventory->cluster);
    inventory->answered_ms = clock_mono_ms();
    if (!first && same_hosts(hosts, &inventory->hosts)) {
        inventory_hosts_free(hosts);
        log_back(inventory);
        inventory->failures = 0;
        return;
    }
    inventory_hosts_free(&inventory->hosts);
    inventory->hosts = *hosts;
    log_back(inventory);
    inventory->failures = 0;
    log_info("inventory", log_str("cluster", inventory->cluster->name),
             log_str("provider", inventory->driver->name),
             log_int("hosts", (int64_t)inventory->hosts.count));
    inventory->changed(inventory->data, &inventory->hosts);
}

/* Once while the reason stays the same. */
void
inventory_fail(struct inventory *inventory, const char *error)
{
    int news = inventory->failures == 0 || strcmp(inventory->error, error) != 0;

    inventory->asking = 0;
    inventory->failures++;
    snprintf(inventory->error, sizeof(inventory->error), "%s", error);
    if (news)
        log_warn("inventory_failed",
                 log_str("cluster", inventory->cluster->name),
                 log_str("provider", inventory->driver->name),
                 log_str("error", error),
                 log_str("advice", inventory->answered_ms
                                       ? "the hosts known before stay"
                                       : "until it answers, checks are 404"));
    if (inventory->answered_ms == 0)
        inventory->changed(inventory->data, NULL);
}

static void
ask(struct inventory *inventory)
{
    if (inventory->asking)
        return;
    inventory->asking = 1;
    inventory->driver->ask(inventory->source);
}

static void
on_timer(uv_timer_t *timer)
{
    ask(timer->data);
}

/* ---- life ---------------------------------------------------------------- */

static void
open_source(struct inventory *inventory)
{
    inventory->asking = 0;
    inventory->source = inventory->driver->open(inventory, inventory->shared);
}

static void
set_timer(struct inventory *inventory)
{
    uint64_t every_ms = (uint64_t)inventory->cluster->inventory_refresh_ms;

    uv_timer_stop(&inventory->timer);
    if (!inventory->driver->once)
        uv_timer_start(&inventory->timer, on_timer, every_ms, every_ms);
}

struct inventory *
inventory_start_with(const struct inventory_driver *driver,
                     const struct inventory_shared *shared,
                     const struct conf_cluster *cluster,
                     inventory_cb changed,
                     void *data)
{
    struct inventory *inventory = calloc(1, sizeof(*inventory));

    if (!inventory)
        abort();
    inventory->driver = driver;
    inventory->shared = shared;
    inventory->cluster = cluster;
    inventory->changed = changed;
    inventory->data = data;
    uv_timer_init(&shared->loop->uv, &inventory->timer);
    inventory->timer.data = inventory;
    open_source(inventory);
    set_timer(inventory);
    ask(inventory);
    return inventory;
}

struct inventory *
inventory_start(const struct inventory_shared *shared,
                const struct conf_cluster *cluster,
                inventory_cb changed,
                void *data)
{
    return inventory_start_with(inventory_find(cluster->inventory), shared,
                                cluster, changed, data);
}

void
inventory_reload(struct inventory *inventory,
                 const struct conf_cluster *cluster)
{
    const struct inventory_driver *driver = inventory->driver;
    int kept = strcmp(driver->name, cluster->inventory) == 0 &&
               driver->same(inventory->cluster, cluster);

    inventory->cluster = cluster;
    settle(&inventory->hosts, cluster);
    if (inventory->answered_ms != 0)
        inventory->changed(inventory->data, &inventory->hosts);
    if (!kept) {
        driver->close(inventory->source);
        if (strcmp(driver->name, cluster->inventory) != 0)
            inventory->driver = inventory_find(cluster->inventory);
        open_source(inventory);
    }
    set_timer(inventory);
    if (!kept)
        ask(inventory);
}

static void
timer_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void
inventory_stop(struct inventory *inventory)
{
    inventory->driver->close(inventory->source);
    inventory_hosts_free(&inventory->hosts);
    uv_close((uv_handle_t *)&inventory->timer, timer_closed);
}

void
inventory_status(const struct inventory *inventory,
                 struct inventory_status *out)
{
    out->provider = inventory->driver->name;
    out->answered_mono_ms = inventory->answered_ms;
    out->failures = inventory->failures;
    out->hosts = inventory->hosts.count;
    out->error = inventory->failures > 0 ? inventory->error : "";
}
