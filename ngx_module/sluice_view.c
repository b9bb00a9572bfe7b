/* A view: an image, validated and in this build's own record sizes. */
#include "sluice_view.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sluice_reading.h"

#define refuse sluice_reading_refuse

/* ---- by name ---------------------------------------------------------- */

_Static_assert(offsetof(struct sluice_cluster, name) == 0, "an index needs it");
_Static_assert(offsetof(struct sluice_throttle, key) == 0, "an index needs it");

static struct sluice_records
clusters_of(const struct sluice_view *v)
{
    return (struct sluice_records){v->clusters, sizeof(*v->clusters)};
}

static struct sluice_records
throttles_of(const struct sluice_view *v)
{
    return (struct sluice_records){v->throttles, sizeof(*v->throttles)};
}

/* ---- records ---------------------------------------------------------- */

static int
check_cluster(const struct sluice_reading *r,
              const struct sluice_cluster *c,
              uint32_t i)
{
    if (c->name[0] == '\0')
        return refuse(r, "cluster %u has no name", i);
    if (!isfinite(c->value) || !isfinite(c->threshold))
        return refuse(r, "cluster %s: value or threshold is not a number",
                      c->name);
    if (c->status > SLUICE_METRIC_ERROR)
        return refuse(r, "cluster %s: unknown status %u", c->name, c->status);
    return 0;
}

static int
read_clusters(const struct sluice_reading *r, struct sluice_view *v)
{
    struct sluice_cluster *c;
    void *records;

    if (sluice_reading_all(r, SLUICE_SECTION_CLUSTERS, sizeof(*c), &records,
                           &v->nclusters) != 0)
        return -1;
    v->clusters = c = records;
    if (sluice_reading_index(r, &v->clusters_by_name, SLUICE_SECTION_CLUSTERS,
                             v->nclusters) != 0)
        return -1;
    for (uint32_t i = 0; i < v->nclusters; i++, c++) {
        SLUICE_TERMINATE(c->name);
        SLUICE_TERMINATE(c->error);
        if (check_cluster(r, c, i) != 0)
            return -1;
        if (sluice_index_add(&v->clusters_by_name, clusters_of(v), i) != 0)
            return refuse(r, "cluster %s stands in the image twice", c->name);
    }
    return 0;
}

static int
check_host(const struct sluice_reading *r, const struct sluice_host *h)
{
    if (!isfinite(h->value))
        return refuse(r, "host %s:%u: value is not a number", h->name, h->port);
    if (h->status > SLUICE_HOST_EXCLUDED)
        return refuse(r, "host %s:%u: unknown status %u", h->name, h->port,
                      h->status);
    return 0;
}

static int
read_hosts(const struct sluice_reading *r, struct sluice_view *v)
{
    struct sluice_host *h;
    void *records;

    if (sluice_reading_all(r, SLUICE_SECTION_HOSTS, sizeof(*h), &records,
                           &v->nhosts) != 0)
        return -1;
    v->hosts = h = records;
    for (uint32_t i = 0; i < v->nhosts; i++, h++) {
        SLUICE_TERMINATE(h->cluster);
        SLUICE_TERMINATE(h->name);
        SLUICE_TERMINATE(h->address);
        SLUICE_TERMINATE(h->text);
        if (check_host(r, h) != 0)
            return -1;
    }
    return 0;
}

static int
read_facts(const struct sluice_reading *r, struct sluice_view *v)
{
    if (sluice_reading_one(r, SLUICE_SECTION_FACTS, &v->facts, sizeof(v->facts),
                           "records of facts") != 0)
        return -1;
    SLUICE_TERMINATE(v->facts.store_id);
    SLUICE_TERMINATE(v->facts.redis_channel);
    return 0;
}

static int
read_throttles(const struct sluice_reading *r, struct sluice_view *v)
{
    struct sluice_throttle *t;
    void *records;

    if (sluice_reading_all(r, SLUICE_SECTION_THROTTLES, sizeof(*t), &records,
                           &v->nthrottles) != 0)
        return -1;
    v->throttles = t = records;
    if (sluice_reading_index(r, &v->throttles_by_key, SLUICE_SECTION_THROTTLES,
                             v->nthrottles) != 0)
        return -1;
    for (uint32_t i = 0; i < v->nthrottles; i++, t++) {
        SLUICE_TERMINATE(t->key);
        if (t->key[0] == '\0')
            return refuse(r, "throttle %u has no key", i);
        if (!(t->ratio >= 0 && t->ratio <= 1)) /* NaN neither */
            return refuse(r, "throttle %s: ratio outside [0..1]", t->key);
        if (sluice_index_add(&v->throttles_by_key, throttles_of(v), i) != 0)
            return refuse(r, "throttle %s stands in the image twice", t->key);
    }
    return 0;
}

/* ---- the view --------------------------------------------------------- */

static int
read_sections(const struct sluice_reading *r, struct sluice_view *v)
{
    static int (*const sections[])(const struct sluice_reading *,
                                   struct sluice_view *) = {
        read_clusters,
        read_hosts,
        read_facts,
        read_throttles,
        sluice_view_read_metrics,
        sluice_view_read_apps,
        sluice_view_read_host_metrics,
        sluice_view_read_inventories,
        sluice_view_read_counters,
        sluice_view_read_routes,
    };

    if (sluice_reading_one(r, SLUICE_SECTION_NODE, &v->node, sizeof(v->node),
                           "node records") != 0)
        return -1;
    for (size_t i = 0; i < sizeof(sections) / sizeof(*sections); i++)
        if (sections[i](r, v) != 0)
            return -1;
    return 0;
}

int
sluice_view_load(struct sluice_view *v,
                 const void *image,
                 size_t size,
                 char *err,
                 size_t err_size)
{
    struct sluice_reading r = {.err = err, .err_size = err_size};
    struct sluice_view fresh = {0};

    if (sluice_reading_begin(&r, image, size) != 0)
        return -1;
    fresh.published_mono_ms = r.head.published_mono_ms;
    if (read_sections(&r, &fresh) != 0) {
        sluice_view_free(&fresh);
        return -1;
    }
    sluice_view_free(v);
    *v = fresh;
    return 0;
}

const struct sluice_cluster *
sluice_view_cluster(const struct sluice_view *v, const char *name, size_t len)
{
    return sluice_index_find(&v->clusters_by_name, clusters_of(v), name, len);
}

const struct sluice_throttle *
sluice_view_throttle(const struct sluice_view *v, const char *key, size_t len)
{
    return sluice_index_find(&v->throttles_by_key, throttles_of(v), key, len);
}

void
sluice_view_free(struct sluice_view *v)
{
    free(v->clusters);
    free(v->hosts);
    free(v->throttles);
    free(v->metrics);
    free(v->apps);
    free(v->host_metrics);
    free(v->inventories);
    free(v->counters);
    free(v->routes);
    free(v->route_hosts);
    sluice_index_free(&v->clusters_by_name);
    sluice_index_free(&v->throttles_by_key);
    sluice_index_free(&v->inventories_by_cluster);
    sluice_index_free(&v->counters_by_name);
    sluice_index_free(&v->routes_by_cluster);
    memset(v, 0, sizeof(*v));
}
