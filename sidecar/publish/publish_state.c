/* The state file's publisher: coalesces, beats, grows the file, puts it back
 * when somebody removed it. */
#include "publish/publish.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/stat.h>
#include <sys/vfs.h>

#include "base/log.h"

#define PUBLISH_LOST_MS 1000 /* how often we look whether the file is there */

struct publisher {
    struct loop *loop;
    struct publish_source source;
    struct sluice_writer *writer;
    char *path;
    uv_timer_t verdicts; /* pending while an image is due */
    uv_timer_t detail;
    uv_timer_t rules;
    uv_timer_t routes;
    uv_timer_t heartbeat;
    unsigned open_handles;
    uint64_t verdicts_ms; /* loop time when the last ones were published */
    uint64_t detail_ms;
    uint64_t rules_ms;
    uint64_t routes_ms;
    uint64_t looked_ms;
    void *image; /* room for the largest image */
    size_t image_size;
    int failing; /* said once, until it works again */
};

static void *
publisher_image(struct publisher *p,
                uint32_t nsections,
                const struct sluice_section *sections,
                size_t *size)
{
    *size = sluice_image_size(nsections, sections);
    if (*size > p->image_size) {
        free(p->image);
        p->image = aligned_alloc(64, (*size + 63) / 64 * 64);
        if (!p->image)
            abort();
        p->image_size = *size;
    }
    sluice_image_begin(p->image, clock_mono_ms(), nsections, sections);
    return p->image;
}

static int
publish_verdicts(struct publisher *p, struct sluice_capacity count)
{
    const struct sluice_section sections[] = {
        {.kind = SLUICE_SECTION_NODE,
         .count = 1,
         .stride = sizeof(struct sluice_node)},
        {.kind = SLUICE_SECTION_CLUSTERS,
         .count = count.clusters,
         .stride = sizeof(struct sluice_cluster)},
        {.kind = SLUICE_SECTION_METRICS,
         .count = count.metrics,
         .stride = sizeof(struct sluice_metric)},
    };
    size_t size;
    void *image = publisher_image(p, 3, sections, &size);
    int ring = p->source.verdicts(
        p->source.data, sluice_image_records(image, SLUICE_SECTION_NODE),
        sluice_image_records(image, SLUICE_SECTION_CLUSTERS),
        sluice_image_records(image, SLUICE_SECTION_METRICS));

    if (sluice_writer_publish(p->writer, SLUICE_PART_VERDICTS, image, size))
        return -1;
    p->verdicts_ms = uv_now(&p->loop->uv);
    if (ring)
        sluice_writer_ring(p->writer);
    return 0;
}

static int
publish_detail(struct publisher *p, struct sluice_capacity count)
{
    const struct sluice_section sections[] = {
        {.kind = SLUICE_SECTION_HOSTS,
         .count = count.hosts,
         .stride = sizeof(struct sluice_host)},
        {.kind = SLUICE_SECTION_HOST_METRICS,
         .count = count.host_metrics,
         .stride = sizeof(struct sluice_host_metric)},
        {.kind = SLUICE_SECTION_INVENTORIES,
         .count = count.inventories,
         .stride = sizeof(struct sluice_inventory)},
        {.kind = SLUICE_SECTION_COUNTERS,
         .count = count.counters,
         .stride = sizeof(struct sluice_counter)},
    };
    size_t size;
    void *image = publisher_image(p, 4, sections, &size);
    struct publish_detail detail = {
        .hosts = sluice_image_records(image, SLUICE_SECTION_HOSTS),
        .host_metrics =
            sluice_image_records(image, SLUICE_SECTION_HOST_METRICS),
        .inventories = sluice_image_records(image, SLUICE_SECTION_INVENTORIES),
        .counters = sluice_image_records(image, SLUICE_SECTION_COUNTERS),
    };

    p->source.detail(p->source.data, &detail);
    p->detail_ms = uv_now(&p->loop->uv);
    return sluice_writer_publish(p->writer, SLUICE_PART_DETAIL, image, size);
}

static int
publish_rules(struct publisher *p, struct sluice_capacity count)
{
    const struct sluice_section sections[] = {
        {.kind = SLUICE_SECTION_FACTS,
         .count = 1,
         .stride = sizeof(struct sluice_facts)},
        {.kind = SLUICE_SECTION_THROTTLES,
         .count = count.throttles,
         .stride = sizeof(struct sluice_throttle)},
        {.kind = SLUICE_SECTION_APPS,
         .count = count.apps,
         .stride = sizeof(struct sluice_app)},
    };
    size_t size;
    void *image = publisher_image(p, 3, sections, &size);
    int ring = p->source.rules(
        p->source.data, sluice_image_records(image, SLUICE_SECTION_FACTS),
        sluice_image_records(image, SLUICE_SECTION_THROTTLES),
        sluice_image_records(image, SLUICE_SECTION_APPS));

    if (sluice_writer_publish(p->writer, SLUICE_PART_RULES, image, size))
        return -1;
    p->rules_ms = uv_now(&p->loop->uv);
    if (ring)
        sluice_writer_ring(p->writer);
    return 0;
}

