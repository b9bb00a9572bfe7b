/* What statedump's two formats have in common. */
#include "statedump.h"

uint64_t
dump_age(const struct dump *d, uint64_t then_ms)
{
    return sluice_heartbeat_age(then_ms, d->now_ms);
}

int
dump_leads(const struct dump *d)
{
    return d->verdicts->node.leader_until_boot_ms > d->now_boot_ms;
}

const char *
dump_cluster_status(const struct sluice_cluster *c)
{
    static const char *const words[] = {
        [SLUICE_METRIC_NONE] = "none",
        [SLUICE_METRIC_VALUE] = "value",
        [SLUICE_METRIC_ERROR] = "error",
    };

    return words[c->status]; /* a view has no other */
}

const char *
dump_host_status(const struct sluice_host *h)
{
    static const char *const words[] = {
        [SLUICE_HOST_PENDING] = "pending",
        [SLUICE_HOST_VALUE] = "value",
        [SLUICE_HOST_ERROR] = "error",
        [SLUICE_HOST_EXCLUDED] = "excluded",
    };

    return words[h->status];
}
