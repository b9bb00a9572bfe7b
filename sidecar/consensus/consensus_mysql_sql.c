/* Statements with values in them. */
#include "consensus/consensus_mysql_sql.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mysql.h>

static char *
room(struct sql *q, size_t bytes)
{
    while (q->size < q->len + bytes + 1) {
        q->size = q->size ? q->size * 2 : 512;
        q->text = realloc(q->text, q->size);
        if (!q->text)
            abort();
    }
    return q->text + q->len;
}

static void
add(struct sql *q, const char *text, size_t len)
{
    memcpy(room(q, len), text, len);
    q->len += len;
    q->text[q->len] = '\0';
}

/* The session's sql_mode is ours: backslashes escape. No byte of a character
 * in UTF-8 can be taken for a quote. */
static void
add_quoted(struct sql *q, const char *text)
{
    size_t len = strlen(text);

    add(q, "'", 1);
    q->len += mysql_escape_string(room(q, 2 * len), text, len);
    add(q, "'", 1);
}

static void
add_value(struct sql *q, char kind, va_list *args)
{
    char number[40];

    switch (kind) {
    case 's':
        add_quoted(q, va_arg(*args, const char *));
        return;
    case 'n':
        snprintf(number, sizeof(number), "%" PRId64, va_arg(*args, int64_t));
        break;
    case 'u':
        snprintf(number, sizeof(number), "%" PRIu64, va_arg(*args, uint64_t));
        break;
    default:
        assert(kind == 'r');
        snprintf(number, sizeof(number), "%.17g", va_arg(*args, double));
    }
    add(q, number, strlen(number));
}

void
sql_set(struct sql *q, const char *template, ...)
{
    const char *mark;
    va_list args;

    q->len = 0;
    va_start(args, template);
    while ((mark = strchr(template, '?'))) {
        add(q, template, (size_t)(mark - template));
        add_value(q, mark[1], &args);
        template = mark + 2;
    }
    add(q, template, strlen(template));
    va_end(args);
}

void
sql_copy(struct sql *q, const char *text)
{
    q->len = 0;
    add(q, text, strlen(text));
}

void
sql_free(struct sql *q)
{
    free(q->text);
    memset(q, 0, sizeof(*q));
}
