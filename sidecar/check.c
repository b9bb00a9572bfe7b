/* -t: what the file alone cannot tell; -t --probe: one question to each host,
 * one line for each answer. */
#include "check.h"

#include <stdlib.h>
#include <string.h>

#include "base/connector.h"
#include "base/loop.h"
#include "inventory/inventory.h"
#include "probe/probe.h"

static void
check_static_hosts(const struct conf_cluster *cluster,
                   struct conf_report *report)
{
    const struct conf_list *list = &cluster->static_hosts;
    struct inventory_host host;
    char path[256], err[512];

    for (size_t i = 0; i < list->count; i++) {
        if (inventory_parse_host(list->items[i], cluster->port, &host, err,
                                 sizeof(err)) == 0)
            continue;
        snprintf(path, sizeof(path),
                 "Stores.MySQL.Clusters.%s.StaticHostsSettings.Hosts[%zu]",
                 cluster->name, i);
        conf_report_add(report, CONF_ERROR, list->lines[i], path, "%s", err);
    }
}

void
check_inventories(const struct conf *conf, struct conf_report *report)
{
    for (size_t i = 0; i < conf->nclusters; i++)
        check_static_hosts(&conf->clusters[i], report);
}

struct question {
    struct check *check;
    const struct conf_cluster *cluster;
    struct inventory_host host;
    struct probe *probe;
    struct probe_result result;
    int answered;
};

struct check {
    struct loop loop;
    struct connector *connector;
    struct probe_shared *shared;
    struct question *questions;
    size_t count;
    size_t open;
};

static void
on_answer(void *data, const struct probe_result *result)
{
    struct question *q = data;

    if (q->answered)
        return;
    q->result = *result;
    q->answered = 1;
    if (--q->check->open == 0)
        uv_stop(&q->check->loop.uv);
}

static void
add_hosts(struct check *check, const struct conf_cluster *cluster)
{
    const struct inventory_driver *driver = inventory_find(cluster->inventory);
    struct inventory_hosts hosts;
    char err[256];

    if (!driver || driver->hosts(cluster, &hosts, err, sizeof(err)) != 0)
        return;
    check->questions =
        realloc(check->questions,
                (check->count + hosts.count + 1) * sizeof(struct question));
    if (!check->questions)
        abort();
    for (size_t i = 0; i < hosts.count; i++) {
        struct question *q = &check->questions[check->count++];

        memset(q, 0, sizeof(*q));
        q->check = check;
        q->cluster = cluster;
        q->host = hosts.items[i];
    }
    inventory_hosts_free(&hosts);
}

static void
ask(struct question *q)
{
    const struct probe_settings settings = {
        .host = q->host.name,
        .port = q->host.port,
        .user = q->cluster->user,
        .password = q->cluster->password,
        .collation = q->cluster->collation,
        .query = q->cluster->metric_query,
        .interval_ms = q->cluster->probe_interval_ms,
        .timeout_ms = q->cluster->probe_timeout_ms,
        .tls = q->cluster->tls,
    };

    if (q->host.ignored)
        return;
    q->check->open++;
    q->probe = probe_start(q->check->shared, &settings, 0, on_answer, q);
}

static int
print_answer(const struct question *q, FILE *out)
{
    const char *format =
        strchr(q->host.name, ':') ? "%s\t[%s]:%u\t" : "%s\t%s:%u\t";

    fprintf(out, format, q->cluster->name, q->host.name, q->host.port);
    if (q->host.ignored) {
        fprintf(out, "not probed: IgnoreHosts\n");
        return 0;
    }
    if (!q->result.ok) {
        fprintf(out, "%s\t%.1f ms\n", q->result.text, q->result.took_us / 1e3);
        return 1;
    }
    fprintf(out, "%.15g\t%.1f ms\n", q->result.value, q->result.took_us / 1e3);
    return 0;
}

size_t
check_probe(const struct conf *conf, FILE *out)
{
    struct check check = {0};
    size_t failed = 0;

    if (loop_init(&check.loop) != 0)
        abort();
    check.connector = connector_new(&check.loop);
    check.shared = probe_shared_new(&check.loop, check.connector);
    for (size_t i = 0; i < conf->nclusters; i++)
        add_hosts(&check, &conf->clusters[i]);
    for (size_t i = 0; i < check.count; i++)
        ask(&check.questions[i]);
    if (check.open > 0)
        uv_run(&check.loop.uv, UV_RUN_DEFAULT);
    for (size_t i = 0; i < check.count; i++) {
        if (check.questions[i].probe)
            probe_stop(check.questions[i].probe);
        failed += (size_t)print_answer(&check.questions[i], out);
    }
    probe_shared_free(check.shared);
    connector_free(check.connector);
    loop_close(&check.loop);
    free(check.questions);
    return failed;
}
