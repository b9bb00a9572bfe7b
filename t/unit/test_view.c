/* A view: what it takes from an image, and which images it refuses. */
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

/* An image with a node, clusters and hosts that each test may spoil. */
struct image {
    size_t size;
    struct sluice_image *head;
    struct sluice_section *sections;
    struct sluice_node *node;
    struct sluice_cluster *clusters;
    struct sluice_host *hosts;
};

static struct image
image_of(uint32_t nclusters, uint32_t nhosts)
{
    const struct sluice_section sections[] = {
        {.kind = SLUICE_SECTION_NODE,
         .count = 1,
         .stride = sizeof(struct sluice_node)},
        {.kind = SLUICE_SECTION_CLUSTERS,
         .count = nclusters,
         .stride = sizeof(struct sluice_cluster)},
        {.kind = SLUICE_SECTION_HOSTS,
         .count = nhosts,
         .stride = sizeof(struct sluice_host)},
    };
    struct image i = {.size = sluice_image_size(3, sections)};

    i.head = malloc(i.size); /* not one byte more: ASan watches the end */
    assert_non_null(i.head);
    assert_int_equal(sluice_image_begin(i.head, 1234, 3, sections), i.size);
    i.sections = (struct sluice_section *)(i.head + 1);
    i.node = sluice_image_records(i.head, SLUICE_SECTION_NODE);
    i.clusters = sluice_image_records(i.head, SLUICE_SECTION_CLUSTERS);
    i.hosts = sluice_image_records(i.head, SLUICE_SECTION_HOSTS);
    i.node->flags = SLUICE_NODE_READY;
    for (uint32_t n = 0; n < nclusters; n++) {
        snprintf(i.clusters[n].name, SLUICE_NAME_SIZE, "cluster%u", n);
        i.clusters[n].status = SLUICE_METRIC_VALUE;
        i.clusters[n].value = n / 4.0;
    }
    for (uint32_t n = 0; n < nhosts; n++)
        snprintf(i.hosts[n].name, SLUICE_HOST_NAME_SIZE, "db%u", n);
    return i;
}

static void
assert_loads(struct sluice_view *v, const struct image *i)
{
    char err[256] = "";

    if (sluice_view_load(v, i->head, i->size, err, sizeof(err)) != 0)
        fail_msg("refused: %s", err);
}

/* The view holds one good image; the spoilt one must leave it as it is. */
static void
assert_refused(const void *image, size_t size, const char *reason)
{
    struct image good = image_of(1, 1);
    struct sluice_view v = {0};
    char err[256] = "";

    assert_loads(&v, &good);
    assert_int_equal(sluice_view_load(&v, image, size, err, sizeof(err)), -1);
    assert_string_equal(err, reason);
    assert_int_equal(v.nclusters, 1);
    assert_int_equal(v.nhosts, 1);
    assert_non_null(sluice_view_cluster(&v, "cluster0", 8));
    assert_true(v.published_mono_ms == 1234);
    sluice_view_free(&v);
    free(good.head);
}

/* ---- good images ------------------------------------------------------ */

static void
test_everything_arrives(void **state)
{
    (void)state;
    struct image i = image_of(2, 1);
    struct sluice_view v = {0};

    i.node->leader_until_boot_ms = 77;
    strcpy(i.clusters[1].error, "no hosts");
    strcpy(i.hosts[0].cluster, "cluster1");
    strcpy(i.hosts[0].address, "127.0.0.1");
    strcpy(i.hosts[0].text, "ignored");
    i.hosts[0].port = 3306;
    i.hosts[0].status = SLUICE_HOST_EXCLUDED;
    assert_loads(&v, &i);
    free(i.head); /* the view holds copies */

    assert_true(v.published_mono_ms == 1234);
    assert_true(v.node.leader_until_boot_ms == 77);
    assert_int_equal(v.node.flags, SLUICE_NODE_READY);
    assert_int_equal(v.nclusters, 2);
    assert_string_equal(v.clusters[1].name, "cluster1");
    assert_string_equal(v.clusters[1].error, "no hosts");
    assert_true(v.clusters[1].value == 0.25);
    assert_int_equal(v.nhosts, 1);
    assert_string_equal(v.hosts[0].cluster, "cluster1");
    assert_string_equal(v.hosts[0].name, "db0");
    assert_string_equal(v.hosts[0].address, "127.0.0.1");
    assert_string_equal(v.hosts[0].text, "ignored");
    assert_int_equal(v.hosts[0].port, 3306);
    assert_int_equal(v.hosts[0].status, SLUICE_HOST_EXCLUDED);
    sluice_view_free(&v);
    assert_null(v.clusters);
    assert_null(v.hosts);
    sluice_view_free(&v); /* twice is harmless */
}

