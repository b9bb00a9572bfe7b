/* Orders that show whether they are whole: all of one follows from its
 * revision, which also says its key. */
#ifndef OVERLAY_MARKED_H
#define OVERLAY_MARKED_H

#include "overlay_help.h"

#define MARKED_KEYS 16
#define MARKED_ENTRIES 4 /* fewer: places change hands all the time */

static inline size_t
marked_key(uint64_t revision, char *key)
{
    uint64_t n = revision % MARKED_KEYS;

    return (size_t)snprintf(key, SLUICE_KEY_SIZE, "%llu-%.*s",
                            (unsigned long long)n, (int)(n * 8),
                            "------------------------------------------------"
                            "------------------------------------------------"
                            "------------------------");
}

/* Time flies, so that what was heard before is soon nobody's. */
static inline int
marked_apply(struct sluice_overlay *o, uint64_t revision)
{
    struct sluice_order order = {.kind = SLUICE_ORDER_THROTTLE,
                                 .revision = revision,
                                 .store_id = STORE,
                                 .ratio = 1.0 / (double)revision,
                                 .remaining_ms = revision};
    uint64_t now_ms = 1000000 + revision * 4000;
    struct sluice_facts facts = facts_of(0, now_ms - 1);

    marked_key(revision, order.key);
    return sluice_overlay_apply(o, &order, &facts, now_ms);
}

static inline int
marked_whole(const struct sluice_overlay_order *order)
{
    char key[SLUICE_KEY_SIZE] = "";

    marked_key(order->revision, key);
    return order->ratio == 1.0 / (double)order->revision &&
           order->heard_mono_ms == 1000000 + order->revision * 4000 &&
           order->expires_mono_ms == order->heard_mono_ms + order->revision &&
           order->kind == SLUICE_OVERLAY_THROTTLE &&
           memcmp(order->key, key, sizeof(key)) == 0;
}

/* What a reader has seen of each key. */
struct marked_reader {
    uint64_t last[MARKED_KEYS];
    unsigned long whole, torn, back;
};

/* By facts that know nothing: whatever is held is found. */
static inline void
marked_look(const struct sluice_overlay *o, struct marked_reader *r)
{
    const struct sluice_facts facts = facts_of(0, 0);
    struct sluice_overlay_order found;
    char key[SLUICE_KEY_SIZE];
    size_t len;

    for (uint64_t i = 0; i < MARKED_KEYS; i++) {
        len = marked_key(i, key);
        if (sluice_overlay_find(o, key, len, &facts, &found) ==
            SLUICE_OVERLAY_NOTHING)
            continue;
        if (!marked_whole(&found) || found.revision % MARKED_KEYS != i)
            r->torn++;
        r->back += found.revision < r->last[i];
        r->last[i] = found.revision;
        r->whole++;
    }
}

#endif
