/* Who is a member, and changes of that, asked for on whichever node: the
 * leader answers. */
#include "consensus/consensus_raft_members_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/later.h"
#include "base/log.h"

#define PEERS_MAX 256

/* ---- the list --------------------------------------------------------- */

static struct consensus_member *
add_item(struct member_list *l, uint64_t id, const char *address)
{
    struct consensus_member *m = &l->items[l->count++];

    snprintf(m->id, sizeof(m->id), "%016" PRIx64, id);
    snprintf(m->address, sizeof(m->address), "%s", address);
    m->heard_ms = -1;
    return m;
}

static void
list_members(const struct consensus *c, struct member_list *l)
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
has_id(const struct member_list *l, uint64_t id)
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
list_peers(const struct consensus *c, struct member_list *l)
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

void
members_make_list(const struct consensus *c, struct member_list *l)
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
            a->change_cb(a->data, CONSENSUS_UNKNOWN, members_lost);
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
    struct member_list l;

    members_make_list(a->c, &l);
    a->members_cb(a->data, CONSENSUS_DONE, l.items, l.count, "");
    free(l.items);
    free(a);
}

static void
change_here(struct asking *a)
{
    members_change_here(a->c, &a->change, a->change_cb, a->data);
    free(a);
}

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
