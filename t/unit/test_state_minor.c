/* Old readers and new writers, new readers and old writers: any minor of the
 * state file serves any other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <string.h>

#include <sys/stat.h>

#include "sluice_state.h"
#include "sluice_view.h"

#include "minor0.h"
#include "tempdir.h"

static int
setup(void **state)
{
    (void)state;
    tempdir_make();
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    tempdir_remove();
    return 0;
}

/* ---- what is written and must arrive ---------------------------------- */

static const struct m0_content written = {
    .heartbeat_mono_ms = 123456,
    .generation = {6, 3}, /* one in each slot */
    .node = {.leader_until_boot_ms = 99, .flags = 3},
    .nclusters = 2,
    .clusters =
        {
            {.name = "main1",
             .value = 0.25,
             .threshold = 1,
             .sampled_mono_ms = 123400,
             .valid_until_mono_ms = 124400,
             .healthy_mono_ms = 123450,
             .healthy_real_ms = 1700000000123,
             .status = 1},
            {.name = "main2", .threshold = 2, .status = 2, .error = "no route"},
        },
    .nhosts = 3,
    .hosts =
        {
            {.cluster = "main1",
             .name = "db1",
             .address = "10.0.0.1",
             .value = 0.25,
             .sampled_mono_ms = 123400,
             .took_us = 711,
             .status = 1,
             .port = 3306},
            {.cluster = "main1",
             .name = "db2",
             .address = "::1",
             .status = 3,
             .port = 3307,
             .text = "ignored"},
            {.cluster = "main2",
             .name = "db3",
             .status = 2,
             .text = "no route"},
        },
};

static void
write_file(struct m0_shape shape)
{
    size_t size;
    unsigned char *bytes = m0_write(shape, &written, &size);
    int fd = open(tempdir_path("state"), O_WRONLY | O_CREAT | O_TRUNC, 0644);

    assert_int_equal(write(fd, bytes, size), size);
    close(fd);
    free(bytes);
}

/* ---- today's reader --------------------------------------------------- */

static void
load(const struct sluice_map *m, uint32_t kind, struct sluice_view *v)
{
    size_t size = sluice_map_slot_size(m, kind);
    void *image = aligned_alloc(64, size);
    char err[256];

    memset(v, 0, sizeof(*v));
    assert_true(sluice_map_snapshot(m, kind, image) ==
                written.generation[kind - 1]);
    if (sluice_view_load(v, image, size, err, sizeof(err)) != 0)
        fail_msg("part %u: %s", kind, err);
    free(image);
}

/* To a file of minor 0 there is no part of rules, and no rule in others. */
static void
assert_no_rules(const struct sluice_map *m, const struct sluice_view *v)
{
    const struct sluice_facts none = {0};

    assert_int_equal(sluice_map_slot_size(m, SLUICE_PART_RULES), 0);
    assert_true(sluice_map_generation(m, SLUICE_PART_RULES) == 0);
    assert_true(sluice_map_snapshot(m, SLUICE_PART_RULES, NULL) == 0);
    assert_int_equal(sluice_map_header(m)->throttle_capacity, 0);
    assert_memory_equal(&v->facts, &none, sizeof(none));
    assert_int_equal(v->nthrottles, 0);
    assert_null(sluice_view_throttle(v, "archiver", 8));
}

/* Records are equal as far as minor 0 and this build both know them. */
static void
read_by_today(struct m0_content *c)
{
    struct sluice_map m = {0};
    struct sluice_view verdicts, detail;
    char err[256];

    if (sluice_map_open(&m, tempdir_path("state"), err, sizeof(err)) != 0)
        fail_msg("open: %s", err);
    load(&m, SLUICE_PART_VERDICTS, &verdicts);
    load(&m, SLUICE_PART_DETAIL, &detail);
    assert_no_rules(&m, &verdicts);
    memset(c, 0, sizeof(*c));
    c->heartbeat_mono_ms = sluice_map_heartbeat(&m);
    c->generation[0] = sluice_map_generation(&m, 1);
    c->generation[1] = sluice_map_generation(&m, 2);
    assert_true(verdicts.published_mono_ms == 4711);
    assert_in_range(verdicts.nclusters, 0, M0_MAX);
    assert_in_range(detail.nhosts, 0, M0_MAX);
    assert_int_equal(verdicts.nhosts + detail.nclusters, 0);
    memcpy(&c->node, &verdicts.node, sizeof(c->node));
    c->nclusters = verdicts.nclusters;
    for (uint32_t i = 0; i < c->nclusters; i++)
        memcpy(&c->clusters[i], &verdicts.clusters[i], sizeof(c->clusters[i]));
    c->nhosts = detail.nhosts;
    for (uint32_t i = 0; i < c->nhosts; i++)
        memcpy(&c->hosts[i], &detail.hosts[i], sizeof(c->hosts[i]));
    sluice_view_free(&verdicts);
    sluice_view_free(&detail);
    sluice_map_close(&m);
}

