/* -t: whether the consensus backend is a host of a cluster, by address. */
#include "check.h"

#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "base/loop.h"
#include "inventory/inventory.h"

#define LOOKUPS_MS 3000 /* no name is looked up after so long */

static struct addrinfo *
look_up(const char *name)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;

    return getaddrinfo(name, NULL, &hints, &found) == 0 ? found : NULL;
}

static int
same_address(const struct sockaddr *a, const struct sockaddr *b)
{
    const struct sockaddr_in *a4 = (const void *)a, *b4 = (const void *)b;
    const struct sockaddr_in6 *a6 = (const void *)a, *b6 = (const void *)b;

    if (a->sa_family != b->sa_family)
        return 0;
    if (a->sa_family == AF_INET)
        return a4->sin_addr.s_addr == b4->sin_addr.s_addr;
    return a->sa_family == AF_INET6 &&
           memcmp(&a6->sin6_addr, &b6->sin6_addr, sizeof(a6->sin6_addr)) == 0;
}

static int
share_address(const struct addrinfo *a, const struct addrinfo *list)
{
    for (; a; a = a->ai_next)
        for (const struct addrinfo *b = list; b; b = b->ai_next)
            if (same_address(a->ai_addr, b->ai_addr))
                return 1;
    return 0;
}

struct backend {
    const struct conf_backend *conf;
    struct addrinfo *addresses; /* NULL: unknown */
    uint64_t until_ms;
};

static int
is_backend(const struct backend *b, const struct inventory_host *host)
{
    struct addrinfo *addresses;
    int same;

    if (host->port != b->conf->port)
        return 0;
    if (strcasecmp(host->name, b->conf->host) == 0)
        return 1;
    if (!b->addresses || clock_mono_ms() > b->until_ms)
        return 0;
    addresses = look_up(host->name);
    same = share_address(addresses, b->addresses);
    if (addresses)
        freeaddrinfo(addresses);
    return same;
}

static void
check_cluster(const struct backend *b,
              const struct conf_cluster *cluster,
              struct conf_report *report)
{
    const struct conf_list *list = &cluster->static_hosts;
    struct inventory_host host;
    char path[256], err[512];

    for (size_t i = 0; i < list->count; i++) {
        if (inventory_parse_host(list->items[i], cluster->port, &host, err,
                                 sizeof(err)) != 0 ||
            !is_backend(b, &host))
            continue;
        snprintf(path, sizeof(path),
                 "Stores.MySQL.Clusters.%s.StaticHostsSettings.Hosts[%zu]",
                 cluster->name, i);
        conf_report_add(report, CONF_WARNING, list->lines[i], path,
                        "is the consensus backend, BackendMySQLHost, too: who "
                        "decides over this cluster then depends on it; give "
                        "consensus a mariadbd of its own");
    }
}

void
check_backend(const struct conf *conf, struct conf_report *report)
{
    struct backend b = {.conf = &conf->backend,
                        .until_ms = clock_mono_ms() + LOOKUPS_MS};

    if (conf->backend.host[0] == '\0')
        return;
    b.addresses = look_up(conf->backend.host);
    for (size_t i = 0; i < conf->nclusters; i++)
        check_cluster(&b, &conf->clusters[i], report);
    if (b.addresses)
        freeaddrinfo(b.addresses);
}