static int
publish_routes(struct publisher *p, struct sluice_capacity count)
{
    const struct sluice_section sections[] = {
        {.kind = SLUICE_SECTION_ROUTES,
         .count = count.routes,
         .stride = sizeof(struct sluice_route)},
        {.kind = SLUICE_SECTION_ROUTE_HOSTS,
         .count = count.route_hosts,
         .stride = sizeof(struct sluice_route_host)},
    };
    size_t size;
    void *image = publisher_image(p, 2, sections, &size);
    int ring = p->source.routes(
        p->source.data, sluice_image_records(image, SLUICE_SECTION_ROUTES),
        sluice_image_records(image, SLUICE_SECTION_ROUTE_HOSTS));

    if (ring < 0)
        return 0;
    if (sluice_writer_publish(p->writer, SLUICE_PART_ROUTES, image, size))
        return -1;
    p->routes_ms = uv_now(&p->loop->uv);
    if (ring)
        sluice_writer_ring(p->writer);
    return 0;
}

/* Room to grow: a reload that adds a few must not replace the file. */
static uint32_t
room_for(uint32_t count, uint32_t least)
{
    return count < least / 2 ? least : 2 * count;
}

static struct sluice_capacity
publisher_room(struct sluice_capacity count)
{
    struct sluice_capacity room = {
        .clusters = room_for(count.clusters, 64),
        .hosts = room_for(count.hosts, 256),
        .throttles = room_for(count.throttles, 256),
        .metrics = room_for(count.metrics, 64),
        .apps = room_for(count.apps, 64),
        .host_metrics = room_for(count.host_metrics, 256),
        .inventories = room_for(count.inventories, 64),
        .counters = room_for(count.counters, 256),
        .routes = room_for(count.routes, 64),
        .route_hosts = room_for(count.route_hosts, 256),
    };

    return room;
}

static int
publisher_fits(const struct publisher *p, struct sluice_capacity count)
{
    struct sluice_capacity room = sluice_writer_capacity(p->writer);

    return count.clusters <= room.clusters && count.hosts <= room.hosts &&
           count.throttles <= room.throttles && count.metrics <= room.metrics &&
           count.apps <= room.apps && count.host_metrics <= room.host_metrics &&
           count.inventories <= room.inventories &&
           count.counters <= room.counters && count.routes <= room.routes &&
           count.route_hosts <= room.route_hosts;
}

/* Fills a prepared file and lets readers find it. */
static int
publisher_commit(struct publisher *p, char *err, size_t err_size)
{
    struct sluice_capacity count = p->source.count(p->source.data);

    if (publish_detail(p, count) != 0 || publish_rules(p, count) != 0 ||
        publish_routes(p, count) != 0 || publish_verdicts(p, count) != 0) {
        snprintf(err, err_size, "the image does not fit the state file");
        return -1;
    }
    sluice_writer_heartbeat(p->writer, clock_mono_ms());
    return sluice_writer_commit(p->writer, err, err_size);
}

/* Makes the directory when its parent is there, open to nginx's workers
 * whatever the umask. A failure shows when the file is created. */
static void
make_directory(const char *path)
{
    char *dir = strdup(path), *slash;

    if (!dir)
        abort();
    slash = strrchr(dir, '/');
    if (slash && slash != dir) {
        *slash = '\0';
        if (mkdir(dir, 0755) == 0)
            chmod(dir, 0755);
    }
    free(dir);
}

/* A new file in the old one's place: it became too small, or was removed. */
static void
publisher_replace(struct publisher *p, const char *why)
{
    struct sluice_capacity count = p->source.count(p->source.data);
    char err[256];

    make_directory(p->path);
    if (sluice_writer_resize(p->writer, publisher_room(count), err,
                             sizeof(err)) != 0 ||
        publisher_commit(p, err, sizeof(err)) != 0) {
        if (!p->failing)
            log_error("state_not_replaced", log_str("state", p->path),
                      log_str("why", why), log_str("error", err));
        p->failing = 1;
        return;
    }
    p->failing = 0;
    log_info("state_replaced", log_str("state", p->path), log_str("why", why));
}

static void
on_verdicts(uv_timer_t *timer)
{
    struct publisher *p = timer->data;
    struct sluice_capacity count = p->source.count(p->source.data);

    if (!publisher_fits(p, count))
        publisher_replace(p, "too small");
    else
        publish_verdicts(p, count);
}

static void
on_detail(uv_timer_t *timer)
{
    struct publisher *p = timer->data;
    struct sluice_capacity count = p->source.count(p->source.data);

    if (publisher_fits(p, count))
        publish_detail(p, count);
}

