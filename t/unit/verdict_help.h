/* Requests, a view to judge them by, and what is expected: for the tests of
 * verdicts. */
#ifndef VERDICT_HELP_H
#define VERDICT_HELP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sluice_state.h"
#include "sluice_verdict.h"

#define NOW_MS 100000u

/* The clusters every test begins with. */
enum { FINE, OVER, EQUAL, NEGATIVE, NONE, FAILING, CLUSTERS };

static const struct {
    const char *name;
    uint32_t status;
    double value, threshold;
    const char *error;
} clusters[CLUSTERS] = {
    [FINE] = {"fine", SLUICE_METRIC_VALUE, 0.25, 1, ""},
    [OVER] = {"over", SLUICE_METRIC_VALUE, 1.5, 1, ""},
    [EQUAL] = {"equal", SLUICE_METRIC_VALUE, 1, 1, ""},
    [NEGATIVE] = {"negative", SLUICE_METRIC_VALUE, -3, 0, ""},
    [NONE] = {"none", SLUICE_METRIC_NONE, 0, 2, ""},
    [FAILING] = {"failing", SLUICE_METRIC_ERROR, 0, 3, "No hosts found"},
};

static struct sluice_view view;
static struct sluice_freshness fresh;

/* Made like any view, by loading an image. */
static inline int
setup(void **state)
{
    (void)state;
    const struct sluice_section sections[] = {
        {.kind = SLUICE_SECTION_NODE,
         .count = 1,
         .stride = sizeof(struct sluice_node)},
        {.kind = SLUICE_SECTION_CLUSTERS,
         .count = CLUSTERS,
         .stride = sizeof(struct sluice_cluster)},
    };
    size_t size = sluice_image_size(2, sections);
    void *image = malloc(size);
    struct sluice_cluster *c;
    char err[256];
    int rc;

    sluice_image_begin(image, NOW_MS, 2, sections);
    c = sluice_image_records(image, SLUICE_SECTION_CLUSTERS);
    for (int i = 0; i < CLUSTERS; i++) {
        snprintf(c[i].name, sizeof(c[i].name), "%s", clusters[i].name);
        snprintf(c[i].error, sizeof(c[i].error), "%s", clusters[i].error);
        c[i].status = clusters[i].status;
        c[i].value = clusters[i].value;
        c[i].threshold = clusters[i].threshold;
        c[i].sampled_mono_ms = NOW_MS - 20;
        c[i].valid_until_mono_ms = NOW_MS + 980;
    }
    rc = sluice_view_load(&view, image, size, err, sizeof(err));
    free(image);
    view.node.flags = SLUICE_NODE_READY;
    view.node.leader_until_boot_ms = SLUICE_LEADER_ALWAYS;
    fresh = (struct sluice_freshness){.now_mono_ms = NOW_MS,
                                      .now_boot_ms = 500000,
                                      .heartbeat_age_ms = 40,
                                      .max_age_ms = 1000};
    return rc;
}

static inline int
teardown(void **state)
{
    (void)state;
    sluice_view_free(&view);
    return 0;
}

/* What a test says of its request; the rest is an ordinary one's. */
struct ask {
    const char *app;
    const char *type;
    double threshold;
    unsigned read, if_exists;
};

static inline struct sluice_request
request(const char *cluster, struct ask ask)
{
    const char *app = ask.app ? ask.app : "archiver";
    const char *type = ask.type ? ask.type : "mysql";

    return (struct sluice_request){.app = {app, strlen(app)},
                                   .store_type = {type, strlen(type)},
                                   .store_name = {cluster, strlen(cluster)},
                                   .threshold = ask.threshold,
                                   .read = ask.read,
                                   .if_exists = ask.if_exists};
}

#define REQUEST(cluster, ...) request(cluster, (struct ask){__VA_ARGS__})

static inline struct sluice_verdict
check(struct sluice_request r)
{
    struct sluice_verdict out;

    memset(&out, 0xff, sizeof(out)); /* whatever was there is replaced */
    sluice_verdict_check(&view, &fresh, NULL, &r, &out);
    return out;
}

static inline void
assert_verdict(struct sluice_verdict v,
               unsigned status,
               const char *reason,
               double value,
               double threshold,
               const char *message)
{
    assert_string_equal(v.message, message);
    assert_string_equal(sluice_reason_name(v.reason), reason);
    assert_int_equal(v.status, status);
    assert_true(v.value == value);
    assert_true(v.threshold == threshold);
}

#endif
