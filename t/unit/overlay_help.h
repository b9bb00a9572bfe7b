/* An overlay, orders for it, and what a worker with given facts finds. */
#ifndef OVERLAY_HELP_H
#define OVERLAY_HELP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sluice_overlay.h"

#define STORE "6f1c9a52e07b4d"

static inline struct sluice_overlay *
overlay_of(uint32_t nentries)
{
    struct sluice_overlay *o = aligned_alloc(64, sluice_overlay_size(nentries));

    assert_non_null(o);
    memset(o, 0xff, sluice_overlay_size(nentries));
    sluice_overlay_init(o, nentries);
    return o;
}

static inline struct sluice_facts
facts_of(uint64_t revision, uint64_t read_mono_ms)
{
    return (struct sluice_facts){
        .revision = revision, .read_mono_ms = read_mono_ms, .store_id = STORE};
}

static inline struct sluice_order
order_of(enum sluice_order_kind kind, uint64_t revision, const char *key)
{
    struct sluice_order order = {
        .kind = kind, .revision = revision, .store_id = STORE};

    snprintf(order.key, sizeof(order.key), "%s", key);
    if (kind == SLUICE_ORDER_THROTTLE)
        order.ratio = 1;
    return order;
}

/* The revision found for a key, or 0: nothing. */
static inline uint64_t
revision_found(const struct sluice_overlay *o,
               const char *key,
               const struct sluice_facts *facts)
{
    struct sluice_overlay_order found;

    if (sluice_overlay_find(o, key, strlen(key), facts, &found) ==
        SLUICE_OVERLAY_NOTHING)
        return 0;
    return found.revision;
}

#endif
