/* Checking and copying the words of a change. */
#include "api/words.h"

#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "api/go.h"

#define MINUTE_MS INT64_C(60000)
#define SKIP_MINUTES 60

/* Go's nanoseconds end there; freno went round and throttled nobody. */
#define TTL_MAX_MINUTES (INT64_MAX / 1000 / 1000 / MINUTE_MS)

static int
refuse(char *err, size_t err_size, const char *what, const char *why)
{
    snprintf(err, err_size, "%s %s", what, why);
    return -1;
}

/* 1 when all of it are characters of one line: keys travel in messages that
 * are lines, and into logs and tables. */
static int
is_plain(const char *text)
{
    json_t *string = json_string(text); /* NULL: not UTF-8 */
    int plain = string != NULL;

    json_decref(string);
    for (; plain && *text; text++)
        plain = (unsigned char)*text >= 0x20 && *text != 0x7f;
    return plain;
}

static int
take(const char *what,
     const char *text,
     char *to,
     size_t size,
     char *err,
     size_t err_size)
{
    if (!text)
        text = "";
    if (strlen(text) >= size) {
        snprintf(err, err_size, "%s may have at most %zu bytes; got %zu", what,
                 size - 1, strlen(text));
        return -1;
    }
    if (!is_plain(text))
        return refuse(err, err_size, what,
                      "must be UTF-8 without control characters");
    memcpy(to, text, strlen(text) + 1);
    return 0;
}

/* "app", or "app/store". */
static int
take_key(const struct words *w,
         const char *what,
         struct consensus_change *out,
         char *err,
         size_t err_size)
{
    size_t len = strlen(w->name);
    char *store;

    if (len == 0)
        return refuse(err, err_size, what, "must not be empty");
    if (take(what, w->name, out->key, sizeof(out->key), err, err_size) != 0)
        return -1;
    if (!w->store || w->store[0] == '\0')
        return 0;
    if (len + 1 + strlen(w->store) >= sizeof(out->key)) {
        snprintf(err, err_size,
                 "app and store_name may have at most %zu bytes together; "
                 "got %zu",
                 sizeof(out->key) - 2, len + strlen(w->store));
        return -1;
    }
    store = out->key + len;
    *store++ = '/';
    return take("store_name", w->store, store, sizeof(out->key) - len - 1, err,
                err_size);
}

static int
take_notes(const struct words *w,
           struct consensus_change *out,
           char *err,
           size_t err_size)
{
    if (take("owner", w->owner, out->owner, sizeof(out->owner), err,
             err_size) != 0)
        return -1;
    return take("reason", w->reason, out->reason, sizeof(out->reason), err,
                err_size);
}

/* Sets ttl_ms, which is 0 or less when its end is in the past. */
static int
take_ttl(const char *text,
         int64_t nothing_ms,
         struct consensus_change *out,
         char *err,
         size_t err_size)
{
    int64_t minutes = 0;

    if (text && go_parse_int(text, &minutes, err, err_size) != 0)
        return -1;
    if (minutes > TTL_MAX_MINUTES) {
        snprintf(err, err_size,
                 "ttl must be at most %lld minutes, or 0 for no end; got %lld",
                 (long long)TTL_MAX_MINUTES, (long long)minutes);
        return -1;
    }
    out->ttl_ms = minutes == 0  ? nothing_ms
                  : minutes < 0 ? -1
                                : minutes * MINUTE_MS;
    return 0;
}

static int
take_ratio(const char *text,
           struct consensus_change *out,
           char *err,
           size_t err_size)
{
    char shown[GO_FLOAT_SIZE];

    out->ratio = CHANGE_RATIO_KEEP;
    if (!text)
        return 0;
    if (go_parse_float(text, &out->ratio, err, err_size) != 0)
        return -1;
    if (out->ratio >= 0 && out->ratio <= 1) {
        out->ratio += 0.0; /* no negative zero */
        return 0;
    }
    go_format_float(out->ratio, shown);
    snprintf(err, err_size, "ratio must be in [0..1] range; got %s", shown);
    return -1;
}

int
words_throttle(const struct words *w,
               struct consensus_change *out,
               char *err,
               size_t err_size)
{
    *out = (struct consensus_change){.kind = CHANGE_THROTTLE};
    if (take_ttl(w->ttl, FACT_NEVER, out, err, err_size) != 0 ||
        take_ratio(w->ratio, out, err, err_size) != 0 ||
        take_key(w, "app", out, err, err_size) != 0 ||
        take_notes(w, out, err, err_size) != 0)
        return -1;
    if (out->ttl_ms < 0)
        return words_unthrottle(w, out, err, err_size);
    return 0;
}

int
words_unthrottle(const struct words *w,
                 struct consensus_change *out,
                 char *err,
                 size_t err_size)
{
    *out = (struct consensus_change){.kind = CHANGE_UNTHROTTLE};
    if (take_key(w, "app", out, err, err_size) != 0)
        return -1;
    return take_notes(w, out, err, err_size);
}

int
words_skip(const struct words *w,
           struct consensus_change *out,
           char *err,
           size_t err_size)
{
    *out = (struct consensus_change){.kind = CHANGE_SKIP};
    if (take_ttl(w->ttl, SKIP_MINUTES * MINUTE_MS, out, err, err_size) != 0 ||
        take_key(w, "host", out, err, err_size) != 0 ||
        take_notes(w, out, err, err_size) != 0)
        return -1;
    if (out->ttl_ms < 0)
        return words_recover(w, out, err, err_size);
    return 0;
}

int
words_recover(const struct words *w,
              struct consensus_change *out,
              char *err,
              size_t err_size)
{
    *out = (struct consensus_change){.kind = CHANGE_RECOVER};
    if (take_key(w, "host", out, err, err_size) != 0)
        return -1;
    return take_notes(w, out, err, err_size);
}
