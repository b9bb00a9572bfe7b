/* Frames to bytes and back. */
#include "consensus/raft_frame.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "consensus/pack.h"

/* Each field's length is bounded: so is a frame without bytes or members. */
#define FIXED_MAX 4096
#define MEMBER_MAX (MEMBER_ID_SIZE + MEMBER_ADDRESS_SIZE + 32)

/* ---- fields ----------------------------------------------------------- */

static void
put_change(struct pack *p, const struct consensus_change *c)
{
    pack_u8(p, (uint8_t)c->kind);
    pack_text(p, c->key);
    pack_double(p, c->ratio);
    pack_u64(p, (uint64_t)c->ttl_ms);
    pack_text(p, c->owner);
    pack_text(p, c->reason);
    if (c->kind != CHANGE_SET)
        return;
    pack_text(p, c->value);
    pack_u8(p, c->compares != 0);
    pack_u64(p, c->expected);
    pack_u8(p, c->lost != 0);
}

static void
get_change(struct unpack *u, struct consensus_change *c)
{
    uint8_t kind = unpack_u8(u);

    if (kind > CHANGE_SET)
        u->failed = 1;
    c->kind = (enum consensus_change_kind)kind;
    unpack_text(u, c->key, sizeof(c->key));
    c->ratio = unpack_double(u);
    c->ttl_ms = (int64_t)unpack_u64(u);
    unpack_text(u, c->owner, sizeof(c->owner));
    unpack_text(u, c->reason, sizeof(c->reason));
    if (c->kind != CHANGE_SET)
        return;
    unpack_text(u, c->value, sizeof(c->value));
    c->compares = unpack_u8(u) != 0;
    c->expected = unpack_u64(u);
    c->lost = unpack_u8(u) != 0;
}

static void
put_member(struct pack *p, const struct consensus_member *m)
{
    pack_text(p, m->id);
    pack_text(p, m->address);
    pack_u8(p, (uint8_t)m->role);
    pack_u8(p, (uint8_t)m->leads);
    pack_u64(p, (uint64_t)m->heard_ms);
    pack_u64(p, m->behind);
}

static void
get_member(struct unpack *u, struct consensus_member *m)
{
    uint8_t role;

    unpack_text(u, m->id, sizeof(m->id));
    unpack_text(u, m->address, sizeof(m->address));
    role = unpack_u8(u);
    if (role > MEMBER_OBSERVER)
        u->failed = 1;
    m->role = (enum consensus_role)role;
    m->leads = unpack_u8(u) != 0;
    m->heard_ms = (int64_t)unpack_u64(u);
    m->behind = unpack_u64(u);
}

static void
put_members(struct pack *p, const struct frame *f)
{
    pack_u32(p, (uint32_t)f->nmembers);
    for (size_t i = 0; i < f->nmembers; i++)
        put_member(p, &f->members[i]);
}

static void
get_members(struct unpack *u, struct frame *f)
{
    uint32_t count = unpack_u32(u);

    if (count > FRAME_MEMBERS_MAX) {
        u->failed = 1;
        return;
    }
    f->members = calloc(count + 1, sizeof(*f->members));
    if (!f->members)
        abort();
    f->nmembers = count;
    for (uint32_t i = 0; i < count; i++)
        get_member(u, &f->members[i]);
}

static void
get_outcome(struct unpack *u, struct frame *f)
{
    uint8_t outcome = unpack_u8(u);

    if (outcome > CONSENSUS_UNKNOWN)
        u->failed = 1;
    f->outcome = (enum consensus_outcome)outcome;
}

static void
put_member_change(struct pack *p, const struct consensus_member_change *c)
{
    pack_u8(p, (uint8_t)c->kind);
    pack_text(p, c->who);
    pack_text(p, c->whom);
}

static void
get_member_change(struct unpack *u, struct consensus_member_change *c)
{
    uint8_t kind = unpack_u8(u);

    if (kind > MEMBER_REPLACE)
        u->failed = 1;
    c->kind = (enum consensus_member_change_kind)kind;
    unpack_text(u, c->who, sizeof(c->who));
    unpack_text(u, c->whom, sizeof(c->whom));
}

/* ---- frames ----------------------------------------------------------- */

static void
put_fields(struct pack *p, const struct frame *f)
{
    switch (f->kind) {
    case FRAME_ASK:
    case FRAME_MEMBERS:
    case FRAME_STATE:
        break;
    case FRAME_ANSWER:
        pack_u8(p, (uint8_t)f->acts);
        pack_u64(p, f->index);
        pack_text(p, f->leader);
        break;
    case FRAME_CHANGE:
        put_change(p, &f->change);
        break;
    case FRAME_OUTCOME:
        pack_u8(p, (uint8_t)f->outcome);
        pack_u64(p, f->revision);
        put_change(p, &f->change);
        pack_text(p, f->text);
        break;
    case FRAME_MEMBER_LIST:
        pack_u8(p, (uint8_t)f->outcome);
        pack_text(p, f->text);
        put_members(p, f);
        break;
    case FRAME_MEMBER_CHANGE:
        put_member_change(p, &f->members_change);
        break;
    case FRAME_MEMBER_OUTCOME:
        pack_u8(p, (uint8_t)f->outcome);
        pack_text(p, f->text);
        break;
    case FRAME_COMMAND:
        pack_u64(p, f->index);
        break;
    }
}

