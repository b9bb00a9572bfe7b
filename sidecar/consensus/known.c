/* What this node knows of the facts. A read that began before our own change
 * was committed must not undo it here. */
#include "consensus/known.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "consensus/records.h"

/* A read that began after our change was stored has the last word, whatever
 * its revision: the store may have been put back to an older state. */
static int
is_older(const struct known *k, const struct facts *facts)
{
    return facts->read_mono_ms <= k->stored_mono_ms &&
           (facts->revision == 0 || facts->revision < k->stored_revision);
}

int
known_read(struct known *k, const struct facts *facts)
{
    struct facts *mine = &k->facts;

    if (k->ever && strcmp(mine->store_id, facts->store_id) != 0)
        k->stored_revision = k->stored_mono_ms = 0;
    if (is_older(k, facts))
        return -1;
    free(mine->throttles);
    free(mine->skips);
    free(mine->settings);
    *mine = *facts;
    mine->throttles = records_copy(facts->throttles, facts->nthrottles,
                                   sizeof(*facts->throttles));
    mine->skips =
        records_copy(facts->skips, facts->nskips, sizeof(*facts->skips));
    mine->settings = records_copy(facts->settings, facts->nsettings,
                                  sizeof(*facts->settings));
    k->ever = 1;
    return 0;
}

/* The record of that name, made when it is not there. All kinds of records
 * begin with their name. */
static void *
put(void **records, size_t *count, size_t size, const char *name)
{
    size_t at = records_place(*records, *count, size, name);
    char *record = records_find(*records, *count, size, name);

    if (record)
        return record;
    *records = records_insert(*records, count, size, at);
    record = (char *)*records + at * size;
    snprintf(record, FACT_NAME_SIZE, "%s", name);
    return record;
}

/* Remaining times count from the read, however long ago that was. */
static int64_t
remaining_ms(const struct facts *facts, int64_t ttl_ms, uint64_t now_mono_ms)
{
    if (ttl_ms == FACT_NEVER)
        return FACT_NEVER;
    return ttl_ms + (int64_t)(now_mono_ms - facts->read_mono_ms);
}

static void
put_throttle(struct facts *facts,
             const struct consensus_change *change,
             uint64_t now_mono_ms)
{
    struct fact_throttle *t = put((void **)&facts->throttles,
                                  &facts->nthrottles, sizeof(*t), change->key);

    t->ratio = change->ratio;
    t->remaining_ms = remaining_ms(facts, change->ttl_ms, now_mono_ms);
    snprintf(t->owner, sizeof(t->owner), "%s", change->owner);
    snprintf(t->reason, sizeof(t->reason), "%s", change->reason);
}

static void
put_skip(struct facts *facts,
         const struct consensus_change *change,
         uint64_t now_mono_ms)
{
    struct fact_skip *s =
        put((void **)&facts->skips, &facts->nskips, sizeof(*s), change->key);

    s->remaining_ms = remaining_ms(facts, change->ttl_ms, now_mono_ms);
    snprintf(s->owner, sizeof(s->owner), "%s", change->owner);
    snprintf(s->reason, sizeof(s->reason), "%s", change->reason);
}

static void
put_setting(struct facts *facts, const struct consensus_change *change)
{
    struct fact_setting *s;

    if (change->value[0] == '\0') {
        records_remove(facts->settings, &facts->nsettings, sizeof(*s),
                       change->key);
        return;
    }
    s = put((void **)&facts->settings, &facts->nsettings, sizeof(*s),
            change->key);
    snprintf(s->value, sizeof(s->value), "%s", change->value);
}

void
known_stored(struct known *k,
             const struct consensus_change *change,
             uint64_t revision,
             uint64_t now_mono_ms)
{
    struct facts *facts = &k->facts;

    /* What was read in the meantime knows this change, and what followed. */
    if (!k->ever || (revision != 0 && revision <= facts->revision))
        return;
    if (revision > k->stored_revision)
        k->stored_revision = revision;
    k->stored_mono_ms = now_mono_ms;
    switch (change->kind) {
    case CHANGE_THROTTLE:
        put_throttle(facts, change, now_mono_ms);
        break;
    case CHANGE_UNTHROTTLE:
        records_remove(facts->throttles, &facts->nthrottles,
                       sizeof(*facts->throttles), change->key);
        break;
    case CHANGE_SKIP:
        put_skip(facts, change, now_mono_ms);
        break;
    case CHANGE_RECOVER:
        records_remove(facts->skips, &facts->nskips, sizeof(*facts->skips),
                       change->key);
        break;
    case CHANGE_SET:
        put_setting(facts, change);
        break;
    }
}

void
known_free(struct known *k)
{
    free(k->facts.throttles);
    free(k->facts.skips);
    free(k->facts.settings);
    memset(k, 0, sizeof(*k));
}
