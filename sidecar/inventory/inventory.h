/*
 * Which hosts a cluster has. One driver per source (inventory_KIND.c); the
 * registry in inventory.c lists them.
 */
#ifndef INVENTORY_INVENTORY_H
#define INVENTORY_INVENTORY_H

#include "base/conf.h"

struct inventory_host {
    char name[256]; /* name, IPv4 or IPv6 literal without brackets */
    uint16_t port;
    int ignored; /* IgnoreHosts matched: known, not probed */
};

struct inventory_hosts {
    struct inventory_host *items; /* sorted, no duplicates */
    size_t count;
};

struct inventory_driver {
    const char *name;

    /* Fills *out (caller frees); 0, or -1 with a sentence in err. */
    int (*hosts)(const struct conf_cluster *cluster,
                 struct inventory_hosts *out,
                 char *err,
                 size_t err_size);
};

extern const struct inventory_driver inventory_static;

/* NULL when there is no such driver. */
const struct inventory_driver *inventory_find(const char *name);

void inventory_hosts_free(struct inventory_hosts *hosts);

/*
 * "name", "name:port", "1.2.3.4", "1.2.3.4:port", "::1", "[::1]",
 * "[::1]:port". Port default_port when absent. 0, or -1 with a sentence.
 */
int inventory_parse_host(const char *text,
                         int default_port,
                         struct inventory_host *host,
                         char *err,
                         size_t err_size);

#endif
