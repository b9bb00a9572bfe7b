/*
 * A connection to Redis under the loop that is kept: made, made again when it
 * was lost, and used either to publish on one channel or to listen to it.
 * Redis is never the truth: nothing waits for it, and what cannot be sent now
 * is dropped, for the store says the same a moment later.
 */
#ifndef BASE_REDIS_H
#define BASE_REDIS_H

#include <stddef.h>

#include "base/loop.h"
#include "base/redis_address.h"

#define REDIS_CHANNEL_SIZE 128
#define REDIS_TEXT_SIZE 512 /* of a message; room for its NUL included */

#define REDIS_BACKOFF_FIRST_MS 100
#define REDIS_BACKOFF_MAX_MS 5000
#define REDIS_DEADLINE_MS 2000 /* of the connect and the first answers */
#define REDIS_SILENCE_MS 3000  /* an answer that late will not come */
#define REDIS_BEAT_MS 1000
#define REDIS_UNANSWERED_MAX 4096 /* messages on their way; then they drop */

enum redis_role { REDIS_PUBLISHER, REDIS_SUBSCRIBER };

struct redis_target {
    struct redis_address address;
    const char *user;          /* "" = Redis' default user */
    const char *password_file; /* "" = no AUTH; read at every connect */
};

/* Each comes from the loop, never from within a call; any call is allowed
 * from within, redis_close too. */
struct redis_events {
    /* Redis confirmed: it took the first beat, or the subscription. */
    void (*up)(void *data);

    /* It is away, or still away; for every attempt that failed. */
    void (*down)(void *data, const char *why);

    /* Subscriber: somebody's message on the channel. */
    void (*message)(void *data, const char *text, size_t len);

    /* Publisher: what to publish first, and then each second. */
    size_t (*beat)(void *data, char *buf, size_t size);
};

struct redis;

/* The first attempt is made at once, in the loop. The target is copied. */
struct redis *redis_new(struct loop *loop,
                        const struct redis_target *target,
                        enum redis_role role,
                        const char *channel,
                        const struct redis_events *events,
                        void *data);

/* No event comes after this. The handles close when the loop runs; r frees
 * itself then. NULL is allowed. */
void redis_close(struct redis *r);

/* Publisher: 0 when the message is on its way, -1 when it was dropped. */
int redis_publish(struct redis *r, const char *text, size_t len);

/* How long to wait after that many failures in a row (1, 2, …): 100 ms
 * doubling to 5 s, times 0.8 to 1.2 by the dice [0..1), for all who lose
 * Redis lose it together. */
unsigned redis_backoff_ms(unsigned failures, double dice);

#endif