/* ---- minor 0's reader ------------------------------------------------- */

static int
read_by_minor0(struct m0_content *c)
{
    struct stat st;
    unsigned char *bytes;
    int fd = open(tempdir_path("state"), O_RDONLY), rc;

    assert_int_equal(fstat(fd, &st), 0);
    bytes = malloc((size_t)st.st_size);
    assert_int_equal(read(fd, bytes, (size_t)st.st_size), st.st_size);
    close(fd);
    rc = m0_read(bytes, (size_t)st.st_size, c);
    free(bytes);
    return rc;
}

static void
assert_same(const struct m0_content *c)
{
    assert_memory_equal(c, &written, sizeof(*c));
}

/* Both readers read it as if minor 0 had written it. */
static void
assert_served(struct m0_shape shape)
{
    struct m0_content c;

    write_file(shape);
    assert_int_equal(read_by_minor0(&c), 0);
    assert_same(&c);
    read_by_today(&c);
    assert_same(&c);
}

/* ---- tests ------------------------------------------------------------ */

static void
test_minor_0_is_read(void **state)
{
    (void)state;
    assert_served((struct m0_shape){0});
}

static void
test_longer_records_are_read_as_far_as_known(void **state)
{
    (void)state;
    assert_served((struct m0_shape){.minor = 1,
                                    .node_stride = 64,
                                    .cluster_stride = 1024,
                                    .host_stride = 1000});
}

static void
test_unknown_sections_and_parts_are_skipped(void **state)
{
    (void)state;
    assert_served((struct m0_shape){.minor = 2, .extra_sections = 3});
    assert_served((struct m0_shape){.minor = 2, .extra_parts = 3});
}

static void
test_longer_header_parts_and_descriptors_are_stepped_over(void **state)
{
    (void)state;
    assert_served((struct m0_shape){.minor = 3, .header_size = 256});
    assert_served((struct m0_shape){.minor = 3, .part_stride = 192});
    assert_served((struct m0_shape){.minor = 3, .section_stride = 40});
}

static void
test_everything_at_once(void **state)
{
    (void)state;
    assert_served((struct m0_shape){.minor = 65535,
                                    .header_size = 448,
                                    .part_stride = 320,
                                    .section_stride = 24,
                                    .node_stride = 72,
                                    .cluster_stride = 640,
                                    .host_stride = 2048,
                                    .extra_parts = 2,
                                    .extra_sections = 2});
}

static void
test_the_next_major_is_refused(void **state)
{
    (void)state;
    struct sluice_map m = {0};
    struct m0_content c;
    char err[256];

    write_file((struct m0_shape){.major = 2});
    assert_int_equal(read_by_minor0(&c), -1);
    assert_int_equal(
        sluice_map_open(&m, tempdir_path("state"), err, sizeof(err)), -1);
    assert_string_equal(err, "version 2.0, this reader knows 1.x");
}

/* To a later reader this build's records are as short as these are to us. */
static void
test_what_shorter_records_lack_is_zero(void **state)
{
    (void)state;
    struct m0_content c, expected = written;

    write_file((struct m0_shape){
        .node_stride = 8,
        .cluster_stride = offsetof(struct m0_cluster, healthy_mono_ms),
        .host_stride = offsetof(struct m0_host, took_us)});
    expected.node.flags = 0;
    for (int i = 0; i < M0_MAX; i++) {
        size_t at = offsetof(struct m0_cluster, healthy_mono_ms);
        struct m0_cluster *cluster = &expected.clusters[i];
        struct m0_host *host = &expected.hosts[i];

        memset((char *)cluster + at, 0, sizeof(*cluster) - at);
        at = offsetof(struct m0_host, took_us);
        memset((char *)host + at, 0, sizeof(*host) - at);
    }
    assert_int_equal(read_by_minor0(&c), 0);
    assert_memory_equal(&c, &expected, sizeof(c));
    read_by_today(&c);
    assert_memory_equal(&c, &expected, sizeof(c));
}

/* ---- today's writer --------------------------------------------------- */

