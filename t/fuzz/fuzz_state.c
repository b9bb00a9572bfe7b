/* Any bytes as a state file, and as an image: refused with a sentence or read
 * within their bounds, and what was read keeps its promises. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/mman.h>

#include "sluice_state.h"
#include "sluice_verdict.h"
#include "sluice_view.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition)                                          \
    do {                                                         \
        if (!(condition)) {                                      \
            fprintf(stderr, "broken promise: %s\n", #condition); \
            abort();                                             \
        }                                                        \
    } while (0)

static void
ask(const struct sluice_view *v,
    const struct sluice_cluster *c,
    const char *metric)
{
    const struct sluice_freshness fresh = {.now_mono_ms = 1000,
                                           .max_age_ms = 1000};
    const struct sluice_rules rules = {.view = v};
    const struct sluice_request r = {.app = {"a", 1},
                                     .store_type = {"mysql", 5},
                                     .store_name = {c->name, strlen(c->name)},
                                     .metric = {metric, strlen(metric)}};
    char body[SLUICE_VERDICT_BODY_SIZE];
    struct sluice_verdict verdict;
    size_t len;

    sluice_verdict_check(v, &fresh, &rules, &r, &verdict);
    MUST(memchr(verdict.message, '\0', sizeof(verdict.message)));
    MUST(isfinite(verdict.value) && isfinite(verdict.threshold));
    MUST(verdict.status != 200 || metric[0] ||
         c->status == SLUICE_METRIC_VALUE);
    MUST(verdict.status != 200 || verdict.value <= verdict.threshold);
    MUST(memchr(verdict.metric, '\0', sizeof(verdict.metric)));
    len = sluice_verdict_body(&verdict, body);
    MUST(len <= sizeof(body) && body[0] == '{' && body[len - 1] == '\n');
}

static void
look_at_metrics(const struct sluice_view *v)
{
    const struct sluice_metric *of_cluster;
    uint32_t n;

    for (uint32_t i = 0; i < v->nmetrics; i++) {
        const struct sluice_metric *m = &v->metrics[i];

        MUST(memchr(m->cluster, '\0', sizeof(m->cluster)) && m->cluster[0]);
        MUST(memchr(m->name, '\0', sizeof(m->name)) && m->name[0]);
        MUST(memchr(m->error, '\0', sizeof(m->error)));
        MUST(isfinite(m->value) && isfinite(m->threshold));
        of_cluster = sluice_view_metrics(v, m->cluster, strlen(m->cluster), &n);
        MUST(of_cluster <= m && m < of_cluster + n);
    }
    for (uint32_t i = 0; i < v->napps; i++) {
        const struct sluice_app *a = &v->apps[i];

        MUST(isfinite(a->threshold) && a->threshold >= 0);
        MUST(sluice_view_app(v, a->cluster, strlen(a->cluster), a->app,
                             strlen(a->app)) == a);
    }
}

static void
look_at_detail(const struct sluice_view *v)
{
    for (uint32_t i = 0; i < v->nhosts; i++)
        MUST(memchr(v->hosts[i].text, '\0', sizeof(v->hosts[i].text)));
    for (uint32_t i = 0; i < v->nhost_metrics; i++) {
        const struct sluice_host_metric *m = &v->host_metrics[i];

        MUST(memchr(m->text, '\0', sizeof(m->text)));
        MUST(isfinite(m->value) && m->status <= SLUICE_HOST_EXCLUDED);
    }
    for (uint32_t i = 0; i < v->ninventories; i++) {
        const struct sluice_inventory *n = &v->inventories[i];

        MUST(memchr(n->provider, '\0', sizeof(n->provider)));
        MUST(memchr(n->error, '\0', sizeof(n->error)));
        MUST(sluice_view_inventory(v, n->cluster, strlen(n->cluster)) == n);
    }
    for (uint32_t i = 0; i < v->ncounters; i++) {
        const struct sluice_counter *c = &v->counters[i];

        MUST(memchr(c->text, '\0', sizeof(c->text)) && isfinite(c->value));
        MUST(sluice_view_counter(v, c->name, strlen(c->name)) == c);
    }
}

static void
load(const void *image, size_t size)
{
    struct sluice_view v = {0};
    char err[128];

    memset(err, '#', sizeof(err));
    if (sluice_view_load(&v, image, size, err, sizeof(err)) != 0) {
        MUST(memchr(err, '\0', sizeof(err)));
        MUST(!v.clusters && !v.hosts && !v.throttles && !v.metrics);
        MUST(!v.apps && !v.host_metrics && !v.inventories && !v.counters);
        return;
    }
    for (uint32_t i = 0; i < v.nclusters; i++) {
        const struct sluice_cluster *c = &v.clusters[i];

        MUST(memchr(c->name, '\0', sizeof(c->name)) && c->name[0]);
        MUST(memchr(c->error, '\0', sizeof(c->error)));
        MUST(sluice_view_cluster(&v, c->name, strlen(c->name)) == c);
        ask(&v, c, "");
        ask(&v, c, v.nmetrics > 0 ? v.metrics[0].name : SLUICE_METRIC_OWN);
    }
    for (uint32_t i = 0; i < v.nthrottles; i++) {
        const struct sluice_throttle *t = &v.throttles[i];

        MUST(memchr(t->key, '\0', sizeof(t->key)) && t->key[0]);
        MUST(t->ratio >= 0 && t->ratio <= 1);
        MUST(sluice_view_throttle(&v, t->key, strlen(t->key)) == t);
    }
    MUST(memchr(v.facts.store_id, '\0', sizeof(v.facts.store_id)));
    MUST(memchr(v.facts.redis_channel, '\0', sizeof(v.facts.redis_channel)));
    look_at_metrics(&v);
    look_at_detail(&v);
    sluice_view_free(&v);
}

static void
read_file(const char *path)
{
    struct sluice_map m = {0};
    char err[128];
    size_t size;
    void *copy;

    memset(err, '#', sizeof(err));
    if (sluice_map_open(&m, path, err, sizeof(err)) != 0) {
        MUST(memchr(err, '\0', sizeof(err)) && !m.base);
        return;
    }
    for (uint32_t kind = 0; kind <= SLUICE_PART_KINDS + 1; kind++) {
        size = sluice_map_slot_size(&m, kind);
        copy = malloc(size); /* ASan watches its end */
        if (sluice_map_snapshot(&m, kind, copy) != 0)
            load(copy, size);
        free(copy);
    }
    sluice_map_heartbeat(&m);
    sluice_map_close(&m);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char path[32];
    static int fd = -1;
    void *image = malloc(size);

    memcpy(image, data, size);
    load(image, size);
    free(image);

    if (fd < 0) {
        fd = memfd_create("state", MFD_CLOEXEC);
        MUST(fd >= 0);
        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    }
    MUST(ftruncate(fd, (off_t)size) == 0);
    MUST(pwrite(fd, data, size, 0) == (ssize_t)size);
    read_file(path);
    return 0;
}
