/* What the type and the bounds of a single key do not say. */
#include "base/conf_block.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define CLUSTER_NAME_MAX 63 /* what fits into the state file */

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
    const char *file = conf_string(top, CONF_TOP_StateFile);

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
    conf_validate_memcache(top);
    if (!conf_is_set(top, CONF_TOP_BackendMySQLHost) && !conf_raft_is_used(top))
        conf_report_add(top->report, CONF_NOTE, 0, "",
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
    if (!conf_is_known_query(conf_string(b, CONF_BLOCK_MetricQuery)))
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
    int cert = *conf_string(b, files[1]) != '\0';
    int key = *conf_string(b, files[2]) != '\0';
    char text[128];

    if (cert && !key)
        needs(b, files[1], files[2]);
    if (key && !cert)
        needs(b, files[2], files[1]);
    if (conf_is_set(b, use))
        return;
    snprintf(text, sizeof(text),
             "has no effect: %s is not set, connections are plain",
             conf_keys[use].name);
    for (size_t i = 0; i < 3; i++)
        if (*conf_string(b, files[i]) != '\0')
            conf_block_problem(b, CONF_WARNING, files[i], text);
}

void
conf_validate_tls(const struct conf_block *cluster)
{
    static const enum conf_id files[3] = {
        CONF_BLOCK_TLSCAFile, CONF_BLOCK_TLSCertFile, CONF_BLOCK_TLSKeyFile};

    conf_validate_tls_keys(cluster, files, CONF_BLOCK_UseTLS);
}

static char *
lower(const char *name)
{
    char *copy = conf_copy(name);

    for (char *c = copy; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    return copy;
}

/* They are two, for a check names one exactly; but hardly on purpose. */
void
conf_validate_cluster_names(const struct conf_block *mysql,
                            const struct conf_member *members,
                            size_t count)
{
    json_t *first = json_object(); /* name in lower case -> index */
    char *clusters = conf_path(mysql->path, "Clusters");

    if (!first)
        abort();
    for (size_t i = 0; i < count; i++) {
        char *name = lower(members[i].key);
        char *path = conf_path(clusters, members[i].key);
        json_t *index = json_object_get(first, name);
        const struct conf_member *other =
            index ? &members[json_integer_value(index)] : NULL;

        if (!other)
            json_object_set_new(first, name, json_integer((json_int_t)i));
        else if (strcmp(other->key, members[i].key) != 0)
            conf_report_add(mysql->report, CONF_WARNING, members[i].line, path,
                            "differs from %s on line %d in case only: they are "
                            "two clusters",
                            other->key, other->line);
        free(path);
        free(name);
    }
    free(clusters);
    json_decref(first);
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
