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
unlink_item(struct proposer *ch, struct item *item)
{
    struct item **at = &ch->first;

    while (*at != item)
        at = &(*at)->next;
    *at = item->next;
    if (!*at)
        ch->last = at;
    ch->count--;
}

/* The item is gone then, unless raft still has it. */
static void
answer(struct item *item,
       enum consensus_outcome outcome,
       const struct consensus_change *stored,
       uint64_t revision,
       const char *text)
{
    struct proposer *ch = item->proposer;
    consensus_done_cb cb = item->cb;
    void *data = item->data;
    struct consensus_change change =
        outcome == CONSENSUS_DONE ? *stored : item->change;

    unlink_item(ch, item);
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
give(struct proposer *ch, struct item *item)
{
    struct consensus *c = ch->c;
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
expire(struct proposer *ch)
{
    uint64_t now_ms = clock_mono_ms();
    struct item *item = ch->first, *next;

    for (; item; item = next) {
        next = item->next;
        if (item->taken && now_ms >= item->answer_until_ms)
            answer(item, CONSENSUS_UNKNOWN, NULL, 0,
                   "may or may not have been stored, repeat it: no answer in "
                   "time");
        else if (!item->taken && now_ms >= item->wait_until_ms)
            answer(item, CONSENSUS_REFUSED, NULL, 0, why_not(ch->c, item));
    }
}

void
proposer_pump(struct proposer *ch)
{
    struct item *next;

    for (struct item *item = ch->first; item; item = next) {
        next = item->next;
        if (!item->taken && !item->objection && !give(ch, item))
            break;
    }
    expire(ch);
}

static void
on_timer(uv_timer_t *timer)
{
    proposer_pump(timer->data);
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
proposer_add(struct proposer *ch,
             const struct consensus_change *change,
             consensus_done_cb cb,
             void *data)
{
    struct item *item = calloc(1, sizeof(*item));

    if (!item)
        abort();
    *item = (struct item){
        .proposer = ch, .change = *change, .cb = cb, .data = data};
    object(item);
    if (ch->count < WAITING_MAX && !ch->leaving && !item->objection)
        item->wait_until_ms = clock_mono_ms() + WAIT_MS;
    *ch->last = item;
    ch->last = &item->next;
    ch->count++;
    if (item->wait_until_ms == 0 || !give(ch, item))
        uv_timer_start(&ch->timer, on_timer, 0, 0);
}

size_t
proposer_pending(const struct proposer *ch)
{
    return ch->count;
}

void
proposer_leave(struct proposer *ch)
{
    struct item *next;

    ch->leaving = 1;
    for (struct item *item = ch->first; item; item = next) {
        next = item->next;
        if (!item->taken)
            answer(item, CONSENSUS_REFUSED, NULL, 0, why_not(ch->c, item));
    }
}

void
proposer_abandon(struct proposer *ch)
{
    struct item *item;

    while ((item = ch->first))
        if (item->taken)
            answer(item, CONSENSUS_UNKNOWN, NULL, 0,
                   "may or may not have been stored, repeat it: this node is "
                   "stopping");
        else
            answer(item, CONSENSUS_REFUSED, NULL, 0, why_not(ch->c, item));
}

/* ---- life ------------------------------------------------------------- */

struct proposer *
proposer_new(struct consensus *c)
{
    struct proposer *ch = calloc(1, sizeof(*ch));

    if (!ch)
        abort();
    ch->c = c;
    ch->last = &ch->first;
    uv_timer_init(&c->loop->uv, &ch->timer);
    ch->timer.data = ch;
    return ch;
}

static void
on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

/* Nothing waits any more. */
void
proposer_free(struct proposer *ch)
{
    if (ch)
        uv_close((uv_handle_t *)&ch->timer, on_closed);
}
