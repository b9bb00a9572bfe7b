/*
 * Who is a member, and changes of that: by the leader, on whichever node they
 * were asked for. No change leaves a cluster whose living voters are no
 * majority.
 */
#include "consensus/consensus_raft_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/later.h"
#include "base/log.h"

#define PEERS_MAX 256
#define ALIVE_MS 1000 /* a voter heard so lately lives */

/* ---- the list --------------------------------------------------------- */

struct list {
    struct consensus_member *items;
    size_t count;
};

static struct consensus_member *
add_item(struct list *l, uint64_t id, const char *address)
{
    struct consensus_member *m = &l->items[l->count++];

    snprintf(m->id, sizeof(m->id), "%016" PRIx64, id);
    snprintf(m->address, sizeof(m->address), "%s", address);
    m->heard_ms = -1;
    return m;
}

static void
list_members(const struct consensus *c, struct list *l)
{
    size_t count = engine_member_count(c->engine);
    struct engine_member members[count + 1];

    engine_members(c->engine, members);
    for (size_t i = 0; i < count && l->count < FRAME_MEMBERS_MAX; i++) {
        struct consensus_member *m =
            add_item(l, members[i].id, members[i].address);

        m->role = members[i].voter ? MEMBER_VOTER : MEMBER_CATCHING;
        m->leads = members[i].id == c->dir.id;
        m->heard_ms = members[i].heard_ms;
        m->behind = members[i].behind;
    }
}

static int
has_id(const struct list *l, uint64_t id)
{
    char text[MEMBER_ID_SIZE];

    snprintf(text, sizeof(text), "%016" PRIx64, id);
    for (size_t i = 0; i < l->count; i++)
        if (strcmp(l->items[i].id, text) == 0)
            return 1;
    return 0;
}

/* Members have links too, and a node may have come twice. */
static void
list_peers(const struct consensus *c, struct list *l)
{
    const struct handshake_self *peers[PEERS_MAX];
    size_t count = server_peers(c->server, peers, PEERS_MAX);

    for (size_t i = 0; i < count && l->count < FRAME_MEMBERS_MAX; i++) {
        struct consensus_member *m;

        /* What it has may be of another cluster; nobody can tell. */
        int foreign = !peers[i]->observer && !peers[i]->fresh &&
                      peers[i]->store_id[0] == '\0';

        if (foreign || has_id(l, peers[i]->id))
            continue;
        m = add_item(l, peers[i]->id, peers[i]->address);
        m->role = peers[i]->observer ? MEMBER_OBSERVER : MEMBER_WAITING;
        m->heard_ms = 0;
    }
}

static void
make_list(const struct consensus *c, struct list *l)
{
    l->count = 0;
    l->items = calloc(FRAME_MEMBERS_MAX, sizeof(*l->items));
    if (!l->items)
        abort();
    list_members(c, l);
    list_peers(c, l);
}

/* ---- asking for it ---------------------------------------------------- */

/* A question for the leader, of one of the two kinds. */
struct asking {
    struct consensus *c;
    consensus_members_cb members_cb;
    consensus_member_change_cb change_cb;
    void *data;
    struct consensus_member_change change;
};

static const char no_leader[] =
    "no leader can be reached; ask again when a majority of the raft nodes is "
    "there";

static const char lost[] =
    "the leader was lost before it answered: look at the list of members";

static void
refuse(struct asking *a, const char *text)
{
    if (a->members_cb)
        a->members_cb(a->data, CONSENSUS_REFUSED, NULL, 0, text);
    else
        a->change_cb(a->data, CONSENSUS_REFUSED, text);
    free(a);
}

static void
on_answer(void *data, const struct frame *f)
{
    struct asking *a = data;

    if (!f) {
        if (a->members_cb)
            a->members_cb(a->data, CONSENSUS_REFUSED, NULL, 0, no_leader);
        else
            a->change_cb(a->data, CONSENSUS_UNKNOWN, lost);
    } else if (f->outcome == CONSENSUS_REFUSED && f->text[0] == '\0') {
        refuse(a, no_leader);
        return;
    } else if (a->members_cb) {
        a->members_cb(a->data, f->outcome, f->members, f->nmembers, f->text);
    } else {
        a->change_cb(a->data, f->outcome, f->text);
    }
    free(a);
}

static void
answer_list(struct asking *a)
{
    struct list l;

    make_list(a->c, &l);
    a->members_cb(a->data, CONSENSUS_DONE, l.items, l.count, "");
    free(l.items);
    free(a);
}

