/* The inventory that stands in the configuration: StaticHostsSettings. */
#include "inventory/inventory.h"

/* All it has to know is there. */
static void *
static_open(struct inventory *inventory, const struct inventory_shared *shared)
{
    (void)shared;
    return inventory;
}

static void
static_ask(void *data)
{
    struct inventory *inventory = data;
    const struct conf_cluster *cluster = inventory_cluster(inventory);
    const struct conf_list *list = &cluster->static_hosts;
    struct inventory_hosts hosts = {0};
    struct inventory_host host;
    char err[512];

    for (size_t i = 0; i < list->count; i++) {
        if (inventory_parse_host(list->items[i], cluster->port, &host, err,
                                 sizeof(err)) != 0) {
            inventory_hosts_free(&hosts);
            inventory_fail(inventory, err);
            return;
        }
        inventory_hosts_add(&hosts, host.name, host.port);
    }
    inventory_answer(inventory, &hosts);
}

static void
static_close(void *source)
{
    (void)source;
}

static int
static_same(const struct conf_cluster *a, const struct conf_cluster *b)
{
    return a->port == b->port &&
           conf_same_list(&a->static_hosts, &b->static_hosts);
}

const struct inventory_driver inventory_static = {
    .name = "static",
    .once = 1,
    .open = static_open,
    .ask = static_ask,
    .close = static_close,
    .same = static_same,
};
