/*
 * HAProxy's statistics as CSV -> the servers of a pool that are in use, by
 * freno's rules (freno b3fbe7e, go/haproxy/parser.go). Pure.
 */
#ifndef INVENTORY_HAPROXY_CSV_H
#define INVENTORY_HAPROXY_CSV_H

#include <stddef.h>

/* The name of a server (svname), terminated; valid during the call. */
typedef void (*haproxy_csv_cb)(void *data, const char *server);

/*
 * Calls `found` for each server of the pool whose status is UP, DOWN or "no
 * check"; MAINT, DRAIN, NOLB and a server on its way up ("UP 1/2") are not in
 * use. Columns are found by their names in the first line; fields may be
 * quoted; rows that are too short are passed over. 0, or -1 with a sentence
 * in err, and then nothing was found: an empty or partial text, no such pool,
 * or, as after HAProxy's reload, all servers that are up are only on their
 * way.
 */
int haproxy_csv_parse(const char *text,
                      size_t len,
                      const char *pool,
                      haproxy_csv_cb found,
                      void *data,
                      char *err,
                      size_t err_size);

#endif
