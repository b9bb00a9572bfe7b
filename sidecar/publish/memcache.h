/*
 * Each cluster's value in memcache, for clients that ask there instead: keys,
 * values, expiry and which server has which key as freno has them. One thread
 * of libuv's pool writes what is newest; a server that is away or frozen costs
 * its time-out once a second, and nobody but memcache waits for it.
 */
#ifndef PUBLISH_MEMCACHE_H
#define PUBLISH_MEMCACHE_H

#include "base/conf.h"
#include "base/loop.h"

#define MEMCACHE_INTERVAL_MS 100
#define MEMCACHE_TIMEOUT_MS 100
#define MEMCACHE_EXPIRY_S 1
#define MEMCACHE_RETRY_MS 1000

struct memcache;
struct memcache_batch; /* what is to be written */

/* To be called for a cluster, within the callback: its value, or that it has
 * none, which deletes it. */
void
memcache_put(struct memcache_batch *batch, const char *cluster, double value);
void memcache_delete(struct memcache_batch *batch, const char *cluster);

/* Asked each MEMCACHE_INTERVAL_MS, if nothing is on its way: who does not lead
 * puts nothing. */
typedef void (*memcache_cb)(void *data, struct memcache_batch *batch);

/* Does nothing without servers in the configuration, which is not kept. */
struct memcache *memcache_open(struct loop *loop,
                               const struct conf_memcache *conf,
                               memcache_cb collect,
                               void *data);

/* Goes over to other servers. */
void memcache_reload(struct memcache *m, const struct conf_memcache *conf);

/* No callback comes after this. It frees itself when the loop runs and what
 * is on its way came to its end. NULL is allowed. */
void memcache_close(struct memcache *m);

#endif
