/* freno's metric queries: which kind a text is, and what its rows say. */
#include "probe/metric_query.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define QUOTED_SIZE 128

enum metric_query_kind
metric_query_kind(const char *query)
{
    if (!query[0])
        return METRIC_QUERY_REPLICA;
    if (strncasecmp(query, "select", 6) == 0)
        return METRIC_QUERY_SELECT;
    if (strncasecmp(query, "show global", 11) == 0)
        return METRIC_QUERY_GLOBAL;
    return METRIC_QUERY_UNSUPPORTED;
}

/* As Go's %q, cut short rather than too long for the text around it. */
static const char *
quote(const char *text, char *out, size_t size)
{
    size_t n = 0;

    out[n++] = '"';
    for (; *text && n + 6 < size; text++) {
        unsigned char c = (unsigned char)*text;

        if (c == '"' || c == '\\') {
            out[n++] = '\\';
            out[n++] = (char)c;
        } else if (c < 0x20 || c >= 0x7f) {
            n += (size_t)snprintf(out + n, size - n, "\\x%02x", c);
        } else {
            out[n++] = (char)c;
        }
    }
    out[n++] = '"';
    out[n] = '\0';
    return out;
}

/* NULL, or why TEXT is no number that can be compared with a threshold. */
static const char *
parse(const char *text, double *value)
{
    char *end;

    if (!text[0] || isspace((unsigned char)text[0]))
        return "invalid syntax";
    errno = 0;
    *value = strtod(text, &end);
    if (*end)
        return "invalid syntax";
    if (!isfinite(*value))
        return "value out of range";
    return NULL;
}

int
metric_query_value(enum metric_query_kind kind,
                   const char *const *names,
                   unsigned columns,
                   const char *const *row,
                   double *value,
                   char *err,
                   size_t err_size)
{
    unsigned wanted = kind == METRIC_QUERY_GLOBAL ? 2 : 1, at = wanted - 1;
    char name[QUOTED_SIZE], text[QUOTED_SIZE];
    const char *why;

    if (!row) {
        snprintf(err, err_size, "sql: no rows in result set");
        return -1;
    }
    if (columns != wanted) {
        snprintf(err, err_size,
                 "sql: expected %u destination arguments in Scan, not %u",
                 columns, wanted);
        return -1;
    }
    if (!row[at]) {
        snprintf(err, err_size,
                 "sql: Scan error on column index %u, name %s: converting NULL "
                 "to float64 is unsupported",
                 at, quote(names[at], name, sizeof(name)));
        return -1;
    }
    why = parse(row[at], value);
    if (!why)
        return 0;
    snprintf(err, err_size,
             "sql: Scan error on column index %u, name %.64s: converting "
             "driver.Value type []uint8 (%.72s) to a float64: %s",
             at, quote(names[at], name, sizeof(name)),
             quote(row[at], text, sizeof(text)), why);
    return -1;
}
