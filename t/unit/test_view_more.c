/* A view's sections since minor 2: what arrives, what is found, and which
 * images are refused. */
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
#include "sluice_view.h"

/* An image with three records of each kind that each test may spoil. */
#define EACH 3
struct image {
    size_t size;
    struct sluice_image *head;
    struct sluice_section *sections;
    struct sluice_metric *metrics;
    struct sluice_app *apps;
    struct sluice_host_metric *host_metrics;
    struct sluice_inventory *inventories;
    struct sluice_counter *counters;
};

static struct image image;

static int
setup(void **state)
{
    (void)state;
    const struct sluice_section sections[] = {
        {SLUICE_SECTION_METRICS, EACH, sizeof(struct sluice_metric), 0},
        {SLUICE_SECTION_APPS, EACH, sizeof(struct sluice_app), 0},
        {SLUICE_SECTION_HOST_METRICS, EACH, sizeof(struct sluice_host_metric),
         0},
        {SLUICE_SECTION_INVENTORIES, EACH, sizeof(struct sluice_inventory), 0},
        {SLUICE_SECTION_COUNTERS, EACH, sizeof(struct sluice_counter), 0},
    };
    struct image *i = &image;

    i->size = sluice_image_size(5, sections);
    i->head = malloc(i->size); /* not one byte more: ASan watches the end */
    assert_non_null(i->head);
    sluice_image_begin(i->head, 1234, 5, sections);
    i->sections = (struct sluice_section *)(i->head + 1);
    i->metrics = sluice_image_records(i->head, SLUICE_SECTION_METRICS);
    i->apps = sluice_image_records(i->head, SLUICE_SECTION_APPS);
    i->host_metrics =
        sluice_image_records(i->head, SLUICE_SECTION_HOST_METRICS);
    i->inventories = sluice_image_records(i->head, SLUICE_SECTION_INVENTORIES);
    i->counters = sluice_image_records(i->head, SLUICE_SECTION_COUNTERS);
    for (int n = 0; n < EACH; n++) {
        strcpy(i->metrics[n].cluster, n < 2 ? "main" : "main1");
        snprintf(i->metrics[n].name, SLUICE_NAME_SIZE, "m%d", 9 - n);
        i->metrics[n].status = SLUICE_METRIC_VALUE;
        i->metrics[n].value = n;
        strcpy(i->apps[n].cluster, n == 0 ? "main" : "");
        snprintf(i->apps[n].app, SLUICE_KEY_SIZE, "app%d", n / 2);
        i->apps[n].threshold = n;
        strcpy(i->host_metrics[n].cluster, "main");
        snprintf(i->host_metrics[n].metric, SLUICE_NAME_SIZE, "m%d", n);
        strcpy(i->host_metrics[n].host, "db1");
        i->host_metrics[n].port = 3306;
        snprintf(i->inventories[n].cluster, SLUICE_NAME_SIZE, "c%d", n);
        snprintf(i->counters[n].name, SLUICE_NAME_SIZE, "count.%d", n);
        i->counters[n].value = n;
    }
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    free(image.head);
    return 0;
}

static struct sluice_view
loaded(void)
{
    struct sluice_view v = {0};
    char err[256] = "";

    if (sluice_view_load(&v, image.head, image.size, err, sizeof(err)) != 0)
        fail_msg("refused: %s", err);
    return v;
}

static void
assert_refused(const char *reason)
{
    struct sluice_view v = {0};
    char err[256] = "";

    assert_int_equal(
        sluice_view_load(&v, image.head, image.size, err, sizeof(err)), -1);
    assert_string_equal(err, reason);
    assert_null(v.metrics);
}

/* ---- what arrives ----------------------------------------------------- */

