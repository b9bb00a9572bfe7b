/* What a running freno says of its throttled apps and skipped hosts. */
#include "ctl/freno_list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <jansson.h>

static char *
copy(const char *text)
{
    char *out = strdup(text);

    if (!out)
        abort();
    return out;
}

/* ---- times ------------------------------------------------------------ */

/* "" or ".123456789"; rounded up to milliseconds. NULL: neither. */
static const char *
parse_fraction(const char *text, int64_t *ms)
{
    int64_t unit = 100;
    int more = 0;

    if (*text != '.')
        return text;
    if (text[1] < '0' || text[1] > '9')
        return NULL;
    for (text++; *text >= '0' && *text <= '9'; text++, unit /= 10) {
        *ms += unit * (*text - '0');
        more |= unit == 0 && *text != '0';
    }
    *ms += more;
    return text;
}

/* "Z" or "+01:00", in minutes. */
static int
parse_zone(const char *text, int *minutes)
{
    int hours, rest, used = 0;

    *minutes = 0;
    if (strcmp(text, "Z") == 0)
        return 0;
    if ((*text != '+' && *text != '-') ||
        sscanf(text + 1, "%2d:%2d%n", &hours, &rest, &used) != 2 || used != 5 ||
        text[6] != '\0' || hours < 0 || rest < 0)
        return -1;
    *minutes = (*text == '-' ? -1 : 1) * (hours * 60 + rest);
    return 0;
}

/* RFC 3339, as Go writes it. */
static int
parse_time(const char *text, int64_t *ms)
{
    struct tm tm = {0};
    int used = 0, zone;

    *ms = 0;
    if (sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d%n", &tm.tm_year, &tm.tm_mon,
               &tm.tm_mday, &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &used) != 6 ||
        used != 19 || strspn(text, "0123456789-T:") < 19)
        return -1;
    text = parse_fraction(text + used, ms);
    if (!text || parse_zone(text, &zone) != 0)
        return -1;
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    *ms += ((int64_t)timegm(&tm) - zone * 60) * 1000;
    return 0;
}

/* Go's zero time, which is freno's "never", is all that is so old. */
static int
parse_minutes(const char *text, int64_t now_ms, int64_t *minutes)
{
    int64_t ms;

    if (strncmp(text, "0001-01-01T", 11) == 0) {
        *minutes = FRENO_NEVER;
        return 0;
    }
    if (parse_time(text, &ms) != 0)
        return -1;
    *minutes = ms > now_ms ? (ms - now_ms + 59999) / 60000 : 0;
    if (*minutes > FRENO_MINUTES_MAX)
        *minutes = FRENO_NEVER;
    return 0;
}

/* ---- entries ---------------------------------------------------------- */

/* What an entry is made from; 0, or -1 with a sentence. */
typedef int (*read_entry_fn)(struct freno_entry *e,
                             const json_t *value,
                             int64_t now_ms,
                             char *err,
                             size_t err_size);

static int
read_expiry(struct freno_entry *e,
            const json_t *value,
            int64_t now_ms,
            char *err,
            size_t err_size)
{
    const char *text = json_string_value(value);

    if (text && parse_minutes(text, now_ms, &e->minutes) == 0)
        return 0;
    snprintf(err, err_size, "%.200s has no time of expiry", e->name);
    return -1;
}

static char *
copy_member(const json_t *value, const char *name)
{
    const char *text = json_string_value(json_object_get(value, name));

    return text && *text ? copy(text) : NULL;
}

/* The name is "app" or "app/store". */
static int
read_throttle(struct freno_entry *e,
              const json_t *value,
              int64_t now_ms,
              char *err,
              size_t err_size)
{
    const json_t *ratio = json_object_get(value, "Ratio");
    char *slash = strchr(e->name, '/');

    if (!json_is_number(ratio)) {
        snprintf(err, err_size, "%.200s has no Ratio", e->name);
        return -1;
    }
    if (read_expiry(e, json_object_get(value, "ExpireAt"), now_ms, err,
                    err_size) != 0)
        return -1;
    e->ratio = json_number_value(ratio);
    e->owner = copy_member(value, "Owner");
    e->reason = copy_member(value, "Reason");
    if (slash) {
        e->store = copy(slash + 1);
        *slash = '\0';
    }
    return 0;
}

static int
read_skip(struct freno_entry *e,
          const json_t *value,
          int64_t now_ms,
          char *err,
          size_t err_size)
{
    return read_expiry(e, value, now_ms, err, err_size);
}

/* ---- lists ------------------------------------------------------------ */

/* Neither a page in HTML nor half a list is an object. */
static json_t *
open_object(const char *text, size_t len, char *err, size_t err_size)
{
    json_error_t why;
    json_t *json = json_loadb(text, len, JSON_REJECT_DUPLICATES, &why);

    if (json_is_object(json))
        return json;
    if (json)
        snprintf(err, err_size, "expected an object of names");
    else
        snprintf(err, err_size, "not JSON: line %d: %s", why.line, why.text);
    json_decref(json);
    return NULL;
}

static int
read_list(const char *text,
          size_t len,
          int64_t now_ms,
          read_entry_fn read_entry,
          struct freno_list *list,
          char *err,
          size_t err_size)
{
    json_t *json = open_object(text, len, err, err_size), *value;
    const char *name;
    int rc = json ? 0 : -1;

    *list = (struct freno_list){0};
    list->entries = calloc(json_object_size(json) + 1, sizeof(*list->entries));
    if (!list->entries)
        abort();
    json_object_foreach(json, name, value)
    {
        struct freno_entry *e = &list->entries[list->count++];

        e->name = copy(name);
        rc = read_entry(e, value, now_ms, err, err_size);
        if (rc != 0)
            break;
    }
    json_decref(json);
    if (rc != 0)
        freno_list_free(list);
    return rc;
}

int
freno_throttles(const char *json,
                size_t len,
                int64_t now_ms,
                struct freno_list *list,
                char *err,
                size_t err_size)
{
    return read_list(json, len, now_ms, read_throttle, list, err, err_size);
}

int
freno_skips(const char *json,
            size_t len,
            int64_t now_ms,
            struct freno_list *list,
            char *err,
            size_t err_size)
{
    return read_list(json, len, now_ms, read_skip, list, err, err_size);
}

void
freno_list_free(struct freno_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free(list->entries[i].name);
        free(list->entries[i].store);
        free(list->entries[i].owner);
        free(list->entries[i].reason);
    }
    free(list->entries);
    *list = (struct freno_list){0};
}
