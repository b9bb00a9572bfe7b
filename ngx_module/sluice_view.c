/* A view: an image, validated and in this build's own record sizes. */
#include "sluice_view.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* An image that is being read: everything is checked before it is used. */
struct reading {
    const unsigned char *image;
    struct sluice_image head;
    char *err;
    size_t err_size;
};

__attribute__((format(printf, 2, 3))) static int
refuse(const struct reading *r, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(r->err, r->err_size, format, args);
    va_end(args);
    return -1;
}

/* ---- head and sections ------------------------------------------------ */

static int
read_head(struct reading *r, const void *image, size_t size)
{
    struct sluice_image *head = &r->head;

    if (size < sizeof(*head))
        return refuse(r, "image of %zu bytes, expected at least %zu", size,
                      sizeof(*head));
    r->image = image;
    memcpy(head, image, sizeof(*head));
    if (head->size < sizeof(*head) || head->size > size || head->size % 8 != 0)
        return refuse(r,
                      "image says it has %llu bytes, expected a multiple of 8 "
                      "from %zu to %zu",
                      (unsigned long long)head->size, sizeof(*head), size);
    if (head->section_stride < sizeof(struct sluice_section) &&
        head->nsections > 0)
        return refuse(r, "section descriptors of %u bytes, expected %zu",
                      head->section_stride, sizeof(struct sluice_section));
    if ((uint64_t)head->nsections * head->section_stride >
        head->size - sizeof(*head))
        return refuse(r, "%u section descriptors do not fit the image",
                      head->nsections);
    return 0;
}

static int
check_section(const struct reading *r, const struct sluice_section *s)
{
    uint64_t begin =
        sizeof(r->head) + (uint64_t)r->head.nsections * r->head.section_stride;

    if (s->count > 0 && (s->stride == 0 || s->stride % 8 != 0))
        return refuse(r, "section %u: stride %u, expected a multiple of 8",
                      s->kind, s->stride);
    if (s->offset < begin || s->offset > r->head.size ||
        (uint64_t)s->count * s->stride > r->head.size - s->offset)
        return refuse(r,
                      "section %u: %u records of %u bytes at %u are outside "
                      "the image of %llu bytes",
                      s->kind, s->count, s->stride, s->offset,
                      (unsigned long long)r->head.size);
    return 0;
}

/* 1 and *out; 0 with *out empty: the image has none; -1: a broken one. Kinds
 * nobody asks for are never looked at: a newer minor may have them. */
static int
find_section(const struct reading *r, uint32_t kind, struct sluice_section *out)
{
    struct sluice_section s;
    int found = 0;

    memset(out, 0, sizeof(*out));
    for (uint32_t i = 0; i < r->head.nsections; i++) {
        memcpy(&s,
               r->image + sizeof(r->head) + (size_t)i * r->head.section_stride,
               sizeof(s));
        if (s.kind != kind)
            continue;
        if (found)
            return refuse(r, "section %u stands in the image twice", kind);
        if (check_section(r, &s) != 0)
            return -1;
        *out = s;
        found = 1;
    }
    return found;
}

/* A record in this build's size: what the writer knew, else zeros. */
static void
read_record(const struct reading *r,
            const struct sluice_section *s,
            uint32_t i,
            void *record,
            size_t size)
{
    size_t known = s->stride < size ? s->stride : size;

    memcpy(record, r->image + s->offset + (size_t)i * s->stride, known);
    memset((char *)record + known, 0, size - known);
}

/* Room for the section's records; NULL is an error only if there are some. */
static void *
allocate(const struct reading *r, uint32_t count, size_t size, int *rc)
{
    void *room;

    if (count == 0)
        return NULL;
    room = calloc(count, size);
    if (!room)
        *rc = refuse(r, "no memory for %u records", count);
    return room;
}

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

static int
begin_index(const struct reading *r,
            struct sluice_index *index,
            const struct sluice_section *s)
{
    if (sluice_index_allocate(index, s->count) != 0)
        return refuse(r, "section %u: no memory to find %u records by name",
                      s->kind, s->count);
    return 0;
}

/* ---- records ---------------------------------------------------------- */

static int
read_node(const struct reading *r, struct sluice_view *v)
{
    struct sluice_section s;
    int found = find_section(r, SLUICE_SECTION_NODE, &s);

    if (found <= 0)
        return found;
    if (s.count != 1)
        return refuse(r, "%u node records, expected one", s.count);
    read_record(r, &s, 0, &v->node, sizeof(v->node));
    return 0;
}

