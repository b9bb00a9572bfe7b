/* Tables of a state file. */
#include "statedump_table.h"

#include <inttypes.h>
#include <string.h>

#include "sluice_format.h"
#include "statedump.h"

void
dump_cell_duration(struct table *t, uint64_t ms)
{
    if (ms == DUMP_UNKNOWN)
        table_cell(t, "-");
    else if (ms < 10000)
        table_cell(t, "%" PRIu64 " ms", ms);
    else if (ms < 600000)
        table_cell(t, "%.1f s", (double)ms / 1000);
    else
        table_cell(t, "%" PRIu64 " min", ms / 60000);
}

void
dump_cell_number(struct table *t, int is_known, double value)
{
    char text[SLUICE_NUMBER_SIZE];
    size_t len = sluice_format_number(value, text);

    if (is_known)
        table_cell(t, "%.*s", (int)len, text);
    else
        table_cell(t, "-");
}

void
dump_cell_host(struct table *t, const char *name, uint16_t port)
{
    table_cell(t, strchr(name, ':') ? "[%s]:%u" : "%s:%u", name, port);
}

void
dump_begin_table(struct table *t,
                 size_t ncolumns,
                 size_t nrows,
                 const char *const *head)
{
    table_init(t, ncolumns, nrows + 1);
    table_row(t);
    for (size_t i = 0; i < ncolumns; i++)
        table_cell(t, "%s", head[i]);
}
