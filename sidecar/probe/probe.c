/* What is true of one host, asked again and again: what all drivers share. */
#include "probe/probe.h"

#include <stdlib.h>
#include <string.h>

#include "probe/probe_driver.h"

struct probe_shared *
probe_shared_new(struct loop *loop,
                 struct connector *connector,
                 struct http_client *http)
{
    struct probe_shared *shared = calloc(1, sizeof(*shared));

    if (!shared)
        abort();
    shared->loop = loop;
    shared->connector = connector;
    shared->http = http;
    probe_stats_begin(&shared->stats, clock_mono_us(), clock_mono_ms());
    return shared;
}

void
probe_shared_free(struct probe_shared *shared)
{
    free(shared);
}

struct probe_stats *
probe_shared_stats(struct probe_shared *shared)
{
    return &shared->stats;
}

struct probe *
probe_start(struct probe_shared *shared,
            const struct probe_settings *settings,
            unsigned phase_ms,
            probe_cb cb,
            void *data)
{
    const struct probe_driver *driver =
        settings->status ? &probe_http : &probe_mysql;

    return driver->start(shared, settings, phase_ms, cb, data);
}

void
probe_stop(struct probe *p)
{
    p->driver->stop(p);
}

int
probe_settings_equal(const struct probe_settings *a,
                     const struct probe_settings *b)
{
    return conf_same(a->host, b->host) && a->port == b->port &&
           conf_same(a->user, b->user) && conf_same(a->password, b->password) &&
           conf_same(a->collation, b->collation) &&
           conf_same(a->query, b->query) && a->interval_ms == b->interval_ms &&
           a->timeout_ms == b->timeout_ms && a->cache_ms == b->cache_ms &&
           conf_same_tls(&a->tls, &b->tls) &&
           conf_same_status(a->status, b->status);
}
