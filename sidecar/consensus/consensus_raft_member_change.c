/*
 * Changes of members, on who leads. None leaves a cluster whose living voters
 * are no majority.
 */
#include "consensus/consensus_raft_members_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

#define ALIVE_MS 1000 /* a voter heard so lately lives */

struct changing {
    struct consensus *c;
    struct consensus_member_change asked;
    consensus_member_change_cb cb;
    void *data;
    struct consensus_member comes; /* id "": nobody */
    struct consensus_member goes;
    int came;
    int went;
};

static const struct consensus_member *
find(const struct member_list *l, const char *who, int member)
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
is_safe(const struct member_list *l,
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
           const struct member_list *l,
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
plan_coming(const struct member_list *l,
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
plan(struct changing *ch, char *why, size_t size)
{
    const struct consensus_member_change *change = &ch->asked;
    struct member_list l;
    int rc = 0;

    members_make_list(ch->c, &l);
    if (change->kind == MEMBER_ADD)
        rc = plan_coming(&l, ch, change->who, why, size);
    else
        rc = plan_going(ch->c, &l, ch, change->who, why, size);
    if (rc == 0 && change->kind == MEMBER_REPLACE)
        rc = plan_coming(&l, ch, change->whom, why, size);
    free(l.items);
    return rc;
}

static void
end(struct changing *ch, enum consensus_outcome outcome, const char *text)
{
    ch->cb(ch->data, outcome, text);
    free(ch);
}

/* An even number of voters survives no more than one less. */
static const char *
advice(size_t voters)
{
    if (voters == 2)
        return ", and both must live";
    return voters % 2 == 0 ? ", which survive no more than one less" : "";
}

static void
end_well(struct changing *ch)
{
    char text[FRAME_TEXT_SIZE];
    size_t voters = engine_voter_count(ch->c->engine);

    snprintf(text, sizeof(text), "%s%.150s%s%s%.150s; %zu voter%s now%s",
             ch->came ? "added " : "", ch->came ? ch->comes.address : "",
             ch->came && ch->went ? ", " : "", ch->went ? "removed " : "",
             ch->went ? ch->goes.address : "", voters, voters == 1 ? "" : "s",
             advice(voters));
    log_info("raft_members", log_str("done", text));
    end(ch, CONSENSUS_DONE, text);
}

/* What was under way the next leader ends, or takes back. */
static void
end_unknown(struct changing *ch)
{
    log_warn("raft_members", log_str("problem", members_lost));
    end(ch, CONSENSUS_UNKNOWN, members_lost);
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
    struct consensus *c = ch->c;

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
    struct member_list l;
    int safe;

    members_make_list(ch->c, &l);
    safe = is_safe(&l, &ch->goes, why, sizeof(why));
    free(l.items);
    if (!safe)
        end_badly(ch, why);
    else if (engine_remove(ch->c->engine, id_of(&ch->goes), on_went, ch) != 0)
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

void
members_change_here(struct consensus *c,
                    const struct consensus_member_change *change,
                    consensus_member_change_cb cb,
                    void *data)
{
    struct changing *ch = calloc(1, sizeof(*ch));
    char why[FRAME_TEXT_SIZE] = "";

    if (!ch)
        abort();
    ch->c = c;
    ch->asked = *change;
    ch->cb = cb;
    ch->data = data;
    if (plan(ch, why, sizeof(why)) == 0)
        next_step(ch);
    else
        end(ch, CONSENSUS_REFUSED, why);
}
