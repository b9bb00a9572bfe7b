/* Apps and Metrics: objects whose keys are names that the operator gives. */
#include "base/conf_block.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define METRIC_NAME_MAX 63 /* what fits into the state file */
#define APP_NAME_MAX 127

/* ---- named children --------------------------------------------------- */

/* What to do with each. */
struct children {
    unsigned place;
    size_t name_max;
    void (*read)(void *data, const char *name, const struct conf_block *child);
    void *data;
};

static int
is_name(const char *name, size_t max, char *err, size_t err_size)
{
    for (const char *c = name; *c; c++)
        if (*c == '/' || iscntrl((unsigned char)*c)) {
            snprintf(err, err_size,
                     "a name with a '/' or a control character, "
                     "which no check could ask for");
            return 0;
        }
    if (*name == '\0')
        snprintf(err, err_size, "the name is empty");
    else if (strlen(name) > max)
        snprintf(err, err_size, "the name has %zu bytes: expected at most %zu",
                 strlen(name), max);
    else
        return 1;
    return 0;
}

static void
read_child(const struct conf_block *block,
           const struct children *children,
           const struct conf_member *m,
           const char *path)
{
    struct conf_report *report = block->report;
    struct conf_block child;
    char err[128];

    if (!is_name(m->key, children->name_max, err, sizeof(err))) {
        conf_report_add_once(report, CONF_ERROR, m->line, path, "%s", err);
        return;
    }
    if (!json_is_object(m->spot.value)) {
        conf_report_add_once(report, CONF_ERROR, m->line, path,
                             "expected an object, found %s",
                             conf_kind(m->spot.value));
        return;
    }
    conf_block_init(&child, block->report, children->place, path);
    conf_block_read(&child, &m->spot);
    child.line = m->line;
    children->read(children->data, m->key, &child);
    conf_block_free(&child);
}

/* The line on which the name stands for the last time. */
static int
last_line(const struct conf_member *members, size_t count, const char *name)
{
    int line = 0;

    for (size_t i = 0; i < count; i++)
        if (strcmp(members[i].key, name) == 0)
            line = members[i].line;
    return line;
}

static void
read_children(const struct conf_block *block,
              enum conf_id id,
              const struct children *children)
{
    const struct conf_value *value = &block->values[id];
    struct conf_member *members;
    size_t count;
    char *parent;

    if (!value->given)
        return;
    parent = conf_path(block->path, conf_keys[id].name);
    members = conf_text_members(&value->spot, &count);
    for (size_t i = 0; i < count; i++) {
        char *path = conf_path(parent, members[i].key);
        int last = last_line(members, count, members[i].key);

        if (last != members[i].line)
            conf_report_duplicate(block->report, path, members[i].line, last);
        else if (!json_is_null(members[i].spot.value))
            read_child(block, children, &members[i], path);
        free(path);
    }
    conf_text_members_free(members, count);
    free(parent);
}

static void
expected(const struct conf_block *b, enum conf_id id)
{
    if (!conf_is_wrong(b, id))
        conf_report_add_once(b->report, CONF_ERROR, b->line, b->path,
                             "expected a %s", conf_keys[id].name);
}

/* ---- apps ------------------------------------------------------------- */

static void
read_app(void *data, const char *name, const struct conf_block *child)
{
    struct conf_apps *apps = data;
    struct conf_app *app;

    if (!conf_is_set(child, CONF_APP_ThrottleThreshold)) {
        expected(child, CONF_APP_ThrottleThreshold);
        return;
    }
    apps->items = realloc(apps->items, (apps->count + 1) * sizeof(*app));
    if (!apps->items)
        abort();
    app = &apps->items[apps->count++];
    app->name = conf_copy(name);
    app->threshold = child->values[CONF_APP_ThrottleThreshold].number;
}

static int
by_app(const void *a, const void *b)
{
    const struct conf_app *x = a, *y = b;

    return strcmp(x->name, y->name);
}

void
conf_read_apps(struct conf_apps *apps, const struct conf_block *block)
{
    const struct children children = {CONF_APP, APP_NAME_MAX, read_app, apps};

    read_children(block, CONF_BLOCK_Apps, &children);
    if (apps->count > 0)
        qsort(apps->items, apps->count, sizeof(*apps->items), by_app);
}

void
conf_free_apps(struct conf_apps *apps)
{
    for (size_t i = 0; i < apps->count; i++)
        free(apps->items[i].name);
    free(apps->items);
    memset(apps, 0, sizeof(*apps));
}

