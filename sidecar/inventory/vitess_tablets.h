/*
 * What vtctld's API says of the tablets of a keyspace -> the MySQL hosts of
 * its healthy replicas (freno b3fbe7e, go/vitess/api_client.go). Pure.
 */
#ifndef INVENTORY_VITESS_TABLETS_H
#define INVENTORY_VITESS_TABLETS_H

#include <stddef.h>
#include <stdint.h>

#include "base/conf.h"

typedef void (*vitess_tablets_cb)(void *data, const char *host, uint16_t port);

/* API[/api]/keyspace/KEYSPACE/tablets/SHARD[?cells=A%2CB]; free() it. */
char *vitess_tablets_url(const struct conf_vitess *conf);

/*
 * Calls `found` for each tablet that is a replica (type 2, or "replica" in
 * any case), is in one of the cells, if there are any, and has no last error.
 * One without a host or a port is passed over. 0, or -1 with a sentence in
 * err, and then nothing was found.
 */
int vitess_tablets_parse(const char *text,
                         size_t len,
                         const struct conf_list *cells,
                         vitess_tablets_cb found,
                         void *data,
                         char *err,
                         size_t err_size);

#endif