static int
check_cluster(const struct reading *r,
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
read_clusters(const struct reading *r, struct sluice_view *v)
{
    struct sluice_section s;
    struct sluice_cluster *c;
    int rc = 0;

    if (find_section(r, SLUICE_SECTION_CLUSTERS, &s) < 0)
        return -1;
    v->clusters = allocate(r, s.count, sizeof(*v->clusters), &rc);
    if (rc != 0)
        return rc;
    v->nclusters = s.count;
    if (begin_index(r, &v->clusters_by_name, &s) != 0)
        return -1;

    for (uint32_t i = 0; i < s.count; i++) {
        c = &v->clusters[i];
        read_record(r, &s, i, c, sizeof(*c));
        c->name[sizeof(c->name) - 1] = '\0';
        c->error[sizeof(c->error) - 1] = '\0';
        if (check_cluster(r, c, i) != 0)
            return -1;
        if (sluice_index_add(&v->clusters_by_name, clusters_of(v), i) != 0)
            return refuse(r, "cluster %s stands in the image twice", c->name);
    }
    return 0;
}

static int
check_host(const struct reading *r, const struct sluice_host *h)
{
    if (!isfinite(h->value))
        return refuse(r, "host %s:%u: value is not a number", h->name, h->port);
    if (h->status > SLUICE_HOST_EXCLUDED)
        return refuse(r, "host %s:%u: unknown status %u", h->name, h->port,
                      h->status);
    return 0;
}

static int
read_hosts(const struct reading *r, struct sluice_view *v)
{
    struct sluice_section s;
    struct sluice_host *h;
    int rc = 0;

    if (find_section(r, SLUICE_SECTION_HOSTS, &s) < 0)
        return -1;
    v->hosts = allocate(r, s.count, sizeof(*v->hosts), &rc);
    if (rc != 0)
        return rc;
    v->nhosts = s.count;

    for (uint32_t i = 0; i < s.count; i++) {
        h = &v->hosts[i];
        read_record(r, &s, i, h, sizeof(*h));
        h->cluster[sizeof(h->cluster) - 1] = '\0';
        h->name[sizeof(h->name) - 1] = '\0';
        h->address[sizeof(h->address) - 1] = '\0';
        h->text[sizeof(h->text) - 1] = '\0';
        if (check_host(r, h) != 0)
            return -1;
    }
    return 0;
}

static int
read_facts(const struct reading *r, struct sluice_view *v)
{
    struct sluice_section s;
    int found = find_section(r, SLUICE_SECTION_FACTS, &s);

    if (found <= 0)
        return found;
    if (s.count != 1)
        return refuse(r, "%u records of facts, expected one", s.count);
    read_record(r, &s, 0, &v->facts, sizeof(v->facts));
    v->facts.store_id[sizeof(v->facts.store_id) - 1] = '\0';
    v->facts.redis_channel[sizeof(v->facts.redis_channel) - 1] = '\0';
    return 0;
}

static int
read_throttles(const struct reading *r, struct sluice_view *v)
{
    struct sluice_section s;
    struct sluice_throttle *t;
    int rc = 0;

    if (find_section(r, SLUICE_SECTION_THROTTLES, &s) < 0)
        return -1;
    v->throttles = allocate(r, s.count, sizeof(*v->throttles), &rc);
    if (rc != 0)
        return rc;
    v->nthrottles = s.count;
    if (begin_index(r, &v->throttles_by_key, &s) != 0)
        return -1;

    for (uint32_t i = 0; i < s.count; i++) {
        t = &v->throttles[i];
        read_record(r, &s, i, t, sizeof(*t));
        t->key[sizeof(t->key) - 1] = '\0';
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

int
sluice_view_load(struct sluice_view *v,
                 const void *image,
                 size_t size,
                 char *err,
                 size_t err_size)
{
    struct reading r = {.err = err, .err_size = err_size};
    struct sluice_view fresh = {0};

    if (read_head(&r, image, size) != 0)
        return -1;
    fresh.published_mono_ms = r.head.published_mono_ms;
    if (read_node(&r, &fresh) != 0 || read_clusters(&r, &fresh) != 0 ||
        read_hosts(&r, &fresh) != 0 || read_facts(&r, &fresh) != 0 ||
        read_throttles(&r, &fresh) != 0) {
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
    sluice_index_free(&v->clusters_by_name);
    sluice_index_free(&v->throttles_by_key);
    memset(v, 0, sizeof(*v));
}
