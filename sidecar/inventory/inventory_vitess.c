/* Hosts by Vitess: the healthy replicas of a keyspace, from vtctld's API. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/http_url.h"
#include "inventory/fetch.h"
#include "inventory/inventory.h"
#include "inventory/vitess_tablets.h"

#define CONNECT_MS 1000
#define BODY_MAX ((size_t)16 << 20)
#define ERROR_SIZE 512

struct source {
    struct inventory *inventory;
    const struct inventory_shared *shared;
    char *url;
    char name[300]; /* HOST:PORT */
    struct fetch *fetch;
    struct inventory_hosts hosts;
};

static void
on_tablet(void *data, const char *host, uint16_t port)
{
    struct source *source = data;
    struct inventory_host parsed;
    char err[ERROR_SIZE];

    if (inventory_parse_host(host, port, &parsed, err, sizeof(err)) == 0)
        inventory_hosts_add(&source->hosts, parsed.name, port);
}

static void
fail(struct source *source, const char *what)
{
    char error[ERROR_SIZE];

    snprintf(error, sizeof(error), "%s: %s", source->name, what);
    inventory_fail(source->inventory, error);
}

static void
on_fetched(void *data,
           const struct http_client_answer *answer,
           const char *error)
{
    struct source *source = data;
    struct inventory_hosts hosts;
    char text[160];

    source->fetch = NULL;
    if (!answer) {
        inventory_fail(source->inventory, error);
        return;
    }
    snprintf(text, sizeof(text), "it answers %u", answer->status);
    if (answer->status != 200 ||
        vitess_tablets_parse(
            answer->body, answer->len,
            &inventory_cluster(source->inventory)->vitess.cells, on_tablet,
            source, text, sizeof(text)) != 0) {
        fail(source, text);
        return;
    }
    hosts = source->hosts;
    memset(&source->hosts, 0, sizeof(source->hosts));
    inventory_answer(source->inventory, &hosts);
}

static void
vitess_ask(void *data)
{
    struct source *source = data;
    const struct conf_vitess *conf =
        &inventory_cluster(source->inventory)->vitess;
    unsigned timeout_ms = conf->timeout_ms;
    const struct http_client_request request = {
        .url = source->url,
        .ca_file = conf->ca,
        .connect_ms = timeout_ms < CONNECT_MS ? timeout_ms : CONNECT_MS,
        .total_ms = timeout_ms,
        .body_max = BODY_MAX,
        .follow_redirects = 1,
    };

    source->fetch =
        fetch_start(source->shared->fetches, &request, on_fetched, source);
}

static void *
vitess_open(struct inventory *inventory, const struct inventory_shared *shared)
{
    struct source *source = calloc(1, sizeof(*source));

    if (!source)
        abort();
    source->inventory = inventory;
    source->shared = shared;
    source->url = vitess_tablets_url(&inventory_cluster(inventory)->vitess);
    http_url_name(source->url, source->name, sizeof(source->name));
    return source;
}

static void
vitess_close(void *data)
{
    struct source *source = data;

    fetch_cancel(source->fetch);
    inventory_hosts_free(&source->hosts);
    free(source->url);
    free(source);
}

static int
vitess_same(const struct conf_cluster *a, const struct conf_cluster *b)
{
    const struct conf_vitess *x = &a->vitess, *y = &b->vitess;

    return conf_same(x->api, y->api) && conf_same(x->keyspace, y->keyspace) &&
           conf_same(x->shard, y->shard) && conf_same(x->ca, y->ca) &&
           x->timeout_ms == y->timeout_ms &&
           conf_same_list(&x->cells, &y->cells);
}

const struct inventory_driver inventory_vitess = {
    .name = "vitess",
    .open = vitess_open,
    .ask = vitess_ask,
    .close = vitess_close,
    .same = vitess_same,
};
