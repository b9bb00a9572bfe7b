/* Orders to throttle as messages, and the rules held against a check. */
#include "sluice_throttle.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "sluice_format.h"

#define ORDER_VERSION "sluice1"
#define ORDER_NO_STORE "-"
#define ORDER_BAD_STORE "store id: expected up to %d visible ASCII characters"
#define ORDER_BAD_KEY "key: expected up to %d bytes without control characters"

/* ---- what an order may be --------------------------------------------- */

static const struct order_kind {
    const char *word;
    unsigned has_key : 1;
    unsigned has_ratio : 1;
    unsigned has_remaining : 1;
} order_kinds[SLUICE_ORDER_MAX] = {
    [SLUICE_ORDER_THROTTLE] = {"throttle", 1, 1, 1},
    [SLUICE_ORDER_UNTHROTTLE] = {"unthrottle", 1, 0, 0},
    [SLUICE_ORDER_SKIP] = {"skip", 1, 0, 1},
    [SLUICE_ORDER_RECOVER] = {"recover", 1, 0, 0},
    [SLUICE_ORDER_BEAT] = {"beat", 0, 0, 0},
    [SLUICE_ORDER_HINT] = {"hint", 0, 0, 0},
};

__attribute__((format(printf, 3, 4))) static int
fail(char *err, size_t err_size, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(err, err_size, format, args);
    va_end(args);
    return -1;
}

/* Visible ASCII that cannot be mistaken for no store. */
static int
is_store_id(const char *id, size_t len)
{
    if (len >= SLUICE_STORE_ID_SIZE)
        return 0;
    for (size_t i = 0; i < len; i++)
        if (id[i] <= ' ' || id[i] > '~')
            return 0;
    return len != strlen(ORDER_NO_STORE) ||
           memcmp(id, ORDER_NO_STORE, len) != 0;
}

static int
is_key(const char *key, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)key[i] < ' ' || key[i] == 0x7f)
            return 0;
    return len <= SLUICE_ORDER_KEY_MAX;
}

static int
check_order(const struct sluice_order *o, char *err, size_t err_size)
{
    const struct order_kind *kind;
    size_t key_len = strnlen(o->key, sizeof(o->key));

    if ((unsigned)o->kind >= SLUICE_ORDER_MAX)
        return fail(err, err_size, "unknown kind %u", (unsigned)o->kind);
    kind = &order_kinds[o->kind];
    if (!is_store_id(o->store_id, strnlen(o->store_id, sizeof(o->store_id))))
        return fail(err, err_size, ORDER_BAD_STORE, SLUICE_STORE_ID_SIZE - 1);
    if (!is_key(o->key, key_len))
        return fail(err, err_size, ORDER_BAD_KEY, SLUICE_ORDER_KEY_MAX);
    if ((key_len > 0) != kind->has_key)
        return fail(err, err_size, "%s %s key", kind->word,
                    kind->has_key ? "without a" : "with a");
    if (!(o->ratio >= 0 && o->ratio <= 1)) /* NaN neither */
        return fail(err, err_size, "ratio: expected a number in [0..1]");
    if (o->ratio != 0 && !kind->has_ratio)
        return fail(err, err_size, "%s with a ratio", kind->word);
    if (o->remaining_ms != 0 && !kind->has_remaining)
        return fail(err, err_size, "%s with a time", kind->word);
    return 0;
}

/* ---- writing ---------------------------------------------------------- */

size_t
sluice_order_write(const struct sluice_order *o, char *buf, size_t size)
{
    char text[SLUICE_ORDER_TEXT_MAX], ratio[SLUICE_NUMBER_SIZE], err[128];
    int len;

    if (check_order(o, err, sizeof(err)) != 0)
        return 0;
    len = snprintf(text, sizeof(text), ORDER_VERSION " %s %llu %s %.*s %llu %s",
                   o->store_id[0] ? o->store_id : ORDER_NO_STORE,
                   (unsigned long long)o->revision, order_kinds[o->kind].word,
                   (int)sluice_format_number(o->ratio, ratio), ratio,
                   (unsigned long long)o->remaining_ms, o->key);
    if (len < 0 || (size_t)len >= sizeof(text) || (size_t)len > size)
        return 0;
    memcpy(buf, text, (size_t)len);
    return (size_t)len;
}

/* ---- reading ---------------------------------------------------------- */

/* A message that is being read. */
struct reading {
    const char *at;
    const char *end;
    char *err;
    size_t err_size;
};

/* What stands before the next blank, which is stepped over. */
static int
next_word(struct reading *r, const char *what, struct sluice_text *word)
{
    const char *blank = memchr(r->at, ' ', (size_t)(r->end - r->at));

    if (!blank || blank == r->at)
        return fail(r->err, r->err_size, "no %s", what);
    word->data = r->at;
    word->len = (size_t)(blank - r->at);
    r->at = blank + 1;
    return 0;
}

static int
word_is(struct sluice_text word, const char *expected)
{
    return word.len == strlen(expected) &&
           memcmp(word.data, expected, word.len) == 0;
}

static int
read_version(struct reading *r)
{
    struct sluice_text word;

    if (next_word(r, "version", &word) != 0)
        return -1;
    if (!word_is(word, ORDER_VERSION))
        return fail(r->err, r->err_size,
                    "another version, this reader knows " ORDER_VERSION);
    return 0;
}

static int
read_store(struct reading *r, struct sluice_order *o)
{
    struct sluice_text word;

    if (next_word(r, "store id", &word) != 0)
        return -1;
    if (word_is(word, ORDER_NO_STORE))
        return 0;
    if (!is_store_id(word.data, word.len)) /* a NUL would end it, unseen */
        return fail(r->err, r->err_size, ORDER_BAD_STORE,
                    SLUICE_STORE_ID_SIZE - 1);
    memcpy(o->store_id, word.data, word.len);
    return 0;
}

