/* The state file replaced: by a larger one, and when somebody removed it. */
#include "state_help.h"

/* ---- resize ----------------------------------------------------------- */

static void
test_a_larger_file_replaces_the_old_one(void **state)
{
    (void)state;
    const struct sluice_capacity large = {
        .clusters = 6, .hosts = 16, .throttles = 99};
    struct sluice_writer *w = committed();
    struct sluice_map m = opened();
    size_t size;

    sluice_writer_heartbeat(w, 700);
    assert_int_equal(sluice_writer_capacity(w).clusters, 4);
    assert_int_equal(sluice_writer_resize(w, large, err, sizeof(err)), 0);
    assert_int_equal(sluice_writer_capacity(w).clusters, 6);
    assert_int_equal(sluice_writer_capacity(w).hosts, 16);
    assert_int_equal(sluice_writer_capacity(w).throttles, 99);
    size = make_image(images, SLUICE_PART_VERDICTS, 6, 42);
    assert_int_equal(
        sluice_writer_publish(w, SLUICE_PART_VERDICTS, images, size), 0);
    assert_true(seen(&m, SLUICE_PART_VERDICTS) == 1); /* not there yet */
    assert_false(sluice_map_moved(&m, path()));
    sluice_writer_heartbeat(w, 701); /* both live */
    assert_true(sluice_map_heartbeat(&m) == 701);
    commit(w);

    assert_true(sluice_map_moved(&m, path()));
    assert_true(seen(&m, SLUICE_PART_VERDICTS) == 1); /* still mapped */
    sluice_map_close(&m);
    m = opened();
    assert_true(sluice_map_heartbeat(&m) == 701);
    assert_true(seen(&m, SLUICE_PART_VERDICTS) == 42);
    assert_int_equal(sluice_map_header(&m)->host_capacity, 16);
    sluice_map_close(&m);
    sluice_writer_close(w);
}

static void
test_the_heartbeat_survives_a_resize(void **state)
{
    (void)state;
    struct sluice_writer *w = committed();
    struct sluice_map m;

    sluice_writer_heartbeat(w, 700);
    assert_int_equal(sluice_writer_resize(w, small, err, sizeof(err)), 0);
    commit(w);
    m = opened();
    assert_true(sluice_map_heartbeat(&m) == 700);
    sluice_map_close(&m);
    sluice_writer_close(w);
}

static void
test_a_failed_resize_leaves_the_old_file_in_use(void **state)
{
    (void)state;
    const struct sluice_capacity huge = {.clusters = 1, .hosts = UINT32_MAX};
    struct sluice_writer *w = committed();

    assert_int_equal(sluice_writer_resize(w, huge, err, sizeof(err)), -1);
    assert_int_equal(sluice_writer_capacity(w).clusters, 4);
    assert_int_equal(publish(w, SLUICE_PART_VERDICTS, 2), 0);
    assert_true(found(SLUICE_PART_VERDICTS) == 2);
    assert_int_equal(sluice_writer_commit(w, err, sizeof(err)), -1);
    assert_int_equal(publish(w, SLUICE_PART_VERDICTS, 3), 0);
    assert_true(found(SLUICE_PART_VERDICTS) == 3);
    sluice_writer_close(w);
}

static void
test_a_resize_takes_the_place_of_one_not_committed(void **state)
{
    (void)state;
    const struct sluice_capacity larger = {.clusters = 5, .hosts = 8};
    const struct sluice_capacity largest = {.clusters = 6, .hosts = 8};
    struct sluice_writer *w = committed();
    struct sluice_map m;

    assert_int_equal(sluice_writer_resize(w, larger, err, sizeof(err)), 0);
    assert_int_equal(sluice_writer_resize(w, largest, err, sizeof(err)), 0);
    commit(w);
    m = opened();
    assert_int_equal(sluice_map_header(&m)->cluster_capacity, 6);
    sluice_map_close(&m);
    sluice_writer_close(w);
}

/* ---- what minor 2 has room for ------------------------------------------ */

static const struct sluice_capacity rich = {.clusters = 2,
                                            .hosts = 3,
                                            .throttles = 4,
                                            .metrics = 5,
                                            .apps = 6,
                                            .host_metrics = 7,
                                            .inventories = 8,
                                            .counters = 9,
                                            .routes = 2,
                                            .route_hosts = 5};

