/* Replication lag from a server's own report. */
#include "probe/replica_status.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

const char replica_status_read_only_statement[] = "SELECT @@global.read_only";

/* MySQL has the new words since 8.0.22 and only them since 8.4. (Its part is
 * written from its manual and was not run against a real MySQL.) */
const char *
replica_status_statement(int is_mariadb, unsigned long version)
{
    if (is_mariadb)
        return "SHOW ALL SLAVES STATUS";
    return version >= 80022 ? "SHOW REPLICA STATUS" : "SHOW SLAVE STATUS";
}

static int
find(const char *const *names, unsigned columns, const char *a, const char *b)
{
    for (unsigned i = 0; i < columns; i++)
        if (strcasecmp(names[i], a) == 0 || strcasecmp(names[i], b) == 0)
            return (int)i;
    return -1;
}

void
replica_status_begin(struct replica_status *s,
                     const char *const *names,
                     unsigned columns)
{
    memset(s, 0, sizeof(*s));
    s->io = find(names, columns, "Slave_IO_Running", "Replica_IO_Running");
    s->sql = find(names, columns, "Slave_SQL_Running", "Replica_SQL_Running");
    s->lag =
        find(names, columns, "Seconds_Behind_Master", "Seconds_Behind_Source");
}

static const char *
cell(const char *const *row, int column)
{
    return column >= 0 && row[column] ? row[column] : "";
}

void
replica_status_row(struct replica_status *s, const char *const *row)
{
    const char *lag = cell(row, s->lag);
    char *end;
    long long lag_s = strtoll(lag, &end, 10);

    s->channels++;
    if (lag[0] && !*end) {
        if ((double)lag_s > s->lag_s)
            s->lag_s = (double)lag_s;
        return;
    }
    if (s->failed)
        return;
    s->failed = 1;
    snprintf(s->err, sizeof(s->err),
             "replication not running; Slave_IO_Running=%.32s, "
             "Slave_SQL_Running=%.32s",
             cell(row, s->io), cell(row, s->sql));
}

int
replica_status_end(const struct replica_status *s, double *lag_s)
{
    if (s->channels == 0)
        return 1;
    if (s->failed)
        return -1;
    *lag_s = s->lag_s;
    return 0;
}

int
replica_status_is_read_only(const char *value)
{
    return strcmp(value, "0") != 0 && strcasecmp(value, "OFF") != 0;
}
