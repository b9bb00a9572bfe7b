/* Quarantine: in by one bound, out by another, never more than half. */
#include "decide/quarantine.h"

static int
wants(const struct quarantine_host *host, double lag_s, double threshold)
{
    if (!host->has_value)
        return host->quarantined;
    return host->value > (host->quarantined ? threshold : lag_s);
}

/* The one of those inside that is the least behind. Without a value nobody
 * knows how far it is: the last to be let out. */
static struct quarantine_host *
nearest(struct quarantine_host *hosts, size_t count)
{
    struct quarantine_host *best = NULL;

    for (size_t i = 0; i < count; i++) {
        struct quarantine_host *host = &hosts[i];

        if (!host->counts || !host->quarantined)
            continue;
        if (!best || (host->has_value &&
                      (!best->has_value || host->value < best->value)))
            best = host;
    }
    return best;
}

int
quarantine_hosts(struct quarantine_host *hosts,
                 size_t count,
                 double lag_s,
                 double threshold)
{
    size_t counting = 0, inside = 0;
    int changed = 0;

    for (size_t i = 0; i < count; i++) {
        struct quarantine_host *host = &hosts[i];

        host->was = host->quarantined != 0;
        if (lag_s <= 0)
            host->quarantined = 0;
        if (lag_s <= 0 || !host->counts)
            continue;
        counting += host->has_value || host->pending || host->was;
        host->quarantined = wants(host, lag_s, threshold);
        inside += host->quarantined != 0;
    }
    for (; inside > counting / 2; inside--)
        nearest(hosts, count)->quarantined = 0;
    for (size_t i = 0; i < count; i++)
        changed |= hosts[i].was != hosts[i].quarantined;
    return changed;
}
