/* What the server answers, taken out of its rows. */
#include "consensus/consensus_mysql_rows.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "consensus/facts.h"

static MYSQL_ROW
next(MYSQL_RES *rows)
{
    return rows ? mysql_fetch_row(rows) : NULL;
}

void
rows_schema(MYSQL_RES *rows, struct schema *found)
{
    MYSQL_ROW row;

    memset(found, 0, sizeof(*found));
    while ((row = next(rows)))
        if (row[0] && row[1] && row[2])
            schema_found(found, row[0], row[1], row[2]);
}

unsigned
rows_throttles(MYSQL_RES *rows, struct facts *f)
{
    unsigned unusable = 0;
    MYSQL_ROW row;

    while ((row = next(rows)))
        if (facts_add_throttle(f, row[0], row[1], row[2], row[3]) != 0)
            unusable++;
    facts_sort(f);
    return unusable;
}

unsigned
rows_skips(MYSQL_RES *rows, struct facts *f)
{
    unsigned unusable = 0;
    MYSQL_ROW row;

    while ((row = next(rows)))
        if (facts_add_skip(f, row[0], row[1], row[2]) != 0)
            unusable++;
    facts_sort(f);
    return unusable;
}

void
rows_notes(MYSQL_RES *rows, struct facts *f)
{
    MYSQL_ROW row;

    while ((row = next(rows)))
        if (row[0] && row[1] && row[2] && row[3])
            facts_note(f, row[0], row[1], row[2], row[3]);
}

unsigned
rows_settings(MYSQL_RES *rows, struct facts *f)
{
    unsigned unusable = 0;
    MYSQL_ROW row;

    while ((row = next(rows)))
        if (facts_add_setting(f, row[0], row[1]) != 0)
            unusable++;
    facts_sort(f);
    return unusable;
}

void
rows_list_clear(struct conf_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->items[i]);
    free(list->items);
    memset(list, 0, sizeof(*list));
}

void
rows_list(MYSQL_RES *rows, unsigned column, struct conf_list *list)
{
    size_t count = rows ? mysql_num_rows(rows) : 0;

    rows_list_clear(list);
    if (count == 0)
        return;
    list->items = calloc(count, sizeof(*list->items));
    if (!list->items)
        abort();
    mysql_data_seek(rows, 0);
    while (list->count < count) {
        MYSQL_ROW row = next(rows);
        char *item = strdup(row && row[column] ? row[column] : "");

        if (!item)
            abort();
        list->items[list->count++] = item;
    }
}

void
rows_bare_store_id(const struct mysql_target *t, char id[STORE_ID_SIZE])
{
    uint64_t hash = 14695981039346656037u; /* FNV-1a */
    char text[512];

    snprintf(text, sizeof(text), "%s:%u/%s", t->host, t->port, t->database);
    for (const char *p = text; *p; p++)
        hash = (hash ^ (unsigned char)*p) * 1099511628211u;
    snprintf(id, STORE_ID_SIZE, "bare-%016" PRIx64, hash);
}
