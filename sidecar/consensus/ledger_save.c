/* All of a ledger as bytes, and back: what raft calls a snapshot. */
#include "consensus/ledger.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "consensus/pack.h"
#include "consensus/records.h"

#define MAGIC "SLLEDGER"
#define MAGIC_LEN 8
#define VERSION 1
#define FLAG_SETTLED 1
#define FLAG_SETTINGS 2 /* there are some, counted after the skips */

/* Magic, version, flags, revision, store id, counts and padding. */
#define HEAD_MAX (64 + STORE_ID_SIZE)

_Static_assert(sizeof(struct ledger_throttle) >=
                   2 * FACT_NAME_SIZE + FACT_NOTE_SIZE + 3 + 2 * 8,
               "no throttle takes more room written than in memory");
_Static_assert(sizeof(struct fact_setting) + 2 >=
                   FACT_NAME_SIZE + FACT_VALUE_SIZE + 2,
               "no setting takes more than two bytes more written");
_Static_assert(sizeof(struct ledger_skip) >=
                   2 * FACT_NAME_SIZE + FACT_NOTE_SIZE + 3 + 8,
               "no skip takes more room written than in memory");

/* ---- to bytes --------------------------------------------------------- */

static void
pack_head(struct pack *p, const struct ledger *l)
{
    pack_bytes(p, MAGIC, MAGIC_LEN);
    pack_u16(p, VERSION);
    pack_u16(p, (uint16_t)((l->settled ? FLAG_SETTLED : 0) |
                           (l->nsettings ? FLAG_SETTINGS : 0)));
    pack_u64(p, l->revision);
    pack_text(p, l->store_id);
    pack_u32(p, (uint32_t)l->nthrottles);
    pack_u32(p, (uint32_t)l->nskips);
}

static void
pack_throttle(struct pack *p, const struct ledger_throttle *t)
{
    pack_text(p, t->key);
    pack_double(p, t->ratio);
    pack_u64(p, t->expires_real_ms);
    pack_text(p, t->owner);
    pack_text(p, t->reason);
}

static void
pack_skip(struct pack *p, const struct ledger_skip *s)
{
    pack_text(p, s->host);
    pack_u64(p, s->expires_real_ms);
    pack_text(p, s->owner);
    pack_text(p, s->reason);
}

/* None are written as an older sluiced writes them. */
static void
pack_settings(struct pack *p, const struct ledger *l)
{
    if (l->nsettings == 0)
        return;
    pack_u32(p, (uint32_t)l->nsettings);
    for (size_t i = 0; i < l->nsettings; i++) {
        pack_text(p, l->settings[i].name);
        pack_text(p, l->settings[i].value);
    }
}

void *
ledger_save(const struct ledger *l, size_t *len)
{
    size_t size = HEAD_MAX + l->nthrottles * sizeof(*l->throttles) +
                  l->nskips * sizeof(*l->skips) +
                  l->nsettings * (sizeof(*l->settings) + 2);
    void *bytes = malloc(size), *fit;
    struct pack p;

    if (!bytes)
        abort();
    pack_init(&p, bytes, size);
    pack_head(&p, l);
    for (size_t i = 0; i < l->nthrottles; i++)
        pack_throttle(&p, &l->throttles[i]);
    for (size_t i = 0; i < l->nskips; i++)
        pack_skip(&p, &l->skips[i]);
    pack_settings(&p, l);
    pack_pad8(&p);
    if (p.failed)
        abort();
    *len = p.len;
    fit = realloc(bytes, p.len);
    return fit ? fit : bytes;
}

/* ---- and back --------------------------------------------------------- */

/* What is being read, and where the sentence goes. */
struct reading {
    struct unpack u;
    struct ledger l;
    uint32_t nthrottles; /* as the head says */
    uint32_t nskips;
    int has_settings;
    char *err;
    size_t err_size;
};

__attribute__((format(printf, 2, 3))) static int
refuse(struct reading *r, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(r->err, r->err_size, format, args);
    va_end(args);
    return -1;
}

static int
refuse_newer(struct reading *r, const char *what, int number)
{
    return refuse(r,
                  "a newer sluiced wrote this snapshot of the facts (%s %d): "
                  "this sluiced must be upgraded",
                  what, number);
}

static int
refuse_damaged(struct reading *r)
{
    return refuse(r, "this snapshot of the facts is cut short or damaged");
}

