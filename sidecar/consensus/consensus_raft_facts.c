/* Says what the facts are: when they changed, and that they are still so. */
#include "consensus/consensus_raft_private.h"

#include <stdlib.h>

#include "consensus/facts.h"

/* A burst of changes is told in one, and no change at all this often. */
#define CHANGE_MS 5
#define AGAIN_MS 250

struct teller {
    struct consensus *c;
    uv_timer_t timer;
    struct facts facts;
    uint64_t proven_ms; /* 0: not yet in this process */
    uint64_t proven_boot_ms;
    uint64_t told_ms;
    int changed;
};

static void
tell(struct teller *t)
{
    struct consensus *c = t->c;
    uint64_t now_ms = clock_mono_ms();

    t->changed = 0;
    t->told_ms = now_ms;
    ledger_facts(&c->ledger, clock_real_ms(), t->proven_ms,
                 now_ms - t->proven_ms, &t->facts);
    t->facts.read_boot_ms = t->proven_boot_ms;
    c->events.facts(c->data, &t->facts);
}

/* Before the first proof what is on this disk may be long past; a store
 * without an id was not founded yet. */
static int
may_tell(const struct teller *t)
{
    return t->proven_ms != 0 && t->c->ledger.store_id[0] != '\0' &&
           !t->c->ending;
}

static void
on_timer(uv_timer_t *timer)
{
    struct teller *t = timer->data;

    if (t->changed && may_tell(t))
        tell(t);
}

void
teller_changed(struct teller *t)
{
    t->changed = 1;
    if (!uv_is_active((uv_handle_t *)&t->timer))
        uv_timer_start(&t->timer, on_timer, CHANGE_MS, 0);
}

void
teller_proven(struct teller *t, uint64_t mono_ms, uint64_t boot_ms)
{
    if (mono_ms <= t->proven_ms)
        return;
    t->proven_ms = mono_ms;
    t->proven_boot_ms = boot_ms;
    if (may_tell(t) && clock_mono_ms() >= t->told_ms + AGAIN_MS)
        tell(t);
}

void
teller_forget(struct teller *t)
{
    t->proven_ms = 0;
}

uint64_t
teller_proven_ms(const struct teller *t)
{
    return t->proven_ms;
}

struct teller *
teller_new(struct consensus *c)
{
    struct teller *t = calloc(1, sizeof(*t));

    if (!t)
        abort();
    t->c = c;
    uv_timer_init(&c->loop->uv, &t->timer);
    t->timer.data = t;
    return t;
}

static void
on_closed(uv_handle_t *handle)
{
    struct teller *t = handle->data;

    facts_free(&t->facts);
    free(t);
}

void
teller_free(struct teller *t)
{
    if (t)
        uv_close((uv_handle_t *)&t->timer, on_closed);
}
