/* A cluster under watch, as records of the state file. */
#include <stdio.h>
#include <string.h>

#include "watch_private.h"

/* ---- metrics ---------------------------------------------------------- */

size_t
watch_metric_count(const struct watch *w)
{
    return w->cluster->nmetrics;
}

void
watch_metrics(const struct watch *w, struct sluice_metric *out)
{
    for (size_t i = 0; i < w->cluster->nmetrics; i++, out++) {
        const struct conf_metric *metric = &w->cluster->metrics[i];
        const struct watch_value *value = &w->metrics[i];

        snprintf(out->cluster, sizeof(out->cluster), "%s", w->name);
        snprintf(out->name, sizeof(out->name), "%s", metric->name);
        out->value = value->value;
        out->threshold = metric->threshold;
        out->sampled_mono_ms = value->sampled_ms;
        out->valid_until_mono_ms = value->valid_until_ms;
        out->status = value->status;
        out->scope = metric->scope;
        snprintf(out->error, sizeof(out->error), "%s", value->error);
    }
}

/* ---- hosts ------------------------------------------------------------ */

size_t
watch_host_count(const struct watch *w)
{
    return w->nhosts;
}

static const char *
excluded_text(unsigned excluded)
{
    static const char *const texts[] = {
        [SLUICE_EXCLUDED_IGNORED] = "IgnoreHosts",
        [SLUICE_EXCLUDED_SKIPPED] = "skipped by an operator",
        [SLUICE_EXCLUDED_HTTP] = "its HTTP check answered 404",
        [SLUICE_EXCLUDED_QUARANTINED] = "quarantined by QuarantineLagSeconds",
    };

    return texts[excluded];
}

static void
host_record(const struct watch_host *host,
            uint64_t now_ms,
            struct sluice_host *out)
{
    const struct probe_result *last = &host->own.last;
    unsigned excluded = watch_host_excluded(host, now_ms);

    snprintf(out->cluster, sizeof(out->cluster), "%s", watch_name(host->watch));
    snprintf(out->name, sizeof(out->name), "%s", host->id.name);
    snprintf(out->address, sizeof(out->address), "%s", last->address);
    out->port = host->id.port;
    out->role = watch_host_role(host, now_ms);
    out->excluded = excluded;
    if (host->own.answered) {
        out->status = last->ok ? SLUICE_HOST_VALUE : SLUICE_HOST_ERROR;
        out->value = last->ok ? last->value : 0;
        out->sampled_mono_ms = last->started_ms;
        out->took_us = last->took_us;
        if (!last->ok)
            snprintf(out->text, sizeof(out->text), "%s", last->text);
    }
    if (excluded) {
        out->status = SLUICE_HOST_EXCLUDED;
        snprintf(out->text, sizeof(out->text), "%s", excluded_text(excluded));
    }
}

void
watch_hosts(const struct watch *w, struct sluice_host *out)
{
    uint64_t now_ms = clock_mono_ms();

    for (size_t i = 0; i < w->nhosts; i++)
        host_record(w->hosts[i], now_ms, &out[i]);
}

size_t
watch_host_metric_count(const struct watch *w)
{
    size_t count = 0;

    for (size_t i = 0; i < w->nhosts; i++)
        count += w->hosts[i]->nmetrics;
    return count;
}

static void
host_metric_record(const struct watch_host *host,
                   size_t which,
                   struct sluice_host_metric *out)
{
    const struct watch_answer *answer = host->metrics[which];

    snprintf(out->cluster, sizeof(out->cluster), "%s", watch_name(host->watch));
    snprintf(out->metric, sizeof(out->metric), "%s",
             host->watch->cluster->metrics[which].name);
    snprintf(out->host, sizeof(out->host), "%s", host->id.name);
    out->port = host->id.port;
    if (!answer->answered)
        return;
    out->status = answer->last.ok ? SLUICE_HOST_VALUE : SLUICE_HOST_ERROR;
    out->value = answer->last.ok ? answer->last.value : 0;
    out->sampled_mono_ms = answer->last.started_ms;
    if (!answer->last.ok)
        snprintf(out->text, sizeof(out->text), "%s", answer->last.text);
}

void
watch_host_metrics(const struct watch *w, struct sluice_host_metric *out)
{
    for (size_t i = 0; i < w->nhosts; i++)
        for (size_t m = 0; m < w->hosts[i]->nmetrics; m++)
            host_metric_record(w->hosts[i], m, out++);
}

void
watch_inventory(const struct watch *w, struct sluice_inventory *out)
{
    struct inventory_status status;

    snprintf(out->cluster, sizeof(out->cluster), "%s", w->name);
    if (!w->inventory)
        return;
    inventory_status(w->inventory, &status);
    snprintf(out->provider, sizeof(out->provider), "%s", status.provider);
    out->answered_mono_ms = status.answered_mono_ms;
    out->failures = status.failures;
    out->hosts = (uint32_t)status.hosts;
    snprintf(out->error, sizeof(out->error), "%s", status.error);
}