static void
test_an_image_without_sections_is_an_empty_view(void **state)
{
    (void)state;
    struct sluice_image head = {.published_mono_ms = 5, .size = sizeof(head)};
    struct sluice_view v = {0};
    char err[256];

    assert_null(sluice_view_cluster(&v, "x", 1)); /* never loaded */
    assert_int_equal(
        sluice_view_load(&v, &head, sizeof(head), err, sizeof(err)), 0);
    assert_true(v.published_mono_ms == 5);
    assert_int_equal(v.node.flags, 0);
    assert_int_equal(v.nclusters, 0);
    assert_int_equal(v.nhosts, 0);
    assert_null(sluice_view_cluster(&v, "x", 1));
    sluice_view_free(&v);
}

static void
test_a_load_replaces_everything(void **state)
{
    (void)state;
    struct image many = image_of(20, 3), few = image_of(1, 0);
    struct sluice_view v = {0};

    strcpy(few.clusters[0].name, "other");
    assert_loads(&v, &many);
    assert_loads(&v, &few);
    assert_int_equal(v.nclusters, 1);
    assert_int_equal(v.nhosts, 0);
    assert_null(sluice_view_cluster(&v, "cluster0", 8));
    assert_non_null(sluice_view_cluster(&v, "other", 5));
    sluice_view_free(&v);
    free(many.head);
    free(few.head);
}

static void
test_each_of_many_clusters_is_found(void **state)
{
    (void)state;
    struct image i = image_of(1000, 0);
    struct sluice_view v = {0};
    const struct sluice_cluster *c;
    char name[32];

    assert_loads(&v, &i);
    for (unsigned n = 0; n < 1000; n++) {
        snprintf(name, sizeof(name), "cluster%u", n);
        c = sluice_view_cluster(&v, name, strlen(name));
        assert_ptr_equal(c, &v.clusters[n]);
    }
    assert_null(sluice_view_cluster(&v, "cluster1000", 11));
    sluice_view_free(&v);
    free(i.head);
}

static void
test_a_name_is_found_only_as_it_is(void **state)
{
    (void)state;
    struct image i = image_of(1, 0);
    struct sluice_view v = {0};
    char longest[200];

    memset(longest, 'x', sizeof(longest));
    memcpy(i.clusters[0].name, "main\0rest", 10);
    assert_loads(&v, &i);
    assert_non_null(sluice_view_cluster(&v, "main", 4));
    assert_non_null(sluice_view_cluster(&v, "mainframe", 4));
    assert_null(sluice_view_cluster(&v, "Main", 4));
    assert_null(sluice_view_cluster(&v, "main1", 5));
    assert_null(sluice_view_cluster(&v, "mai", 3));
    assert_null(sluice_view_cluster(&v, "main\0", 5));
    assert_null(sluice_view_cluster(&v, "main\0rest", 9));
    assert_null(sluice_view_cluster(&v, "", 0));
    assert_null(sluice_view_cluster(&v, NULL, 0));
    assert_null(sluice_view_cluster(&v, longest, sizeof(longest)));

    memset(i.clusters[0].name, 'x', SLUICE_NAME_SIZE);
    assert_loads(&v, &i);
    assert_non_null(sluice_view_cluster(&v, longest, SLUICE_NAME_SIZE - 1));
    assert_null(sluice_view_cluster(&v, longest, SLUICE_NAME_SIZE));
    sluice_view_free(&v);
    free(i.head);
}