static void
test_everything_arrives(void **state)
{
    (void)state;
    struct sluice_view v;

    image.metrics[2] = (struct sluice_metric){.cluster = "main1",
                                              .name = "threads",
                                              .value = 7,
                                              .threshold = 8,
                                              .sampled_mono_ms = 11,
                                              .valid_until_mono_ms = 12,
                                              .status = SLUICE_METRIC_ERROR,
                                              .scope = 77,
                                              .error = "gone"};
    image.host_metrics[2] =
        (struct sluice_host_metric){.cluster = "main1",
                                    .metric = "threads",
                                    .host = "db9",
                                    .value = 9,
                                    .sampled_mono_ms = 13,
                                    .status = SLUICE_HOST_EXCLUDED,
                                    .port = 3309,
                                    .text = "skipped"};
    image.inventories[1] = (struct sluice_inventory){.cluster = "c1",
                                                     .provider = "haproxy",
                                                     .answered_mono_ms = 14,
                                                     .failures = 2,
                                                     .hosts = 5,
                                                     .error = "no answer"};
    strcpy(image.counters[1].text, "10.0.0.1:10008");
    v = loaded();
    assert_int_equal(v.nmetrics, EACH);
    assert_memory_equal(&v.metrics[2], &image.metrics[2], sizeof(*v.metrics));
    assert_int_equal(v.napps, EACH);
    assert_int_equal(v.nhost_metrics, EACH);
    assert_memory_equal(&v.host_metrics[2], &image.host_metrics[2],
                        sizeof(*v.host_metrics));
    assert_memory_equal(sluice_view_inventory(&v, "c1.", 2),
                        &image.inventories[1], sizeof(*v.inventories));
    assert_null(sluice_view_inventory(&v, "c", 1));
    assert_memory_equal(sluice_view_counter(&v, "count.1", 7),
                        &image.counters[1], sizeof(*v.counters));
    assert_null(sluice_view_counter(&v, "count.1", 6));
    sluice_view_free(&v);
    assert_null(v.metrics);
    assert_null(v.counters);
    assert_null(sluice_view_counter(&v, "count.1", 7));
    assert_null(sluice_view_inventory(&v, "c1", 2));
}

static void
test_metrics_of_a_cluster_are_sorted(void **state)
{
    (void)state;
    struct sluice_view v = loaded();
    const struct sluice_metric *m;
    uint32_t n = 77;

    m = sluice_view_metrics(&v, "main1", 4, &n);
    assert_int_equal(n, 2);
    assert_string_equal(m[0].name, "m8");
    assert_string_equal(m[1].name, "m9");
    assert_true(m[0].value == 1 && m[1].value == 0);
    m = sluice_view_metrics(&v, "main1", 5, &n);
    assert_int_equal(n, 1);
    assert_string_equal(m->name, "m7");
    assert_null(sluice_view_metrics(&v, "mai", 3, &n));
    assert_int_equal(n, 0);
    assert_null(sluice_view_metrics(&v, "", 0, &n));
    assert_null(sluice_view_metrics(&v, "main\0", 5, &n));
    assert_null(sluice_view_metrics(&v, "zzz", 3, &n));
    sluice_view_free(&v);
    assert_null(sluice_view_metrics(&v, "main1", 5, &n));
    assert_int_equal(n, 0);
}

static void
test_an_app_is_found_in_its_cluster_before_in_all(void **state)
{
    (void)state;
    struct sluice_view v = loaded(); /* main/app0 0, app0 1, app1 2 */

    assert_true(sluice_view_app(&v, "main", 4, "app0", 4)->threshold == 0);
    assert_true(sluice_view_app(&v, "main1", 5, "app0", 4)->threshold == 1);
    assert_true(sluice_view_app(&v, "", 0, "app0", 4)->threshold == 1);
    assert_true(sluice_view_app(&v, "main", 4, "app1.", 4)->threshold == 2);
    assert_null(sluice_view_app(&v, "main", 4, "app", 3));
    assert_null(sluice_view_app(&v, "main", 4, "app00", 5));
    assert_null(sluice_view_app(&v, "main", 4, "", 0));
    sluice_view_free(&v);
    assert_null(sluice_view_app(&v, "main", 4, "app0", 4));
}

