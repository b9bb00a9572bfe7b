/*
 * What is true of one host, asked again and again. One driver per way of
 * asking (probe_KIND.c).
 */
#ifndef PROBE_PROBE_H
#define PROBE_PROBE_H

#include <stdint.h>

#include "base/conf.h"
#include "base/loop.h"
#include "probe/probe_stats.h"

#define PROBE_TEXT_SIZE 256

/* What a healthcheck that says no index comes to: more than any. */
#define PROBE_NO_INDEX 4294967296.0

struct probe_result {
    int ok;
    double value;   /* when ok; of a healthcheck its index */
    int dial_error; /* when not ok: no connection could be made (the text
                       begins with "dial tcp", as freno's) */
    int refused;    /* when not ok: nobody listens at the database's port */
    int answered;   /* when not ok: the server said so itself */
    uint64_t started_ms; /* mono: when the probe began */
    uint32_t took_us;
    char text[PROBE_TEXT_SIZE]; /* when not ok: which error */
    char address[48];           /* IP literal asked; "" before resolution, and
                                   of a healthcheck */
};

/* Everything a probe needs; copied by start. */
struct probe_settings {
    char *host; /* name or IP literal */
    uint16_t port;
    char *user;
    char *password;
    char *collation;
    char *query;
    int interval_ms;
    int timeout_ms;
    int cache_ms;
    struct conf_tls tls;
    const struct conf_status *status; /* NULL: the query is asked. Otherwise the
                                         host's galera-healthcheck, and only
                                         host and times of the above count */
};

struct probe; /* one running probe; every driver's begins with its own */

/* Called in the loop after each try, also for an EOF between two. The result
 * is the callee's only during the call. Must not call probe_stop of the same
 * probe. */
typedef void (*probe_cb)(void *data, const struct probe_result *result);

/* What all probes of a process share: loop, connector pool, statistics. */
struct probe_shared;
struct connector;
struct http_client;

/* Pool and client are borrowed. */
struct probe_shared *probe_shared_new(struct loop *loop,
                                      struct connector *connector,
                                      struct http_client *http);
void probe_shared_free(struct probe_shared *shared); /* after all stopped */

/* What all of its probes came to that asked by SQL; the pool's own. */
struct probe_stats *probe_shared_stats(struct probe_shared *shared);

/* Begins at once: the first try within 50 ms, then every interval, counted
 * from PHASE_MS from now (spread the hosts of a cluster over the interval). */
struct probe *probe_start(struct probe_shared *shared,
                          const struct probe_settings *settings,
                          unsigned phase_ms,
                          probe_cb cb,
                          void *data);

/* No callback comes after this; what is under way is given up. */
void probe_stop(struct probe *p);

int probe_settings_equal(const struct probe_settings *a,
                         const struct probe_settings *b);

#endif
