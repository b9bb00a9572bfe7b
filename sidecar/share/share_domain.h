/*
 * Domains that share their health: the leaders of the others with our
 * ShareDomain are asked each second how long each metric has been unhealthy
 * there; checks are refused here too while it is (freno b3fbe7e,
 * go/throttle/throttler.go). Who cannot be asked counts for nothing.
 */
#ifndef SHARE_SHARE_DOMAIN_H
#define SHARE_SHARE_DOMAIN_H

#include "base/http_client.h"
#include "base/loop.h"

#define SHARE_DOMAIN_INTERVAL_MS 1000
#define SHARE_DOMAIN_KEEP_MS 5000 /* an answer counts for so long */

struct share_domain;

struct share_domain_events {
    /* The service ids (HOST:PORT) of the leaders to ask now, and how many;
     * borrowed during the call. */
    size_t (*peers)(void *data, char *const **service_ids);

    /* Some peer said something. */
    void (*heard)(void *data);
};

/* INTERVAL_MS 0: SHARE_DOMAIN_INTERVAL_MS. The client is borrowed. */
struct share_domain *share_domain_new(struct loop *loop,
                                      struct http_client *client,
                                      const struct share_domain_events *events,
                                      void *data,
                                      unsigned interval_ms);

/*
 * For how many seconds the worst of the peers has been unhealthy in the
 * cluster of this name, and until when (mono) that counts. 0, and *until_ms 0,
 * when nobody said anything lately.
 */
uint32_t share_domain_unhealthy(const struct share_domain *share,
                                const char *cluster,
                                uint64_t now_ms,
                                uint64_t *until_ms);

/* The handles close when the loop runs; it frees itself then. Before the
 * client. NULL is allowed. */
void share_domain_free(struct share_domain *share);

#endif
