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

int64_t
dump_share_s(const struct dump *d, const struct sluice_cluster *c)
{
    return c->share_until_mono_ms > d->now_ms ? (int64_t)c->share_unhealthy_s
                                              : -1;
}

int
dump_has_value(const struct sluice_host *h)
{
    return h->status == SLUICE_HOST_VALUE ||
           (h->status == SLUICE_HOST_EXCLUDED &&
            h->excluded == SLUICE_EXCLUDED_QUARANTINED);
}
