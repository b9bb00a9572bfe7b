/*
 * The overlay's table: open addressing over a few places for each key, every
 * place two orders and a generation. The words of an order are stored with
 * release and loaded with acquire, one by one; sluice_state.c says why that
 * is enough and why it must not be a memcpy.
 */
#include "sluice_overlay.h"

#include <stdatomic.h>
#include <string.h>

#define OVERLAY_ATTEMPTS 64

/* A lock hidden in libatomic would be this process's own. */
_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "64-bit atomics must be lock-free");
_Static_assert(sizeof(_Atomic uint64_t) == 8, "an atomic word is a word");

static uint64_t
word_load(const void *word)
{
    return atomic_load_explicit((const _Atomic uint64_t *)word,
                                memory_order_acquire);
}

static void
word_store(void *word, uint64_t value)
{
    atomic_store_explicit((_Atomic uint64_t *)word, value,
                          memory_order_release);
}

/* ---- one entry -------------------------------------------------------- */

static void
order_load(const struct sluice_overlay_order *order,
           struct sluice_overlay_order *copy)
{
    uint64_t word;

    for (size_t at = 0; at < sizeof(*copy); at += sizeof(word)) {
        word = word_load((const char *)order + at);
        memcpy((char *)copy + at, &word, sizeof(word));
    }
}

enum reading { READ_UNUSED, READ_OTHER, READ_THIS };

/* Copies the current order when it has this mark. */
static enum reading
entry_read(const struct sluice_overlay_entry *e,
           uint64_t mark,
           struct sluice_overlay_order *copy)
{
    const struct sluice_overlay_order *order;
    uint64_t generation;
    int is_this;

    for (int i = 0; i < OVERLAY_ATTEMPTS; i++) {
        generation = word_load(&e->generation);
        if (generation == 0)
            return READ_UNUSED;
        order = &e->orders[generation & 1];
        is_this = word_load(&order->mark) == mark;
        if (is_this)
            order_load(order, copy);
        if (word_load(&e->generation) == generation)
            return is_this ? READ_THIS : READ_OTHER;
    }
    return READ_OTHER; /* written 64 times while we looked: not on earth */
}

/* Under the lock: fills the order that is not current, then turns to it. */
static void
entry_write(struct sluice_overlay_entry *e,
            const struct sluice_overlay_order *order)
{
    uint64_t generation = word_load(&e->generation) + 1, word;
    char *to = (char *)&e->orders[generation & 1];

    for (size_t at = 0; at < sizeof(*order); at += sizeof(word)) {
        memcpy(&word, (const char *)order + at, sizeof(word));
        word_store(to + at, word);
    }
    word_store(&e->generation, generation);
}

/* Under the lock nothing changes: NULL when the entry was never used. */
static const struct sluice_overlay_order *
entry_held(const struct sluice_overlay_entry *e)
{
    uint64_t generation = word_load(&e->generation);

    return generation ? &e->orders[generation & 1] : NULL;
}

/* ---- places ----------------------------------------------------------- */

static uint64_t
hash_bytes(uint64_t hash, const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) /* FNV-1a */
        hash = (hash ^ (unsigned char)bytes[i]) * 1099511628211u;
    return hash;
}

static uint64_t
mark_of(const struct sluice_facts *facts, const char *key, size_t len)
{
    uint64_t hash = hash_bytes(14695981039346656037u, facts->store_id,
                               strlen(facts->store_id) + 1);

    return hash_bytes(hash, key, len);
}

/* Place i of those that the mark has; NULL: it has no more. */
static struct sluice_overlay_entry *
place(const struct sluice_overlay *o, uint64_t mark, uint32_t i)
{
    uint64_t at = mark ^ mark >> 32;

    if (i >= SLUICE_OVERLAY_PROBES || i >= o->nentries)
        return NULL;
    return (struct sluice_overlay_entry *)&o
        ->entries[(at % o->nentries + i) % o->nentries];
}

static int
is_key(const struct sluice_overlay_order *order, const char *key, size_t len)
{
    return len < sizeof(order->key) && memcmp(order->key, key, len) == 0 &&
           order->key[len] == '\0';
}

/* ---- what an order is worth ------------------------------------------- */

/* The facts have the last word: they know the order, or would by now. */
static int
is_settled(const struct sluice_overlay_order *order,
           const struct sluice_facts *facts)
{
    if (facts->read_mono_ms > order->heard_mono_ms + SLUICE_OVERLAY_TRUST_MS)
        return 1;
    if (order->revision == 0)
        return facts->read_mono_ms > order->heard_mono_ms;
    return order->revision <= facts->revision;
}

static int
is_wanted(const struct sluice_order *order, const struct sluice_facts *facts)
{
    if (order->kind != SLUICE_ORDER_THROTTLE &&
        order->kind != SLUICE_ORDER_UNTHROTTLE)
        return 0;
    if (strcmp(order->store_id, facts->store_id) != 0)
        return 0;
    if (order->revision == 0)
        return facts->revision == 0;
    return order->revision > facts->revision;
}

/* A repeat is none, also of what was given up: it would be trusted anew. */
static int
is_newer(const struct sluice_overlay_order *order,
         const struct sluice_overlay_order *held,
         const struct sluice_facts *facts)
{
    if (order->revision == held->revision)
        return order->revision == 0;
    return order->revision > held->revision || is_settled(held, facts);
}

