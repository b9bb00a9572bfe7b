/* What the probe drivers share among themselves; others include probe.h. */
#ifndef PROBE_PROBE_DRIVER_H
#define PROBE_PROBE_DRIVER_H

#include "base/connector.h"
#include "base/http_client.h"
#include "probe/probe.h"

struct probe_shared {
    struct loop *loop;
    struct connector *connector;
    struct http_client *http;
    struct probe_stats stats;
};

struct probe_driver {
    const char *name;
    struct probe *(*start)(struct probe_shared *shared,
                           const struct probe_settings *settings,
                           unsigned phase_ms,
                           probe_cb cb,
                           void *data);
    void (*stop)(struct probe *p);
};

/* Every driver's own struct begins with this. */
struct probe {
    const struct probe_driver *driver;
};

extern const struct probe_driver probe_mysql, probe_http;

#endif
