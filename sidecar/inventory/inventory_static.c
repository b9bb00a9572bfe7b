/* The inventory that stands in the configuration: StaticHostsSettings. */
#include "inventory/inventory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static void
drop_duplicates(struct inventory_hosts *hosts)
{
    size_t kept = 0;

    for (size_t i = 0; i < hosts->count; i++)
        if (i == 0 ||
            by_name_and_port(&hosts->items[kept - 1], &hosts->items[i]) != 0)
            hosts->items[kept++] = hosts->items[i];
    hosts->count = kept;
}

static int
static_hosts(const struct conf_cluster *cluster,
             struct inventory_hosts *out,
             char *err,
             size_t err_size)
{
    const struct conf_list *list = &cluster->static_hosts;

    out->count = 0;
    out->items = calloc(list->count ? list->count : 1, sizeof(*out->items));
    if (!out->items)
        abort();
    for (size_t i = 0; i < list->count; i++) {
        struct inventory_host *host = &out->items[i];

        if (inventory_parse_host(list->items[i], cluster->port, host, err,
                                 err_size) != 0) {
            inventory_hosts_free(out);
            return -1;
        }
        host->ignored = is_ignored(cluster, host);
    }
    out->count = list->count;
    qsort(out->items, out->count, sizeof(*out->items), by_name_and_port);
    drop_duplicates(out);
    return 0;
}

const struct inventory_driver inventory_static = {
    .name = "static",
    .hosts = static_hosts,
};
