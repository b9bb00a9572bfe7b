/*
 * Hosts by HAProxy: the servers of a pool, from the statistics of one or more
 * HAProxies, all asked at once. One that cannot be asked spoils the answer;
 * one that does not know the pool is passed over, if another does.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/http_url.h"
#include "base/log.h"
#include "inventory/fetch.h"
#include "inventory/haproxy_csv.h"
#include "inventory/inventory.h"

#define CONNECT_MS 1000
#define TOTAL_MS 2000
#define BODY_MAX ((size_t)16 << 20)
#define ERROR_SIZE 512

struct source;

/* One HAProxy. */
struct address {
    struct source *source;
    char *url;
    char name[300]; /* HOST:PORT */
    struct fetch *fetch;
    struct inventory_hosts hosts;
    char fetch_error[ERROR_SIZE];
    char parse_error[ERROR_SIZE];
    char logged_error[ERROR_SIZE];
};

struct source {
    struct inventory *inventory;
    const struct inventory_shared *shared;
    struct address *addresses;
    size_t count;
    size_t waiting;
};

static const struct conf_cluster *
cluster_of(const struct address *address)
{
    return inventory_cluster(address->source->inventory);
}

/* ---- the answers -----------------------------------------------------------
 */

/* Passed over by one HAProxy of several: worth a line while it is news. */
static void
log_passed_over(struct address *address)
{
    if (strcmp(address->logged_error, address->parse_error) == 0)
        return;
    strcpy(address->logged_error, address->parse_error);
    if (address->parse_error[0] != '\0')
        log_warn("haproxy_passed_over",
                 log_str("cluster", cluster_of(address)->name),
                 log_str("error", address->parse_error));
}

static void
reset(struct source *source)
{
    for (size_t i = 0; i < source->count; i++) {
        struct address *address = &source->addresses[i];

        fetch_cancel(address->fetch);
        address->fetch = NULL;
        inventory_hosts_free(&address->hosts);
        address->fetch_error[0] = address->parse_error[0] = '\0';
    }
    source->waiting = 0;
}

static const char *
first_error(const struct source *source)
{
    size_t unread = 0;

    for (size_t i = 0; i < source->count; i++)
        if (source->addresses[i].fetch_error[0] != '\0')
            return source->addresses[i].fetch_error;
    for (size_t i = 0; i < source->count; i++)
        unread += source->addresses[i].parse_error[0] != '\0';
    return unread == source->count ? source->addresses[0].parse_error : NULL;
}

static void
give_up(struct source *source, const char *why)
{
    char error[ERROR_SIZE];

    snprintf(error, sizeof(error), "%s", why);
    reset(source);
    inventory_fail(source->inventory, error);
}

/* By freno's rule a pool without a server changes nothing. */
static void
finish(struct source *source)
{
    const char *wrong = first_error(source);
    struct inventory_hosts all = {0};

    if (wrong) {
        give_up(source, wrong);
        return;
    }
    for (size_t i = 0; i < source->count; i++) {
        const struct inventory_hosts *hosts = &source->addresses[i].hosts;

        log_passed_over(&source->addresses[i]);
        for (size_t j = 0; j < hosts->count; j++)
            inventory_hosts_add(&all, hosts->items[j].name,
                                hosts->items[j].port);
    }
    if (all.count == 0) {
        give_up(source, "no server of the pool is in use");
        return;
    }
    reset(source);
    inventory_answer(source->inventory, &all);
}

/* By freno's rule the name of the server is the host, and the port is the
 * cluster's. */
static void
on_server(void *data, const char *server)
{
    struct address *address = data;
    const struct conf_cluster *cluster = cluster_of(address);
    struct inventory_host host;
    char err[ERROR_SIZE];

    if (inventory_parse_host(server, cluster->port, &host, err, sizeof(err)))
        log_debug("haproxy_server_ignored", log_str("cluster", cluster->name),
                  log_str("error", err));
    else
        inventory_hosts_add(&address->hosts, host.name, host.port);
}

static void
read_csv(struct address *address, const struct http_client_answer *answer)
{
    char err[ERROR_SIZE - 400], status[32] = "";

    if (haproxy_csv_parse(answer->body, answer->len,
                          cluster_of(address)->haproxy.pool, on_server, address,
                          err, sizeof(err)) == 0)
        return;
    if (answer->status != 200)
        snprintf(status, sizeof(status), "status %u, ", answer->status);
    snprintf(address->parse_error, sizeof(address->parse_error), "%s: %s%s",
             address->name, status, err);
}

static void
on_fetched(void *data,
           const struct http_client_answer *answer,
           const char *error)
{
    struct address *address = data;

    address->fetch = NULL;
    if (answer)
        read_csv(address, answer);
    else
        snprintf(address->fetch_error, sizeof(address->fetch_error), "%s",
                 error);
    if (--address->source->waiting == 0)
        finish(address->source);
}

static void
haproxy_ask(void *data)
{
    struct source *source = data;
    struct http_client_request request = {
        .ca_file = inventory_cluster(source->inventory)->haproxy.ca,
        .connect_ms = CONNECT_MS,
        .total_ms = TOTAL_MS,
        .body_max = BODY_MAX,
        .follow_redirects = 1,
    };

    source->waiting = source->count;
    for (size_t i = 0; i < source->count; i++) {
        request.url = source->addresses[i].url;
        source->addresses[i].fetch =
            fetch_start(source->shared->fetches, &request, on_fetched,
                        &source->addresses[i]);
    }
}

/* ---- life
 * -------------------------------------------------------------------- */

static void
open_address(struct address *address, struct source *source, const char *url)
{
    const char *host = strstr(url, "://") + 3;

    address->source = source;
    http_url_name(url, address->name, sizeof(address->name));
    if (asprintf(&address->url, "%s%s;csv;norefresh", url,
                 strchr(host, '/') ? "" : "/") < 0)
        abort();
}

static void *
haproxy_open(struct inventory *inventory, const struct inventory_shared *shared)
{
    const struct conf_list *urls = &inventory_cluster(inventory)->haproxy.urls;
    struct source *source = calloc(1, sizeof(*source));

    if (!source)
        abort();
    source->inventory = inventory;
    source->shared = shared;
    source->count = urls->count;
    source->addresses = calloc(urls->count + 1, sizeof(*source->addresses));
    if (!source->addresses)
        abort();
    for (size_t i = 0; i < urls->count; i++)
        open_address(&source->addresses[i], source, urls->items[i]);
    return source;
}

static void
haproxy_close(void *data)
{
    struct source *source = data;

    reset(source);
    for (size_t i = 0; i < source->count; i++)
        free(source->addresses[i].url);
    free(source->addresses);
    free(source);
}

static int
haproxy_same(const struct conf_cluster *a, const struct conf_cluster *b)
{
    return a->port == b->port && conf_same(a->haproxy.pool, b->haproxy.pool) &&
           conf_same(a->haproxy.ca, b->haproxy.ca) &&
           conf_same_list(&a->haproxy.urls, &b->haproxy.urls);
}

const struct inventory_driver inventory_haproxy = {
    .name = "haproxy",
    .open = haproxy_open,
    .ask = haproxy_ask,
    .close = haproxy_close,
    .same = haproxy_same,
};
