/* Who may act: renewing, watching and taking the lease. */
#include "consensus/lease.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

void
lease_init(struct lease *l, const char *holder, const char *instance)
{
    memset(l, 0, sizeof(*l));
    snprintf(l->holder, sizeof(l->holder), "%s", holder);
    snprintf(l->instance, sizeof(l->instance), "%s", instance);
}

enum lease_step
lease_next(const struct lease *l)
{
    if (l->holds && !l->unsure)
        return LEASE_RENEW;
    if (!l->ripe)
        return LEASE_LOOK;
    return l->row.exists ? LEASE_TAKE : LEASE_CREATE;
}

uint64_t
lease_due_ms(const struct lease *l)
{
    return l->due_ms;
}

uint64_t
lease_until(const struct lease *l, uint64_t now_ms)
{
    return now_ms < l->until_ms ? l->until_ms : 0;
}

int
lease_holds(const struct lease *l)
{
    return l->holds;
}

/* ---- reading ---------------------------------------------------------- */

/* Ours: by a write whose answer was lost, or still. Only the answer to a
 * renewal says until when, so that is next. */
static void
found_ours(struct lease *l, const struct lease_row *row, uint64_t ended_ms)
{
    l->row = *row;
    l->holds = 1;
    l->unsure = 0;
    l->ripe = 0;
    l->seen = 0;
    l->due_ms = ended_ms;
}

static int
stood(const struct lease *l, const struct lease_row *row, uint64_t ended_ms)
{
    return l->seen && ended_ms - l->read_ms <= LEASE_GAP_MS &&
           l->row.exists == row->exists && l->row.seq == row->seq &&
           strcmp(l->row.instance, row->instance) == 0;
}

static void
found_another(struct lease *l,
              const struct lease_row *row,
              uint64_t started_ms,
              uint64_t ended_ms)
{
    l->holds = 0;
    l->unsure = 0;
    l->until_ms = 0;
    if (!stood(l, row, ended_ms))
        l->seen_ms = ended_ms;
    l->row = *row;
    l->seen = 1;
    l->read_ms = ended_ms;
    l->ripe = (row->exists && row->instance[0] == '\0') ||
              ended_ms - l->seen_ms >= LEASE_STAND_MS;
    if (l->ripe)
        memcpy(l->former, row->holder, sizeof(l->former));
    l->due_ms = l->ripe ? ended_ms : started_ms + LEASE_LOOK_MS;
}

void
lease_looked(struct lease *l,
             const struct lease_row *row,
             uint64_t started_ms,
             uint64_t ended_ms)
{
    if (row->exists && strcmp(row->instance, l->instance) == 0)
        found_ours(l, row, ended_ms);
    else
        found_another(l, row, started_ms, ended_ms);
}

/* ---- writing ---------------------------------------------------------- */

static void
renewed(struct lease *l, uint64_t started_ms)
{
    l->until_ms = started_ms + LEASE_ACT_MS;
    l->due_ms = started_ms + LEASE_RENEW_MS;
}

static void
took(struct lease *l, uint64_t started_ms)
{
    l->row.term = l->row.exists ? l->row.term + 1 : 1;
    l->row.seq = l->row.exists ? l->row.seq + 1 : 1;
    l->row.exists = 1;
    memcpy(l->row.holder, l->holder, sizeof(l->row.holder));
    memcpy(l->row.instance, l->instance, sizeof(l->row.instance));
    l->holds = 1;
    l->unsure = 0;
    l->seen = 0;
    renewed(l, started_ms);
}

void
lease_wrote(struct lease *l,
            enum lease_step step,
            int changed,
            uint64_t started_ms,
            uint64_t ended_ms)
{
    assert(step != LEASE_LOOK);
    l->ripe = 0;
    if (!changed) {
        l->unsure = 1;
        l->due_ms = ended_ms;
    } else if (step == LEASE_RENEW) {
        l->row.seq++;
        renewed(l, started_ms);
    } else {
        took(l, started_ms);
    }
}

/* A store that stood still is not a holder that died: who watches begins to
 * count anew. */
void
lease_failed(struct lease *l, uint64_t now_ms)
{
    l->unsure = 1;
    l->ripe = 0;
    l->seen = 0;
    l->due_ms = now_ms + LEASE_LOOK_MS;
}

void
lease_resign(struct lease *l)
{
    l->holds = 0;
    l->until_ms = 0;
    l->ripe = 0;
    l->seen = 0;
}
