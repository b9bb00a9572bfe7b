/*
 * The overlay: orders to throttle that were heard and are not yet in the
 * facts. A table in memory that all workers share, made of zeros and living
 * as long as it is mapped.
 *
 * A worker applies what it hears under a lock of the caller's; a look-up
 * takes none. A worker may be killed anywhere: an entry keeps two orders and
 * a generation that says which one counts, as a part of the state file does,
 * so that what was current stays whole and there is nothing to repair.
 *
 * Each worker brings the facts as its own view has them, and they decide what
 * an order is worth to it:
 *
 *   - the facts' revision is as high: they know it, it is ignored;
 *   - they were read 5 s after it was heard and still do not know it: it was
 *     never committed, it is ignored. While nobody can read the facts it
 *     stays;
 *   - it names another store: it was never meant for these facts;
 *   - an order without a revision (of a store that has none) counts until
 *     the facts are read anew.
 *
 * Nothing is ever taken out. A place is used again when no worker can need
 * what is in it: when facts read 5 s after it was heard have been there for
 * 2 s. Workers look for new facts at each check, so that is ample.
 */
#ifndef SLUICE_OVERLAY_H
#define SLUICE_OVERLAY_H

#include "sluice_throttle.h"

#define SLUICE_OVERLAY_TRUST_MS 5000 /* how long an order may be unknown */
#define SLUICE_OVERLAY_LAG_MS 2000   /* how far a worker may be behind */
#define SLUICE_OVERLAY_PROBES 32     /* places that a key may have */

/* An order as it is held. */
struct sluice_overlay_order {
    uint64_t mark; /* hash of store and key */
    uint64_t revision;
    uint64_t heard_mono_ms;
    uint64_t expires_mono_ms; /* 0: never */
    double ratio;
    uint32_t kind; /* SLUICE_OVERLAY_THROTTLE, or _UNTHROTTLE: a tombstone */
    uint32_t pad0;
    char key[SLUICE_KEY_SIZE];
};

struct sluice_overlay_entry {
    uint64_t generation; /* atomic; 0: never used; current order: & 1 */
    struct sluice_overlay_order orders[2];
    uint64_t reserved0;
};

struct sluice_overlay {
    uint64_t heard_mono_ms; /* atomic: of the order heard last; 0: none */
    uint32_t nentries;
    uint32_t pad0;
    uint64_t noted_mono_ms;   /* when somebody noted … */
    uint64_t noted_facts_ms;  /* … when the facts had been read */
    uint64_t shared_facts_ms; /* noted so long ago that all have seen them */
    uint8_t reserved0[24];
    struct sluice_overlay_entry entries[];
};

_Static_assert(sizeof(struct sluice_overlay_order) % 8 == 0, "whole words");
_Static_assert(sizeof(struct sluice_overlay_entry) == 384, "cache lines");
_Static_assert(sizeof(struct sluice_overlay) == 64, "a cache line");

/* Bytes that a table of so many entries needs, aligned to 64. */
size_t sluice_overlay_size(uint32_t nentries);

/* An empty table in that memory, whatever was there. */
void sluice_overlay_init(struct sluice_overlay *o, uint32_t nentries);

/*
 * Takes an order in, under the caller's lock. 1: it counts from now on. 0: it
 * was ignored: it does not throttle or unthrottle, is another store's, is
 * known to the facts, or is not newer than what is held for its key. -1: the
 * table is full; the facts will say it.
 */
int sluice_overlay_apply(struct sluice_overlay *o,
                         const struct sluice_order *order,
                         const struct sluice_facts *facts,
                         uint64_t now_mono_ms);

/*
 * What is known of this key beyond the facts: SLUICE_OVERLAY_NOTHING, or the
 * kind of the order, which is copied to *found. An order that has expired is
 * still one: it hides what the facts say. No lock; key need not be
 * terminated.
 */
int sluice_overlay_find(const struct sluice_overlay *o,
                        const char *key,
                        size_t len,
                        const struct sluice_facts *facts,
                        struct sluice_overlay_order *found);

/*
 * The next order that is ahead of these facts, from place *at on, which is 0
 * at first: 1 and *found, or 0 when there are no more. For lists of rules: a
 * key that was written meanwhile may be missed, or come again.
 */
int sluice_overlay_next(const struct sluice_overlay *o,
                        uint32_t *at,
                        const struct sluice_facts *facts,
                        struct sluice_overlay_order *found);

#endif
