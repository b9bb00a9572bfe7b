/* The facts as the nodes of a raft cluster keep them. */
#include "consensus/ledger.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "consensus/records.h"

_Static_assert(offsetof(struct ledger_throttle, key) == 0 &&
                   offsetof(struct ledger_skip, host) == 0 &&
                   offsetof(struct fact_setting, name) == 0,
               "records begin with their name");

void
ledger_free(struct ledger *l)
{
    free(l->throttles);
    free(l->skips);
    free(l->settings);
    memset(l, 0, sizeof(*l));
}

/* ---- time ------------------------------------------------------------- */

/* What would end beyond all time does not end. */
static uint64_t
end_of(uint64_t now_real_ms, int64_t ttl_ms)
{
    if (ttl_ms == FACT_NEVER || now_real_ms > (uint64_t)(INT64_MAX - ttl_ms))
        return 0;
    return now_real_ms + (uint64_t)ttl_ms;
}

static int
has_expired(uint64_t expires_real_ms, uint64_t now_real_ms)
{
    return expires_real_ms != 0 && expires_real_ms <= now_real_ms;
}

/* Of what has not expired. */
static int64_t
remaining_ms(uint64_t expires_real_ms, uint64_t now_real_ms, uint64_t ago_ms)
{
    uint64_t left_ms = expires_real_ms - now_real_ms;

    if (expires_real_ms == 0 || ago_ms > INT64_MAX - left_ms)
        return FACT_NEVER;
    return (int64_t)(left_ms + ago_ms);
}

/* By the time in the command, so that all nodes forget the same. Most often
 * there is nothing to move. */
static void
forget_expired(struct ledger *l, uint64_t now_real_ms)
{
    size_t kept = 0;

    for (size_t i = 0; i < l->nthrottles; i++) {
        if (has_expired(l->throttles[i].expires_real_ms, now_real_ms))
            continue;
        if (kept++ < i)
            l->throttles[kept - 1] = l->throttles[i];
    }
    l->nthrottles = kept;
    kept = 0;
    for (size_t i = 0; i < l->nskips; i++) {
        if (has_expired(l->skips[i].expires_real_ms, now_real_ms))
            continue;
        if (kept++ < i)
            l->skips[kept - 1] = l->skips[i];
    }
    l->nskips = kept;
}

/* ---- one command ------------------------------------------------------ */

static void
put_throttle(struct ledger *l,
             uint64_t now_real_ms,
             struct consensus_change *change)
{
    size_t size = sizeof(*l->throttles);
    size_t at = records_place(l->throttles, l->nthrottles, size, change->key);
    struct ledger_throttle *t =
        records_find(l->throttles, l->nthrottles, size, change->key);

    if (change->ratio == CHANGE_RATIO_KEEP)
        change->ratio = t ? t->ratio : 1;
    if (!t)
        l->throttles = records_insert(l->throttles, &l->nthrottles, size, at);
    t = &l->throttles[at];
    strcpy(t->key, change->key);
    t->ratio = change->ratio;
    t->expires_real_ms = end_of(now_real_ms, change->ttl_ms);
    strcpy(t->owner, change->owner);
    strcpy(t->reason, change->reason);
}

static void
put_skip(struct ledger *l,
         uint64_t now_real_ms,
         const struct consensus_change *change)
{
    size_t size = sizeof(*l->skips);
    size_t at = records_place(l->skips, l->nskips, size, change->key);
    struct ledger_skip *s =
        records_find(l->skips, l->nskips, size, change->key);

    if (!s)
        l->skips = records_insert(l->skips, &l->nskips, size, at);
    s = &l->skips[at];
    strcpy(s->host, change->key);
    s->expires_real_ms = end_of(now_real_ms, change->ttl_ms);
    strcpy(s->owner, change->owner);
    strcpy(s->reason, change->reason);
}

/* Decided here, where all nodes decide the same. */
static void
put_setting(struct ledger *l, struct consensus_change *change)
{
    size_t size = sizeof(*l->settings);
    size_t at = records_place(l->settings, l->nsettings, size, change->key);
    struct fact_setting *s =
        records_find(l->settings, l->nsettings, size, change->key);

    if (change->compares &&
        fact_value_mark(s ? s->value : "") != change->expected) {
        change->lost = 1;
        return;
    }
    if (change->value[0] == '\0') {
        records_remove(l->settings, &l->nsettings, size, change->key);
        return;
    }
    if (!s)
        l->settings = records_insert(l->settings, &l->nsettings, size, at);
    s = &l->settings[at];
    strcpy(s->name, change->key);
    strcpy(s->value, change->value);
}

