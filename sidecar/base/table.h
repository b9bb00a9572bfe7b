/*
 * A table of text for a terminal: cells are collected row by row, then printed
 * with each column as wide as it must be. Control characters in a cell become
 * question marks: much of what we print others wrote.
 */
#ifndef BASE_TABLE_H
#define BASE_TABLE_H

#include <stddef.h>
#include <stdio.h>

struct table {
    /* private */
    char **cells; /* columns x rows; NULL is empty */
    size_t columns;
    size_t room; /* rows */
    size_t rows;
    size_t column; /* of the next cell */
};

/* A table of at most so many rows. */
void table_init(struct table *t, size_t columns, size_t rows);

/* Begins the next row. */
void table_row(struct table *t);

/* The row's next cell. */
__attribute__((format(printf, 2, 3))) void
table_cell(struct table *t, const char *format, ...);

/* No blanks stand at the end of a line. */
void table_print(const struct table *t, FILE *to);

void table_free(struct table *t);

#endif
