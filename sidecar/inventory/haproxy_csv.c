/* HAProxy's statistics: lines, fields, statuses. */
#include "inventory/haproxy_csv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_SIZE 256

/* Of the text that is left to read. */
struct cursor {
    const char *at;
    const char *end;
};

enum use { NOT_USED, USED, USED_UP, ON_ITS_WAY, ON_ITS_WAY_UP };

struct row {
    char pool[NAME_SIZE];
    char server[NAME_SIZE];
    char status[NAME_SIZE];
};

/* Where in a line they stand; -1: nowhere. */
struct columns {
    int pool, server, status;
};

/* ---- lines and fields --------------------------------------------------- */

/* Copies what fits of a field, to its comma or its line's end, and passes it
 * over. Quotes as in RFC 4180. 1: there is another in the line. */
static int
next_field(struct cursor *c, char *field, size_t size)
{
    size_t len = 0;
    int quoted = 0;

    while (c->at < c->end) {
        char ch = *c->at;

        if (ch == '"' && quoted && c->at + 1 < c->end && c->at[1] == '"') {
            c->at++;
        } else if (ch == '"') {
            quoted = !quoted;
            c->at++;
            continue;
        } else if (!quoted && (ch == ',' || ch == '\n')) {
            break;
        }
        if (len + 1 < size)
            field[len++] = ch;
        c->at++;
    }
    if (len > 0 && field[len - 1] == '\r' &&
        (c->at == c->end || *c->at == '\n'))
        len--;
    field[len] = '\0';
    if (c->at < c->end && *c->at == ',') {
        c->at++;
        return 1;
    }
    return 0;
}

static void
next_line(struct cursor *c)
{
    if (c->at < c->end)
        c->at++;
}

static int
find_columns(struct cursor *c, struct columns *columns)
{
    char name[NAME_SIZE];
    int i = 0, more;

    columns->pool = columns->server = columns->status = -1;
    while (c->at < c->end && strchr("# ", *c->at))
        c->at++;
    do {
        more = next_field(c, name, sizeof(name));
        if (strcmp(name, "pxname") == 0)
            columns->pool = i;
        else if (strcmp(name, "svname") == 0)
            columns->server = i;
        else if (strcmp(name, "status") == 0)
            columns->status = i;
        i++;
    } while (more);
    next_line(c);
    return columns->pool >= 0 && columns->server >= 0 && columns->status >= 0
               ? 0
               : -1;
}

/* 1: the line has all columns that matter. */
static int
read_row(struct cursor *c, const struct columns *columns, struct row *row)
{
    char other[2];
    int i = 0, have = 0, more;

    do {
        if (i == columns->pool) {
            more = next_field(c, row->pool, sizeof(row->pool));
            have++;
        } else if (i == columns->server) {
            more = next_field(c, row->server, sizeof(row->server));
            have++;
        } else if (i == columns->status) {
            more = next_field(c, row->status, sizeof(row->status));
            have++;
        } else {
            more = next_field(c, other, sizeof(other));
        }
        i++;
    } while (more);
    next_line(c);
    return have == 3;
}

/* ---- statuses ------------------------------------------------------------ */

/* "UP 1/2": so many of the checks that it takes. */
static int
is_changing(const char *status)
{
    const char *second = strchr(status, ' ');
    size_t len;

    if (!second)
        return 0;
    second += strspn(second, " ");
    len = strcspn(second, " ");
    return memchr(second, '/', len) != NULL;
}

static enum use
use_of(const char *status)
{
    size_t len = strcspn(status, " ");
    int changing = is_changing(status);

    if (len == 2 && memcmp(status, "UP", 2) == 0)
        return changing ? ON_ITS_WAY_UP : USED_UP;
    if (len == 4 && memcmp(status, "DOWN", 4) == 0)
        return changing ? ON_ITS_WAY : USED;
    return strcmp(status, "no check") == 0 ? USED : NOT_USED;
}

/* What was seen of the pool. */
struct seen {
    unsigned servers;
    unsigned changing; /* of those */
    unsigned up, up_changing;
};

static int
is_server(const struct row *row, const char *pool)
{
    return strcmp(row->pool, pool) == 0 &&
           strcmp(row->server, "BACKEND") != 0 &&
           strcmp(row->server, "FRONTEND") != 0;
}

static void
see(struct seen *seen, enum use use)
{
    seen->servers++;
    seen->changing += use == ON_ITS_WAY || use == ON_ITS_WAY_UP;
    seen->up += use == USED_UP || use == ON_ITS_WAY_UP;
    seen->up_changing += use == ON_ITS_WAY_UP;
}

/* What nobody should act by, as HAProxy has only just begun. */
static const char *
doubt(const struct seen *seen)
{
    if (seen->servers == 0)
        return "Haproxy CSV parsing: pool not found";
    if (seen->changing == seen->servers)
        return "Haproxy CSV parsing: all hosts are in transition";
    if (seen->up > 0 && seen->up_changing == seen->up)
        return "Haproxy CSV parsing: all UP hosts are in transition";
    return NULL;
}

/* ---- the text -------------------------------------------------------------
 */

static void
each_row(struct cursor c,
         const struct columns *columns,
         const char *pool,
         struct seen *seen,
         haproxy_csv_cb found,
         void *data)
{
    struct row row;

    while (c.at < c.end) {
        enum use use;

        if (!read_row(&c, columns, &row) || !is_server(&row, pool))
            continue;
        use = use_of(row.status);
        if (seen)
            see(seen, use);
        if (found && (use == USED || use == USED_UP || use == ON_ITS_WAY))
            found(data, row.server);
    }
}

static const char *
open_text(struct cursor *c, struct columns *columns)
{
    const char *first = memchr(c->at, '\n', (size_t)(c->end - c->at));

    if (c->at == c->end)
        return "Haproxy GET error: empty body";
    if (memchr(c->at, '<', (size_t)(c->end - c->at)) == c->at)
        return "Haproxy CSV parsing error: this is a page, no CSV: expected "
               "the address of the statistics";
    if (find_columns(c, columns) != 0)
        return "Haproxy CSV parsing error: no lines found with the columns "
               "pxname, svname and status";
    if (!first || first + 1 == c->end)
        return "Haproxy CSV parsing error: only got partial file";
    return NULL;
}

int
haproxy_csv_parse(const char *text,
                  size_t len,
                  const char *pool,
                  haproxy_csv_cb found,
                  void *data,
                  char *err,
                  size_t err_size)
{
    struct cursor c = {text, text + len};
    struct columns columns;
    struct seen seen = {0};
    const char *wrong = open_text(&c, &columns);

    if (!wrong) {
        each_row(c, &columns, pool, &seen, NULL, NULL);
        wrong = doubt(&seen);
    }
    if (wrong) {
        snprintf(err, err_size, "%s", wrong);
        return -1;
    }
    each_row(c, &columns, pool, NULL, found, data);
    return 0;
}
