/* The keys of memcache: which servers, and what the keys begin with. */
#include "base/conf_block.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/host_port.h"
#include "base/memcache_key.h"

#ifdef SLUICE_MEMCACHE
static const int is_built_in = 1;
#else
static const int is_built_in;
#endif

void
conf_validate_memcache(const struct conf_block *top)
{
    const struct conf_list *servers =
        &top->values[CONF_TOP_MemcacheServers].list;
    char host[HOST_PORT_HOST_SIZE];
    uint16_t port = 0;

    if (servers->count > 0 && !is_built_in)
        conf_block_problem(top, CONF_ERROR, CONF_TOP_MemcacheServers,
                           "this sluiced was built without libmemcached; "
                           "install libmemcached-dev and build it again");
    for (size_t i = 0; i < servers->count; i++)
        if (host_port_parse(servers->items[i], host, &port) != 0)
            conf_block_item_problem(top, CONF_ERROR, CONF_TOP_MemcacheServers,
                                    i,
                                    "expected HOST, HOST:PORT, an IP "
                                    "address or [IPv6]:PORT");
}

/* freno's library refuses such keys, and nobody hears of it. */
static void
warn_of_keys(const struct conf *c, const struct conf_block *top)
{
    struct conf_report *report = top->report;

    for (size_t i = 0; i < c->nclusters; i++) {
        char *key = memcache_key(c->memcache.path, c->clusters[i].name);

        if (!memcache_key_is_good(key))
            conf_report_add(report, CONF_WARNING,
                            top->values[CONF_TOP_MemcacheServers].line,
                            "MemcacheServers",
                            "nothing is written for %s: its key has blanks, "
                            "control characters or more than %d bytes",
                            c->clusters[i].name, MEMCACHE_KEY_MAX);
        free(key);
    }
}

void
conf_fill_memcache(struct conf *c, struct conf_block *top)
{
    c->memcache.path = conf_take_string(top, CONF_TOP_MemcachePath);
    c->memcache.servers = conf_take_list(top, CONF_TOP_MemcacheServers);
    if (c->memcache.servers.count > 0)
        warn_of_keys(c, top);
}

void
conf_free_memcache(struct conf *c)
{
    free(c->memcache.path);
    conf_list_free(&c->memcache.servers);
}