static void change_here(struct asking *a);

static void
on_later(void *data)
{
    struct asking *a = data;
    struct frame f = {.kind =
                          a->members_cb ? FRAME_MEMBERS : FRAME_MEMBER_CHANGE,
                      .members_change = a->change};

    if (a->c->ending)
        refuse(a, "this node is stopping");
    else if (raft_acts(a->c) && a->members_cb)
        answer_list(a);
    else if (raft_acts(a->c))
        change_here(a);
    else if (link_ready(a->c->link))
        link_ask(a->c->link, &f, on_answer, a);
    else
        refuse(a, no_leader);
}

static struct asking *
asking_new(struct consensus *c, void *data)
{
    struct asking *a = calloc(1, sizeof(*a));

    if (!a)
        abort();
    a->c = c;
    a->data = data;
    return a;
}

void
members_list(struct consensus *c, consensus_members_cb cb, void *data)
{
    struct asking *a = asking_new(c, data);

    a->members_cb = cb;
    later(c->loop, on_later, a);
}

void
members_change(struct consensus *c,
               const struct consensus_member_change *change,
               consensus_member_change_cb cb,
               void *data)
{
    struct asking *a = asking_new(c, data);

    a->change_cb = cb;
    a->change = *change;
    later(c->loop, on_later, a);
}

/* ---- changing it, on who leads ---------------------------------------- */

struct changing {
    struct asking *asking;
    struct consensus_member comes; /* id "": nobody */
    struct consensus_member goes;
    int came;
    int went;
};

static const struct consensus_member *
find(const struct list *l, const char *who, int member)
{
    for (size_t i = 0; i < l->count; i++) {
        const struct consensus_member *m = &l->items[i];
        int is = m->role == MEMBER_VOTER || m->role == MEMBER_CATCHING;

        if (is == member && m->role != MEMBER_OBSERVER &&
            (strcmp(m->id, who) == 0 || strcmp(m->address, who) == 0))
            return m;
    }
    return NULL;
}

static uint64_t
id_of(const struct consensus_member *m)
{
    return strtoull(m->id, NULL, 16);
}

static int
is_alive(const struct consensus_member *m)
{
    return m->heard_ms >= 0 && m->heard_ms < ALIVE_MS;
}

/* Whether the living are a majority of the voters that there will be. */
static int
is_safe(const struct list *l,
        const struct consensus_member *goes,
        char *why,
        size_t size)
{
    unsigned voters = 0, alive = 0;

    for (size_t i = 0; i < l->count; i++) {
        const struct consensus_member *m = &l->items[i];

        if (m->role != MEMBER_VOTER || strcmp(m->id, goes->id) == 0)
            continue;
        voters++;
        alive += (unsigned)is_alive(m);
    }
    if (alive > voters / 2)
        return 1;
    snprintf(why, size, "%u of %u voters would be alive, which is no majority",
             alive, voters);
    return 0;
}

static int
plan_going(const struct consensus *c,
           const struct list *l,
           struct changing *ch,
           const char *who,
           char *why,
           size_t size)
{
    const struct consensus_member *m = find(l, who, 1);
    char unsafe[128];

    if (!m) {
        snprintf(why, size, "nothing changed: no member is called %.100s", who);
        return -1;
    }
    if (id_of(m) == c->dir.id) {
        snprintf(why, size,
                 "nothing changed: %.100s leads; stop it, which hands over, "
                 "and ask again",
                 m->address);
        return -1;
    }
    ch->goes = *m;
    if (is_safe(l, m, unsafe, sizeof(unsafe)))
        return 0;
    snprintf(why, size, "nothing changed: %s", unsafe);
    return -1;
}

static int
plan_coming(const struct list *l,
            struct changing *ch,
            const char *whom,
            char *why,
            size_t size)
{
    const struct consensus_member *m = find(l, whom, 0);

    if (m) {
        ch->comes = *m;
        return 0;
    }
    if (find(l, whom, 1))
        snprintf(why, size, "nothing changed: %.100s is a member already",
                 whom);
    else
        snprintf(why, size,
                 "nothing changed: nobody waits at %.100s; start sluiced there "
                 "first, with an empty RaftDataDir and this cluster's "
                 "RaftNodes, RaftSecret and Domain",
                 whom);
    return -1;
}

