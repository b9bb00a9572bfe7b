/*
 * What a host is asked to know whether writers may go there, and what its
 * answer means. The question is one number, so that it is asked as a metric
 * is. Pure.
 */
#ifndef WATCH_ELIGIBLE_H
#define WATCH_ELIGIBLE_H

#include "base/conf.h"
#include "decide/health.h"
#include "decide/route.h"
#include "probe/probe.h"

#define ELIGIBLE_INDEX_UNSAID (UINT64_MAX - 1)

struct eligible {
    enum health_kind kind;
    uint64_t index; /* wsrep_local_index, or 0 with replication;
                       ROUTE_NO_INDEX: it may serve, and has none */
    char text[HEALTH_TEXT_SIZE];
};

/* The statement, to be freed; "" with http. It runs with no privilege but to
 * connect, on MariaDB. */
char *eligible_query(const struct conf_routing *routing);

/* What a try of that statement, or of HTTP, came to. */
void eligible_read(const struct conf_routing *routing,
                   const struct probe_result *result,
                   struct eligible *out);

#endif
