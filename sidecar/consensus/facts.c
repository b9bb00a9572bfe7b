/* Rows of the store to struct facts. */
#include "consensus/facts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "consensus/records.h"

void
facts_clear(struct facts *f)
{
    f->nthrottles = 0;
    f->nskips = 0;
    f->nsettings = 0;
}

void
facts_free(struct facts *f)
{
    free(f->throttles);
    free(f->skips);
    free(f->settings);
    memset(f, 0, sizeof(*f));
}

/* ---- one row ---------------------------------------------------------- */

static int
number(const char *text, double *value)
{
    char *end;

    if (!text)
        return -1;
    *value = strtod(text, &end);
    return end != text && *end == '\0' && isfinite(*value) ? 0 : -1;
}

int
facts_ratio(const char *text, double *ratio)
{
    *ratio = 1;
    if (!text)
        return 0;
    if (number(text, ratio) != 0)
        return -1;
    if (*ratio < 0 || *ratio > 1)
        *ratio = 1;
    return 0;
}

int
facts_remaining_ms(const char *expires, const char *now, int64_t *remaining_ms)
{
    double expires_s = 0, now_s;

    if (expires && number(expires, &expires_s) != 0)
        return -1;
    if (number(now, &now_s) != 0)
        return -1;
    if (expires_s <= 0 || expires_s >= FACTS_LAST_SECOND)
        *remaining_ms = FACT_NEVER;
    else
        *remaining_ms = (int64_t)floor((expires_s - now_s) * 1000);
    return 0;
}

static int
set_name(char name[FACT_NAME_SIZE], const char *text)
{
    size_t len = text ? strlen(text) : 0;

    if (len == 0 || len >= FACT_NAME_SIZE)
        return -1;
    memcpy(name, text, len + 1);
    return 0;
}

/* Room for one more; doubled whenever the count is a power of two. */
static void *
grow(void *items, size_t count, size_t size)
{
    if ((count & (count - 1)) == 0)
        items = realloc(items, (count ? count * 2 : 1) * size);
    if (!items)
        abort();
    return items;
}

int
facts_add_throttle(struct facts *f,
                   const char *key,
                   const char *expires,
                   const char *now,
                   const char *ratio)
{
    struct fact_throttle t = {0};

    if (set_name(t.key, key) != 0 || facts_ratio(ratio, &t.ratio) != 0 ||
        facts_remaining_ms(expires, now, &t.remaining_ms) != 0)
        return -1;
    if (t.remaining_ms <= 0)
        return 0;
    f->throttles = grow(f->throttles, f->nthrottles, sizeof(t));
    f->throttles[f->nthrottles++] = t;
    return 0;
}

int
facts_add_skip(struct facts *f,
               const char *host,
               const char *expires,
               const char *now)
{
    struct fact_skip s = {0};

    if (set_name(s.host, host) != 0 ||
        facts_remaining_ms(expires, now, &s.remaining_ms) != 0)
        return -1;
    if (s.remaining_ms <= 0)
        return 0;
    f->skips = grow(f->skips, f->nskips, sizeof(s));
    f->skips[f->nskips++] = s;
    return 0;
}

int
facts_add_setting(struct facts *f, const char *name, const char *value)
{
    struct fact_setting s = {0};
    size_t len = value ? strlen(value) : 0;

    if (set_name(s.name, name) != 0 || len == 0 || len >= sizeof(s.value))
        return -1;
    memcpy(s.value, value, len + 1);
    f->settings = grow(f->settings, f->nsettings, sizeof(s));
    f->settings[f->nsettings++] = s;
    return 0;
}

const char *
facts_setting(const struct facts *f, const char *name)
{
    const struct fact_setting *s =
        records_find(f->settings, f->nsettings, sizeof(*s), name);

    return s ? s->value : NULL;
}

uint64_t
fact_value_mark(const char *value)
{
    uint64_t hash = 14695981039346656037u; /* FNV-1a */

    for (; *value; value++)
        hash = (hash ^ (unsigned char)*value) * 1099511628211u;
    return hash;
}

/* ---- all of them ------------------------------------------------------ */

static int
by_key(const void *a, const void *b)
{
    const struct fact_throttle *x = a, *y = b;

    return strcmp(x->key, y->key);
}

static int
by_host(const void *a, const void *b)
{
    const struct fact_skip *x = a, *y = b;

    return strcmp(x->host, y->host);
}

static int
by_name(const void *a, const void *b)
{
    const struct fact_setting *x = a, *y = b;

    return strcmp(x->name, y->name);
}

void
facts_sort(struct facts *f)
{
    if (f->nsettings > 0)
        qsort(f->settings, f->nsettings, sizeof(*f->settings), by_name);
    if (f->nthrottles > 0)
        qsort(f->throttles, f->nthrottles, sizeof(*f->throttles), by_key);
    if (f->nskips > 0)
        qsort(f->skips, f->nskips, sizeof(*f->skips), by_host);
}

static struct fact_throttle *
find_throttle(struct facts *f, const char *name)
{
    struct fact_throttle key;

    if (f->nthrottles == 0 || set_name(key.key, name) != 0)
        return NULL;
    return bsearch(&key, f->throttles, f->nthrottles, sizeof(key), by_key);
}

static struct fact_skip *
find_skip(struct facts *f, const char *name)
{
    struct fact_skip key;

    if (f->nskips == 0 || set_name(key.host, name) != 0)
        return NULL;
    return bsearch(&key, f->skips, f->nskips, sizeof(key), by_host);
}

/* What is too long ends with a whole character of UTF-8. */
static void
cut(char *to, size_t size, const char *from)
{
    size_t len = strnlen(from, size);

    if (len == size)
        for (len--; len > 0 && ((unsigned char)from[len] & 0xc0) == 0x80;)
            len--;
    memcpy(to, from, len);
    to[len] = '\0';
}

void
facts_note(struct facts *f,
           const char *kind,
           const char *name,
           const char *owner,
           const char *reason)
{
    int throttle = strcmp(kind, "throttle") == 0;
    struct fact_throttle *t = throttle ? find_throttle(f, name) : NULL;
    struct fact_skip *s = strcmp(kind, "skip") == 0 ? find_skip(f, name) : NULL;

    if (t) {
        cut(t->owner, sizeof(t->owner), owner);
        cut(t->reason, sizeof(t->reason), reason);
    }
    if (s) {
        cut(s->owner, sizeof(s->owner), owner);
        cut(s->reason, sizeof(s->reason), reason);
    }
}
