/* What is true of one host, asked again and again: what all drivers share. */
#include "probe/probe.h"

#include <stdlib.h>
#include <string.h>

#include "probe/probe_driver.h"

struct probe_shared *
probe_shared_new(struct loop *loop, struct connector *connector)
{
    struct probe_shared *shared = calloc(1, sizeof(*shared));

    if (!shared)
        abort();
    shared->loop = loop;
    shared->connector = connector;
    return shared;
}

void
probe_shared_free(struct probe_shared *shared)
{
    free(shared);
}

struct probe *
probe_start(struct probe_shared *shared,
            const struct probe_settings *settings,
            unsigned phase_ms,
            probe_cb cb,
            void *data)
{
    return probe_mysql.start(shared, settings, phase_ms, cb, data);
}

void
probe_stop(struct probe *p)
{
    p->driver->stop(p);
}

static int
same(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "") == 0;
}

static int
same_tls(const struct conf_tls *a, const struct conf_tls *b)
{
    return a->use == b->use && a->verify == b->verify && same(a->ca, b->ca) &&
           same(a->cert, b->cert) && same(a->key, b->key);
}

int
probe_settings_equal(const struct probe_settings *a,
                     const struct probe_settings *b)
{
    return same(a->host, b->host) && a->port == b->port &&
           same(a->user, b->user) && same(a->password, b->password) &&
           same(a->collation, b->collation) && same(a->query, b->query) &&
           a->interval_ms == b->interval_ms && a->timeout_ms == b->timeout_ms &&
           a->cache_ms == b->cache_ms && same_tls(&a->tls, &b->tls);
}