static void
test_strings_are_terminated(void **state)
{
    (void)state;
    struct image i = image_of(1, 1);
    struct sluice_view v = {0};

    memset(i.clusters[0].name, 'n', SLUICE_NAME_SIZE);
    memset(i.clusters[0].error, 'e', SLUICE_ERROR_SIZE);
    memset(i.hosts[0].cluster, 'c', SLUICE_NAME_SIZE);
    memset(i.hosts[0].name, 'h', SLUICE_HOST_NAME_SIZE);
    memset(i.hosts[0].address, 'a', SLUICE_ADDRESS_SIZE);
    memset(i.hosts[0].text, 't', SLUICE_ERROR_SIZE);
    assert_loads(&v, &i);
    assert_int_equal(strlen(v.clusters[0].name), SLUICE_NAME_SIZE - 1);
    assert_int_equal(strlen(v.clusters[0].error), SLUICE_ERROR_SIZE - 1);
    assert_int_equal(strlen(v.hosts[0].cluster), SLUICE_NAME_SIZE - 1);
    assert_int_equal(strlen(v.hosts[0].name), SLUICE_HOST_NAME_SIZE - 1);
    assert_int_equal(strlen(v.hosts[0].address), SLUICE_ADDRESS_SIZE - 1);
    assert_int_equal(strlen(v.hosts[0].text), SLUICE_ERROR_SIZE - 1);
    sluice_view_free(&v);
    free(i.head);
}

static void
test_unknown_sections_are_not_looked_at(void **state)
{
    (void)state;
    struct image i = image_of(1, 1);
    struct sluice_view v = {0};

    i.sections[2].kind = 99; /* nonsense, but nobody's business */
    i.sections[2].count = UINT32_MAX;
    i.sections[2].stride = 3;
    i.sections[2].offset = UINT32_MAX;
    assert_loads(&v, &i);
    assert_int_equal(v.nclusters, 1);
    assert_int_equal(v.nhosts, 0);
    sluice_view_free(&v);
    free(i.head);
}

static void
test_what_a_shorter_record_lacks_is_zero(void **state)
{
    (void)state;
    struct image i = image_of(2, 0);
    struct sluice_view v = {0};
    size_t stride = offsetof(struct sluice_cluster, error);

    strcpy(i.clusters[0].error, "not in the shorter record");
    memmove((char *)i.clusters + stride, &i.clusters[1], stride);
    i.sections[1].stride = (uint32_t)stride;
    assert_loads(&v, &i);
    assert_int_equal(v.nclusters, 2);
    assert_string_equal(v.clusters[0].error, "");
    assert_string_equal(v.clusters[1].name, "cluster1");
    assert_string_equal(v.clusters[1].error, "");
    assert_true(v.clusters[1].value == 0.25);
    sluice_view_free(&v);
    free(i.head);
}

static void
test_room_behind_the_image_is_not_its_own(void **state)
{
    (void)state;
    struct image i = image_of(1, 0);
    char *slot = malloc(i.size + 64);
    struct sluice_view v = {0};
    char err[256];

    memcpy(slot, i.head, i.size);
    memset(slot + i.size, 0xff, 64);
    assert_int_equal(sluice_view_load(&v, slot, i.size + 64, err, sizeof(err)),
                     0);
    assert_int_equal(v.nclusters, 1);
    sluice_view_free(&v);
    free(slot);
    free(i.head);
}

/* ---- spoilt images ---------------------------------------------------- */

