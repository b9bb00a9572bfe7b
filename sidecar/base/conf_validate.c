/* What the type and the bounds of a single key do not say. */
#include "base/conf_block.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/conf_env.h"

#define CLUSTER_NAME_MAX 63 /* what fits into the state file */

static const char *
string(const struct conf_block *b, enum conf_id id)
{
    return b->values[id].string;
}

static int
is_set(const struct conf_block *b, enum conf_id id)
{
    return b->values[id].given;
}

static int
has_control(const char *text)
{
    for (; *text; text++)
        if (iscntrl((unsigned char)*text))
            return 1;
    return 0;
}

static void
validate_state_file(const struct conf_block *top)
{
    const char *file = string(top, CONF_TOP_StateFile);

    if (*file == '\0' || has_control(file))
        conf_block_problem(top, CONF_ERROR, CONF_TOP_StateFile,
                           "expected a path without control characters");
    else if (*file != '/')
        conf_block_problem(top, CONF_WARNING, CONF_TOP_StateFile,
                           "a relative path: nginx looks for it elsewhere "
                           "than this program");
}

void
conf_validate_top(const struct conf_block *top)
{
    validate_state_file(top);
    conf_validate_backend(top);
    conf_validate_redis(top);
    if (!is_set(top, CONF_TOP_BackendMySQLHost) && !conf_raft_is_used(top))
        conf_report_add(top->reader->report, CONF_NOTE, 0, "",
                        "neither RaftDataDir nor BackendMySQLHost is set: "
                        "this node leads itself");
}

/* By freno's rule a blank before the first word is already another kind. */
int
conf_is_known_query(const char *query)
{
    return *query == '\0' || strncasecmp(query, "select", 6) == 0 ||
           strncasecmp(query, "show global", 11) == 0;
}

void
conf_validate_block(const struct conf_block *b)
{
    if (!conf_is_known_query(string(b, CONF_BLOCK_MetricQuery)))
        conf_block_problem(b, CONF_WARNING, CONF_BLOCK_MetricQuery,
                           "expected a query that begins with SELECT or SHOW "
                           "GLOBAL, or \"\" for the replica status: every "
                           "check will answer 500, Unsupported metrics query "
                           "type");
}

/* Only those are left out that no writer waits for. */
void
conf_validate_quarantine(const struct conf_block *cluster, double threshold)
{
    double lag_s = cluster->values[CONF_BLOCK_QuarantineLagSeconds].number;
    char text[160];

    if (lag_s == 0 || lag_s > threshold)
        return;
    snprintf(text, sizeof(text),
             "expected more than the threshold, %g: hosts would be left "
             "out instead of slowing writers down",
             threshold);
    conf_block_problem(cluster, CONF_ERROR, CONF_BLOCK_QuarantineLagSeconds,
                       text);
}

/* "KEY must be set when OTHER is specified" */
static void
needs(const struct conf_block *b, enum conf_id other, enum conf_id key)
{
    char text[128];

    snprintf(text, sizeof(text), "%s must be set when %s is specified",
             conf_keys[key].name, conf_keys[other].name);
    conf_block_problem(b, CONF_ERROR, other, text);
}

void
conf_validate_tls_keys(const struct conf_block *b,
                       const enum conf_id files[3],
                       enum conf_id use)
{
    int cert = *string(b, files[1]) != '\0';
    int key = *string(b, files[2]) != '\0';
    char text[128];

    if (cert && !key)
        needs(b, files[1], files[2]);
    if (key && !cert)
        needs(b, files[2], files[1]);
    if (is_set(b, use))
        return;
    snprintf(text, sizeof(text),
             "has no effect: %s is not set, connections are plain",
             conf_keys[use].name);
    for (size_t i = 0; i < 3; i++)
        if (*string(b, files[i]) != '\0')
            conf_block_problem(b, CONF_WARNING, files[i], text);
}

void
conf_validate_tls(const struct conf_block *cluster)
{
    static const enum conf_id files[3] = {
        CONF_BLOCK_TLSCAFile, CONF_BLOCK_TLSCertFile, CONF_BLOCK_TLSKeyFile};

    conf_validate_tls_keys(cluster, files, CONF_BLOCK_UseTLS);
}

/* ---- inventories ------------------------------------------------------ */

