/* The sections of a view since minor 2: further metrics and thresholds of
 * apps, which a check needs, and what is known of hosts and of sluiced. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sluice_reading.h"

#define refuse sluice_reading_refuse

/* ---- by two names ----------------------------------------------------- */

/* Metrics and apps have two names: they are sorted by both. */
static int
compare_text(const char *name, const char *text, size_t len)
{
    size_t name_len = strlen(name);
    int order = memcmp(name, text, name_len < len ? name_len : len);

    if (order != 0 || name_len == len)
        return order;
    return name_len < len ? -1 : 1;
}

static int
compare_metrics(const void *one, const void *two)
{
    const struct sluice_metric *a = one, *b = two;
    int order = strcmp(a->cluster, b->cluster);

    return order ? order : strcmp(a->name, b->name);
}

static int
compare_apps(const void *one, const void *two)
{
    const struct sluice_app *a = one, *b = two;
    int order = strcmp(a->cluster, b->cluster);

    return order ? order : strcmp(a->app, b->app);
}

const struct sluice_metric *
sluice_view_metrics(const struct sluice_view *v,
                    const char *cluster,
                    size_t len,
                    uint32_t *count)
{
    uint32_t low = 0, high = v->nmetrics, middle, first;

    while (low < high) { /* the first that does not stand before it */
        middle = low + (high - low) / 2;
        if (compare_text(v->metrics[middle].cluster, cluster, len) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    first = low;
    while (low < v->nmetrics &&
           compare_text(v->metrics[low].cluster, cluster, len) == 0)
        low++;
    *count = low - first;
    return *count ? &v->metrics[first] : NULL;
}

static const struct sluice_app *
find_app(const struct sluice_view *v,
         const char *cluster,
         size_t cluster_len,
         const char *app,
         size_t app_len)
{
    uint32_t low = 0, high = v->napps, middle;
    const struct sluice_app *a;
    int order;

    while (low < high) {
        middle = low + (high - low) / 2;
        a = &v->apps[middle];
        order = compare_text(a->cluster, cluster, cluster_len);
        if (order == 0)
            order = compare_text(a->app, app, app_len);
        if (order == 0)
            return a;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

const struct sluice_app *
sluice_view_app(const struct sluice_view *v,
                const char *cluster,
                size_t cluster_len,
                const char *app,
                size_t app_len)
{
    const struct sluice_app *a =
        find_app(v, cluster, cluster_len, app, app_len);

    return a ? a : find_app(v, "", 0, app, app_len);
}

/* ---- what a check needs ----------------------------------------------- */

static int
check_metric(const struct sluice_reading *r,
             const struct sluice_metric *m,
             uint32_t i)
{
    if (m->cluster[0] == '\0' || m->name[0] == '\0')
        return refuse(r, "metric %u has no cluster or no name", i);
    if (strcmp(m->name, SLUICE_METRIC_OWN) == 0)
        return refuse(r, "metric %s/%s: that is the cluster's own one",
                      m->cluster, m->name);
    if (!isfinite(m->value) || !isfinite(m->threshold))
        return refuse(r, "metric %s/%s: value or threshold is not a number",
                      m->cluster, m->name);
    if (m->status > SLUICE_METRIC_ERROR)
        return refuse(r, "metric %s/%s: unknown status %u", m->cluster, m->name,
                      m->status);
    return 0;
}

int
sluice_view_read_metrics(const struct sluice_reading *r, struct sluice_view *v)
{
    struct sluice_metric *m;
    void *records;

    if (sluice_reading_all(r, SLUICE_SECTION_METRICS, sizeof(*m), &records,
                           &v->nmetrics) != 0)
        return -1;
    v->metrics = m = records;
    for (uint32_t i = 0; i < v->nmetrics; i++) {
        SLUICE_TERMINATE(m[i].cluster);
        SLUICE_TERMINATE(m[i].name);
        SLUICE_TERMINATE(m[i].error);
        if (check_metric(r, &m[i], i) != 0)
            return -1;
    }
    if (v->nmetrics > 1)
        qsort(m, v->nmetrics, sizeof(*m), compare_metrics);
    for (uint32_t i = 1; i < v->nmetrics; i++)
        if (compare_metrics(&m[i - 1], &m[i]) == 0)
            return refuse(r, "metric %s/%s stands in the image twice",
                          m[i].cluster, m[i].name);
    return 0;
}

int
sluice_view_read_apps(const struct sluice_reading *r, struct sluice_view *v)
{
    struct sluice_app *a;
    void *records;

    if (sluice_reading_all(r, SLUICE_SECTION_APPS, sizeof(*a), &records,
                           &v->napps) != 0)
        return -1;
    v->apps = a = records;
    for (uint32_t i = 0; i < v->napps; i++) {
        SLUICE_TERMINATE(a[i].cluster);
        SLUICE_TERMINATE(a[i].app);
        if (a[i].app[0] == '\0')
            return refuse(r, "app %u has no name", i);
        if (!isfinite(a[i].threshold) || a[i].threshold < 0)
            return refuse(r, "app %s: threshold is no number of 0 or more",
                          a[i].app);
    }
    if (v->napps > 1)
        qsort(a, v->napps, sizeof(*a), compare_apps);
    for (uint32_t i = 1; i < v->napps; i++)
        if (compare_apps(&a[i - 1], &a[i]) == 0)
            return refuse(r, "app %s stands in the image twice for %s%s",
                          a[i].app, a[i].cluster[0] ? "cluster " : "all",
                          a[i].cluster);
    return 0;
}

/* ---- detail ----------------------------------------------------------- */

static int
compare_to_host(const struct sluice_host_metric *m,
                const char *cluster,
                const char *host,
                uint16_t port)
{
    int order = strcmp(m->cluster, cluster);

    if (order == 0)
        order = strcmp(m->host, host);
    return order ? order : (int)m->port - (int)port;
}

static int
compare_host_metrics(const void *one, const void *two)
{
    const struct sluice_host_metric *a = one, *b = two;
    int order = compare_to_host(a, b->cluster, b->host, b->port);

    return order ? order : strcmp(a->metric, b->metric);
}

int
sluice_view_read_host_metrics(const struct sluice_reading *r,
                              struct sluice_view *v)
{
    struct sluice_host_metric *m;
    void *records;

    if (sluice_reading_all(r, SLUICE_SECTION_HOST_METRICS, sizeof(*m), &records,
                           &v->nhost_metrics) != 0)
        return -1;
    v->host_metrics = m = records;
    for (uint32_t i = 0; i < v->nhost_metrics; i++, m++) {
        SLUICE_TERMINATE(m->cluster);
        SLUICE_TERMINATE(m->metric);
        SLUICE_TERMINATE(m->host);
        SLUICE_TERMINATE(m->text);
        if (!m->cluster[0] || !m->metric[0] || !m->host[0])
            return refuse(
                r, "host metric %u has no cluster, no metric or no host", i);
        if (!isfinite(m->value))
            return refuse(r, "metric %s of host %s:%u: value is not a number",
                          m->metric, m->host, m->port);
        if (m->status > SLUICE_HOST_EXCLUDED)
            return refuse(r, "metric %s of host %s:%u: unknown status %u",
                          m->metric, m->host, m->port, m->status);
    }
    if (v->nhost_metrics > 1)
        qsort(v->host_metrics, v->nhost_metrics, sizeof(*m),
              compare_host_metrics);
    return 0;
}

const struct sluice_host_metric *
sluice_view_host_metrics(const struct sluice_view *v,
                         const struct sluice_host *host,
                         uint32_t *count)
{
    uint32_t low = 0, high = v->nhost_metrics, middle, first;

    while (low < high) { /* the first that does not stand before it */
        middle = low + (high - low) / 2;
        if (compare_to_host(&v->host_metrics[middle], host->cluster, host->name,
                            host->port) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    first = low;
    while (low < v->nhost_metrics &&
           compare_to_host(&v->host_metrics[low], host->cluster, host->name,
                           host->port) == 0)
        low++;
    *count = low - first;
    return *count ? &v->host_metrics[first] : NULL;
}

_Static_assert(offsetof(struct sluice_inventory, cluster) == 0,
               "an index needs it");
_Static_assert(offsetof(struct sluice_counter, name) == 0, "an index needs it");

static struct sluice_records
inventories_of(const struct sluice_view *v)
{
    return (struct sluice_records){v->inventories, sizeof(*v->inventories)};
}

static struct sluice_records
counters_of(const struct sluice_view *v)
{
    return (struct sluice_records){v->counters, sizeof(*v->counters)};
}

int
sluice_view_read_inventories(const struct sluice_reading *r,
                             struct sluice_view *v)
{
    struct sluice_inventory *n;
    void *records;

    if (sluice_reading_all(r, SLUICE_SECTION_INVENTORIES, sizeof(*n), &records,
                           &v->ninventories) != 0)
        return -1;
    v->inventories = n = records;
    if (sluice_reading_index(r, &v->inventories_by_cluster,
                             SLUICE_SECTION_INVENTORIES, v->ninventories) != 0)
        return -1;
    for (uint32_t i = 0; i < v->ninventories; i++, n++) {
        SLUICE_TERMINATE(n->cluster);
        SLUICE_TERMINATE(n->provider);
        SLUICE_TERMINATE(n->error);
        if (n->cluster[0] == '\0')
            return refuse(r, "inventory %u has no cluster", i);
        if (sluice_index_add(&v->inventories_by_cluster, inventories_of(v), i))
            return refuse(r, "inventory of %s stands in the image twice",
                          n->cluster);
    }
    return 0;
}

int
sluice_view_read_counters(const struct sluice_reading *r, struct sluice_view *v)
{
    struct sluice_counter *c;
    void *records;

    if (sluice_reading_all(r, SLUICE_SECTION_COUNTERS, sizeof(*c), &records,
                           &v->ncounters) != 0)
        return -1;
    v->counters = c = records;
    if (sluice_reading_index(r, &v->counters_by_name, SLUICE_SECTION_COUNTERS,
                             v->ncounters) != 0)
        return -1;
    for (uint32_t i = 0; i < v->ncounters; i++, c++) {
        SLUICE_TERMINATE(c->name);
        SLUICE_TERMINATE(c->text);
        if (c->name[0] == '\0')
            return refuse(r, "counter %u has no name", i);
        if (!isfinite(c->value))
            return refuse(r, "counter %s: value is not a number", c->name);
        if (sluice_index_add(&v->counters_by_name, counters_of(v), i) != 0)
            return refuse(r, "counter %s stands in the image twice", c->name);
    }
    return 0;
}

const struct sluice_inventory *
sluice_view_inventory(const struct sluice_view *v,
                      const char *cluster,
                      size_t len)
{
    return sluice_index_find(&v->inventories_by_cluster, inventories_of(v),
                             cluster, len);
}

const struct sluice_counter *
sluice_view_counter(const struct sluice_view *v, const char *name, size_t len)
{
    return sluice_index_find(&v->counters_by_name, counters_of(v), name, len);
}