static void
publish(struct sluice_writer *w,
        uint32_t kind,
        uint32_t nsections,
        const struct sluice_section *sections,
        const void *const *records,
        const size_t *sizes)
{
    size_t size = sluice_image_size(nsections, sections);
    void *image = malloc(size);
    unsigned char *at;

    sluice_image_begin(image, 4711, nsections, sections);
    for (uint32_t i = 0; i < nsections; i++) {
        at = sluice_image_records(image, sections[i].kind);
        for (uint32_t n = 0; n < sections[i].count; n++)
            memcpy(at + n * sections[i].stride,
                   (const char *)records[i] + n * sizes[i], sizes[i]);
    }
    for (uint64_t g = 0; g < (kind < 3 ? written.generation[kind - 1] : 1); g++)
        assert_int_equal(sluice_writer_publish(w, kind, image, size), 0);
    free(image);
}

static struct sluice_writer *
new_writer(void)
{
    const struct sluice_capacity capacity = {.clusters = 3,
                                             .hosts = 3,
                                             .throttles = 3,
                                             .metrics = 3,
                                             .apps = 3,
                                             .host_metrics = 3,
                                             .inventories = 3,
                                             .counters = 3};
    char err[512];
    struct sluice_writer *w =
        sluice_writer_create(tempdir_path("state"), capacity, err, sizeof(err));

    assert_non_null(w);
    return w;
}

static void
commit(struct sluice_writer *w)
{
    char err[512];

    sluice_writer_heartbeat(w, written.heartbeat_mono_ms);
    assert_int_equal(sluice_writer_commit(w, err, sizeof(err)), 0);
}

/* Sections that minor 0 has not are none of its business. */
static void
test_minor_0_reads_what_this_build_writes(void **state)
{
    (void)state;
    const struct sluice_section verdicts[] = {
        {SLUICE_SECTION_NODE, 1, sizeof(struct sluice_node), 0},
        {SLUICE_SECTION_METRICS, 1, sizeof(struct sluice_metric), 0},
        {SLUICE_SECTION_CLUSTERS, 2, sizeof(struct sluice_cluster), 0},
    };
    const struct sluice_section detail[] = {
        {SLUICE_SECTION_INVENTORIES, 1, sizeof(struct sluice_inventory), 0},
        {SLUICE_SECTION_HOSTS, 3, sizeof(struct sluice_host), 0},
        {SLUICE_SECTION_HOST_METRICS, 1, sizeof(struct sluice_host_metric), 0},
        {SLUICE_SECTION_COUNTERS, 1, sizeof(struct sluice_counter), 0},
    };
    const struct sluice_section rules[] = {
        {SLUICE_SECTION_FACTS, 1, sizeof(struct sluice_facts), 0},
        {SLUICE_SECTION_THROTTLES, 1, sizeof(struct sluice_throttle), 0},
        {SLUICE_SECTION_APPS, 1, sizeof(struct sluice_app), 0},
    };
    const struct sluice_facts facts = {.revision = 47};
    const struct sluice_throttle throttle = {.key = "archiver", .ratio = 1};
    const struct sluice_app app = {.app = "archiver", .threshold = 2};
    const struct sluice_metric metric = {.cluster = "main1", .name = "m"};
    const struct sluice_inventory inventory = {.cluster = "main1"};
    const struct sluice_host_metric host_metric = {
        .cluster = "main1", .metric = "m", .host = "db1"};
    const struct sluice_counter counter = {.name = "probes.total"};
    struct sluice_writer *w = new_writer();
    struct m0_content c;

    publish(w, SLUICE_PART_VERDICTS, 3, verdicts,
            (const void *const[]){&written.node, &metric, written.clusters},
            (const size_t[]){sizeof(struct m0_node), sizeof(metric),
                             sizeof(struct m0_cluster)});
    publish(w, SLUICE_PART_DETAIL, 4, detail,
            (const void *const[]){&inventory, written.hosts, &host_metric,
                                  &counter},
            (const size_t[]){sizeof(inventory), sizeof(struct m0_host),
                             sizeof(host_metric), sizeof(counter)});
    publish(w, SLUICE_PART_RULES, 3, rules,
            (const void *const[]){&facts, &throttle, &app},
            (const size_t[]){sizeof(facts), sizeof(throttle), sizeof(app)});
    commit(w);
    assert_int_equal(read_by_minor0(&c), 0);
    assert_same(&c);
    sluice_writer_close(w);
}

/* ---- minor 1 ---------------------------------------------------------- */

/* Its records, frozen: clusters and hosts as minor 0 had them, and rules. */
struct m1_facts {
    uint64_t revision, read_mono_ms;
    char store_id[40], redis_channel[128];
    uint32_t flags, pad0;
};

struct m1_throttle {
    char key[136];
    double ratio;
    uint64_t expires_mono_ms;
};

_Static_assert(sizeof(struct m1_facts) == 192, "minor 1 is frozen");
_Static_assert(sizeof(struct m1_throttle) == 152, "minor 1 is frozen");

