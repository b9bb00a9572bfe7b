/* Reads the configuration file: text, then blocks, then what the rest of the
 * program uses. */
#include "base/conf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/conf_block.h"

/* ---- blocks to struct conf -------------------------------------------- */

char *
conf_take_string(struct conf_block *b, enum conf_id id)
{
    char *string = b->values[id].string;

    b->values[id].string = NULL;
    return string;
}

struct conf_list
conf_take_list(struct conf_block *b, enum conf_id id)
{
    struct conf_list list = b->values[id].list;

    memset(&b->values[id].list, 0, sizeof(list));
    return list;
}

static double
number(const struct conf_block *b, enum conf_id id)
{
    return b->values[id].number;
}

static int
integer(const struct conf_block *b, enum conf_id id)
{
    return (int)b->values[id].number;
}

static void
fill_cluster(struct conf_cluster *c, struct conf_block *b)
{
    c->user = conf_take_string(b, CONF_BLOCK_User);
    c->password = conf_take_string(b, CONF_BLOCK_Password);
    c->collation = conf_take_string(b, CONF_MYSQL_Collation);
    c->metric_query = conf_take_string(b, CONF_BLOCK_MetricQuery);
    c->threshold = number(b, CONF_BLOCK_ThrottleThreshold);
    c->port = integer(b, CONF_BLOCK_Port);
    c->cache_ms = integer(b, CONF_BLOCK_CacheMillis);
    c->probe_interval_ms = integer(b, CONF_BLOCK_ProbeIntervalMillis);
    c->probe_timeout_ms = integer(b, CONF_BLOCK_ProbeTimeoutMillis);
    c->max_age_ms = integer(b, CONF_BLOCK_MaxAgeMillis);
    c->ignore_hosts_count = integer(b, CONF_BLOCK_IgnoreHostsCount);
    c->ignore_hosts_threshold = number(b, CONF_BLOCK_IgnoreHostsThreshold);
    c->ignore_dial_tcp_errors = integer(b, CONF_MYSQL_IgnoreDialTcpErrors);
    c->ignore_hosts = conf_take_list(b, CONF_BLOCK_IgnoreHosts);
    c->quarantine_lag_s = number(b, CONF_BLOCK_QuarantineLagSeconds);
    c->http_check_port = integer(b, CONF_BLOCK_HttpCheckPort);
    c->http_check_path = conf_take_string(b, CONF_BLOCK_HttpCheckPath);
    c->tls.use = integer(b, CONF_BLOCK_UseTLS);
    c->tls.verify = integer(b, CONF_BLOCK_TLSVerify);
    c->tls.ca = conf_take_string(b, CONF_BLOCK_TLSCAFile);
    c->tls.cert = conf_take_string(b, CONF_BLOCK_TLSCertFile);
    c->tls.key = conf_take_string(b, CONF_BLOCK_TLSKeyFile);
}

static void
fill_top(struct conf *c, struct conf_block *top)
{
    c->listen_port = integer(top, CONF_TOP_ListenPort);
    c->state_file = conf_take_string(top, CONF_TOP_StateFile);
    c->leader_only_probes = integer(top, CONF_TOP_LeaderOnlyProbes);
    conf_fill_backend(c, top);
    conf_fill_redis(c, top);
    conf_fill_memcache(c, top);
    conf_validate_routing(c, top);
}

/* ---- clusters --------------------------------------------------------- */

static void
read_cluster(struct conf *c,
             struct conf_block *global,
             const struct conf_member *m,
             const char *path)
{
    struct conf_cluster *cluster = &c->clusters[c->nclusters++];
    struct conf_block block;

    cluster->name = conf_copy(m->key);
    conf_block_init(&block, global->report, CONF_CLUSTER, path);
    conf_block_read(&block, &m->spot);
    block.line = m->line;
    conf_validate_block(&block);
    conf_inherit(&block, global);
    conf_validate_tls(&block);
    conf_read_provider(cluster, &block);
    fill_cluster(cluster, &block);
    conf_read_apps(&cluster->apps, &block);
    conf_read_metrics(cluster, &block, global);
    conf_read_routing(cluster, &block);
    conf_validate_quarantine(&block, cluster->threshold);
    conf_block_free(&block);
}

static void
read_member(struct conf *c,
            struct conf_block *global,
            const struct conf_member *m,
            const struct conf_member *last)
{
    struct conf_report *report = global->report;
    char *clusters = conf_path(global->path, "Clusters");
    char *path = conf_path(clusters, m->key);
    char err[128];

    if (last != m)
        conf_report_duplicate(report, path, m->line, last->line);
    else if (conf_validate_name(m->key, err, sizeof(err)) != 0)
        conf_report_add(report, CONF_ERROR, m->line, path, "%s", err);
    else if (!json_is_object(m->spot.value))
        conf_report_add(report, CONF_ERROR, m->line, path,
                        "expected an object, found %s",
                        conf_kind(m->spot.value));
    else
        read_cluster(c, global, m, path);
    free(path);
    free(clusters);
}

static int
by_name(const void *a, const void *b)
{
    const struct conf_cluster *x = a, *y = b;

    return strcmp(x->name, y->name);
}

