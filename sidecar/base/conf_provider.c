/* Where a cluster's hosts come from: the first of HAProxy, ProxySQL, Vitess
 * and a static list that is complete, as with freno. */
#include "base/conf_block.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/conf_env.h"

#define IGNORE_SERVER_S 10
#define VITESS_TIMEOUT_S 5
#define VITESS_TIMEOUT_MAX_S 3600

/* ---- HAProxy ---------------------------------------------------------- */

static int
is_url(const char *text)
{
    size_t len = strncmp(text, "http://", 7) == 0    ? 7
                 : strncmp(text, "https://", 8) == 0 ? 8
                                                     : 0;

    return len > 0 && text[len] != '\0' && text[len] != '/';
}

/* "host", "host:port" or a whole URL. */
static int
add_url(const struct conf_block *b,
        enum conf_id id,
        const char *address,
        struct conf_list *urls)
{
    char *url;
    int good;

    if (strstr(address, "://"))
        url = conf_copy(address);
    else if (asprintf(&url, "http://%s", address) < 0)
        abort();
    good = is_url(url) && !strpbrk(url, " \t\r\n");
    if (!good)
        conf_block_problem(b, CONF_ERROR, id,
                           "expected HOST, HOST:PORT or a URL of http or "
                           "https, several with commas between them");
    else
        conf_list_add(urls, url, b->values[id].line);
    free(url);
    return good ? 0 : -1;
}

static int
add_addresses(const struct conf_block *b,
              const char *addresses,
              struct conf_list *urls)
{
    char *copy = conf_copy(addresses), *save = NULL;
    int rc = 0;

    for (char *word = strtok_r(copy, ",", &save); word;
         word = strtok_r(NULL, ",", &save)) {
        size_t len;

        word += strspn(word, " \t");
        len = strlen(word);
        while (len > 0 && strchr(" \t", word[len - 1]))
            word[--len] = '\0';
        if (len > 0)
            rc |= add_url(b, CONF_HAPROXY_Addresses, word, urls);
    }
    free(copy);
    return rc;
}

static int
add_host_and_port(const struct conf_block *b, struct conf_list *urls)
{
    const char *host = conf_string(b, CONF_HAPROXY_Host);
    int ipv6 = *host != '[' && strchr(host, ':') && !strstr(host, "://");
    char *address;
    int rc;

    if (asprintf(&address, "%s%s%s:%d", ipv6 ? "[" : "", host, ipv6 ? "]" : "",
                 (int)b->values[CONF_HAPROXY_Port].number) < 0)
        abort();
    rc = add_url(b, CONF_HAPROXY_Host, address, urls);
    free(address);
    return rc;
}

/* 0, or -1 when something is wrong with them, and said. */
static int
read_urls(struct conf_haproxy *c, const struct conf_block *b)
{
    char err[512];
    char *addresses = conf_env_in_place(conf_string(b, CONF_HAPROXY_Addresses),
                                        err, sizeof(err));
    int rc = -1;

    if (!addresses)
        conf_block_problem(b, CONF_ERROR, CONF_HAPROXY_Addresses, err);
    else if (conf_is_set(b, CONF_HAPROXY_Host) &&
             conf_is_set(b, CONF_HAPROXY_Port))
        rc = add_host_and_port(b, &c->urls);
    else
        rc = add_addresses(b, addresses, &c->urls);
    free(addresses);
    return rc;
}

static int
read_haproxy(struct conf_haproxy *c, struct conf_block *b)
{
    int wrong = read_urls(c, b) != 0;

    c->pool = conf_take_string(b, CONF_HAPROXY_PoolName);
    c->ca = conf_take_string(b, CONF_WEB_CAFile);
    return *c->pool != '\0' && (wrong || c->urls.count > 0);
}

/* ---- ProxySQL --------------------------------------------------------- */

/* What Stores.MySQL says, where the cluster does not; with freno those never
 * had an effect. */
static struct conf_list
list_or_global(struct conf_block *b,
               enum conf_id id,
               const struct conf_block *cluster,
               enum conf_id global)
{
    const struct conf_list *list = &cluster->values[global].list;
    struct conf_list copy = {0};

    if (conf_is_set(b, id))
        return conf_take_list(b, id);
    for (size_t i = 0; i < list->count; i++)
        conf_list_add(&copy, list->items[i], list->lines[i]);
    return copy;
}

static char *
string_or_global(struct conf_block *b,
                 enum conf_id id,
                 const struct conf_block *cluster,
                 enum conf_id global)
{
    return conf_is_set(b, id) ? conf_take_string(b, id)
                              : conf_copy(conf_string(cluster, global));
}

static int
read_proxysql(struct conf_proxysql *c,
              struct conf_block *b,
              const struct conf_block *cluster)
{
    double ignore_s = b->values[CONF_PROXYSQL_IgnoreServerTTLSecs].number;

    c->addresses = list_or_global(b, CONF_PROXYSQL_Addresses, cluster,
                                  CONF_MYSQL_ProxySQLAddresses);
    c->user = string_or_global(b, CONF_PROXYSQL_User, cluster,
                               CONF_MYSQL_ProxySQLUser);
    c->password = string_or_global(b, CONF_PROXYSQL_Password, cluster,
                                   CONF_MYSQL_ProxySQLPassword);
    c->hostgroup = (uint32_t)b->values[CONF_PROXYSQL_HostgroupID].number;
    c->ignore_s = ignore_s > 0 ? (uint32_t)ignore_s : IGNORE_SERVER_S;
    return c->addresses.count > 0 && *c->user != '\0' && *c->password != '\0' &&
           c->hostgroup > 0;
}

