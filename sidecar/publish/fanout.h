/*
 * The fan-out: what was committed to the store is told to every worker and
 * every node through Redis, within a millisecond; what others tell is handed
 * on. Without Redis, or with one that is away or slow, all of it is silently
 * less: the store says the same within a second.
 */
#ifndef PUBLISH_FANOUT_H
#define PUBLISH_FANOUT_H

#include "base/conf.h"
#include "base/loop.h"
#include "sluice_throttle.h"

struct fanout;

/* Somebody's order, perhaps our own: valid, and of our store. Any call is
 * allowed from within. Beats come too, for their revision. */
typedef void (*fanout_order_cb)(void *data, const struct sluice_order *order);

/* Never fails: without RedisAddress it does nothing. The configuration is
 * not kept. */
struct fanout *fanout_open(struct loop *loop,
                           const struct conf *conf,
                           fanout_order_cb cb,
                           void *data);

/*
 * The store whose facts these are ("" when it has no id) and the revision
 * reached, which the beats tell. Nothing is connected before the first call;
 * another store is another channel. Cheap: call it for every read.
 */
void
fanout_set_store(struct fanout *f, const char *store_id, uint64_t revision);

/* "sluice:DOMAIN:STORE", printable; "" without Redis or before a store. As
 * long as f, until the store changes. */
const char *fanout_channel(const struct fanout *f);

/* Tells everybody, if it can be told at once; never waits, never fails. */
void fanout_publish(struct fanout *f, const struct sluice_order *order);

/* Goes over to the keys of a new configuration. */
void fanout_reload(struct fanout *f, const struct conf *conf);

/* No order comes after this. The handles close when the loop runs. NULL is
 * allowed. */
void fanout_close(struct fanout *f);

#endif