static int
plan(const struct asking *a, struct changing *ch, char *why, size_t size)
{
    const struct consensus_member_change *change = &a->change;
    struct list l;
    int rc = 0;

    make_list(a->c, &l);
    if (change->kind == MEMBER_ADD)
        rc = plan_coming(&l, ch, change->who, why, size);
    else
        rc = plan_going(a->c, &l, ch, change->who, why, size);
    if (rc == 0 && change->kind == MEMBER_REPLACE)
        rc = plan_coming(&l, ch, change->whom, why, size);
    free(l.items);
    return rc;
}

static void
end(struct changing *ch, enum consensus_outcome outcome, const char *text)
{
    struct asking *a = ch->asking;

    a->change_cb(a->data, outcome, text);
    free(a);
    free(ch);
}

static void
end_well(struct changing *ch)
{
    char text[FRAME_TEXT_SIZE];
    size_t voters = engine_voter_count(ch->asking->c->engine);

    snprintf(
        text, sizeof(text), "%s%.150s%s%s%.150s%s; %zu voter%s now%s",
        ch->came ? "added " : "", ch->came ? ch->comes.address : "",
        ch->came && ch->went ? ", " : "", ch->went ? "removed " : "",
        ch->went ? ch->goes.address : "", "", voters, voters == 1 ? "" : "s",
        voters == 2 || voters == 4 ? ", which survive no more than one less"
                                   : "");
    log_info("raft_members", log_str("done", text));
    end(ch, CONSENSUS_DONE, text);
}

/* What was under way the next leader ends, or takes back. */
static void
end_unknown(struct changing *ch)
{
    log_warn("raft_members", log_str("problem", lost));
    end(ch, CONSENSUS_UNKNOWN, lost);
}

static void
end_badly(struct changing *ch, const char *what)
{
    char text[FRAME_TEXT_SIZE];

    snprintf(text, sizeof(text), "%s%s%.200s",
             ch->came || ch->went ? "half done: look at the list of members; "
                                  : "nothing changed: ",
             ch->came || ch->went ? "then " : "", what);
    log_warn("raft_members", log_str("problem", text));
    end(ch, CONSENSUS_REFUSED, text);
}

static void
end_failed(struct changing *ch, int status, const char *text)
{
    if (status == RAFT_LEADERSHIPLOST || status == RAFT_NOTLEADER)
        end_unknown(ch);
    else
        end_badly(ch, text);
}

static void next_step(struct changing *ch);

static void
on_came(void *data, int status, const char *text)
{
    struct changing *ch = data;

    if (status != 0) {
        end_failed(ch, status, text);
        return;
    }
    ch->came = 1;
    next_step(ch);
}

static void
on_went(void *data, int status, const char *text)
{
    struct changing *ch = data;

    if (status != 0) {
        end_failed(ch, status, text);
        return;
    }
    ch->went = 1;
    next_step(ch);
}

static void
come(struct changing *ch)
{
    struct consensus *c = ch->asking->c;

    if (raft_not_alone(c) != 0)
        end_badly(ch, "RaftDataDir cannot be written");
    else if (engine_add(c->engine, id_of(&ch->comes), ch->comes.address,
                        on_came, ch) != 0)
        end_badly(ch, "another change of members is under way");
}

/* Who lived when this was planned may not any more. */
static void
go(struct changing *ch)
{
    char why[FRAME_TEXT_SIZE] = "";
    struct list l;
    int safe;

    make_list(ch->asking->c, &l);
    safe = is_safe(&l, &ch->goes, why, sizeof(why));
    free(l.items);
    if (!safe)
        end_badly(ch, why);
    else if (engine_remove(ch->asking->c->engine, id_of(&ch->goes), on_went,
                           ch) != 0)
        end_badly(ch, "another change of members is under way");
}

/* The new one first, if both can be members at once: two of one address
 * cannot. */
static void
next_step(struct changing *ch)
{
    int comes = ch->comes.id[0] != '\0' && !ch->came;
    int goes = ch->goes.id[0] != '\0' && !ch->went;

    if (goes && (!comes || strcmp(ch->goes.address, ch->comes.address) == 0))
        go(ch);
    else if (comes)
        come(ch);
    else
        end_well(ch);
}

static void
change_here(struct asking *a)
{
    struct changing *ch = calloc(1, sizeof(*ch));
    char why[FRAME_TEXT_SIZE] = "";

    if (!ch)
        abort();
    ch->asking = a;
    if (plan(a, ch, why, sizeof(why)) == 0)
        next_step(ch);
    else
        end(ch, CONSENSUS_REFUSED, why);
}
