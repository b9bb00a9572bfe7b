/*
 * The link to the leader, of every node that is not it: for proofs that what
 * it knows is still so, and to send on the changes that were asked for here.
 * Whoever answers says who leads, as far as he knows; we follow that, and
 * without it go round among all nodes we know of.
 */
#include "consensus/consensus_raft_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "consensus/raft_wire.h"

#define ASK_MS 250
#define HINT_MS 20      /* somebody heard of something newer */
#define IMPATIENT_MS 50 /* who is linked does not act: perhaps soon */
#define SILENT_MS 1000  /* the server is frozen, or gone without a word */
#define AGAIN_MS 100    /* between two that could not be reached */

struct question {
    uint64_t seq;
    link_cb cb;
    void *data;
    struct question *next;
};

struct link {
    struct consensus *c;
    struct raft_dial *dial;
    struct wire *wire;
    char address[MEMBER_ADDRESS_SIZE]; /* that is dialled or linked */
    char leader[MEMBER_ADDRESS_SIZE];  /* as answered; "" unknown */
    size_t turn;                       /* among the nodes */
    uint64_t seq;
    struct question *questions;

    uint64_t asked_ms; /* the last ask */
    uint64_t asked_boot_ms;
    uint64_t ask_seq;  /* 0: none is out */
    uint64_t stalls;   /* when it was sent */
    int acts;          /* the server said so, last */
    uint64_t heard_ms; /* it said so then */
    uint64_t again_ms; /* not before that */
    int hinted;

    /* A proof: once so much is applied, all before then is known. */
    uint64_t proof_index;
    uint64_t proof_ms; /* 0: none is open */
    uint64_t proof_boot_ms;

    uint64_t said_ms;
    enum handshake_refusal said;
};

/* ---- questions -------------------------------------------------------- */

static void
lose_questions(struct link *l)
{
    struct question *q;

    while ((q = l->questions)) {
        l->questions = q->next;
        q->cb(q->data, NULL);
        free(q);
    }
}

static struct question *
take_question(struct link *l, uint64_t seq)
{
    for (struct question **at = &l->questions; *at; at = &(*at)->next) {
        struct question *q = *at;

        if (q->seq != seq)
            continue;
        *at = q->next;
        return q;
    }
    return NULL;
}

void
link_ask(struct link *l, struct frame *f, link_cb cb, void *data)
{
    struct question *q = calloc(1, sizeof(*q));

    if (!q)
        abort();
    *q = (struct question){++l->seq, cb, data, l->questions};
    l->questions = q;
    f->seq = q->seq;
    wire_send(l->wire, f);
}

/* ---- proofs ----------------------------------------------------------- */

static void
ask(struct link *l)
{
    struct frame f = {.kind = FRAME_ASK, .seq = ++l->seq};

    l->hinted = 0;
    l->ask_seq = l->seq;
    l->asked_ms = clock_mono_ms();
    l->asked_boot_ms = clock_boot_ms();
    l->stalls = loop_stalls(l->c->loop);
    wire_send(l->wire, &f);
}

/* An observer has all that the proof speaks of: it came before, on the same
 * stream. */
static void
use_proof(struct link *l)
{
    struct consensus *c = l->c;

    if (l->proof_ms == 0 ||
        (c->engine && engine_applied(c->engine) < l->proof_index))
        return;
    teller_proven(c->teller, l->proof_ms, l->proof_boot_ms);
    l->proof_ms = 0;
}

static void drop(struct link *l, const char *why);

static void
on_answer(struct link *l, const struct frame *f)
{
    if (f->seq != l->ask_seq)
        return;
    l->ask_seq = 0;
    l->acts = f->acts;
    snprintf(l->leader, sizeof(l->leader), "%s", f->leader);
    if (!f->acts) {
        if (strcmp(f->leader, l->address) != 0)
            drop(l, "does not lead");
        return;
    }
    l->heard_ms = clock_mono_ms();
    if (l->proof_ms == 0) { /* else the one that waits comes sooner */
        l->proof_index = f->index;
        l->proof_ms = l->asked_ms;
        l->proof_boot_ms = l->asked_boot_ms;
    }
    use_proof(l);
    proposer_pump(l->c->proposer);
}