static void
test_a_broken_head_is_refused(void **state)
{
    (void)state;
    struct image i = image_of(1, 0);
    uint64_t size = i.size;

    assert_int_equal(size, 488);
    assert_refused(i.head, 31, "image of 31 bytes, expected at least 32");
    assert_refused(i.head, 0, "image of 0 bytes, expected at least 32");
    assert_refused(i.head, size - 8,
                   "image says it has 488 bytes, expected a multiple of 8 "
                   "from 32 to 480");
    i.head->size = 24;
    assert_refused(i.head, size,
                   "image says it has 24 bytes, expected a multiple of 8 "
                   "from 32 to 488");
    i.head->size = size - 1;
    assert_refused(i.head, size,
                   "image says it has 487 bytes, expected a multiple of 8 "
                   "from 32 to 488");
    i.head->size = size;
    i.head->section_stride = 8;
    assert_refused(i.head, size, "section descriptors of 8 bytes, expected 16");
    i.head->section_stride = 16;
    i.head->nsections = 29;
    assert_refused(i.head, size, "29 section descriptors do not fit the image");
    i.head->nsections = UINT32_MAX;
    i.head->section_stride = UINT32_MAX;
    assert_refused(i.head, size,
                   "4294967295 section descriptors do not fit the image");
    free(i.head);
}

static void
test_a_record_outside_the_image_is_refused(void **state)
{
    (void)state;
    struct image i = image_of(1, 0);
    struct sluice_section *s = &i.sections[1], before = *s;

    s->count = 2;
    assert_refused(i.head, i.size,
                   "section 2: 2 records of 392 bytes at 96 are outside the "
                   "image of 488 bytes");
    s->count = UINT32_MAX;
    assert_refused(i.head, i.size,
                   "section 2: 4294967295 records of 392 bytes at 96 are "
                   "outside the image of 488 bytes");
    *s = before;
    s->offset = 104;
    assert_refused(i.head, i.size,
                   "section 2: 1 records of 392 bytes at 104 are outside the "
                   "image of 488 bytes");
    s->offset = UINT32_MAX;
    assert_refused(i.head, i.size,
                   "section 2: 1 records of 392 bytes at 4294967295 are "
                   "outside the image of 488 bytes");
    s->offset = 40; /* among the descriptors */
    assert_refused(i.head, i.size,
                   "section 2: 1 records of 392 bytes at 40 are outside the "
                   "image of 488 bytes");
    *s = before;
    s->stride = 0;
    assert_refused(i.head, i.size,
                   "section 2: stride 0, expected a multiple of 8");
    s->stride = 12;
    assert_refused(i.head, i.size,
                   "section 2: stride 12, expected a multiple of 8");
    free(i.head);
}

static void
test_a_section_twice_is_refused(void **state)
{
    (void)state;
    struct image i = image_of(1, 0);

    i.sections[2] = i.sections[1];
    assert_refused(i.head, i.size, "section 2 stands in the image twice");
    i.sections[2] = i.sections[0];
    assert_refused(i.head, i.size, "section 1 stands in the image twice");
    free(i.head);
}

static void
test_one_node_or_none(void **state)
{
    (void)state;
    struct image i = image_of(1, 0);

    i.sections[0].count = 2;
    assert_refused(i.head, i.size, "2 node records, expected one");
    i.sections[0].count = 0;
    assert_refused(i.head, i.size, "0 node records, expected one");
    free(i.head);
}

static void
test_a_spoilt_cluster_is_refused(void **state)
{
    (void)state;
    struct image i = image_of(3, 0);
    struct sluice_cluster *c = &i.clusters[2], before = *c;

    c->name[0] = '\0';
    assert_refused(i.head, i.size, "cluster 2 has no name");
    *c = before;
    strcpy(c->name, "cluster0");
    assert_refused(i.head, i.size,
                   "cluster cluster0 stands in the image twice");
    *c = before;
    c->value = NAN;
    assert_refused(i.head, i.size,
                   "cluster cluster2: value or threshold is not a number");
    c->value = -INFINITY;
    assert_refused(i.head, i.size,
                   "cluster cluster2: value or threshold is not a number");
    *c = before;
    c->threshold = INFINITY;
    assert_refused(i.head, i.size,
                   "cluster cluster2: value or threshold is not a number");
    *c = before;
    c->status = 3;
    assert_refused(i.head, i.size, "cluster cluster2: unknown status 3");
    free(i.head);
}

