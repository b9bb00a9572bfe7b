/*
 * Answers the links of other nodes. Whoever asks for a proof is told whether
 * this node may act, and up to where the log is committed: what was committed
 * before the question is at or below that. Observers are sent the facts, and
 * then every command, in the order of the log, on the same stream as the
 * proofs: when a proof arrives they have all that it speaks of. By who acts
 * only: what another has on its disk may be long past.
 */
#include "consensus/consensus_raft_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "consensus/raft_wire.h"

#define LINKS_MAX 1024
#define QUESTION_MAX 8192 /* bytes: a client's frames are small */

struct peer {
    struct server *server;
    struct wire *wire; /* NULL: gone, and answers are still due */
    struct handshake_self self;
    int pushed;   /* an observer, and it was sent the facts */
    unsigned due; /* answers of ours that are not known yet */
    struct peer *next;
};

struct server {
    struct consensus *c;
    struct peer *peers;
    size_t count;
};

/* ---- peers ------------------------------------------------------------ */

static void
forget(struct peer *p)
{
    struct peer **at = &p->server->peers;

    while (*at != p)
        at = &(*at)->next;
    *at = p->next;
    p->server->count--;
    p->wire = NULL;
    if (p->due == 0)
        free(p);
}

static void
on_gone(void *data, const char *why)
{
    struct peer *p = data;

    log_debug("raft_link_gone", log_str("peer", p->self.address),
              log_str("why", why));
    forget(p);
}

static void
answer(struct peer *p, const struct frame *f)
{
    if (p->wire)
        wire_send(p->wire, f);
}

/* An answer that was due may be the last reason to keep the peer. */
static void
answered(struct peer *p)
{
    if (--p->due == 0 && !p->wire)
        free(p);
}

size_t
server_peers(const struct server *s,
             const struct handshake_self **out,
             size_t most)
{
    size_t count = 0;

    for (struct peer *p = s->peers; p && count < most; p = p->next)
        out[count++] = &p->self;
    return count;
}

/* ---- questions -------------------------------------------------------- */

struct due {
    struct peer *peer;
    uint64_t seq;
    struct consensus_change change;
};

static struct due *
due_new(struct peer *p, const struct frame *f)
{
    struct due *d = calloc(1, sizeof(*d));

    if (!d)
        abort();
    d->peer = p;
    d->seq = f->seq;
    d->change = f->change;
    p->due++;
    return d;
}

static void
due_free(struct due *d)
{
    answered(d->peer);
    free(d);
}

static void
push_state(struct peer *p)
{
    size_t len;
    void *bytes = ledger_save(&p->server->c->ledger, &len);
    struct frame f = {.kind = FRAME_STATE, .bytes = bytes, .len = len};

    wire_send(p->wire, &f);
    free(bytes);
    p->pushed = 1;
}

/* This node names itself, too, when it leads and may not act just now: whoever
 * asks need not look elsewhere. */
static void
on_ask(struct peer *p, const struct frame *question)
{
    struct consensus *c = p->server->c;
    struct frame f = {.kind = FRAME_ANSWER, .seq = question->seq};
    const char *leader = engine_leader(c->engine);

    f.acts = raft_acts(c);
    f.index = engine_applied(c->engine);
    snprintf(f.leader, sizeof(f.leader), "%s",
             *leader ? leader : raft_leader_address(c));
    if (!f.acts)
        p->pushed = 0;
    else if (p->self.observer && !p->pushed)
        push_state(p);
    answer(p, &f);
}

static void
on_change_done(void *data,
               enum consensus_outcome outcome,
               const struct consensus_change *stored,
               uint64_t revision,
               const char *text)
{
    struct due *d = data;
    struct frame f = {.kind = FRAME_OUTCOME,
                      .seq = d->seq,
                      .outcome = outcome,
                      .revision = revision,
                      .change =
                          outcome == CONSENSUS_DONE ? *stored : d->change};

    snprintf(f.text, sizeof(f.text), "%s", text);
    answer(d->peer, &f);
    due_free(d);
}