/* ---- what is pushed to an observer ------------------------------------ */

static void
on_state(struct link *l, const struct frame *f)
{
    struct ledger fresh = {0}, *known = &l->c->ledger;
    char err[256];

    if (ledger_load(&fresh, f->bytes, f->len, err, sizeof(err)) != 0) {
        log_error("raft_state", log_str("peer", l->address),
                  log_str("error", err));
        drop(l, err);
        return;
    }
    if (strcmp(fresh.store_id, known->store_id) != 0) {
        teller_forget(l->c->teller);
    } else if (fresh.revision < known->revision) {
        ledger_free(&fresh); /* nobody who acts knows less than we do */
        return;
    }
    ledger_free(known);
    *known = fresh;
    teller_changed(l->c->teller);
}

static void
on_command(struct link *l, const struct frame *f)
{
    struct consensus *c = l->c;
    struct ledger_command command;
    char err[256];

    if (f->index <= c->ledger.revision)
        return;
    if (ledger_decode(f->bytes, f->len, &command, err, sizeof(err)) != 0) {
        log_error("raft_command", log_str("peer", l->address),
                  log_str("error", err));
        drop(l, err);
        return;
    }
    ledger_apply(&c->ledger, f->index, &command, NULL);
    teller_changed(c->teller);
}

/* ---- the wire --------------------------------------------------------- */

static void
on_frame(void *data, const struct frame *f)
{
    struct link *l = data;
    struct question *q;

    switch (f->kind) {
    case FRAME_ANSWER:
        on_answer(l, f);
        break;
    case FRAME_OUTCOME:
    case FRAME_MEMBER_LIST:
    case FRAME_MEMBER_OUTCOME:
        q = take_question(l, f->seq);
        if (q)
            q->cb(q->data, f);
        free(q);
        break;
    case FRAME_STATE:
        if (l->c->observer)
            on_state(l, f);
        break;
    case FRAME_COMMAND:
        if (l->c->observer)
            on_command(l, f);
        break;
    default:
        drop(l, "sent what no server sends");
    }
}

static void
forget_wire(struct link *l)
{
    l->wire = NULL;
    l->ask_seq = 0;
    l->acts = 0;
    l->proof_ms = 0;
    l->again_ms = clock_mono_ms() + AGAIN_MS;
    lose_questions(l);
}

static void
on_gone(void *data, const char *why)
{
    struct link *l = data;

    log_debug("raft_link_lost", log_str("peer", l->address),
              log_str("why", why));
    if (strcmp(l->leader, l->address) == 0)
        l->leader[0] = '\0';
    forget_wire(l);
}

static void
drop(struct link *l, const char *why)
{
    log_debug("raft_link_dropped", log_str("peer", l->address),
              log_str("why", why));
    wire_close(l->wire);
    forget_wire(l);
}

/* ---- dialling --------------------------------------------------------- */

/* A refusal is somebody's mistake in a configuration; that a node cannot be
 * reached the transport says where it matters. */
static void
say(struct link *l, enum handshake_refusal why, const char *text)
{
    if (why == HANDSHAKE_ACCEPTED && !l->c->observer)
        return;
    if (why != l->said)
        l->said_ms = 0;
    if (!log_again(&l->said_ms, clock_mono_ms()))
        return;
    l->said = why;
    log_event(why == HANDSHAKE_ACCEPTED ? LOG_LEVEL_WARN : LOG_LEVEL_ERROR,
              why == HANDSHAKE_ACCEPTED ? "raft_unreachable" : "raft_refused",
              log_str("peer", l->address), log_str("problem", text));
}