static void
test_metrics_of_a_host_are_sorted(void **state)
{
    (void)state;
    struct sluice_host host = {.cluster = "main", .name = "db1", .port = 3306};
    const struct sluice_host_metric *m;
    struct sluice_view v;
    uint32_t n = 77;

    strcpy(image.host_metrics[0].metric, "z");
    image.host_metrics[1].port = 3307;
    v = loaded();
    m = sluice_view_host_metrics(&v, &host, &n);
    assert_int_equal(n, 2);
    assert_string_equal(m[0].metric, "m2");
    assert_string_equal(m[1].metric, "z");
    host.port = 3307;
    m = sluice_view_host_metrics(&v, &host, &n);
    assert_int_equal(n, 1);
    assert_string_equal(m->metric, "m1");
    host.port = 3308;
    assert_null(sluice_view_host_metrics(&v, &host, &n));
    assert_int_equal(n, 0);
    host.port = 3306;
    strcpy(host.name, "db");
    assert_null(sluice_view_host_metrics(&v, &host, &n));
    strcpy(host.name, "db1");
    strcpy(host.cluster, "main1");
    assert_null(sluice_view_host_metrics(&v, &host, &n));
    sluice_view_free(&v);
    assert_null(sluice_view_host_metrics(&v, &host, &n));
}

static void
test_strings_are_terminated(void **state)
{
    (void)state;
    struct sluice_view v;

#define FILL(member) memset(member, 'x', sizeof(member))
    FILL(image.metrics[0].cluster);
    FILL(image.metrics[0].name);
    FILL(image.metrics[0].error);
    FILL(image.apps[0].cluster);
    FILL(image.apps[0].app);
    FILL(image.host_metrics[0].cluster);
    FILL(image.host_metrics[0].metric);
    FILL(image.host_metrics[0].host);
    FILL(image.host_metrics[0].text);
    FILL(image.inventories[0].cluster);
    FILL(image.inventories[0].provider);
    FILL(image.inventories[0].error);
    FILL(image.counters[0].name);
    FILL(image.counters[0].text);
    v = loaded();
#define LENGTH(member) assert_int_equal(strlen(member), sizeof(member) - 1)
    LENGTH(v.metrics[2].cluster); /* sorted: x comes last */
    LENGTH(v.metrics[2].name);
    LENGTH(v.metrics[2].error);
    LENGTH(v.apps[2].cluster);
    LENGTH(v.apps[2].app);
    LENGTH(v.host_metrics[2].cluster);
    LENGTH(v.host_metrics[2].metric);
    LENGTH(v.host_metrics[2].host);
    LENGTH(v.host_metrics[2].text);
    LENGTH(v.inventories[0].cluster);
    LENGTH(v.inventories[0].provider);
    LENGTH(v.inventories[0].error);
    LENGTH(v.counters[0].name);
    LENGTH(v.counters[0].text);
    sluice_view_free(&v);
}

/* As an older minor would have written them. */
static void
test_what_a_shorter_record_lacks_is_zero(void **state)
{
    (void)state;
    struct sluice_view v;

    image.sections[0].stride = offsetof(struct sluice_metric, value);
    image.sections[0].count = 1;
    v = loaded();
    assert_int_equal(v.nmetrics, 1);
    assert_string_equal(v.metrics[0].name, "m9");
    assert_int_equal(v.metrics[0].status, SLUICE_METRIC_NONE);
    assert_string_equal(v.metrics[0].error, "");
    sluice_view_free(&v);
}

/* ---- what is refused -------------------------------------------------- */