static int
read_kind(struct reading *r, struct sluice_order *o)
{
    struct sluice_text word;

    if (next_word(r, "kind", &word) != 0)
        return -1;
    for (unsigned i = 0; i < SLUICE_ORDER_MAX; i++)
        if (word_is(word, order_kinds[i].word)) {
            o->kind = i;
            return 0;
        }
    return fail(r->err, r->err_size, "unknown kind");
}

static int
read_ratio(struct reading *r, struct sluice_order *o)
{
    struct sluice_text word;

    if (next_word(r, "ratio", &word) != 0)
        return -1;
    if (sluice_parse_float(word.data, word.len, &o->ratio) != 0)
        return fail(r->err, r->err_size, "ratio: expected a number in [0..1]");
    return 0;
}

static int
read_integer(struct reading *r, const char *what, uint64_t *value)
{
    struct sluice_text word;
    uint64_t n = 0;

    if (next_word(r, what, &word) != 0)
        return -1;
    for (size_t i = 0; i < word.len; i++) {
        uint64_t digit = (unsigned char)word.data[i] - (uint64_t)'0';

        if (digit > 9 || n > (UINT64_MAX - digit) / 10)
            return fail(r->err, r->err_size, "%s: expected an integer", what);
        n = 10 * n + digit;
    }
    *value = n;
    return 0;
}

/* All the rest. */
static int
read_key(struct reading *r, struct sluice_order *o)
{
    size_t len = (size_t)(r->end - r->at);

    if (!is_key(r->at, len))
        return fail(r->err, r->err_size, ORDER_BAD_KEY, SLUICE_ORDER_KEY_MAX);
    memcpy(o->key, r->at, len);
    return 0;
}

int
sluice_order_read(const char *text,
                  size_t len,
                  struct sluice_order *order,
                  char *err,
                  size_t err_size)
{
    struct reading r = {text, text + len, err, err_size};
    struct sluice_order o = {0};

    if (len > SLUICE_ORDER_TEXT_MAX)
        return fail(err, err_size, "%zu bytes, expected at most %d", len,
                    SLUICE_ORDER_TEXT_MAX);
    if (read_version(&r) != 0 || read_store(&r, &o) != 0 ||
        read_integer(&r, "revision", &o.revision) != 0 ||
        read_kind(&r, &o) != 0 || read_ratio(&r, &o) != 0 ||
        read_integer(&r, "remaining time", &o.remaining_ms) != 0 ||
        read_key(&r, &o) != 0 || check_order(&o, err, err_size) != 0)
        return -1;
    *order = o;
    return 0;
}

/* ---- rules ------------------------------------------------------------ */

/* 0: no rule for this key. The overlay is newer than the view. */
static int
find_rule(const struct sluice_rules *rules,
          const char *key,
          size_t len,
          struct sluice_rule *rule)
{
    const struct sluice_throttle *t;
    int heard = SLUICE_OVERLAY_NOTHING;

    if (rules->overlay)
        heard = rules->overlay(rules->data, key, len, &rule->ratio,
                               &rule->expires_mono_ms);
    rule->heard = heard != SLUICE_OVERLAY_NOTHING;
    if (rule->heard)
        return heard == SLUICE_OVERLAY_THROTTLE;
    t = rules->view ? sluice_view_throttle(rules->view, key, len) : NULL;
    if (!t)
        return 0;
    rule->ratio = t->ratio;
    rule->expires_mono_ms = t->expires_mono_ms;
    return 1;
}

/* "app" or "app/store"; 0: no key is like that. */
static size_t
make_key(struct sluice_text app, struct sluice_text store, char *key)
{
    if (app.len == 0 || app.len >= SLUICE_KEY_SIZE)
        return 0;
    memcpy(key, app.data, app.len);
    if (store.len == 0)
        return app.len;
    if (store.len >= SLUICE_KEY_SIZE ||
        app.len + 1 + store.len >= SLUICE_KEY_SIZE)
        return 0;
    key[app.len] = '/';
    memcpy(key + app.len + 1, store.data, store.len);
    return app.len + 1 + store.len;
}

int
sluice_throttle_rule(const struct sluice_rules *rules,
                     struct sluice_text app,
                     struct sluice_text store,
                     uint64_t now_mono_ms,
                     struct sluice_rule *rule)
{
    char key[SLUICE_KEY_SIZE];
    size_t len = make_key(app, store, key);

    return len > 0 && find_rule(rules, key, len, rule) &&
           (rule->expires_mono_ms == 0 || now_mono_ms < rule->expires_mono_ms);
}

static int
rule_denies(const struct sluice_rules *rules,
            struct sluice_text app,
            struct sluice_text store,
            uint64_t now_mono_ms)
{
    struct sluice_rule rule;

    return sluice_throttle_rule(rules, app, store, now_mono_ms, &rule) &&
           (rules->dice ? rules->dice(rules->data) : 0) < rule.ratio;
}

int
sluice_throttle_denies(const struct sluice_rules *rules,
                       struct sluice_text app,
                       struct sluice_text store,
                       uint64_t now_mono_ms)
{
    const struct sluice_text any = {"", 0};

    return (store.len > 0 && rule_denies(rules, app, store, now_mono_ms)) ||
           rule_denies(rules, app, any, now_mono_ms);
}

int
sluice_rules_unknown(const struct sluice_rules *rules)
{
    return rules->view &&
           (rules->view->facts.flags & SLUICE_FACTS_UNKNOWN) != 0;
}