static void
on_rules(uv_timer_t *timer)
{
    struct publisher *p = timer->data;
    struct sluice_capacity count = p->source.count(p->source.data);

    if (!publisher_fits(p, count))
        publisher_replace(p, "too small");
    else
        publish_rules(p, count);
}

static void
on_routes(uv_timer_t *timer)
{
    struct publisher *p = timer->data;
    struct sluice_capacity count = p->source.count(p->source.data);

    if (!publisher_fits(p, count))
        publisher_replace(p, "too small");
    else
        publish_routes(p, count);
}

static void
on_heartbeat(uv_timer_t *timer)
{
    struct publisher *p = timer->data;
    uint64_t now_ms = clock_mono_ms();

    sluice_writer_heartbeat(p->writer, now_ms);
    if (now_ms - p->looked_ms < PUBLISH_LOST_MS)
        return;
    p->looked_ms = now_ms;
    if (sluice_writer_lost(p->writer))
        publisher_replace(p, "it was removed or replaced");
}

static void
wake_timer(uv_timer_t *timer,
           uv_timer_cb cb,
           uint64_t last_ms,
           uint64_t interval_ms)
{
    uint64_t since_ms;

    if (uv_is_active((uv_handle_t *)timer))
        return;
    since_ms = uv_now(timer->loop) - last_ms;
    uv_timer_start(timer, cb,
                   since_ms >= interval_ms ? 0 : interval_ms - since_ms, 0);
}

void
publisher_wake(struct publisher *p)
{
    wake_timer(&p->verdicts, on_verdicts, p->verdicts_ms, PUBLISH_VERDICTS_MS);
    wake_timer(&p->detail, on_detail, p->detail_ms, PUBLISH_DETAIL_MS);
}

void
publisher_flush(struct publisher *p)
{
    uv_timer_stop(&p->verdicts);
    on_verdicts(&p->verdicts);
}

void
publisher_wake_rules(struct publisher *p)
{
    wake_timer(&p->rules, on_rules, p->rules_ms, PUBLISH_VERDICTS_MS);
}

void
publisher_wake_routes(struct publisher *p)
{
    wake_timer(&p->routes, on_routes, p->routes_ms, PUBLISH_VERDICTS_MS);
}

#define TMPFS_MAGIC 0x01021994
#define RAMFS_MAGIC 0x858458f6

static void
warn_unless_memory(const char *path)
{
    struct statfs fs;

    if (statfs(path, &fs) == 0 && fs.f_type != TMPFS_MAGIC &&
        fs.f_type != RAMFS_MAGIC)
        log_warn("state_not_in_memory", log_str("state", path),
                 log_str("advice",
                         "a disk's write-back may delay readers: put StateFile "
                         "on tmpfs, such as /run"));
}

static void
publisher_init_timers(struct publisher *p)
{
    uv_timer_t *timers[] = {&p->verdicts, &p->detail, &p->rules, &p->routes,
                            &p->heartbeat};

    for (size_t i = 0; i < sizeof(timers) / sizeof(*timers); i++) {
        uv_timer_init(&p->loop->uv, timers[i]);
        timers[i]->data = p;
        p->open_handles++;
    }
    uv_timer_start(&p->heartbeat, on_heartbeat, PUBLISH_HEARTBEAT_MS,
                   PUBLISH_HEARTBEAT_MS);
}

struct publisher *
publisher_open(struct loop *loop,
               const char *path,
               const struct publish_source *source,
               char *err,
               size_t err_size)
{
    struct publisher *p = calloc(1, sizeof(*p));

    if (!p)
        abort();
    p->loop = loop;
    p->source = *source;
    make_directory(path);
    p->writer = sluice_writer_create(
        path, publisher_room(source->count(source->data)), err, err_size);
    if (!p->writer || publisher_commit(p, err, err_size) != 0) {
        sluice_writer_close(p->writer);
        free(p->image);
        free(p);
        return NULL;
    }
    p->path = strdup(path);
    if (!p->path)
        abort();
    warn_unless_memory(path);
    publisher_init_timers(p);
    return p;
}

static void
on_closed(uv_handle_t *handle)
{
    struct publisher *p = handle->data;

    if (--p->open_handles > 0)
        return;
    free(p->path);
    free(p->image);
    free(p);
}

void
publisher_close(struct publisher *p)
{
    if (!p)
        return;
    sluice_writer_close(p->writer);
    p->writer = NULL;
    uv_close((uv_handle_t *)&p->verdicts, on_closed);
    uv_close((uv_handle_t *)&p->detail, on_closed);
    uv_close((uv_handle_t *)&p->rules, on_closed);
    uv_close((uv_handle_t *)&p->routes, on_closed);
    uv_close((uv_handle_t *)&p->heartbeat, on_closed);
}