/* ---- Vitess ----------------------------------------------------------- */

static int
read_vitess(struct conf_vitess *c,
            struct conf_block *b,
            const struct conf_block *cluster)
{
    double timeout_s = b->values[CONF_VITESS_TimeoutSecs].number;

    c->api = conf_take_string(b, CONF_VITESS_API);
    c->keyspace = conf_take_string(b, CONF_VITESS_Keyspace);
    c->shard = conf_take_string(b, CONF_VITESS_Shard);
    c->ca = conf_take_string(b, CONF_WEB_CAFile);
    c->cells =
        list_or_global(b, CONF_VITESS_Cells, cluster, CONF_MYSQL_VitessCells);
    if (timeout_s > VITESS_TIMEOUT_MAX_S)
        timeout_s = VITESS_TIMEOUT_MAX_S;
    c->timeout_ms =
        1000 * (timeout_s > 0 ? (unsigned)timeout_s : VITESS_TIMEOUT_S);
    if (*c->api != '\0' && !is_url(c->api))
        conf_block_problem(b, CONF_ERROR, CONF_VITESS_API,
                           "expected a URL of http or https");
    return *c->api != '\0' && *c->keyspace != '\0';
}

/* ---- a static list ---------------------------------------------------- */

/* OTHERS: some provider was found, or is there but incomplete. */
static int
read_static(struct conf_cluster *c,
            struct conf_block *hosts,
            const struct conf_block *cluster,
            int others)
{
    const struct conf_list *list = &hosts->values[CONF_STATIC_Hosts].list;
    int count = list->count > 0;

    conf_validate_hosts(hosts, (int)cluster->values[CONF_BLOCK_Port].number);
    if (count || others)
        ;
    else if (list->items)
        conf_block_problem(hosts, CONF_ERROR, CONF_STATIC_Hosts,
                           "empty host list: expected at least one HOST or "
                           "HOST:PORT");
    else if (!conf_is_wrong(cluster, CONF_CLUSTER_StaticHostsSettings) &&
             !conf_is_wrong(hosts, CONF_STATIC_Hosts))
        conf_report_add(cluster->report, CONF_WARNING, cluster->line,
                        cluster->path, "no hosts: checks answer 404");
    c->static_hosts = conf_take_list(hosts, CONF_STATIC_Hosts);
    return count;
}

/* ---- which ------------------------------------------------------------ */

/* Takes the provider if it is the first that is complete, or says why not. */
static void
choose(struct conf_cluster *c,
       const struct conf_block *cluster,
       enum conf_id id,
       const char *name,
       int complete,
       const char *expected)
{
    char text[128];

    if (!conf_is_set(cluster, id))
        return;
    if (!complete && expected) {
        conf_block_problem(cluster, CONF_WARNING, id, expected);
    } else if (complete && !c->inventory) {
        c->inventory = name;
    } else if (complete) {
        snprintf(text, sizeof(text),
                 "a second source of hosts, ignored: they come from %s",
                 c->inventory);
        conf_block_problem(cluster, CONF_WARNING, id, text);
    }
}

void
conf_read_provider(struct conf_cluster *c, struct conf_block *cluster)
{
    struct conf_block b;

    c->inventory_refresh_ms =
        (int)cluster->values[CONF_BLOCK_InventoryRefreshMillis].number;
    conf_block_child(&b, cluster, CONF_CLUSTER_HAProxySettings, CONF_HAPROXY);
    choose(c, cluster, CONF_CLUSTER_HAProxySettings, "haproxy",
           read_haproxy(&c->haproxy, &b),
           "incomplete, ignored: expected PoolName, and Host and Port or "
           "Addresses");
    conf_block_free(&b);
    conf_block_child(&b, cluster, CONF_CLUSTER_ProxySQLSettings, CONF_PROXYSQL);
    choose(c, cluster, CONF_CLUSTER_ProxySQLSettings, "proxysql",
           read_proxysql(&c->proxysql, &b, cluster),
           "incomplete, ignored: expected Addresses, User, Password and "
           "HostgroupID");
    conf_block_free(&b);
    conf_block_child(&b, cluster, CONF_CLUSTER_VitessSettings, CONF_VITESS);
    choose(c, cluster, CONF_CLUSTER_VitessSettings, "vitess",
           read_vitess(&c->vitess, &b, cluster),
           "incomplete, ignored: expected API and Keyspace");
    conf_block_free(&b);
    conf_block_child(&b, cluster, CONF_CLUSTER_StaticHostsSettings,
                     CONF_STATIC);
    choose(c, cluster, CONF_CLUSTER_StaticHostsSettings, "static",
           read_static(c, &b, cluster, c->inventory != NULL), NULL);
    conf_block_free(&b);
}

void
conf_free_provider(struct conf_cluster *c)
{
    conf_list_free(&c->static_hosts);
    free(c->haproxy.pool);
    conf_list_free(&c->haproxy.urls);
    free(c->haproxy.ca);
    conf_list_free(&c->proxysql.addresses);
    free(c->proxysql.user);
    free(c->proxysql.password);
    free(c->vitess.api);
    free(c->vitess.keyspace);
    free(c->vitess.shard);
    conf_list_free(&c->vitess.cells);
    free(c->vitess.ca);
}
