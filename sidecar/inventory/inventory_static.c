/* The inventory that stands in the configuration: StaticHostsSettings. */
#include "inventory/inventory.h"

#include <stdlib.h>
#include <string.h>

struct source {
    struct inventory *inventory;
    const struct conf_cluster *cluster;
};

static void *
static_open(struct inventory *inventory,
            const struct inventory_shared *shared,
            const struct conf_cluster *cluster)
{
    struct source *source = calloc(1, sizeof(*source));

    (void)shared;
    if (!source)
        abort();
    source->inventory = inventory;
    source->cluster = cluster;
    return source;
}

static void
static_ask(void *data)
{
    const struct source *source = data;
    const struct conf_list *list = &source->cluster->static_hosts;
    struct inventory_hosts hosts = {0};
    struct inventory_host host;
    char err[512];

    for (size_t i = 0; i < list->count; i++) {
        if (inventory_parse_host(list->items[i], source->cluster->port, &host,
                                 err, sizeof(err)) != 0) {
            inventory_hosts_free(&hosts);
            inventory_fail(source->inventory, err);
            return;
        }
        inventory_hosts_add(&hosts, host.name, host.port);
    }
    inventory_answer(source->inventory, &hosts);
}

static void
static_close(void *source)
{
    free(source);
}

static int
static_same(const struct conf_cluster *a, const struct conf_cluster *b)
{
    return a->port == b->port &&
           conf_same_list(&a->static_hosts, &b->static_hosts);
}

static void
static_follow(void *data, const struct conf_cluster *cluster)
{
    struct source *source = data;

    source->cluster = cluster;
}

const struct inventory_driver inventory_static = {
    .name = "static",
    .once = 1,
    .open = static_open,
    .ask = static_ask,
    .close = static_close,
    .same = static_same,
    .follow = static_follow,
};
