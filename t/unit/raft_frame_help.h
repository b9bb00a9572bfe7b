/* Frames with something in every field, for the tests of frames and wires.
 * Comes after cmocka.h. */
#ifndef RAFT_FRAME_HELP_H
#define RAFT_FRAME_HELP_H

#include <stdlib.h>
#include <string.h>

#include "consensus/raft_frame.h"

#define KINDS FRAME_COMMAND /* 1 to this */

/* As long as there is room for. */
#define fill_text(text) \
    (memset((text), 'x', sizeof(text) - 1), (text)[sizeof(text) - 1] = '\0')

static inline struct consensus_change
full_change(void)
{
    struct consensus_change c = {
        .kind = CHANGE_RECOVER, .ratio = -0.25, .ttl_ms = INT64_MIN};

    fill_text(c.key);
    fill_text(c.owner);
    fill_text(c.reason);
    return c;
}

/* Only what its kind has, all else is 0. */
static inline struct frame
full_frame(enum frame_kind kind)
{
    static struct consensus_member members[2];
    struct frame f = {.kind = kind, .seq = 0x0123456789abcdef};

    if (kind == FRAME_ANSWER) {
        f.acts = 1;
        f.index = UINT64_MAX;
        fill_text(f.leader);
    }
    if (kind == FRAME_CHANGE || kind == FRAME_OUTCOME)
        f.change = full_change();
    if (kind == FRAME_OUTCOME || kind == FRAME_MEMBER_LIST ||
        kind == FRAME_MEMBER_OUTCOME) {
        f.outcome = CONSENSUS_UNKNOWN;
        fill_text(f.text);
    }
    if (kind == FRAME_OUTCOME)
        f.revision = 47;
    if (kind == FRAME_MEMBER_LIST) {
        memset(members, 0, sizeof(members));
        fill_text(members[0].id);
        fill_text(members[0].address);
        members[0].role = MEMBER_OBSERVER;
        members[0].leads = 1;
        members[0].heard_ms = -1;
        members[0].behind = UINT64_MAX;
        f.members = members;
        f.nmembers = 2;
    }
    if (kind == FRAME_MEMBER_CHANGE) {
        f.members_change.kind = MEMBER_REPLACE;
        fill_text(f.members_change.who);
        fill_text(f.members_change.whom);
    }
    if (kind == FRAME_COMMAND)
        f.index = 48;
    if (kind == FRAME_COMMAND || kind == FRAME_STATE) {
        f.bytes = "\0state\0";
        f.len = 7;
    }
    return f;
}

/* ---- equal ------------------------------------------------------------ */

static inline int
same_change(const struct consensus_change *a, const struct consensus_change *b)
{
    return a->kind == b->kind &&
           memcmp(&a->ratio, &b->ratio, sizeof(a->ratio)) == 0 &&
           a->ttl_ms == b->ttl_ms && strcmp(a->key, b->key) == 0 &&
           strcmp(a->owner, b->owner) == 0 &&
           strcmp(a->reason, b->reason) == 0 &&
           strcmp(a->value, b->value) == 0 && a->compares == b->compares &&
           a->expected == b->expected && a->lost == b->lost;
}

static inline int
same_member(const struct consensus_member *a, const struct consensus_member *b)
{
    return strcmp(a->id, b->id) == 0 && strcmp(a->address, b->address) == 0 &&
           a->role == b->role && a->leads == b->leads &&
           a->heard_ms == b->heard_ms && a->behind == b->behind;
}

static inline int
same_member_change(const struct consensus_member_change *a,
                   const struct consensus_member_change *b)
{
    return a->kind == b->kind && strcmp(a->who, b->who) == 0 &&
           strcmp(a->whom, b->whom) == 0;
}

static inline int
same_frame(const struct frame *a, const struct frame *b)
{
    if (a->kind != b->kind || a->seq != b->seq || a->acts != b->acts ||
        a->index != b->index || strcmp(a->leader, b->leader) != 0 ||
        a->outcome != b->outcome || a->revision != b->revision ||
        strcmp(a->text, b->text) != 0 || a->nmembers != b->nmembers ||
        a->len != b->len)
        return 0;
    for (size_t i = 0; i < a->nmembers; i++)
        if (!same_member(&a->members[i], &b->members[i]))
            return 0;
    return same_change(&a->change, &b->change) &&
           same_member_change(&a->members_change, &b->members_change) &&
           (a->len == 0 || memcmp(a->bytes, b->bytes, a->len) == 0);
}

#endif
