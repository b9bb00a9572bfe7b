/* Text tables for a terminal. */
#include "base/table.h"

#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void
table_init(struct table *t, size_t columns, size_t rows)
{
    memset(t, 0, sizeof(*t));
    t->cells = calloc(columns * rows + 1, sizeof(*t->cells));
    if (!t->cells)
        abort();
    t->columns = columns;
    t->room = rows;
}

void
table_row(struct table *t)
{
    assert(t->rows < t->room);
    t->rows++;
    t->column = 0;
}

void
table_cell(struct table *t, const char *format, ...)
{
    char *cell;
    va_list args;

    assert(t->rows > 0 && t->column < t->columns);
    va_start(args, format);
    if (vasprintf(&cell, format, args) < 0)
        abort();
    va_end(args);
    t->cells[(t->rows - 1) * t->columns + t->column++] = cell;
    for (; *cell; cell++)
        if ((unsigned char)*cell < 0x20 || *cell == 0x7f)
            *cell = '?';
}

static const char *
cell_at(const struct table *t, size_t row, size_t column)
{
    const char *cell = t->cells[row * t->columns + column];

    return cell ? cell : "";
}

static int
column_width(const struct table *t, size_t column)
{
    size_t width = 0, len;

    for (size_t row = 0; row < t->rows; row++) {
        len = strlen(cell_at(t, row, column));
        if (len > width)
            width = len;
    }
    return (int)width;
}

void
table_print(const struct table *t, FILE *to)
{
    int widths[t->columns + 1];
    size_t used;

    for (size_t column = 0; column < t->columns; column++)
        widths[column] = column_width(t, column);
    for (size_t row = 0; row < t->rows; row++) {
        used = t->columns;
        while (used > 0 && cell_at(t, row, used - 1)[0] == '\0')
            used--;
        for (size_t column = 0; column + 1 < used; column++)
            fprintf(to, "%-*s  ", widths[column], cell_at(t, row, column));
        fprintf(to, "%s\n", used ? cell_at(t, row, used - 1) : "");
    }
}

void
table_free(struct table *t)
{
    for (size_t i = 0; i < t->columns * t->rows; i++)
        free(t->cells[i]);
    free(t->cells);
    memset(t, 0, sizeof(*t));
}
