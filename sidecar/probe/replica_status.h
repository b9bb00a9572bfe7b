/*
 * Replication lag from a server's own report. The statement and the column
 * names differ between MariaDB and the versions of MySQL; both are known only
 * here. Pure.
 */
#ifndef PROBE_REPLICA_STATUS_H
#define PROBE_REPLICA_STATUS_H

#include <stddef.h>

struct replica_status {
    int io, sql, lag;  /* columns; -1: not found */
    unsigned channels; /* rows seen */
    double lag_s;      /* the largest */
    int failed;        /* err holds the first channel's trouble */
    char err[160];
};

/* What to ask, for all channels at once. VERSION as mysql_get_server_version
 * has it. */
const char *replica_status_statement(int is_mariadb, unsigned long version);

/* Begins with the answer's columns, in either spelling. */
void replica_status_begin(struct replica_status *s,
                          const char *const *names,
                          unsigned columns);

/* One channel; NULL stands for SQL's NULL. */
void replica_status_row(struct replica_status *s, const char *const *row);

/* The verdict over all channels: the worst. 0 and the lag in seconds; -1 and
 * s->err; 1 when there was no channel at all. */
int replica_status_end(const struct replica_status *s, double *lag_s);

/* Of a host without any channel: asked for only then. A writable one has no
 * lag; a read-only one has lost its replication, which is an error. */
extern const char replica_status_read_only_statement[];
int replica_status_is_read_only(const char *value);

#endif
