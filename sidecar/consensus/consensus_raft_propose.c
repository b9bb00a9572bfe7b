/*
 * The changes that were asked for on this node: proposed here where this node
 * leads, else sent to the node that does. What nobody has taken yet is tried
 * again, for a while; what was sent and not answered may have been stored.
 */
#include "consensus/consensus_raft_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WAITING_MAX 1024
#define WAIT_MS 2000   /* for somebody who takes it */
#define ANSWER_MS 3000 /* for the answer of who took it */

struct item {
    struct proposer *proposer; /* NULL: answered, and raft still has it */
    struct consensus_change change;
    consensus_done_cb cb;
    void *data;
    uint64_t wait_until_ms;   /* for somebody who takes it */
    uint64_t answer_until_ms; /* of who took it */
    int taken;                /* by the engine or the link */
    char *objection;          /* of the ledger; NULL: none */
    struct item *next;
};

struct proposer {
    struct consensus *c;
    struct item *first, **last; /* in the order they came */
    size_t count;
    uv_timer_t timer; /* never answers from within */
    int leaving;
};

/* ---- answers ---------------------------------------------------------- */

static void
free_item(struct item *item)
{
    free(item->objection);
    free(item);
}

static void
unlink_item(struct proposer *p, struct item *item)
{
    struct item **at = &p->first;

    while (*at != item)
        at = &(*at)->next;
    *at = item->next;
    if (!*at)
        p->last = at;
    p->count--;
}

/* The item is gone then, unless raft still has it. */
static void
answer(struct item *item,
       enum consensus_outcome outcome,
       const struct consensus_change *stored,
       uint64_t revision,
       const char *text)
{
    struct proposer *p = item->proposer;
    consensus_done_cb cb = item->cb;
    void *data = item->data;
    struct consensus_change change =
        outcome == CONSENSUS_DONE ? *stored : item->change;

    if (outcome == CONSENSUS_DONE && stored->lost) {
        outcome = CONSENSUS_REFUSED;
        text = CONSENSUS_LOST;
    }
    unlink_item(p, item);
    item->proposer = NULL;
    cb(data, outcome, &change, revision, text);
    if (!item->taken)
        free_item(item);
}

static const char *
why_not(const struct consensus *c, const struct item *item)
{
    if (item->objection)
        return item->objection;
    if (c->ending)
        return "nothing changed: this node is stopping";
    if (c->ledger.store_id[0] == '\0' && teller_proven_ms(c->teller) == 0 &&
        c->nnodes > 1)
        return "nothing changed: no leader; a majority of RaftNodes has not "
               "come together yet";
    return "nothing changed: no leader can be reached; it takes a majority of "
           "the raft nodes to change something";
}

/* ---- who takes it ----------------------------------------------------- */

static void
on_proposed(void *data,
            enum consensus_outcome outcome,
            const struct consensus_change *stored,
            uint64_t revision,
            const char *text)
{
    struct item *item = data;

    if (!item->proposer) {
        free_item(item);
        return;
    }
    item->taken = 0;
    if (outcome == CONSENSUS_REFUSED && !item->proposer->leaving)
        return; /* nothing was appended: it is tried again */
    answer(item, outcome, stored, revision, text);
}

static void
on_answered(void *data, const struct frame *f)
{
    struct item *item = data;

    if (!item->proposer) {
        free_item(item);
        return;
    }
    item->taken = 0;
    if (!f)
        answer(item, CONSENSUS_UNKNOWN, NULL, 0,
               "may or may not have been stored, repeat it: the leader was "
               "lost before it answered");
    else if (f->outcome != CONSENSUS_REFUSED || item->proposer->leaving)
        answer(item, f->outcome, &f->change, f->revision, f->text);
}

void
proposer_propose(struct consensus *c,
                 const struct consensus_change *change,
                 engine_apply_cb cb,
                 void *data)
{
    struct ledger_command command = {.kind = LEDGER_CHANGE,
                                     .now_real_ms = clock_real_ms(),
                                     .change = *change};

    engine_apply(c->engine, &command, cb, data);
}

static void
take(struct item *item)
{
    item->taken = 1;
    item->answer_until_ms = clock_mono_ms() + ANSWER_MS;
}