static void
on_dialled(void *data,
           int status,
           const struct handshake *proven,
           uv_tcp_t *stream,
           const void *extra,
           size_t extra_len,
           enum handshake_refusal why,
           const char *text)
{
    const struct wire_events events = {
        .data = data, .frame = on_frame, .gone = on_gone};
    struct link *l = data;

    (void)proven;
    l->dial = NULL;
    if (status != 0) {
        say(l, why, text);
        if (strcmp(l->leader, l->address) == 0)
            l->leader[0] = '\0';
        l->again_ms = clock_mono_ms() + AGAIN_MS;
        return;
    }
    l->wire = wire_new(stream, extra, extra_len, FRAME_MAX, &events);
    ask(l);
}

/* Who leads, as libraft knows or somebody said; else the next in turn. */
static const char *
whom_to_dial(struct link *l)
{
    struct consensus *c = l->c;
    const char *leader = c->engine ? engine_leader(c->engine) : "";

    if (*leader && strcmp(leader, c->self) != 0)
        return leader;
    if (l->leader[0] != '\0' && strcmp(l->leader, c->self) != 0)
        return l->leader;
    for (size_t i = 0; i < c->nnodes; i++) {
        const char *node = c->nodes[l->turn++ % c->nnodes];

        if (strcmp(node, c->self) != 0)
            return node;
    }
    return NULL;
}

static void
dial(struct link *l)
{
    const char *address;

    if (clock_mono_ms() < l->again_ms)
        return;
    address = whom_to_dial(l);
    if (!address)
        return;
    snprintf(l->address, sizeof(l->address), "%s", address);
    /* Said once; whether it is so its answer tells. */
    l->leader[0] = '\0';
    l->dial =
        raft_port_dial(l->c->port, l->address, HANDSHAKE_LINK, on_dialled, l);
}

/* ---- time ------------------------------------------------------------- */

/* libraft knows of another leader than the one we are linked to. */
static int
is_elsewhere(const struct link *l)
{
    const char *leader = l->c->engine ? engine_leader(l->c->engine) : "";

    return *leader && strcmp(leader, l->address) != 0;
}

static uint64_t
ask_every_ms(const struct link *l)
{
    if (!l->acts)
        return IMPATIENT_MS;
    return l->hinted ? HINT_MS : ASK_MS;
}

static void
keep_wire(struct link *l)
{
    uint64_t now_ms = clock_mono_ms();

    use_proof(l);
    if (is_elsewhere(l) && !l->acts) {
        drop(l, "another leads");
        return;
    }
    if (l->ask_seq != 0 && now_ms >= l->asked_ms + SILENT_MS) {
        if (loop_stalls(l->c->loop) == l->stalls)
            drop(l, "is silent");
        else
            ask(l); /* the silence may have been ours */
        return;
    }
    if (l->ask_seq == 0 && now_ms >= l->asked_ms + ask_every_ms(l))
        ask(l);
}

/* Who leads needs nobody's word. */
static void
rest(struct link *l)
{
    if (l->wire)
        drop(l, "this node leads");
    raft_dial_cancel(l->dial);
    l->dial = NULL;
    l->leader[0] = '\0';
    l->again_ms = 0;
}

void
link_tick(struct link *l)
{
    if (raft_acts(l->c))
        rest(l);
    else if (l->wire)
        keep_wire(l);
    else if (!l->dial)
        dial(l);
}

void
link_hint(struct link *l)
{
    l->hinted = 1;
}

const char *
link_leader(const struct link *l)
{
    return l->wire && l->acts ? l->address : "";
}

int
link_ready(const struct link *l)
{
    return l->wire && l->acts;
}

uint64_t
link_behind_ms(const struct link *l)
{
    return l->acts && l->proof_ms != 0 ? clock_mono_ms() - l->proof_ms : 0;
}

int
link_healthy(const struct link *l)
{
    return link_ready(l) && clock_mono_ms() < l->heard_ms + SILENT_MS;
}

/* ---- life ------------------------------------------------------------- */

struct link *
link_new(struct consensus *c)
{
    struct link *l = calloc(1, sizeof(*l));

    if (!l)
        abort();
    l->c = c;
    return l;
}

void
link_free(struct link *l)
{
    if (!l)
        return;
    raft_dial_cancel(l->dial);
    if (l->wire)
        drop(l, "this node stops");
    free(l);
}