static void
get_fields(struct unpack *u, struct frame *f)
{
    switch (f->kind) {
    case FRAME_ASK:
    case FRAME_MEMBERS:
    case FRAME_STATE:
        break;
    case FRAME_ANSWER:
        f->acts = unpack_u8(u) != 0;
        f->index = unpack_u64(u);
        unpack_text(u, f->leader, sizeof(f->leader));
        break;
    case FRAME_CHANGE:
        get_change(u, &f->change);
        break;
    case FRAME_OUTCOME:
        get_outcome(u, f);
        f->revision = unpack_u64(u);
        get_change(u, &f->change);
        unpack_text(u, f->text, sizeof(f->text));
        break;
    case FRAME_MEMBER_LIST:
        get_outcome(u, f);
        unpack_text(u, f->text, sizeof(f->text));
        get_members(u, f);
        break;
    case FRAME_MEMBER_CHANGE:
        get_member_change(u, &f->members_change);
        break;
    case FRAME_MEMBER_OUTCOME:
        get_outcome(u, f);
        unpack_text(u, f->text, sizeof(f->text));
        break;
    case FRAME_COMMAND:
        f->index = unpack_u64(u);
        break;
    default:
        u->failed = 1;
    }
}

static int
has_bytes(const struct frame *f)
{
    return f->kind == FRAME_STATE || f->kind == FRAME_COMMAND;
}

void *
frame_encode(const struct frame *f, size_t *len)
{
    size_t most = FIXED_MAX, len_of_bytes = has_bytes(f) ? f->len : 0;
    struct pack p, length;
    void *bytes;

    if (f->nmembers > FRAME_MEMBERS_MAX || len_of_bytes > FRAME_MAX - most)
        return NULL;
    most += f->nmembers * MEMBER_MAX + len_of_bytes;
    bytes = malloc(most);
    if (!bytes)
        abort();
    pack_init(&p, bytes, most);
    pack_u32(&p, 0);
    pack_u8(&p, (uint8_t)f->kind);
    pack_u64(&p, f->seq);
    put_fields(&p, f);
    if (has_bytes(f))
        pack_bytes(&p, f->bytes, len_of_bytes);
    if (p.failed)
        abort(); /* every text in a frame has its place's size */
    pack_init(&length, bytes, 4);
    pack_u32(&length, (uint32_t)(p.len - 4));
    *len = p.len;
    return bytes;
}

int
frame_decode(struct frame *f, const void *bytes, size_t len)
{
    struct unpack u;

    memset(f, 0, sizeof(*f));
    unpack_init(&u, bytes, len);
    f->kind = (enum frame_kind)unpack_u8(&u);
    f->seq = unpack_u64(&u);
    get_fields(&u, f);
    if (!u.failed && has_bytes(f)) {
        f->len = len - u.at;
        f->bytes = unpack_bytes(&u, f->len);
    }
    if (!u.failed && u.at == len)
        return 0;
    frame_clear(f);
    return -1;
}

void
frame_clear(struct frame *f)
{
    free(f->members);
    f->members = NULL;
    f->nmembers = 0;
}

/* ---- bytes as they come ----------------------------------------------- */

static uint32_t
length_at(const struct frame_reader *r, size_t at)
{
    struct unpack u;

    unpack_init(&u, r->bytes + at, r->len - at);
    return unpack_u32(&u);
}

/* Of those that are there whole, and the next one. */
static int
one_is_longer(const struct frame_reader *r, size_t most)
{
    size_t at = r->at;

    while (r->len - at >= 4) {
        size_t len = length_at(r, at);

        if (len > most)
            return 1;
        if (r->len - at - 4 < len)
            return 0;
        at += 4 + len;
    }
    return 0;
}

static void
drop_used(struct frame_reader *r)
{
    if (r->at == 0)
        return;
    memmove(r->bytes, r->bytes + r->at, r->len - r->at);
    r->len -= r->at;
    r->at = 0;
}

int
frame_feed(struct frame_reader *r, const void *bytes, size_t len, size_t most)
{
    drop_used(r);
    if (r->len + len > r->size) {
        r->size = (r->len + len) * 2;
        r->bytes = realloc(r->bytes, r->size);
        if (!r->bytes)
            abort();
    }
    if (len > 0)
        memcpy(r->bytes + r->len, bytes, len);
    r->len += len;
    return one_is_longer(r, most) ? -1 : 0;
}

int
frame_next(struct frame_reader *r, const void **bytes, size_t *len)
{
    size_t there = r->len - r->at;

    if (there < 4 || there - 4 < length_at(r, r->at))
        return 0;
    *len = length_at(r, r->at);
    *bytes = r->bytes + r->at + 4;
    r->at += 4 + *len;
    return 1;
}

void
frame_reader_free(struct frame_reader *r)
{
    free(r->bytes);
    memset(r, 0, sizeof(*r));
}