static void
test_a_spoilt_metric_is_refused(void **state)
{
    (void)state;
    image.metrics[2].value = NAN;
    assert_refused("metric main1/m7: value or threshold is not a number");
    image.metrics[2].value = 0;
    image.metrics[2].threshold = INFINITY;
    assert_refused("metric main1/m7: value or threshold is not a number");
    image.metrics[2].threshold = 0;
    image.metrics[2].status = SLUICE_METRIC_ERROR + 1;
    assert_refused("metric main1/m7: unknown status 3");
    strcpy(image.metrics[2].name, SLUICE_METRIC_OWN);
    assert_refused("metric main1/lag: that is the cluster's own one");
    image.metrics[2].name[0] = '\0';
    assert_refused("metric 2 has no cluster or no name");
    image.metrics[2] = image.metrics[0];
    assert_refused("metric main/m9 stands in the image twice");
    image.metrics[0].cluster[0] = '\0';
    assert_refused("metric 0 has no cluster or no name");
}

static void
test_a_spoilt_app_is_refused(void **state)
{
    (void)state;
    const double bad[] = {NAN, INFINITY, -INFINITY, -0.001};

    for (size_t n = 0; n < sizeof(bad) / sizeof(*bad); n++) {
        image.apps[1].threshold = bad[n];
        assert_refused("app app0: threshold is no number of 0 or more");
    }
    image.apps[1] = image.apps[2];
    assert_refused("app app1 stands in the image twice for all");
    image.apps[1] = image.apps[0];
    assert_refused("app app0 stands in the image twice for cluster main");
    image.apps[1].app[0] = '\0';
    assert_refused("app 1 has no name");
}

static void
test_spoilt_detail_is_refused(void **state)
{
    (void)state;
    image.host_metrics[1].value = NAN;
    assert_refused("metric m1 of host db1:3306: value is not a number");
    image.host_metrics[1].value = 0;
    image.host_metrics[1].status = SLUICE_HOST_EXCLUDED + 1;
    assert_refused("metric m1 of host db1:3306: unknown status 4");
    image.host_metrics[1].host[0] = '\0';
    assert_refused("host metric 1 has no cluster, no metric or no host");
    strcpy(image.host_metrics[1].host, "db1");
    image.host_metrics[1].status = 0;

    strcpy(image.inventories[2].cluster, "c0");
    assert_refused("inventory of c0 stands in the image twice");
    image.inventories[2].cluster[0] = '\0';
    assert_refused("inventory 2 has no cluster");
    strcpy(image.inventories[2].cluster, "c2");

    image.counters[2].value = INFINITY;
    assert_refused("counter count.2: value is not a number");
    image.counters[2].value = 0;
    strcpy(image.counters[2].name, "count.0");
    assert_refused("counter count.0 stands in the image twice");
    image.counters[2].name[0] = '\0';
    assert_refused("counter 2 has no name");
}

static void
test_no_spoilt_byte_does_harm(void **state)
{
    (void)state;
    unsigned char *bytes = (unsigned char *)image.head, was;
    struct sluice_view v = {0};
    char err[256];
    uint32_t n;

    for (size_t at = 0; at < image.size; at++) {
        was = bytes[at];
        for (unsigned value = 0; value < 256; value += 51) {
            bytes[at] = (unsigned char)value;
            if (sluice_view_load(&v, bytes, image.size, err, sizeof(err)) != 0)
                continue;
            for (uint32_t i = 0; i < v.nmetrics; i++) {
                assert_non_null(
                    sluice_view_metrics(&v, v.metrics[i].cluster,
                                        strlen(v.metrics[i].cluster), &n));
                assert_in_range(n, 1, v.nmetrics);
            }
        }
        bytes[at] = was;
    }
    sluice_view_free(&v);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_everything_arrives),
        TEST(test_metrics_of_a_cluster_are_sorted),
        TEST(test_an_app_is_found_in_its_cluster_before_in_all),
        TEST(test_metrics_of_a_host_are_sorted),
        TEST(test_strings_are_terminated),
        TEST(test_what_a_shorter_record_lacks_is_zero),
        TEST(test_a_spoilt_metric_is_refused),
        TEST(test_a_spoilt_app_is_refused),
        TEST(test_spoilt_detail_is_refused),
        TEST(test_no_spoilt_byte_does_harm),
    };

    return cmocka_run_group_tests_name("view, minor 2", tests, NULL, NULL);
}
