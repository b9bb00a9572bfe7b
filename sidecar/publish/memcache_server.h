/*
 * NB: private to memcache*.c. The servers, written to by one thread at a time;
 * these calls block, at most MEMCACHE_TIMEOUT_MS for each server that does not
 * answer.
 */
#ifndef PUBLISH_MEMCACHE_SERVER_H
#define PUBLISH_MEMCACHE_SERVER_H

#include <stddef.h>

struct memcache_server;

/* HOST[:PORT] as configured. */
struct memcache_server *memcache_server_new(const char *address);
void memcache_server_free(struct memcache_server *server);

/* Which of COUNT (> 0) servers has the key: freno's rule, CRC-32 modulo. */
size_t memcache_server_of(const char *key, size_t count);

/* Writes the cluster's value, or deletes it (NULL), at the server that has it.
 * One that failed lately is left alone for MEMCACHE_RETRY_MS. */
void memcache_server_write(struct memcache_server *const *servers,
                           size_t count,
                           const char *path,
                           const char *cluster,
                           const double *value);

/* In the loop: says in the log that it failed, or is back, once. */
void memcache_server_tell(struct memcache_server *server);

#endif
