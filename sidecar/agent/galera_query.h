/*
 * Asks mysqld what galera_health judges, over one connection that is kept,
 * and never waits longer than it was told to.
 */
#ifndef AGENT_GALERA_QUERY_H
#define AGENT_GALERA_QUERY_H

#include "agent/galera_health.h"
#include "base/connector.h"
#include "base/loop.h"
#include "base/mysql_failure.h"
#include "base/mysql_target.h"

struct galera_query;

/* Either what mysqld said, or WHY it said nothing. It may come before
 * galera_query_begin returns; the next may be begun from within. */
typedef void (*galera_query_cb)(void *data,
                                const struct galera_facts *facts,
                                const struct mysql_failure *why);

/* TIMEOUT_MS is for all of it, connecting too. */
struct galera_query *galera_query_new(struct loop *loop,
                                      struct connector *connector,
                                      const struct mysql_target *target,
                                      unsigned timeout_ms,
                                      galera_query_cb cb,
                                      void *data);

/* No callback comes after this. Not from within one. */
void galera_query_free(struct galera_query *q);

/* Only when none is under way. */
void galera_query_begin(struct galera_query *q);

int galera_query_is_under_way(const struct galera_query *q);

#endif