static void
on_change(struct peer *p, const struct frame *question)
{
    struct due *d = due_new(p, question);
    struct consensus *c = p->server->c;

    if (raft_acts(c))
        proposer_propose(c, &d->change, on_change_done, d);
    else
        on_change_done(d, CONSENSUS_REFUSED, &d->change, 0, "");
}

static void
on_members(void *data,
           enum consensus_outcome outcome,
           const struct consensus_member *members,
           size_t count,
           const char *text)
{
    struct due *d = data;
    struct frame f = {.kind = FRAME_MEMBER_LIST,
                      .seq = d->seq,
                      .outcome = outcome,
                      .members = (struct consensus_member *)members,
                      .nmembers = count};

    snprintf(f.text, sizeof(f.text), "%s", text);
    answer(d->peer, &f);
    due_free(d);
}

static void
on_member_change(void *data, enum consensus_outcome outcome, const char *text)
{
    struct due *d = data;
    struct frame f = {
        .kind = FRAME_MEMBER_OUTCOME, .seq = d->seq, .outcome = outcome};

    snprintf(f.text, sizeof(f.text), "%s", text);
    answer(d->peer, &f);
    due_free(d);
}

/* One who does not act passes nothing on: the client looks for the leader. */
static void
on_question(void *data, const struct frame *f)
{
    struct peer *p = data;
    struct consensus *c = p->server->c;
    struct due *d;

    switch (f->kind) {
    case FRAME_ASK:
        on_ask(p, f);
        break;
    case FRAME_CHANGE:
        on_change(p, f);
        break;
    case FRAME_MEMBERS:
        d = due_new(p, f);
        if (raft_acts(c))
            members_list(c, on_members, d);
        else
            on_members(d, CONSENSUS_REFUSED, NULL, 0, "");
        break;
    case FRAME_MEMBER_CHANGE:
        d = due_new(p, f);
        if (raft_acts(c))
            members_change(c, &f->members_change, on_member_change, d);
        else
            on_member_change(d, CONSENSUS_REFUSED, "");
        break;
    default:
        wire_close(p->wire);
        forget(p);
    }
}

/* ---- pushes ----------------------------------------------------------- */

void
server_forget_pushed(struct server *s)
{
    for (struct peer *p = s->peers; p; p = p->next)
        p->pushed = 0;
}

void
server_push_command(struct server *s,
                    uint64_t index,
                    const void *bytes,
                    size_t len)
{
    struct frame f = {
        .kind = FRAME_COMMAND, .index = index, .bytes = bytes, .len = len};

    for (struct peer *p = s->peers; p; p = p->next)
        if (p->pushed)
            wire_send(p->wire, &f);
}

/* ---- life ------------------------------------------------------------- */

void
server_accept(struct server *s,
              const struct handshake *proven,
              uv_tcp_t *stream,
              const void *extra,
              size_t extra_len)
{
    struct wire_events events = {.frame = on_question, .gone = on_gone};
    struct peer *p;

    if (s->count >= LINKS_MAX) {
        raft_port_hang_up(stream);
        return;
    }
    p = calloc(1, sizeof(*p));
    if (!p)
        abort();
    p->server = s;
    p->self = proven->other;
    p->next = s->peers;
    s->peers = p;
    s->count++;
    events.data = p;
    p->wire = wire_new(stream, extra, extra_len, QUESTION_MAX, &events);
}

struct server *
server_new(struct consensus *c)
{
    struct server *s = calloc(1, sizeof(*s));

    if (!s)
        abort();
    s->c = c;
    return s;
}

void
server_free(struct server *s)
{
    if (!s)
        return;
    while (s->peers) {
        wire_close(s->peers->wire);
        forget(s->peers);
    }
    free(s);
}