/* Names that differ only behind the 63rd byte are one name. */
static void
test_names_are_compared_as_terminated(void **state)
{
    (void)state;
    struct image i = image_of(2, 0);
    char reason[SLUICE_NAME_SIZE + 64];

    memset(i.clusters[0].name, 'n', SLUICE_NAME_SIZE);
    memset(i.clusters[1].name, 'n', SLUICE_NAME_SIZE);
    i.clusters[1].name[SLUICE_NAME_SIZE - 1] = 'x';
    snprintf(reason, sizeof(reason), "cluster %.63s stands in the image twice",
             i.clusters[0].name);
    assert_refused(i.head, i.size, reason);
    free(i.head);
}

static void
test_a_spoilt_host_is_refused(void **state)
{
    (void)state;
    struct image i = image_of(1, 2);
    struct sluice_host *h = &i.hosts[1], before = *h;

    h->value = NAN;
    assert_refused(i.head, i.size, "host db1:0: value is not a number");
    *h = before;
    h->port = 3306;
    h->status = 4;
    assert_refused(i.head, i.size, "host db1:3306: unknown status 4");
    free(i.head);
}

static void
assert_found(const struct sluice_view *v, uint32_t n)
{
    const char *name = v->clusters[n].name;

    assert_ptr_equal(sluice_view_cluster(v, name, strlen(name)),
                     &v->clusters[n]);
}

/* Many values of every byte of a small image: refused or loaded, but read
 * within its bounds, and what is loaded is as promised. */
static void
test_no_spoilt_byte_does_harm(void **state)
{
    (void)state;
    struct image i = image_of(2, 1);
    unsigned char *bytes = (unsigned char *)i.head, was;
    struct sluice_view v = {0};
    char err[256];

    for (size_t at = 0; at < i.size; at++) {
        was = bytes[at];
        for (unsigned value = 0; value < 256; value += 5) {
            bytes[at] = (unsigned char)value;
            if (sluice_view_load(&v, bytes, i.size, err, sizeof(err)) != 0) {
                assert_true(err[0] != '\0' && strlen(err) < sizeof(err));
                continue;
            }
            for (uint32_t n = 0; n < v.nclusters; n++)
                assert_found(&v, n);
        }
        bytes[at] = was;
    }
    sluice_view_free(&v);
    free(i.head);
}

static void
test_the_error_is_cut_to_its_buffer(void **state)
{
    (void)state;
    struct sluice_view v = {0};
    char err[8] = "#######";

    assert_int_equal(sluice_view_load(&v, "", 0, err, sizeof(err)), -1);
    assert_string_equal(err, "image o");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_everything_arrives),
        cmocka_unit_test(test_an_image_without_sections_is_an_empty_view),
        cmocka_unit_test(test_a_load_replaces_everything),
        cmocka_unit_test(test_each_of_many_clusters_is_found),
        cmocka_unit_test(test_a_name_is_found_only_as_it_is),
        cmocka_unit_test(test_strings_are_terminated),
        cmocka_unit_test(test_unknown_sections_are_not_looked_at),
        cmocka_unit_test(test_what_a_shorter_record_lacks_is_zero),
        cmocka_unit_test(test_room_behind_the_image_is_not_its_own),
        cmocka_unit_test(test_a_broken_head_is_refused),
        cmocka_unit_test(test_a_record_outside_the_image_is_refused),
        cmocka_unit_test(test_a_section_twice_is_refused),
        cmocka_unit_test(test_one_node_or_none),
        cmocka_unit_test(test_a_spoilt_cluster_is_refused),
        cmocka_unit_test(test_names_are_compared_as_terminated),
        cmocka_unit_test(test_a_spoilt_host_is_refused),
        cmocka_unit_test(test_no_spoilt_byte_does_harm),
        cmocka_unit_test(test_the_error_is_cut_to_its_buffer),
    };

    return cmocka_run_group_tests_name("view", tests, NULL, NULL);
}