static int
unpack_head(struct reading *r)
{
    const void *magic = unpack_bytes(&r->u, MAGIC_LEN);
    uint16_t version = unpack_u16(&r->u);
    uint16_t flags = unpack_u16(&r->u);

    if (!magic || memcmp(magic, MAGIC, MAGIC_LEN) != 0)
        return refuse(r, "this is no snapshot of the facts");
    if (version > VERSION)
        return refuse_newer(r, "format", version);
    if (flags & ~(FLAG_SETTLED | FLAG_SETTINGS))
        return refuse_newer(r, "flags", flags);
    r->l.settled = flags & FLAG_SETTLED;
    r->has_settings = (flags & FLAG_SETTINGS) != 0;
    r->l.revision = unpack_u64(&r->u);
    unpack_text(&r->u, r->l.store_id, sizeof(r->l.store_id));
    r->nthrottles = unpack_u32(&r->u);
    r->nskips = unpack_u32(&r->u);
    return r->u.failed || version < VERSION ? refuse_damaged(r) : 0;
}

/* NULL: the first one has none before. */
static int
in_order(const char *before, const char *name)
{
    return name[0] != '\0' && (!before || strcmp(before, name) < 0);
}

static int
unpack_throttle(struct reading *r)
{
    struct ledger *l = &r->l;
    struct ledger_throttle t = {0};
    size_t n = l->nthrottles;

    unpack_text(&r->u, t.key, sizeof(t.key));
    t.ratio = unpack_double(&r->u);
    t.expires_real_ms = unpack_u64(&r->u);
    unpack_text(&r->u, t.owner, sizeof(t.owner));
    unpack_text(&r->u, t.reason, sizeof(t.reason));
    if (r->u.failed)
        return refuse_damaged(r);
    if (!(t.ratio >= 0 && t.ratio <= 1) || t.expires_real_ms > INT64_MAX)
        return refuse(r, "the snapshot's throttle \"%s\" cannot be", t.key);
    if (!in_order(n ? l->throttles[n - 1].key : NULL, t.key))
        return refuse(r, "the snapshot's throttle \"%s\" is not in order",
                      t.key);
    l->throttles = records_insert(l->throttles, &l->nthrottles, sizeof(t), n);
    l->throttles[n] = t;
    return 0;
}

static int
unpack_skip(struct reading *r)
{
    struct ledger *l = &r->l;
    struct ledger_skip s = {0};
    size_t n = l->nskips;

    unpack_text(&r->u, s.host, sizeof(s.host));
    s.expires_real_ms = unpack_u64(&r->u);
    unpack_text(&r->u, s.owner, sizeof(s.owner));
    unpack_text(&r->u, s.reason, sizeof(s.reason));
    if (r->u.failed)
        return refuse_damaged(r);
    if (s.expires_real_ms > INT64_MAX)
        return refuse(r, "the snapshot's skip \"%s\" cannot be", s.host);
    if (!in_order(n ? l->skips[n - 1].host : NULL, s.host))
        return refuse(r, "the snapshot's skip \"%s\" is not in order", s.host);
    l->skips = records_insert(l->skips, &l->nskips, sizeof(s), n);
    l->skips[n] = s;
    return 0;
}

static int
unpack_setting(struct reading *r)
{
    struct ledger *l = &r->l;
    struct fact_setting s = {0};
    size_t n = l->nsettings;

    unpack_text(&r->u, s.name, sizeof(s.name));
    unpack_text(&r->u, s.value, sizeof(s.value));
    if (r->u.failed)
        return refuse_damaged(r);
    if (s.value[0] == '\0')
        return refuse(r, "the snapshot's setting \"%s\" cannot be", s.name);
    if (!in_order(n ? l->settings[n - 1].name : NULL, s.name))
        return refuse(r, "the snapshot's setting \"%s\" is not in order",
                      s.name);
    l->settings = records_insert(l->settings, &l->nsettings, sizeof(s), n);
    l->settings[n] = s;
    return 0;
}

/* With the flag there is one at least, so that equal ledgers are equal
 * bytes. */
static int
unpack_settings(struct reading *r)
{
    uint32_t count = unpack_u32(&r->u);

    if (count == 0)
        return refuse_damaged(r);
    for (uint32_t i = 0; i < count; i++)
        if (unpack_setting(r) != 0)
            return -1;
    return 0;
}

/* The counts are only believed as far as there are bytes: memory is taken for
 * one record at a time. */
static int
unpack_all(struct reading *r)
{
    if (unpack_head(r) != 0)
        return -1;
    for (uint32_t i = 0; i < r->nthrottles; i++)
        if (unpack_throttle(r) != 0)
            return -1;
    for (uint32_t i = 0; i < r->nskips; i++)
        if (unpack_skip(r) != 0)
            return -1;
    if (r->has_settings && unpack_settings(r) != 0)
        return -1;
    unpack_pad8(&r->u);
    return unpack_ended(&r->u) ? 0 : refuse_damaged(r);
}

int
ledger_load(struct ledger *l,
            const void *bytes,
            size_t len,
            char *err,
            size_t err_size)
{
    struct reading r = {.err = err, .err_size = err_size};

    unpack_init(&r.u, bytes, len);
    if (unpack_all(&r) != 0) {
        ledger_free(&r.l);
        return -1;
    }
    ledger_free(l);
    *l = r.l;
    return 0;
}
