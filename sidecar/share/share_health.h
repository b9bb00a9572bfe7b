/*
 * What another leader's /metrics-health says: for each metric how long it has
 * been unhealthy (freno b3fbe7e, go/base/throttle_metric.go). Pure.
 */
#ifndef SHARE_SHARE_HEALTH_H
#define SHARE_SHARE_HEALTH_H

#include <stddef.h>
#include <stdint.h>

struct share_metric {
    char *name; /* "mysql/main1" */
    uint32_t unhealthy_s;
};

struct share_health {
    struct share_metric *items; /* sorted by name */
    size_t count;
};

/*
 * Reads {"mysql/main1":{"SecondsSinceLastHealthy":0,…},…}; what else is there
 * does not matter. 0, or -1 with a sentence in err and nothing to free. Less
 * than 0 is 0, more than fits is UINT32_MAX.
 */
int share_health_parse(const char *text,
                       size_t len,
                       struct share_health *out,
                       char *err,
                       size_t err_size);

/* NULL: it does not say anything of it. */
const struct share_metric *share_health_find(const struct share_health *health,
                                             const char *name);

void share_health_free(struct share_health *health);

#endif