static void
validate_haproxy_addresses(const struct conf_block *haproxy)
{
    const char *addresses = string(haproxy, CONF_HAPROXY_Addresses);
    char err[512], *expanded;

    expanded = conf_env_in_place(addresses, err, sizeof(err));
    if (!expanded)
        conf_block_problem(haproxy, CONF_ERROR, CONF_HAPROXY_Addresses, err);
    free(expanded);
}

static int
haproxy_is_complete(const struct conf_block *b)
{
    return is_set(b, CONF_HAPROXY_PoolName) &&
           ((is_set(b, CONF_HAPROXY_Host) && is_set(b, CONF_HAPROXY_Port)) ||
            is_set(b, CONF_HAPROXY_Addresses));
}

/* The cluster has the global addresses and user by inheritance. */
static int
proxysql_is_complete(const struct conf_block *b,
                     const struct conf_block *cluster)
{
    return (is_set(b, CONF_PROXYSQL_Addresses) ||
            is_set(cluster, CONF_MYSQL_ProxySQLAddresses)) &&
           (is_set(b, CONF_PROXYSQL_User) ||
            is_set(cluster, CONF_MYSQL_ProxySQLUser)) &&
           (is_set(b, CONF_PROXYSQL_Password) ||
            is_set(cluster, CONF_MYSQL_ProxySQLPassword)) &&
           is_set(b, CONF_PROXYSQL_HostgroupID);
}

static int
vitess_is_complete(const struct conf_block *b)
{
    return is_set(b, CONF_VITESS_API) && is_set(b, CONF_VITESS_Keyspace);
}

/* 1 when the cluster's hosts come from there. */
static int
later_inventory(const struct conf_block *cluster,
                enum conf_id id,
                int complete,
                const char *expected)
{
    if (!is_set(cluster, id))
        return 0;
    if (complete)
        conf_block_problem(cluster, CONF_NOTE, id,
                           "not used yet: this cluster has no hosts, its "
                           "checks answer 404");
    else
        conf_block_problem(cluster, CONF_WARNING, id, expected);
    return complete;
}

/* Written but not read: an error that was told already. */
static int
is_wrong(const struct conf_block *b, enum conf_id id)
{
    return b->values[id].line > 0 && !b->values[id].given;
}

static const char *
static_inventory(const struct conf_block *cluster,
                 const struct conf_block *hosts)
{
    const struct conf_list *list = &hosts->values[CONF_STATIC_Hosts].list;

    if (list->count > 0)
        return "static";
    if (list->items)
        conf_block_problem(hosts, CONF_ERROR, CONF_STATIC_Hosts,
                           "empty host list: expected at least one HOST or "
                           "HOST:PORT");
    else if (!is_wrong(cluster, CONF_CLUSTER_StaticHostsSettings) &&
             !is_wrong(hosts, CONF_STATIC_Hosts))
        conf_report_add(cluster->reader->report, CONF_WARNING, cluster->line,
                        cluster->path, "no hosts: checks answer 404");
    return NULL;
}

const char *
conf_validate_inventory(const struct conf_block *cluster,
                        const struct conf_block *haproxy,
                        const struct conf_block *proxysql,
                        const struct conf_block *vitess,
                        const struct conf_block *hosts)
{
    validate_haproxy_addresses(haproxy);
    if (later_inventory(cluster, CONF_CLUSTER_HAProxySettings,
                        haproxy_is_complete(haproxy),
                        "incomplete, ignored: expected PoolName, and Host and "
                        "Port or Addresses") ||
        later_inventory(cluster, CONF_CLUSTER_ProxySQLSettings,
                        proxysql_is_complete(proxysql, cluster),
                        "incomplete, ignored: expected Addresses, User, "
                        "Password and HostgroupID") ||
        later_inventory(cluster, CONF_CLUSTER_VitessSettings,
                        vitess_is_complete(vitess),
                        "incomplete, ignored: expected API and Keyspace"))
        return NULL;
    return static_inventory(cluster, hosts);
}

int
conf_validate_name(const char *name, char *err, size_t err_size)
{
    if (*name == '\0')
        snprintf(err, err_size, "the name of a cluster is empty");
    else if (strlen(name) > CLUSTER_NAME_MAX)
        snprintf(err, err_size,
                 "the name of a cluster has %zu bytes: expected at most %d",
                 strlen(name), CLUSTER_NAME_MAX);
    else if (strchr(name, '/') || has_control(name))
        snprintf(err, err_size,
                 "the name of a cluster has a '/' or a control character, "
                 "which no check could ask for");
    else
        return 0;
    return -1;
}
