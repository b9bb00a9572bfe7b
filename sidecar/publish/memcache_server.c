/* One memcached each, by libmemcached; which has a key is freno's rule, not
 * libmemcached's, whose CRC is another one. */
#include "publish/memcache_server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/host_port.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/memcache_key.h"
#include "publish/memcache.h"

#ifdef SLUICE_MEMCACHE

#include <libmemcached/memcached.h>
#include <zlib.h>

#define PORT 11211

struct memcache_server {
    char *address;
    char host[HOST_PORT_HOST_SIZE];
    uint16_t port;
    memcached_st *client; /* NULL: not connected */
    uint64_t retry_ms;    /* not before */
    char error[256];      /* of the last try; "" when it was good */
    int failing;          /* as the log was told */
};

struct memcache_server *
memcache_server_new(const char *address)
{
    struct memcache_server *server = calloc(1, sizeof(*server));

    if (!server || !(server->address = strdup(address)))
        abort();
    server->port = PORT;
    if (host_port_parse(address, server->host, &server->port) != 0)
        server->host[0] = '\0'; /* -t refuses it */
    return server;
}

static void
disconnect(struct memcache_server *server)
{
    if (server->client)
        memcached_free(server->client);
    server->client = NULL;
}

void
memcache_server_free(struct memcache_server *server)
{
    disconnect(server);
    free(server->address);
    free(server);
}

size_t
memcache_server_of(const char *key, size_t count)
{
    return crc32(0, (const Bytef *)key, (uInt)strlen(key)) % count;
}

static void
connect_to(struct memcache_server *server)
{
    static const struct {
        memcached_behavior_t what;
        uint64_t value;
    } behaviors[] = {
        {MEMCACHED_BEHAVIOR_NO_BLOCK, 1},
        {MEMCACHED_BEHAVIOR_TCP_NODELAY, 1},
        {MEMCACHED_BEHAVIOR_CONNECT_TIMEOUT, MEMCACHE_TIMEOUT_MS},
        {MEMCACHED_BEHAVIOR_POLL_TIMEOUT, MEMCACHE_TIMEOUT_MS},
        {MEMCACHED_BEHAVIOR_SND_TIMEOUT, MEMCACHE_TIMEOUT_MS * 1000},
        {MEMCACHED_BEHAVIOR_RCV_TIMEOUT, MEMCACHE_TIMEOUT_MS * 1000},
    };

    server->client = memcached_create(NULL);
    if (!server->client)
        abort();
    for (size_t i = 0; i < sizeof(behaviors) / sizeof(*behaviors); i++)
        memcached_behavior_set(server->client, behaviors[i].what,
                               behaviors[i].value);
    memcached_server_add(server->client, server->host, server->port);
}

static memcached_return_t
put(struct memcache_server *server, const char *key, const double *value)
{
    char text[MEMCACHE_VALUE_SIZE];
    memcached_return_t rc;
    size_t len;

    if (value) {
        len = memcache_value(text, clock_real_ms(), *value);
        return memcached_set(server->client, key, strlen(key), text, len,
                             MEMCACHE_EXPIRY_S, 0);
    }
    rc = memcached_delete(server->client, key, strlen(key), 0);
    return rc == MEMCACHED_NOTFOUND ? MEMCACHED_SUCCESS : rc;
}

static void
write_to(struct memcache_server *server, const char *key, const double *value)
{
    memcached_return_t rc;

    if (clock_mono_ms() < server->retry_ms)
        return;
    if (!server->client)
        connect_to(server);
    rc = put(server, key, value);
    server->error[0] = '\0';
    if (rc == MEMCACHED_SUCCESS)
        return;
    snprintf(server->error, sizeof(server->error), "%s",
             memcached_strerror(server->client, rc));
    server->retry_ms = clock_mono_ms() + MEMCACHE_RETRY_MS;
    disconnect(server);
}

void
memcache_server_write(struct memcache_server *const *servers,
                      size_t count,
                      const char *path,
                      const char *cluster,
                      const double *value)
{
    char *key = memcache_key(path, cluster);

    if (memcache_key_is_good(key))
        write_to(servers[memcache_server_of(key, count)], key, value);
    free(key);
}

void
memcache_server_tell(struct memcache_server *server)
{
    int failing = server->error[0] != '\0';

    if (failing && !server->failing)
        log_warn("memcache_failed", log_str("server", server->address),
                 log_str("error", server->error));
    if (!failing && server->failing)
        log_info("memcache_back", log_str("server", server->address));
    server->failing = failing;
}

#else

struct memcache_server *
memcache_server_new(const char *address)
{
    (void)address;
    return NULL;
}

void
memcache_server_free(struct memcache_server *server)
{
    (void)server;
}

size_t
memcache_server_of(const char *key, size_t count)
{
    (void)key;
    (void)count;
    return 0;
}

void
memcache_server_write(struct memcache_server *const *servers,
                      size_t count,
                      const char *path,
                      const char *cluster,
                      const double *value)
{
    (void)servers;
    (void)count;
    (void)path;
    (void)cluster;
    (void)value;
}

void
memcache_server_tell(struct memcache_server *server)
{
    (void)server;
}

#endif
