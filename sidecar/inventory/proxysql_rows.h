/*
 * What ProxySQL says of a hostgroup's servers -> those in use, by freno's
 * rules (freno b3fbe7e, go/proxysql/client.go): one that was not ONLINE a
 * moment ago is left out for a while longer. Pure.
 */
#ifndef INVENTORY_PROXYSQL_ROWS_H
#define INVENTORY_PROXYSQL_ROWS_H

#include <stddef.h>
#include <stdint.h>

#include "inventory/inventory.h"

/* The servers left out, and until when. Begins zeroed. */
struct proxysql_ignored {
    struct proxysql_ignored_server *items;
    size_t count;
};

/* Judges one row: appends the server to the hosts if it is in use, or
 * remembers for how long it is not. A port that is none is passed over. */
void proxysql_row(struct proxysql_ignored *ignored,
                  const char *host,
                  const char *port,
                  const char *status,
                  uint64_t now_ms,
                  uint64_t ignore_ms,
                  struct inventory_hosts *hosts);

/* Forgets those whose time is over. */
void proxysql_ignored_expire(struct proxysql_ignored *ignored, uint64_t now_ms);

void proxysql_ignored_free(struct proxysql_ignored *ignored);

#endif
