/* freno's metric queries: which kind a text is, and what its rows say. Pure. */
#ifndef PROBE_METRIC_QUERY_H
#define PROBE_METRIC_QUERY_H

#include <stddef.h>

enum metric_query_kind {
    METRIC_QUERY_REPLICA, /* "": lag by replica status */
    METRIC_QUERY_SELECT,  /* one column, its first row counts */
    METRIC_QUERY_GLOBAL,  /* show global …: two columns, name and value */
    METRIC_QUERY_UNSUPPORTED
};

/* By prefix, in any case; a leading blank is not forgiven. */
enum metric_query_kind metric_query_kind(const char *query);

/*
 * The value of a SELECT's or a SHOW GLOBAL's answer: its columns and its first
 * row (NULL: no row). In the row NULL stands for SQL's NULL. 0, or -1 with the
 * text that Go's database/sql has for it.
 */
int metric_query_value(enum metric_query_kind kind,
                       const char *const *names,
                       unsigned columns,
                       const char *const *row,
                       double *value,
                       char *err,
                       size_t err_size);

#endif
