/* Any bytes as a message: refused with a sentence, or an order that can be
 * written, read again, and taken in. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sluice_overlay.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition)                                          \
    do {                                                         \
        if (!(condition)) {                                      \
            fprintf(stderr, "broken promise: %s\n", #condition); \
            abort();                                             \
        }                                                        \
    } while (0)

/* Facts of the order's own store that do not know it yet. */
static void
take_in(const struct sluice_order *order)
{
    static struct sluice_overlay *o;
    struct sluice_facts facts = {.read_mono_ms = 1000};
    struct sluice_overlay_order found;
    int rc;

    if (!o)
        o = aligned_alloc(64, sluice_overlay_size(4));
    sluice_overlay_init(o, 4);
    memcpy(facts.store_id, order->store_id, sizeof(facts.store_id));
    rc = sluice_overlay_apply(o, order, &facts, 1000);
    MUST(rc == (order->kind <= SLUICE_ORDER_UNTHROTTLE));
    rc = sluice_overlay_find(o, order->key, strlen(order->key), &facts, &found);
    if (order->kind == SLUICE_ORDER_THROTTLE)
        MUST(rc == SLUICE_OVERLAY_THROTTLE && found.ratio == order->ratio);
    else if (order->kind == SLUICE_ORDER_UNTHROTTLE)
        MUST(rc == SLUICE_OVERLAY_UNTHROTTLE);
    else
        MUST(rc == SLUICE_OVERLAY_NOTHING);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[SLUICE_ORDER_TEXT_MAX], err[64];
    struct sluice_order order, again;
    size_t len;

    memset(err, '#', sizeof(err));
    if (sluice_order_read((const char *)data, size, &order, err, sizeof(err)) !=
        0) {
        MUST(memchr(err, '\0', sizeof(err)));
        return 0;
    }
    MUST(memchr(order.key, '\0', sizeof(order.key)));
    MUST(memchr(order.store_id, '\0', sizeof(order.store_id)));
    MUST(order.ratio >= 0 && order.ratio <= 1);
    len = sluice_order_write(&order, text, sizeof(text));
    MUST(len > 0 && len <= sizeof(text));
    MUST(sluice_order_read(text, len, &again, err, sizeof(err)) == 0);
    MUST(again.kind == order.kind && again.revision == order.revision);
    MUST(again.ratio == order.ratio);
    MUST(again.remaining_ms == order.remaining_ms);
    MUST(memcmp(again.key, order.key, sizeof(order.key)) == 0);
    MUST(memcmp(again.store_id, order.store_id, sizeof(order.store_id)) == 0);
    take_in(&order);
    return 0;
}
