/* Log lines: logfmt for people and grep, JSON for collectors. */
#include "base/log.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <jansson.h>

static enum log_level log_least = LOG_LEVEL_INFO;
static enum log_format log_format = LOG_FORMAT_LOGFMT;

static const char *const level_names[] = {
    [LOG_LEVEL_DEBUG] = "debug",
    [LOG_LEVEL_INFO] = "info",
    [LOG_LEVEL_WARN] = "warn",
    [LOG_LEVEL_ERROR] = "error",
};

void
log_setup(enum log_level least, enum log_format format)
{
    log_least = least;
    log_format = format;
}

int
log_level_parse(const char *text, enum log_level *level)
{
    if (strcmp(text, "warning") == 0)
        text = "warn";
    for (unsigned i = 0; i < sizeof(level_names) / sizeof(*level_names); i++) {
        if (strcmp(text, level_names[i]) == 0) {
            *level = (enum log_level)i;
            return 0;
        }
    }
    return -1;
}

int
log_format_parse(const char *text, enum log_format *format)
{
    if (strcmp(text, "logfmt") == 0)
        *format = LOG_FORMAT_LOGFMT;
    else if (strcmp(text, "json") == 0)
        *format = LOG_FORMAT_JSON;
    else
        return -1;
    return 0;
}

/* RFC 3339 in UTC with milliseconds. */
static void
timestamp(char *buf, size_t size)
{
    struct timespec now;
    struct tm tm;
    size_t len;

    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &tm);
    len = strftime(buf, size, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(buf + len, size - len, ".%03ldZ", now.tv_nsec / 1000000);
}

/* A copy that is valid UTF-8, for a collector refuses a line that is not:
 * jansson judges, and what it refuses keeps only its ASCII. */
static char *
clean(const char *text)
{
    char *copy = strdup(text ? text : "");
    json_t *judge;

    if (!copy)
        abort();
    judge = json_string(copy);
    if (!judge)
        for (char *c = copy; *c; c++)
            if ((unsigned char)*c >= 0x80)
                *c = '?';
    json_decref(judge);
    return copy;
}

static const char *
not_finite(double num)
{
    if (isnan(num))
        return "nan";
    return num < 0 ? "-inf" : "inf";
}

/* ---- logfmt ----------------------------------------------------------- */

/* A bare word has nothing that ends a value or starts a quoted one. */
static int
is_bare(const char *text)
{
    if (*text == '\0')
        return 0;
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;

        if (c <= ' ' || c == '"' || c == '=' || c == '\\' || c == 0x7f)
            return 0;
    }
    return 1;
}

static void
put_quoted_char(FILE *out, unsigned char c)
{
    switch (c) {
    case '"':
    case '\\':
        fprintf(out, "\\%c", c);
        break;
    case '\n':
        fputs("\\n", out);
        break;
    case '\r':
        fputs("\\r", out);
        break;
    case '\t':
        fputs("\\t", out);
        break;
    default:
        if (c < ' ' || c == 0x7f)
            fprintf(out, "\\u%04x", c);
        else
            fputc(c, out);
    }
}

static void
put_text(FILE *out, const char *text)
{
    char *copy = clean(text);

    if (is_bare(copy)) {
        fputs(copy, out);
    } else {
        fputc('"', out);
        for (const char *c = copy; *c; c++)
            put_quoted_char(out, (unsigned char)*c);
        fputc('"', out);
    }
    free(copy);
}

static void
put_logfmt(FILE *out,
           enum log_level level,
           const char *event,
           const struct log_field *f)
{
    char ts[40];

    timestamp(ts, sizeof(ts));
    fprintf(out, "ts=%s level=%s event=", ts, level_names[level]);
    put_text(out, event);
    for (; f && f->key; f++) {
        fprintf(out, " %s=", f->key);
        if (f->type == LOG_FIELD_INT)
            fprintf(out, "%lld", (long long)f->integer);
        else if (f->type == LOG_FIELD_STR)
            put_text(out, f->str);
        else if (isfinite(f->num))
            fprintf(out, "%.15g", f->num);
        else
            fputs(not_finite(f->num), out);
    }
}

/* ---- JSON ------------------------------------------------------------- */

static json_t *
json_text(const char *text)
{
    char *copy = clean(text);
    json_t *value = json_string(copy);

    free(copy);
    return value;
}

static json_t *
json_field(const struct log_field *f)
{
    if (f->type == LOG_FIELD_INT)
        return json_integer(f->integer);
    if (f->type == LOG_FIELD_STR)
        return json_text(f->str);
    if (isfinite(f->num))
        return json_real(f->num);
    return json_string(not_finite(f->num)); /* JSON has no such number */
}

static void
put_json(FILE *out,
         enum log_level level,
         const char *event,
         const struct log_field *f)
{
    json_t *line = json_object();
    char ts[40];

    timestamp(ts, sizeof(ts));
    json_object_set_new(line, "ts", json_string(ts));
    json_object_set_new(line, "level", json_string(level_names[level]));
    json_object_set_new(line, "event", json_text(event));
    for (; f && f->key; f++)
        json_object_set_new(line, f->key, json_field(f));
    json_dumpf(line, out, JSON_COMPACT | JSON_REAL_PRECISION(15));
    json_decref(line);
}

/* One write, so that lines of several threads and processes never mix. Where
 * nobody reads stderr any more there is nobody to tell. */
static void
write_line(const char *line, size_t len)
{
    ssize_t n;

    do {
        n = write(STDERR_FILENO, line, len);
    } while (n < 0 && errno == EINTR);
}

void
log_write(enum log_level level,
          const char *event,
          const struct log_field *fields)
{
    char *line = NULL;
    size_t len = 0;
    FILE *out;

    if (level < log_least)
        return;
    out = open_memstream(&line, &len);
    if (!out)
        abort();
    if (log_format == LOG_FORMAT_JSON)
        put_json(out, level, event, fields);
    else
        put_logfmt(out, level, event, fields);
    fputc('\n', out);
    fclose(out);
    write_line(line, len);
    free(line);
}

int
log_again(uint64_t *said_ms, uint64_t now_ms)
{
    if (*said_ms != 0 && now_ms < *said_ms + LOG_AGAIN_MS)
        return 0;
    *said_ms = now_ms;
    return 1;
}