/* ---- metrics ---------------------------------------------------------- */

static int
find_scope(const char *word, enum conf_scope *scope)
{
    static const char *const words[] = {
        [CONF_SCOPE_ALL] = "all",
        [CONF_SCOPE_PRIMARY] = "primary",
        [CONF_SCOPE_REPLICAS] = "replicas",
    };

    for (unsigned i = 0; i < sizeof(words) / sizeof(*words); i++)
        if (strcasecmp(word, words[i]) == 0) {
            *scope = (enum conf_scope)i;
            return 0;
        }
    return -1;
}

static enum conf_scope
read_scope(const struct conf_block *b)
{
    enum conf_scope scope = CONF_SCOPE_ALL;

    if (find_scope(b->values[CONF_METRIC_Scope].string, &scope) != 0)
        conf_block_problem(b, CONF_ERROR, CONF_METRIC_Scope,
                           "expected primary, replicas or all");
    return scope;
}

static void
check_query(const struct conf_block *b, const char *query)
{
    if (*query != '\0' && !conf_is_known_query(query))
        conf_block_problem(b, CONF_ERROR, CONF_METRIC_Query,
                           "expected a query that begins with SELECT or SHOW "
                           "GLOBAL");
}

/* What is not said here stays as MetricQuery and ThrottleThreshold have it. */
static void
read_own(struct conf_cluster *c, const struct conf_block *b)
{
    const char *query = b->values[CONF_METRIC_Query].string;

    check_query(b, query);
    if (conf_is_set(b, CONF_METRIC_Scope))
        c->scope = read_scope(b);
    if (*query != '\0') {
        free(c->metric_query);
        c->metric_query = conf_copy(query);
    }
    if (conf_is_set(b, CONF_METRIC_Threshold))
        c->threshold = b->values[CONF_METRIC_Threshold].number;
}

static struct conf_metric *
take_metric(struct conf_cluster *c, const char *name)
{
    for (size_t i = 0; i < c->nmetrics; i++)
        if (strcmp(c->metrics[i].name, name) == 0) {
            free(c->metrics[i].query);
            return &c->metrics[i];
        }
    c->metrics = realloc(c->metrics, (c->nmetrics + 1) * sizeof(*c->metrics));
    if (!c->metrics)
        abort();
    c->metrics[c->nmetrics].name = conf_copy(name);
    return &c->metrics[c->nmetrics++];
}

static void
read_further(struct conf_cluster *c,
             const char *name,
             const struct conf_block *b)
{
    const char *query = b->values[CONF_METRIC_Query].string;
    struct conf_metric *metric;

    check_query(b, query);
    if (*query == '\0')
        expected(b, CONF_METRIC_Query);
    if (!conf_is_set(b, CONF_METRIC_Threshold))
        expected(b, CONF_METRIC_Threshold);
    metric = take_metric(c, name);
    metric->query = conf_copy(query);
    metric->threshold = b->values[CONF_METRIC_Threshold].number;
    metric->scope = read_scope(b);
    if (c->nmetrics == CONF_METRICS_MAX + 1)
        conf_report_add_once(b->report, CONF_ERROR, b->line, b->path,
                             "expected at most %d metrics beside %s",
                             CONF_METRICS_MAX, CONF_METRIC_OWN);
}

static void
read_metric(void *data, const char *name, const struct conf_block *child)
{
    struct conf_cluster *c = data;

    if (strcmp(name, CONF_METRIC_OWN) == 0)
        read_own(c, child);
    else
        read_further(c, name, child);
}

static int
by_metric(const void *a, const void *b)
{
    const struct conf_metric *x = a, *y = b;

    return strcmp(x->name, y->name);
}

/* Those of the global block are read once for each cluster; what is wrong
 * with them is said once. */
void
conf_read_metrics(struct conf_cluster *c,
                  const struct conf_block *cluster,
                  const struct conf_block *global)
{
    const struct children children = {CONF_METRIC, METRIC_NAME_MAX, read_metric,
                                      c};

    read_children(global, CONF_BLOCK_Metrics, &children);
    read_children(cluster, CONF_BLOCK_Metrics, &children);
    if (c->nmetrics > 0)
        qsort(c->metrics, c->nmetrics, sizeof(*c->metrics), by_metric);
}

void
conf_free_metrics(struct conf_cluster *c)
{
    for (size_t i = 0; i < c->nmetrics; i++) {
        free(c->metrics[i].name);
        free(c->metrics[i].query);
    }
    free(c->metrics);
}