/* ---- the table -------------------------------------------------------- */

size_t
sluice_overlay_size(uint32_t nentries)
{
    return sizeof(struct sluice_overlay) +
           (size_t)nentries * sizeof(struct sluice_overlay_entry);
}

void
sluice_overlay_init(struct sluice_overlay *o, uint32_t nentries)
{
    memset(o, 0, sluice_overlay_size(nentries));
    o->nentries = nentries;
}

/* In this order a worker killed between two lines errs on the safe side. */
static void
note_facts(struct sluice_overlay *o,
           const struct sluice_facts *facts,
           uint64_t now_ms)
{
    if (now_ms <= o->noted_mono_ms + SLUICE_OVERLAY_LAG_MS)
        return;
    o->shared_facts_ms = o->noted_facts_ms;
    o->noted_mono_ms = now_ms;
    o->noted_facts_ms = facts->read_mono_ms;
}

/* Where the order goes: to the one held for its key, else to the first place
 * that nobody needs. NULL: there is none. */
static struct sluice_overlay_entry *
find_place(const struct sluice_overlay *o,
           const struct sluice_overlay_order *order)
{
    struct sluice_overlay_entry *e, *found = NULL;
    const struct sluice_overlay_order *held;
    size_t len = strlen(order->key);

    for (uint32_t i = 0; (e = place(o, order->mark, i)); i++) {
        held = entry_held(e);
        if (!held)
            return found ? found : e;
        if (held->mark == order->mark && is_key(held, order->key, len))
            return e;
        if (!found &&
            o->shared_facts_ms > held->heard_mono_ms + SLUICE_OVERLAY_TRUST_MS)
            found = e;
    }
    return found;
}

static struct sluice_overlay_order
hear(const struct sluice_order *order,
     const struct sluice_facts *facts,
     uint64_t now_ms)
{
    struct sluice_overlay_order heard = {
        .revision = order->revision,
        .heard_mono_ms = now_ms,
        .ratio = order->ratio,
        .kind = order->kind == SLUICE_ORDER_THROTTLE
                    ? SLUICE_OVERLAY_THROTTLE
                    : SLUICE_OVERLAY_UNTHROTTLE,
    };
    size_t len = strnlen(order->key, sizeof(order->key) - 1);

    memcpy(heard.key, order->key, len);
    heard.mark = mark_of(facts, heard.key, len);
    if (order->remaining_ms > UINT64_MAX - now_ms)
        heard.expires_mono_ms = UINT64_MAX;
    else if (order->remaining_ms != 0)
        heard.expires_mono_ms = now_ms + order->remaining_ms;
    return heard;
}

int
sluice_overlay_apply(struct sluice_overlay *o,
                     const struct sluice_order *order,
                     const struct sluice_facts *facts,
                     uint64_t now_mono_ms)
{
    const struct sluice_overlay_order *held;
    struct sluice_overlay_order heard;
    struct sluice_overlay_entry *e;

    if (!is_wanted(order, facts))
        return 0;
    note_facts(o, facts, now_mono_ms);
    heard = hear(order, facts, now_mono_ms);
    e = find_place(o, &heard);
    if (!e)
        return -1;
    held = entry_held(e);
    if (held && held->mark == heard.mark && !is_newer(&heard, held, facts))
        return 0;
    if (now_mono_ms > word_load(&o->heard_mono_ms))
        word_store(&o->heard_mono_ms, now_mono_ms);
    entry_write(e, &heard);
    return 1;
}

/* Most of the time there was nothing to hear for a while. */
static int
is_silent(const struct sluice_overlay *o, const struct sluice_facts *facts)
{
    return facts->read_mono_ms >
           word_load(&o->heard_mono_ms) + SLUICE_OVERLAY_TRUST_MS;
}

int
sluice_overlay_find(const struct sluice_overlay *o,
                    const char *key,
                    size_t len,
                    const struct sluice_facts *facts,
                    struct sluice_overlay_order *found)
{
    struct sluice_overlay_entry *e;
    enum reading rc;
    uint64_t mark;

    if (is_silent(o, facts))
        return SLUICE_OVERLAY_NOTHING;
    mark = mark_of(facts, key, len);
    for (uint32_t i = 0; (e = place(o, mark, i)); i++) {
        rc = entry_read(e, mark, found);
        if (rc == READ_UNUSED)
            break;
        if (rc == READ_THIS && is_key(found, key, len))
            return is_settled(found, facts) ? SLUICE_OVERLAY_NOTHING
                                            : (int)found->kind;
    }
    return SLUICE_OVERLAY_NOTHING;
}

int
sluice_overlay_next(const struct sluice_overlay *o,
                    uint32_t *at,
                    const struct sluice_facts *facts,
                    struct sluice_overlay_order *found)
{
    const struct sluice_overlay_entry *e;

    if (is_silent(o, facts))
        return 0;
    while (*at < o->nentries) {
        e = &o->entries[(*at)++];
        if (entry_read(e, word_load(&e->orders[0].mark), found) != READ_THIS &&
            entry_read(e, word_load(&e->orders[1].mark), found) != READ_THIS)
            continue;
        found->key[sizeof(found->key) - 1] = '\0';
        if (found->mark == mark_of(facts, found->key, strlen(found->key)) &&
            !is_settled(found, facts))
            return 1;
    }
    return 0;
}