/* The part's image with all that is promised, and `more` of its last kind. */
static int
publish_full(struct sluice_writer *w, uint32_t kind, uint32_t more)
{
    struct sluice_section all[4][4] = {
        {{SLUICE_SECTION_NODE, 1, sizeof(struct sluice_node), 0},
         {SLUICE_SECTION_CLUSTERS, 2, sizeof(struct sluice_cluster), 0},
         {SLUICE_SECTION_METRICS, 5, sizeof(struct sluice_metric), 0}},
        {{SLUICE_SECTION_HOSTS, 3, sizeof(struct sluice_host), 0},
         {SLUICE_SECTION_HOST_METRICS, 7, sizeof(struct sluice_host_metric), 0},
         {SLUICE_SECTION_INVENTORIES, 8, sizeof(struct sluice_inventory), 0},
         {SLUICE_SECTION_COUNTERS, 9, sizeof(struct sluice_counter), 0}},
        {{SLUICE_SECTION_FACTS, 1, sizeof(struct sluice_facts), 0},
         {SLUICE_SECTION_THROTTLES, 4, sizeof(struct sluice_throttle), 0},
         {SLUICE_SECTION_APPS, 6, sizeof(struct sluice_app), 0}},
        {{SLUICE_SECTION_ROUTES, 2, sizeof(struct sluice_route), 0},
         {SLUICE_SECTION_ROUTE_HOSTS, 5, sizeof(struct sluice_route_host), 0}},
    };
    static const uint32_t counts[] = {3, 4, 3, 2};
    struct sluice_section *sections = all[kind - 1];
    uint32_t n = counts[kind - 1];
    size_t size;

    sections[n - 1].count += more;
    size = sluice_image_size(n, sections);
    assert_true(size <= sizeof(images));
    sluice_image_begin(images, 5, n, sections);
    return sluice_writer_publish(w, kind, images, size);
}

static void
test_each_part_fits_as_many_as_promised(void **state)
{
    (void)state;
    struct sluice_writer *w =
        sluice_writer_create(path(), rich, err, sizeof(err));
    struct sluice_capacity room;
    struct sluice_map m;

    assert_non_null(w);
    room = sluice_writer_capacity(w);
    assert_memory_equal(&room, &rich, sizeof(rich));
    for (uint32_t kind = 1; kind <= SLUICE_PART_KINDS; kind++) {
        assert_int_equal(publish_full(w, kind, 0), 0);
        assert_int_equal(publish_full(w, kind, 1), -1);
    }
    commit(w);
    room = sluice_writer_capacity(w); /* the committed file's */
    assert_memory_equal(&room, &rich, sizeof(rich));
    m = opened();
    assert_int_equal(sluice_map_header(&m)->minor, 3);
    assert_int_equal(sluice_map_header(&m)->metric_capacity, 5);
    assert_int_equal(sluice_map_header(&m)->app_capacity, 6);
    sluice_map_close(&m);
    sluice_writer_close(w);
}

/* ---- files that vanish ------------------------------------------------ */

static void
test_a_lost_file_is_noticed_and_put_back(void **state)
{
    (void)state;
    struct sluice_writer *w = created();

    assert_true(sluice_writer_lost(w)); /* not there yet */
    commit(w);
    assert_false(sluice_writer_lost(w));
    assert_int_equal(unlink(path()), 0);
    assert_true(sluice_writer_lost(w));
    make_file("state"); /* another one is not ours either */
    assert_true(sluice_writer_lost(w));
    assert_int_equal(sluice_writer_resize(w, small, err, sizeof(err)), 0);
    assert_int_equal(publish(w, SLUICE_PART_VERDICTS, 9), 0);
    commit(w);
    assert_false(sluice_writer_lost(w));
    assert_true(found(SLUICE_PART_VERDICTS) == 9);
    sluice_writer_close(w);
}

/* The lock went with the directory: it is taken again, in the new place. */
static void
test_a_lost_directory_is_put_to_use_again(void **state)
{
    (void)state;
    struct sluice_writer *w = committed(), *second;

    tempdir_remove();
    assert_true(sluice_writer_lost(w));
    assert_int_equal(sluice_writer_resize(w, small, err, sizeof(err)), -1);
    assert_non_null(strstr(err, "No such file or directory"));
    assert_int_equal(mkdir(tempdir, 0755), 0);
    assert_int_equal(sluice_writer_resize(w, small, err, sizeof(err)), 0);
    assert_int_equal(publish(w, SLUICE_PART_VERDICTS, 9), 0);
    commit(w);
    assert_true(found(SLUICE_PART_VERDICTS) == 9);

    second = sluice_writer_create(path(), small, err, sizeof(err));
    assert_null(second);
    assert_non_null(strstr(err, "another writer, pid"));
    sluice_writer_close(w);
}

static void
test_a_writer_whose_lock_was_taken_does_not_come_back(void **state)
{
    (void)state;
    struct sluice_writer *w = committed(), *second;

    assert_int_equal(unlink(tempdir_path("state.lock")), 0);
    second = committed();
    assert_true(sluice_writer_lost(w));
    assert_int_equal(sluice_writer_resize(w, small, err, sizeof(err)), -1);
    assert_non_null(strstr(err, "another writer, pid"));
    sluice_writer_close(w);
    assert_int_equal(publish(second, SLUICE_PART_VERDICTS, 8), 0);
    assert_true(found(SLUICE_PART_VERDICTS) == 8);
    sluice_writer_close(second);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_a_larger_file_replaces_the_old_one),
        TEST(test_the_heartbeat_survives_a_resize),
        TEST(test_a_failed_resize_leaves_the_old_file_in_use),
        TEST(test_a_resize_takes_the_place_of_one_not_committed),
        TEST(test_each_part_fits_as_many_as_promised),
        TEST(test_a_lost_file_is_noticed_and_put_back),
        TEST(test_a_lost_directory_is_put_to_use_again),
        TEST(test_a_writer_whose_lock_was_taken_does_not_come_back),
    };

    return cmocka_run_group_tests_name("state life", tests, NULL, NULL);
}
