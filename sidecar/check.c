/* -t: what the file alone cannot tell; -t --probe: one question to each host,
 * one line for each answer. */
#include "check.h"

#include <stdlib.h>
#include <string.h>

#include "base/connector.h"
#include "base/loop.h"
#include "inventory/fetch.h"
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

/* Global ones are told once for each cluster that has no own. */
static void
check_proxysql(const struct conf_cluster *cluster, struct conf_report *report)
{
    const struct conf_list *list = &cluster->proxysql.addresses;
    struct inventory_host host;
    char path[256], err[512];

    for (size_t i = 0; i < list->count; i++) {
        if (inventory_parse_host(list->items[i], 1, &host, err, sizeof(err)) ==
            0)
            continue;
        snprintf(path, sizeof(path),
                 "Stores.MySQL.Clusters.%s.ProxySQLSettings", cluster->name);
        conf_report_add(report, CONF_ERROR, list->lines[i], path, "address %s",
                        err);
    }
}

void
check_inventories(const struct conf *conf, struct conf_report *report)
{
    for (size_t i = 0; i < conf->nclusters; i++) {
        check_static_hosts(&conf->clusters[i], report);
        check_proxysql(&conf->clusters[i], report);
    }
}

struct question {
    struct check *check;
    const struct conf_cluster *cluster;
    struct inventory_host host;
    int is_status; /* of its galera-healthcheck */
    struct probe *probe;
    struct probe_result result;
    int answered;
};

/* Where one cluster's hosts come from. */
struct source {
    struct check *check;
    const struct conf_cluster *cluster;
    struct inventory *inventory;
    int answered;
};

struct check {
    struct loop loop;
    struct connector *connector;
    struct http_client *http;
    struct inventory_shared inventories;
    struct probe_shared *shared;
    struct source *sources;
    size_t nsources;
    struct question *questions;
    size_t count;
    size_t open; /* sources, then questions, that have not answered */
};

static void
wait_for_all(struct check *check)
{
    while (check->open > 0)
        uv_run(&check->loop.uv, UV_RUN_ONCE);
}

static void
on_answer(void *data, const struct probe_result *result)
{
    struct question *q = data;

    if (q->answered)
        return;
    q->result = *result;
    q->answered = 1;
    q->check->open--;
}

/* ---- the inventories --------------------------------------------------- */

static void
add_question(struct source *source,
             const struct inventory_host *host,
             int is_status)
{
    struct check *check = source->check;
    struct question *q;

    check->questions =
        realloc(check->questions, (check->count + 1) * sizeof(struct question));
    if (!check->questions)
        abort();
    q = &check->questions[check->count++];
    memset(q, 0, sizeof(*q));
    q->check = check;
    q->cluster = source->cluster;
    q->host = *host;
    q->is_status = is_status;
}

static void
add_hosts(struct source *source, const struct inventory_hosts *hosts)
{
    int has_status = source->cluster->routing.eligible == CONF_ELIGIBLE_HTTP;

    for (size_t i = 0; i < hosts->count; i++) {
        add_question(source, &hosts->items[i], 0);
        if (has_status && !hosts->items[i].ignored)
            add_question(source, &hosts->items[i], 1);
    }
}

/* Of a provider the first answer, or that it has none, is enough. */
static void
on_inventory(void *data, const struct inventory_hosts *hosts)
{
    struct source *source = data;

    if (source->answered)
        return;
    source->answered = 1;
    if (hosts)
        add_hosts(source, hosts);
    source->check->open--;
}

static void
start_source(struct check *check, const struct conf_cluster *cluster)
{
    struct source *source;

    if (!cluster->inventory)
        return;
    source = &check->sources[check->nsources++];
    source->check = check;
    source->cluster = cluster;
    check->open++;
    source->inventory =
        inventory_start(&check->inventories, cluster, on_inventory, source);
}

/* 1: it has no hosts to ask. */
static int
end_source(struct source *source, FILE *out)
{
    struct inventory_status status;
    int failed;

    inventory_status(source->inventory, &status);
    failed = status.failures > 0;
    if (failed)
        fprintf(out, "%s\t%s\t%s\n", source->cluster->name, status.provider,
                status.error);
    inventory_stop(source->inventory);
    return failed;
}

static size_t
ask_inventories(struct check *check, const struct conf *conf, FILE *out)
{
    size_t failed = 0;

    check->sources = calloc(conf->nclusters + 1, sizeof(*check->sources));
    if (!check->sources)
        abort();
    for (size_t i = 0; i < conf->nclusters; i++)
        start_source(check, &conf->clusters[i]);
    wait_for_all(check);
    for (size_t i = 0; i < check->nsources; i++)
        failed += (size_t)end_source(&check->sources[i], out);
    free(check->sources);
    return failed;
}

/* ---- the hosts --------------------------------------------------------- */

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
        .status = q->is_status ? &q->cluster->routing.status : NULL,
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
    if (q->is_status)
        fprintf(out, "healthcheck: ");
    if (!q->result.ok) {
        fprintf(out, "%s\t%.1f ms\n", q->result.text, q->result.took_us / 1e3);
        return 1;
    }
    if (!q->is_status)
        fprintf(out, "%.15g", q->result.value);
    else if (q->result.value < PROBE_NO_INDEX)
        fprintf(out, "healthy, index %.0f", q->result.value);
    else
        fprintf(out, "healthy");
    fprintf(out, "\t%.1f ms\n", q->result.took_us / 1e3);
    return 0;
}

static size_t
ask_hosts(struct check *check, FILE *out)
{
    size_t failed = 0;

    for (size_t i = 0; i < check->count; i++)
        ask(&check->questions[i]);
    wait_for_all(check);
    for (size_t i = 0; i < check->count; i++) {
        if (check->questions[i].probe)
            probe_stop(check->questions[i].probe);
        failed += (size_t)print_answer(&check->questions[i], out);
    }
    return failed;
}

size_t
check_probe(const struct conf *conf, FILE *out)
{
    struct check check = {0};
    size_t failed;

    if (loop_init(&check.loop) != 0)
        abort();
    check.connector = connector_new(&check.loop);
    check.http = http_client_new(&check.loop);
    check.inventories.loop = &check.loop;
    check.inventories.fetches = fetches_new(check.http);
    check.inventories.connector = check.connector;
    check.shared = probe_shared_new(&check.loop, check.connector, check.http);
    failed = ask_inventories(&check, conf, out);
    failed += ask_hosts(&check, out);
    probe_shared_free(check.shared);
    fetches_free(check.inventories.fetches);
    http_client_free(check.http);
    connector_free(check.connector);
    loop_close(&check.loop);
    free(check.questions);
    return failed;
}