static int
give(struct proposer *p, struct item *item)
{
    struct consensus *c = p->c;
    struct frame f = {.kind = FRAME_CHANGE};

    if (c->ledger.store_id[0] == '\0')
        return 0; /* what is promised before there is a majority is lost */
    if (raft_acts(c)) {
        take(item);
        proposer_propose(c, &item->change, on_proposed, item);
        return 1;
    }
    if (!link_ready(c->link))
        return 0;
    take(item);
    f.change = item->change;
    link_ask(c->link, &f, on_answered, item);
    return 1;
}

/* ---- time ------------------------------------------------------------- */

static void
expire(struct proposer *p)
{
    uint64_t now_ms = clock_mono_ms();
    struct item *item = p->first, *next;

    for (; item; item = next) {
        next = item->next;
        if (item->taken && now_ms >= item->answer_until_ms)
            answer(item, CONSENSUS_UNKNOWN, NULL, 0,
                   "may or may not have been stored, repeat it: no answer in "
                   "time");
        else if (!item->taken && now_ms >= item->wait_until_ms)
            answer(item, CONSENSUS_REFUSED, NULL, 0, why_not(p->c, item));
    }
}

void
proposer_pump(struct proposer *p)
{
    struct item *next;

    for (struct item *item = p->first; item; item = next) {
        next = item->next;
        if (!item->taken && item->wait_until_ms != 0 && !give(p, item))
            break;
    }
    expire(p);
}

static void
on_timer(uv_timer_t *timer)
{
    proposer_pump(timer->data);
}

/* An end in the past is an end now. */
static void
settle(struct consensus_change *change)
{
    if (change->ttl_ms > 0)
        return;
    if (change->kind == CHANGE_THROTTLE)
        change->kind = CHANGE_UNTHROTTLE;
    else if (change->kind == CHANGE_SKIP)
        change->kind = CHANGE_RECOVER;
}

/* What the ledger would not take must not get into the log. */
static void
object(struct item *item)
{
    struct ledger_command command = {.kind = LEDGER_CHANGE,
                                     .now_real_ms = clock_real_ms(),
                                     .change = item->change};
    char why[256];

    if (ledger_check(&command, why, sizeof(why)) != 0 &&
        asprintf(&item->objection, "nothing changed: %s", why) < 0)
        abort();
}

void
proposer_add(struct proposer *p,
             const struct consensus_change *change,
             consensus_done_cb cb,
             void *data)
{
    struct item *item = calloc(1, sizeof(*item));

    if (!item)
        abort();
    *item =
        (struct item){.proposer = p, .change = *change, .cb = cb, .data = data};
    settle(&item->change);
    object(item);
    if (p->count < WAITING_MAX && !p->leaving && !item->objection)
        item->wait_until_ms = clock_mono_ms() + WAIT_MS;
    *p->last = item;
    p->last = &item->next;
    p->count++;
    if (item->wait_until_ms == 0 || !give(p, item))
        uv_timer_start(&p->timer, on_timer, 0, 0);
}

void
proposer_leave(struct proposer *p)
{
    struct item *next;

    p->leaving = 1;
    for (struct item *item = p->first; item; item = next) {
        next = item->next;
        if (!item->taken)
            answer(item, CONSENSUS_REFUSED, NULL, 0, why_not(p->c, item));
    }
}

void
proposer_abandon(struct proposer *p)
{
    struct item *item;

    while ((item = p->first))
        if (item->taken)
            answer(item, CONSENSUS_UNKNOWN, NULL, 0,
                   "may or may not have been stored, repeat it: this node is "
                   "stopping");
        else
            answer(item, CONSENSUS_REFUSED, NULL, 0, why_not(p->c, item));
}

/* ---- life ------------------------------------------------------------- */

struct proposer *
proposer_new(struct consensus *c)
{
    struct proposer *p = calloc(1, sizeof(*p));

    if (!p)
        abort();
    p->c = c;
    p->last = &p->first;
    uv_timer_init(&c->loop->uv, &p->timer);
    p->timer.data = p;
    return p;
}

static void
on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

/* Nothing waits any more. */
void
proposer_free(struct proposer *p)
{
    if (p)
        uv_close((uv_handle_t *)&p->timer, on_closed);
}