static void
read_clusters(struct conf *c, struct conf_block *global)
{
    const struct conf_spot *spot = &global->values[CONF_MYSQL_Clusters].spot;
    json_t *last = json_object(); /* name -> index of its last member */
    struct conf_member *members;
    size_t count;

    members = conf_text_members(spot, &count);
    c->clusters = calloc(count ? count : 1, sizeof(*c->clusters));
    if (!c->clusters || !last)
        abort();
    for (size_t i = 0; i < count; i++)
        json_object_set_new(last, members[i].key, json_integer((json_int_t)i));
    for (size_t i = 0; i < count; i++) {
        json_t *index = json_object_get(last, members[i].key);

        read_member(c, global, &members[i],
                    &members[json_integer_value(index)]);
    }
    conf_validate_cluster_names(global, members, count);
    qsort(c->clusters, c->nclusters, sizeof(*c->clusters), by_name);
    json_decref(last);
    conf_text_members_free(members, count);
}

/* ---- the file --------------------------------------------------------- */

static void
read_stores(struct conf *c, const struct conf_block *top)
{
    struct conf_report *report = top->report;
    struct conf_block stores, mysql;

    conf_block_child(&stores, top, CONF_TOP_Stores, CONF_STORES);
    conf_block_child(&mysql, &stores, CONF_STORES_MySQL, CONF_MYSQL);
    conf_validate_block(&mysql);
    conf_read_apps(&c->apps, &mysql);
    if (mysql.values[CONF_MYSQL_Clusters].given)
        read_clusters(c, &mysql);
    if (c->nclusters == 0 && report->errors == 0)
        conf_report_add(
            report, CONF_WARNING, mysql.values[CONF_MYSQL_Clusters].line,
            "Stores.MySQL.Clusters", "no clusters: every check answers 404");
    conf_block_free(&mysql);
    conf_block_free(&stores);
}

/* What the command line says instead. */
struct overrides {
    const struct conf_override *items;
    size_t count;
};

static void
read_top(struct conf *c,
         const struct conf_spot *root,
         const struct overrides *overrides,
         struct conf_report *r)
{
    struct conf_block top;

    conf_block_init(&top, r, CONF_TOP, "");
    conf_block_read(&top, root);
    for (size_t i = 0; i < overrides->count; i++)
        conf_block_override(&top, &overrides->items[i]);
    conf_validate_top(&top);
    conf_read_raft(c, &top);
    read_stores(c, &top);
    fill_top(c, &top);
    conf_block_free(&top);
}

struct conf *
conf_parse_with(const char *text,
                size_t len,
                const struct conf_override *overrides,
                size_t count,
                conf_check check,
                struct conf_report *report)
{
    const struct overrides all = {overrides, count};
    struct conf *c = calloc(1, sizeof(*c));
    struct conf_text t;

    if (!c)
        abort();
    memset(report, 0, sizeof(*report));
    if (conf_text_open(&t, text, len, report) == 0) {
        if (conf_is_root(&t.root, report)) {
            read_top(c, &t.root, &all, report);
            if (check)
                check(c, report);
        }
    }
    conf_text_close(&t);
    if (report->errors == 0)
        return c;
    conf_free(c);
    return NULL;
}

struct conf *
conf_parse(const char *text,
           size_t len,
           conf_check check,
           struct conf_report *report)
{
    return conf_parse_with(text, len, NULL, 0, check, report);
}

struct conf *
conf_load_with(const char *file,
               const struct conf_override *overrides,
               size_t count,
               conf_check check,
               struct conf_report *report)
{
    size_t len;
    char *text = conf_text_file(file, &len, report);
    struct conf *c;

    if (!text)
        return NULL;
    c = conf_parse_with(text, len, overrides, count, check, report);
    free(text);
    return c;
}

struct conf *
conf_load(const char *file, conf_check check, struct conf_report *report)
{
    return conf_load_with(file, NULL, 0, check, report);
}

char *
conf_control_socket(const struct conf *c)
{
    const char *name = strrchr(c->state_file, '/');
    char *path;

    if (asprintf(&path, "%.*scontrol.sock",
                 name ? (int)(name + 1 - c->state_file) : 0, c->state_file) < 0)
        abort();
    return path;
}

int
conf_same(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "") == 0;
}

int
conf_same_list(const struct conf_list *a, const struct conf_list *b)
{
    if (a->count != b->count)
        return 0;
    for (size_t i = 0; i < a->count; i++)
        if (strcmp(a->items[i], b->items[i]) != 0)
            return 0;
    return 1;
}

int
conf_same_tls(const struct conf_tls *a, const struct conf_tls *b)
{
    return a->use == b->use && a->verify == b->verify &&
           conf_same(a->ca, b->ca) && conf_same(a->cert, b->cert) &&
           conf_same(a->key, b->key);
}

static void
free_cluster(struct conf_cluster *c)
{
    free(c->name);
    free(c->user);
    free(c->password);
    free(c->collation);
    free(c->metric_query);
    free(c->tls.ca);
    free(c->tls.cert);
    free(c->tls.key);
    conf_list_free(&c->ignore_hosts);
    conf_free_provider(c);
    free(c->http_check_path);
    conf_free_metrics(c);
    conf_free_routing(c);
    conf_free_apps(&c->apps);
}

void
conf_free(struct conf *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->nclusters; i++)
        free_cluster(&c->clusters[i]);
    free(c->clusters);
    conf_free_apps(&c->apps);
    free(c->state_file);
    free(c->redis_address);
    free(c->redis_user);
    free(c->redis_password_file);
    conf_free_memcache(c);
    conf_free_backend(c);
    conf_free_raft(c);
    free(c);
}
