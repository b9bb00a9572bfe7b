/* Commands and ledgers for the tests of the ledger. */
#ifndef UNIT_LEDGER_HELP_H
#define UNIT_LEDGER_HELP_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "consensus/ledger.h"

#define ERR_SIZE 160

static inline struct ledger_command
change_of(enum consensus_change_kind kind,
          const char *key,
          int64_t ttl_ms,
          uint64_t now_ms)
{
    struct ledger_command c = {
        .kind = LEDGER_CHANGE,
        .now_real_ms = now_ms,
        .change = {.kind = kind, .ttl_ms = ttl_ms},
    };

    snprintf(c.change.key, sizeof(c.change.key), "%s", key);
    snprintf(c.change.owner, sizeof(c.change.owner), "owner of %.99s", key);
    snprintf(c.change.reason, sizeof(c.change.reason), "at %llu",
             (unsigned long long)now_ms);
    return c;
}

static inline struct ledger_command
throttle_of(const char *key, double ratio, int64_t ttl_ms, uint64_t now_ms)
{
    struct ledger_command c = change_of(CHANGE_THROTTLE, key, ttl_ms, now_ms);

    c.change.ratio = ratio;
    return c;
}

static inline struct ledger_command
found_of(const char *store_id)
{
    struct ledger_command c = {.kind = LEDGER_FOUND};

    snprintf(c.store_id, sizeof(c.store_id), "%s", store_id);
    return c;
}

/* Under the next index. */
static inline struct consensus_change
apply(struct ledger *l, struct ledger_command c)
{
    struct consensus_change stored;

    memset(&stored, '#', sizeof(stored));
    ledger_apply(l, l->revision + 1, &c, &stored);
    return stored;
}

/* COUNT throttles and half as many skips, none in order. */
static inline void
fill(struct ledger *l, int count)
{
    char name[32];

    apply(l, found_of("6f1c9a52"));
    for (int i = 0; i < count; i++) {
        int ttl_ms = 60000 + i;

        snprintf(name, sizeof(name), "app%d", (i * 7919) % count);
        apply(l, throttle_of(name, i / (double)count, ttl_ms, 1000));
        if (i % 2)
            apply(l, change_of(CHANGE_SKIP, name, FACT_NEVER, 1000));
    }
}

/* Whether both would be written as the same bytes. */
static inline int
same(const struct ledger *a, const struct ledger *b)
{
    size_t a_len, b_len;
    void *a_bytes = ledger_save(a, &a_len), *b_bytes = ledger_save(b, &b_len);
    int is_same = a_len == b_len && memcmp(a_bytes, b_bytes, a_len) == 0;

    free(a_bytes);
    free(b_bytes);
    return is_same;
}

#endif
