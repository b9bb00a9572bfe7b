/* Memcache: a timer collects, a thread writes, and what the thread uses nobody
 * else touches meanwhile. */
#include "publish/memcache.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "publish/memcache_server.h"

struct entry {
    char *cluster;
    double value;
    int has_value;
};

struct memcache_batch {
    struct entry *entries;
    size_t count;
};

/* What one configuration says; the thread's while it is at work. */
struct target {
    char *path;
    struct memcache_server **servers;
    size_t count;
};

struct memcache {
    struct loop *loop;
    memcache_cb collect;
    void *data;
    uv_timer_t timer;
    uv_work_t work;
    struct target *target; /* NULL: no servers */
    struct target *used;   /* by the thread; NULL: it is idle */
    struct memcache_batch batch;
    int closed; /* the timer is: only the thread may still have it */
};

/* ---- targets ---------------------------------------------------------------
 */

static struct target *
target_new(const struct conf_memcache *conf)
{
    struct target *target;

    if (conf->servers.count == 0)
        return NULL;
    target = calloc(1, sizeof(*target));
    if (!target || !(target->path = strdup(conf->path)))
        abort();
    target->servers = calloc(conf->servers.count, sizeof(*target->servers));
    if (!target->servers)
        abort();
    for (size_t i = 0; i < conf->servers.count; i++)
        target->servers[target->count++] =
            memcache_server_new(conf->servers.items[i]);
    return target;
}

static void
target_free(struct target *target)
{
    if (!target)
        return;
    for (size_t i = 0; i < target->count; i++)
        memcache_server_free(target->servers[i]);
    free(target->servers);
    free(target->path);
    free(target);
}

/* ---- a batch
 * ------------------------------------------------------------------ */

static void
add(struct memcache_batch *batch,
    const char *cluster,
    double value,
    int has_value)
{
    struct entry *entry;

    batch->entries =
        realloc(batch->entries, (batch->count + 1) * sizeof(*batch->entries));
    if (!batch->entries)
        abort();
    entry = &batch->entries[batch->count++];
    entry->cluster = strdup(cluster);
    if (!entry->cluster)
        abort();
    entry->value = value;
    entry->has_value = has_value;
}

void
memcache_put(struct memcache_batch *batch, const char *cluster, double value)
{
    add(batch, cluster, value, 1);
}

void
memcache_delete(struct memcache_batch *batch, const char *cluster)
{
    add(batch, cluster, 0, 0);
}

static void
batch_clear(struct memcache_batch *batch)
{
    for (size_t i = 0; i < batch->count; i++)
        free(batch->entries[i].cluster);
    free(batch->entries);
    memset(batch, 0, sizeof(*batch));
}

/* ---- the thread
 * ----------------------------------------------------------------- */

static void
on_work(uv_work_t *work)
{
    struct memcache *m = work->data;
    struct target *target = m->used;

    for (size_t i = 0; i < m->batch.count; i++) {
        const struct entry *entry = &m->batch.entries[i];

        memcache_server_write(target->servers, target->count, target->path,
                              entry->cluster,
                              entry->has_value ? &entry->value : NULL);
    }
}

static void
free_closed(struct memcache *m)
{
    if (m->closed && !m->used)
        free(m);
}

static void
on_worked(uv_work_t *work, int status)
{
    struct memcache *m = work->data;

    (void)status;
    for (size_t i = 0; i < m->used->count; i++)
        memcache_server_tell(m->used->servers[i]);
    batch_clear(&m->batch);
    if (m->used != m->target)
        target_free(m->used);
    m->used = NULL;
    free_closed(m);
}

static void
on_timer(uv_timer_t *timer)
{
    struct memcache *m = timer->data;

    if (!m->target || m->used)
        return;
    m->collect(m->data, &m->batch);
    if (m->batch.count == 0)
        return;
    m->used = m->target;
    m->work.data = m;
    if (uv_queue_work(&m->loop->uv, &m->work, on_work, on_worked) != 0)
        abort();
}

/* ---- life
 * -------------------------------------------------------------------------- */

struct memcache *
memcache_open(struct loop *loop,
              const struct conf_memcache *conf,
              memcache_cb collect,
              void *data)
{
    struct memcache *m = calloc(1, sizeof(*m));

    if (!m)
        abort();
    m->loop = loop;
    m->collect = collect;
    m->data = data;
    m->target = target_new(conf);
    uv_timer_init(&loop->uv, &m->timer);
    m->timer.data = m;
    uv_timer_start(&m->timer, on_timer, MEMCACHE_INTERVAL_MS,
                   MEMCACHE_INTERVAL_MS);
    return m;
}

static void
replace(struct memcache *m, struct target *target)
{
    if (m->target != m->used)
        target_free(m->target);
    m->target = target;
}

void
memcache_reload(struct memcache *m, const struct conf_memcache *conf)
{
    replace(m, target_new(conf));
}

static void
timer_closed(uv_handle_t *handle)
{
    struct memcache *m = handle->data;

    m->closed = 1;
    free_closed(m);
}

void
memcache_close(struct memcache *m)
{
    if (!m)
        return;
    replace(m, NULL);
    uv_close((uv_handle_t *)&m->timer, timer_closed);
}
