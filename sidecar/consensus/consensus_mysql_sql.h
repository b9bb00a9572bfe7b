/* NB: private to consensus_mysql*.c. Statements with values in them. */
#ifndef CONSENSUS_MYSQL_SQL_H
#define CONSENSUS_MYSQL_SQL_H

#include <stddef.h>

struct sql {
    char *text; /* NULL before the first */
    size_t len;
    size_t size;
};

/*
 * Makes a statement of the template, in which "?s" stands for a text that is
 * quoted, "?n" for an int64_t, "?u" for a uint64_t and "?r" for a double.
 */
void sql_set(struct sql *q, const char *template, ...);

/* The text as it is. */
void sql_copy(struct sql *q, const char *text);

void sql_free(struct sql *q);

#endif