static void
apply_change(struct ledger *l,
             uint64_t now_real_ms,
             struct consensus_change *change)
{
    switch (change->kind) {
    case CHANGE_THROTTLE:
        forget_expired(l, now_real_ms);
        put_throttle(l, now_real_ms, change);
        break;
    case CHANGE_UNTHROTTLE:
        records_remove(l->throttles, &l->nthrottles, sizeof(*l->throttles),
                       change->key);
        break;
    case CHANGE_SKIP:
        forget_expired(l, now_real_ms);
        put_skip(l, now_real_ms, change);
        break;
    case CHANGE_RECOVER:
        records_remove(l->skips, &l->nskips, sizeof(*l->skips), change->key);
        break;
    case CHANGE_SET:
        put_setting(l, change);
        break;
    }
}

void
ledger_apply(struct ledger *l,
             uint64_t index,
             const struct ledger_command *command,
             struct consensus_change *stored)
{
    struct consensus_change change = {0};

    assert(index > l->revision && ledger_check(command, NULL, 0) == 0);
    l->revision = index;
    switch (command->kind) {
    case LEDGER_CHANGE:
        change = command->change;
        apply_change(l, command->now_real_ms, &change);
        break;
    case LEDGER_FOUND:
        strcpy(l->store_id, command->store_id);
        break;
    case LEDGER_SETTLED:
        l->settled = 1;
        break;
    }
    if (stored)
        *stored = change;
}

/* ---- what counts now -------------------------------------------------- */

/* One more than asked for: of none, realloc would give nothing back. */
static void *
resize(void *records, size_t count, size_t size)
{
    records = realloc(records, (count + 1) * size);
    if (!records)
        abort();
    return records;
}

static void
list_throttles(const struct ledger *l,
               uint64_t now_real_ms,
               uint64_t ago_ms,
               struct facts *f)
{
    f->throttles = resize(f->throttles, l->nthrottles, sizeof(*f->throttles));
    f->nthrottles = 0;
    for (size_t i = 0; i < l->nthrottles; i++) {
        const struct ledger_throttle *from = &l->throttles[i];
        struct fact_throttle *to = &f->throttles[f->nthrottles];

        if (has_expired(from->expires_real_ms, now_real_ms))
            continue;
        memset(to, 0, sizeof(*to));
        strcpy(to->key, from->key);
        to->ratio = from->ratio;
        to->remaining_ms =
            remaining_ms(from->expires_real_ms, now_real_ms, ago_ms);
        strcpy(to->owner, from->owner);
        strcpy(to->reason, from->reason);
        f->nthrottles++;
    }
}

static void
list_skips(const struct ledger *l,
           uint64_t now_real_ms,
           uint64_t ago_ms,
           struct facts *f)
{
    f->skips = resize(f->skips, l->nskips, sizeof(*f->skips));
    f->nskips = 0;
    for (size_t i = 0; i < l->nskips; i++) {
        const struct ledger_skip *from = &l->skips[i];
        struct fact_skip *to = &f->skips[f->nskips];

        if (has_expired(from->expires_real_ms, now_real_ms))
            continue;
        memset(to, 0, sizeof(*to));
        strcpy(to->host, from->host);
        to->remaining_ms =
            remaining_ms(from->expires_real_ms, now_real_ms, ago_ms);
        strcpy(to->owner, from->owner);
        strcpy(to->reason, from->reason);
        f->nskips++;
    }
}

static void
list_settings(const struct ledger *l, struct facts *f)
{
    f->settings = resize(f->settings, l->nsettings, sizeof(*f->settings));
    f->nsettings = l->nsettings;
    if (l->nsettings > 0)
        memcpy(f->settings, l->settings, l->nsettings * sizeof(*f->settings));
}

void
ledger_facts(const struct ledger *l,
             uint64_t now_real_ms,
             uint64_t read_mono_ms,
             uint64_t ago_ms,
             struct facts *f)
{
    f->revision = l->revision;
    f->read_mono_ms = read_mono_ms;
    memcpy(f->store_id, l->store_id, sizeof(f->store_id));
    list_throttles(l, now_real_ms, ago_ms, f);
    list_skips(l, now_real_ms, ago_ms, f);
    list_settings(l, f);
}
