/* ProxySQL's rows: which status is in use, and who has to wait. */
#include "inventory/proxysql_rows.h"

#include <stdlib.h>
#include <string.h>

struct proxysql_ignored_server {
    char *host;
    uint16_t port;
    uint64_t until_ms;
};

static struct proxysql_ignored_server *
find(const struct proxysql_ignored *ignored, const char *host, uint16_t port)
{
    for (size_t i = 0; i < ignored->count; i++)
        if (ignored->items[i].port == port &&
            strcmp(ignored->items[i].host, host) == 0)
            return &ignored->items[i];
    return NULL;
}

static void
forget(struct proxysql_ignored *ignored, struct proxysql_ignored_server *server)
{
    free(server->host);
    *server = ignored->items[--ignored->count];
}

static void
ignore(struct proxysql_ignored *ignored,
       const char *host,
       uint16_t port,
       uint64_t until_ms)
{
    struct proxysql_ignored_server *server = find(ignored, host, port);

    if (!server) {
        ignored->items = realloc(ignored->items, (ignored->count + 1) *
                                                     sizeof(*ignored->items));
        if (!ignored->items)
            abort();
        server = &ignored->items[ignored->count++];
        server->host = strdup(host);
        if (!server->host)
            abort();
        server->port = port;
    }
    server->until_ms = until_ms;
}

void
proxysql_row(struct proxysql_ignored *ignored,
             const char *host,
             const char *port_text,
             const char *status,
             uint64_t now_ms,
             uint64_t ignore_ms,
             struct inventory_hosts *hosts)
{
    char *end;
    unsigned long port = strtoul(port_text, &end, 10);
    struct proxysql_ignored_server *server;

    if (*end != '\0' || port < 1 || port > 65535)
        return;
    server = find(ignored, host, (uint16_t)port);
    if (strcmp(status, "SHUNNED_REPLICATION_LAG") == 0) {
        if (server)
            forget(ignored, server);
        inventory_hosts_add(hosts, host, (uint16_t)port);
    } else if (strcmp(status, "ONLINE") != 0) {
        ignore(ignored, host, (uint16_t)port, now_ms + ignore_ms);
    } else if (!server || now_ms >= server->until_ms) {
        inventory_hosts_add(hosts, host, (uint16_t)port);
    }
}

void
proxysql_ignored_expire(struct proxysql_ignored *ignored, uint64_t now_ms)
{
    for (size_t i = 0; i < ignored->count;)
        if (now_ms >= ignored->items[i].until_ms)
            forget(ignored, &ignored->items[i]);
        else
            i++;
}

void
proxysql_ignored_free(struct proxysql_ignored *ignored)
{
    for (size_t i = 0; i < ignored->count; i++)
        free(ignored->items[i].host);
    free(ignored->items);
    memset(ignored, 0, sizeof(*ignored));
}