static void
write_minor1(void)
{
    const struct sluice_section verdicts[] = {
        {1, 1, sizeof(struct m0_node), 0},
        {2, 2, sizeof(struct m0_cluster), 0},
    };
    const struct sluice_section detail[] = {{3, 3, sizeof(struct m0_host), 0}};
    const struct sluice_section rules[] = {
        {4, 1, sizeof(struct m1_facts), 0},
        {5, 1, sizeof(struct m1_throttle), 0},
    };
    const struct m1_facts facts = {.revision = 47, .store_id = "6f1c"};
    const struct m1_throttle throttle = {.key = "archiver", .ratio = 0.5};
    struct sluice_writer *w = new_writer();
    const uint16_t minor = 1;
    const uint64_t capacities = 0;
    int fd;

    publish(w, 1, 2, verdicts,
            (const void *const[]){&written.node, written.clusters},
            (const size_t[]){verdicts[0].stride, verdicts[1].stride});
    publish(w, 2, 1, detail, (const void *const[]){written.hosts},
            (const size_t[]){detail[0].stride});
    publish(w, 3, 2, rules, (const void *const[]){&facts, &throttle},
            (const size_t[]){sizeof(facts), sizeof(throttle)});
    commit(w);
    sluice_writer_close(w);
    fd = open(tempdir_path("state"), O_WRONLY);
    assert_int_equal(pwrite(fd, &minor, 2, 10), 2);
    assert_int_equal(pwrite(fd, &capacities, 8, 56), 8);
    close(fd);
}

static void
load_rules(const struct sluice_map *m, struct sluice_view *v)
{
    size_t size = sluice_map_slot_size(m, SLUICE_PART_RULES);
    void *image = aligned_alloc(64, size);
    char err[256];

    memset(v, 0, sizeof(*v));
    assert_true(sluice_map_snapshot(m, SLUICE_PART_RULES, image) == 1);
    if (sluice_view_load(v, image, size, err, sizeof(err)) != 0)
        fail_msg("rules: %s", err);
    free(image);
}

/* What minor 1 did not say is zero, whatever stands behind its records. */
static void
assert_silent(const struct sluice_view *verdicts,
              const struct sluice_view *detail)
{
    for (uint32_t i = 0; i < verdicts->nclusters; i++) {
        assert_true(verdicts->clusters[i].share_until_mono_ms == 0);
        assert_int_equal(verdicts->clusters[i].share_unhealthy_s, 0);
    }
    for (uint32_t i = 0; i < detail->nhosts; i++) {
        assert_int_equal(detail->hosts[i].role, 0);
        assert_int_equal(detail->hosts[i].excluded, 0);
    }
    assert_int_equal(verdicts->nmetrics, 0);
    assert_int_equal(
        detail->nhost_metrics + detail->ninventories + detail->ncounters, 0);
}

static void
test_minor_1_is_read(void **state)
{
    (void)state;
    struct sluice_map m = {0};
    struct sluice_view verdicts, detail, rules;
    char err[256];

    write_minor1();
    assert_int_equal(
        sluice_map_open(&m, tempdir_path("state"), err, sizeof(err)), 0);
    assert_int_equal(sluice_map_header(&m)->minor, 1);
    load(&m, SLUICE_PART_VERDICTS, &verdicts);
    load(&m, SLUICE_PART_DETAIL, &detail);
    load_rules(&m, &rules);
    assert_int_equal(verdicts.nclusters, 2);
    assert_memory_equal(&verdicts.clusters[1], &written.clusters[1],
                        sizeof(struct m0_cluster));
    assert_int_equal(detail.nhosts, 3);
    assert_memory_equal(&detail.hosts[2], &written.hosts[2],
                        sizeof(struct m0_host));
    assert_silent(&verdicts, &detail);
    assert_string_equal(rules.facts.store_id, "6f1c");
    assert_true(sluice_view_throttle(&rules, "archiver", 8)->ratio == 0.5);
    assert_int_equal(rules.napps, 0);
    sluice_view_free(&verdicts);
    sluice_view_free(&detail);
    sluice_view_free(&rules);
    sluice_map_close(&m);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_minor_0_is_read),
        TEST(test_longer_records_are_read_as_far_as_known),
        TEST(test_unknown_sections_and_parts_are_skipped),
        TEST(test_longer_header_parts_and_descriptors_are_stepped_over),
        TEST(test_everything_at_once),
        TEST(test_the_next_major_is_refused),
        TEST(test_what_shorter_records_lack_is_zero),
        TEST(test_minor_0_reads_what_this_build_writes),
        TEST(test_minor_1_is_read),
    };

    return cmocka_run_group_tests_name("state minors", tests, NULL, NULL);
}
