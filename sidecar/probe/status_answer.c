/* A galera-healthcheck's answers, read with jansson. */
#include "probe/status_answer.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <jansson.h>

/* The index as a float, for jansson has no integer as large as one that is
 * undefined; and what follows the object does not matter, as to Switchboard. */
#define FLAGS (JSON_DISABLE_EOF_CHECK | JSON_DECODE_INT_AS_REAL)

#define QUOTE_MAX 80 /* of what others wrote */

static void unhealthy(struct status_answer *out, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void
unhealthy(struct status_answer *out, const char *format, ...)
{
    va_list args;

    out->healthy = 0;
    out->index = STATUS_ANSWER_NO_INDEX;
    va_start(args, format);
    vsnprintf(out->text, sizeof(out->text), format, args);
    va_end(args);
}

/* How much of it is a line of plain text; the rest is nobody's business. */
static int
plain(const char *text, size_t len)
{
    size_t n = 0;

    while (n < len && n < QUOTE_MAX && text[n] >= ' ' && text[n] <= '~')
        n++;
    return (int)n;
}

/* ---- the status alone -------------------------------------------------- */

static void
not_200(unsigned status,
        const char *body,
        size_t len,
        struct status_answer *out)
{
    int n = plain(body, len);

    if (n > 0)
        unhealthy(out, "it answered %u: %.*s", status, n, body);
    else
        unhealthy(out, "it answered %u", status);
}

void
status_answer_code(unsigned status,
                   const char *body,
                   size_t len,
                   struct status_answer *out)
{
    memset(out, 0, sizeof(*out));
    out->healthy = 1;
    out->index = STATUS_ANSWER_NO_INDEX;
    if (status != 200)
        not_200(status, body, len, out);
}

/* ---- the object --------------------------------------------------------- */

/* What it says of these; of several spellings of one key each counts. */
struct words {
    int says_healthy, healthy, wrong; /* wrong: neither true nor false */
    const json_t *index;
    const char *comment;
};

static void
read_words(json_t *object, struct words *words)
{
    const char *key;
    json_t *value;

    memset(words, 0, sizeof(*words));
    words->healthy = 1;
    json_object_foreach(object, key, value)
    {
        if (strcasecmp(key, "healthy") == 0) {
            words->says_healthy = 1;
            words->wrong |= !json_is_boolean(value);
            words->healthy &= json_is_true(value);
        } else if (strcasecmp(key, "wsrep_local_index") == 0) {
            words->index = value;
        } else if (strcasecmp(key, "wsrep_local_state_comment") == 0) {
            words->comment = json_string_value(value);
        }
    }
}

static void
say_unhealthy(const struct words *words, struct status_answer *out)
{
    const char *comment = words->comment ? words->comment : "";
    int n = plain(comment, strlen(comment));

    if (n > 0)
        unhealthy(out, "it says unhealthy: %.*s", n, comment);
    else
        unhealthy(out, "it says unhealthy");
}

/* What is no number of a node is as good as nothing. */
static void
take_index(const json_t *index, struct status_answer *out)
{
    double n = json_is_real(index) ? json_real_value(index) : -1;

    out->healthy = 1;
    out->index = STATUS_ANSWER_NO_INDEX;
    if (n > (double)STATUS_ANSWER_INDEX_MAX)
        unhealthy(out, "wsrep_local_index is undefined");
    else if (n >= 0 && n == (double)(uint32_t)n)
        out->index = (uint64_t)n;
}

static void
read_object(json_t *object, struct status_answer *out)
{
    struct words words;

    read_words(object, &words);
    if (!words.says_healthy)
        unhealthy(out, "it does not say \"healthy\"");
    else if (words.wrong)
        unhealthy(out, "\"healthy\" is neither true nor false");
    else if (!words.healthy)
        say_unhealthy(&words, out);
    else
        take_index(words.index, out);
}

/* sluice-agent says it with 503, and in the same words. */
static void
other_than_200(unsigned status, json_t *object, struct status_answer *out)
{
    struct words words;

    read_words(object, &words);
    if (words.says_healthy && !words.healthy && words.comment)
        say_unhealthy(&words, out);
    else
        unhealthy(out, "it answered %u", status);
}

void
status_answer_json(unsigned status,
                   const char *body,
                   size_t len,
                   struct status_answer *out)
{
    json_t *object = json_loadb(body, len, FLAGS, NULL);

    memset(out, 0, sizeof(*out));
    if (!json_is_object(object) && status != 200)
        not_200(status, body, len, out);
    else if (!json_is_object(object))
        unhealthy(out, "its answer is no object of JSON");
    else if (status != 200)
        other_than_200(status, object, out);
    else
        read_object(object, out);
    json_decref(object);
}
