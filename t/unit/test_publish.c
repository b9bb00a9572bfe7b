/* The publisher: coalescing, growing, putting the file back. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "publish/publish.h"
#include "sluice_view.h"

static struct fixture {
    struct loop loop;
    struct publisher *publisher;
    char dir[64];
    char path[96];
    struct sluice_capacity count;
    uint64_t revision;
    int ring;
    int no_routes;
} f;

static struct sluice_capacity
count(void *data)
{
    return ((struct fixture *)data)->count;
}

static int
verdicts(void *data,
         struct sluice_node *node,
         struct sluice_cluster *clusters,
         struct sluice_metric *metrics)
{
    struct fixture *fix = data;

    node->flags = SLUICE_NODE_READY;
    for (uint32_t i = 0; i < fix->count.clusters; i++) {
        snprintf(clusters[i].name, sizeof(clusters[i].name), "c%u", i);
        clusters[i].status = SLUICE_METRIC_VALUE;
        clusters[i].value = i;
    }
    for (uint32_t i = 0; i < fix->count.metrics; i++) {
        strcpy(metrics[i].cluster, "c0");
        snprintf(metrics[i].name, sizeof(metrics[i].name), "m%05u", i);
        metrics[i].value = i;
    }
    return fix->ring;
}

static void
detail(void *data, struct publish_detail *d)
{
    struct fixture *fix = data;

    for (uint32_t i = 0; i < fix->count.hosts; i++)
        snprintf(d->hosts[i].name, sizeof(d->hosts[i].name), "h%u", i);
    for (uint32_t i = 0; i < fix->count.host_metrics; i++) {
        struct sluice_host_metric *m = &d->host_metrics[i];

        strcpy(m->cluster, "c0");
        snprintf(m->metric, sizeof(m->metric), "m%u", i);
        strcpy(m->host, "h0");
    }
    for (uint32_t i = 0; i < fix->count.inventories; i++)
        snprintf(d->inventories[i].cluster, SLUICE_NAME_SIZE, "c%u", i);
    for (uint32_t i = 0; i < fix->count.counters; i++)
        snprintf(d->counters[i].name, SLUICE_NAME_SIZE, "count.%u", i);
}

static int
rules(void *data,
      struct sluice_facts *facts,
      struct sluice_throttle *throttles,
      struct sluice_app *apps)
{
    struct fixture *fix = data;

    facts->revision = fix->revision;
    for (uint32_t i = 0; i < fix->count.throttles; i++)
        snprintf(throttles[i].key, sizeof(throttles[i].key), "app%u", i);
    for (uint32_t i = 0; i < fix->count.apps; i++) {
        snprintf(apps[i].app, sizeof(apps[i].app), "app%u", i);
        apps[i].threshold = i;
    }
    return fix->ring;
}

static int
routes(void *data, struct sluice_route *out, struct sluice_route_host *hosts)
{
    struct fixture *fix = data;

    for (uint32_t i = 0; i < fix->count.routes; i++) {
        snprintf(out[i].cluster, sizeof(out[i].cluster), "c%u", i);
        out[i].epoch = fix->revision;
    }
    for (uint32_t i = 0; i < fix->count.route_hosts; i++)
        snprintf(hosts[i].name, sizeof(hosts[i].name), "h%u", i);
    return fix->no_routes ? -1 : fix->ring;
}

static const struct publish_source source = {&f,     count, verdicts,
                                             detail, rules, routes};

static int
setup(void **state)
{
    char err[256];

    (void)state;
    log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_LOGFMT);
    memset(&f, 0, sizeof(f));
    f.count = (struct sluice_capacity){.clusters = 3,
                                       .hosts = 5,
                                       .throttles = 7,
                                       .metrics = 2,
                                       .apps = 4,
                                       .host_metrics = 6,
                                       .inventories = 3,
                                       .counters = 8,
                                       .routes = 2,
                                       .route_hosts = 9};
    f.revision = 11;
    strcpy(f.dir, "/tmp/test_publish.XXXXXX");
    if (!mkdtemp(f.dir))
        return -1;
    snprintf(f.path, sizeof(f.path), "%s/run/state", f.dir);
    loop_init(&f.loop);
    f.publisher = publisher_open(&f.loop, f.path, &source, err, sizeof(err));
    return f.publisher ? 0 : -1;
}

static int
teardown(void **state)
{
    char text[128];

    (void)state;
    publisher_close(f.publisher);
    loop_close(&f.loop);
    unlink(f.path);
    snprintf(text, sizeof(text), "%s.lock", f.path);
    unlink(text);
    snprintf(text, sizeof(text), "%s/run", f.dir);
    rmdir(text);
    return rmdir(f.dir);
}

static void
run_ms(uint64_t ms)
{
    uint64_t end = clock_mono_ms() + ms;

    while (clock_mono_ms() < end) {
        uv_run(&f.loop.uv, UV_RUN_NOWAIT);
        usleep(500);
    }
}

static struct sluice_map
open_map(void)
{
    struct sluice_map map = {0};
    char err[256] = "";

    if (sluice_map_open(&map, f.path, err, sizeof(err)) != 0)
        fail_msg("%s", err);
    return map;
}

/* The part's view as a reader would load it. */
static struct sluice_view
read_view(uint32_t kind)
{
    struct sluice_map map = open_map();
    struct sluice_view view = {0};
    size_t size = sluice_map_slot_size(&map, kind);
    void *image = aligned_alloc(64, size);
    char err[256];

    assert_true(sluice_map_snapshot(&map, kind, image) > 0);
    if (sluice_view_load(&view, image, size, err, sizeof(err)) != 0)
        fail_msg("%s", err);
    free(image);
    sluice_map_close(&map);
    return view;
}

static void
test_first_image_is_complete(void **state)
{
    struct sluice_view view = read_view(SLUICE_PART_VERDICTS);
    struct sluice_map map = open_map();
    uint64_t beat = sluice_map_heartbeat(&map);

    (void)state;
    assert_int_equal(view.nclusters, 3);
    assert_string_equal(view.clusters[2].name, "c2");
    assert_int_equal(view.nmetrics, 2);
    assert_string_equal(view.metrics[1].name, "m00001");
    assert_int_equal(view.node.flags, SLUICE_NODE_READY);
    sluice_view_free(&view);
    view = read_view(SLUICE_PART_DETAIL);
    assert_int_equal(view.nhosts, 5);
    assert_int_equal(view.nhost_metrics, 6);
    assert_string_equal(view.host_metrics[5].metric, "m5");
    assert_int_equal(view.ninventories, 3);
    assert_non_null(sluice_view_inventory(&view, "c2", 2));
    assert_int_equal(view.ncounters, 8);
    assert_non_null(sluice_view_counter(&view, "count.7", 7));
    sluice_view_free(&view);
    view = read_view(SLUICE_PART_RULES);
    assert_int_equal(view.facts.revision, 11);
    assert_int_equal(view.nthrottles, 7);
    assert_int_equal(view.napps, 4);
    assert_non_null(sluice_view_app(&view, "c0", 2, "app3", 4));
    sluice_view_free(&view);
    assert_true(sluice_heartbeat_age(beat, clock_mono_ms()) < 5000);
    sluice_map_close(&map);
}

static void
test_wakes_are_coalesced(void **state)
{
    struct sluice_map map = open_map();
    uint64_t before = sluice_map_generation(&map, SLUICE_PART_VERDICTS);
    uint64_t began_ms = clock_mono_ms(), after, most;

    (void)state;
    for (int i = 0; i < 200; i++) {
        publisher_wake(f.publisher);
        run_ms(1);
    }
    after = sluice_map_generation(&map, SLUICE_PART_VERDICTS);
    most = (clock_mono_ms() - began_ms) / PUBLISH_VERDICTS_MS + 2;
    assert_in_range(after - before, 2, most);
    run_ms(50);
    before = sluice_map_generation(&map, SLUICE_PART_VERDICTS);
    run_ms(100);
    assert_int_equal(sluice_map_generation(&map, SLUICE_PART_VERDICTS), before);
    sluice_map_close(&map);
}

static void
test_heartbeat_goes_on_alone(void **state)
{
    struct sluice_map map = open_map();
    uint64_t before = sluice_map_heartbeat(&map);

    (void)state;
    for (int i = 0; i < 100 && sluice_map_heartbeat(&map) == before; i++)
        run_ms(20);
    assert_true(sluice_map_heartbeat(&map) > before);
    sluice_map_close(&map);
}

static void
test_rules_have_a_generation_of_their_own(void **state)
{
    struct sluice_map map = open_map();
    uint64_t verdicts_before, before;

    (void)state;
    verdicts_before = sluice_map_generation(&map, SLUICE_PART_VERDICTS);
    before = sluice_map_generation(&map, SLUICE_PART_RULES);
    publisher_wake_rules(f.publisher);
    for (int i = 0;
         i < 100 && sluice_map_generation(&map, SLUICE_PART_RULES) == before;
         i++)
        run_ms(20);
    assert_int_equal(sluice_map_generation(&map, SLUICE_PART_RULES),
                     before + 1);
    assert_int_equal(sluice_map_generation(&map, SLUICE_PART_VERDICTS),
                     verdicts_before);
    sluice_map_close(&map);
}

static void
test_routes_that_nobody_knows_yet(void **state)
{
    struct sluice_view view = read_view(SLUICE_PART_ROUTES);
    struct sluice_map map = open_map();
    uint64_t before = sluice_map_generation(&map, SLUICE_PART_ROUTES);

    (void)state;
    assert_int_equal(view.nroutes, 2);
    assert_int_equal(view.nroute_hosts, 9);
    assert_int_equal(view.routes[0].epoch, 11);
    sluice_view_free(&view);
    f.no_routes = 1;
    publisher_wake_routes(f.publisher);
    run_ms(50);
    assert_int_equal(sluice_map_generation(&map, SLUICE_PART_ROUTES), before);
    f.no_routes = 0;
    publisher_wake_routes(f.publisher);
    run_ms(50);
    assert_int_equal(sluice_map_generation(&map, SLUICE_PART_ROUTES),
                     before + 1);
    sluice_map_close(&map);
}

static void
test_grows(void **state)
{
    struct sluice_map map = open_map();
    struct sluice_view view;

    (void)state;
    f.count = (struct sluice_capacity){
        .clusters = 500, .hosts = 2000, .throttles = 3000};
    publisher_wake(f.publisher);
    for (int i = 0; i < 100 && !sluice_map_moved(&map, f.path); i++)
        run_ms(20);
    assert_true(sluice_map_moved(&map, f.path));
    sluice_map_close(&map);
    view = read_view(SLUICE_PART_VERDICTS);
    assert_int_equal(view.nclusters, 500);
    sluice_view_free(&view);
    view = read_view(SLUICE_PART_DETAIL);
    assert_int_equal(view.nhosts, 2000);
    sluice_view_free(&view);
    view = read_view(SLUICE_PART_RULES);
    assert_int_equal(view.nthrottles, 3000);
    sluice_view_free(&view);
}

/* Each kind alone can make the file too small. */
static void
test_grows_for_each_kind(void **state)
{
    uint32_t *const counts[] = {&f.count.metrics, &f.count.apps,
                                &f.count.host_metrics, &f.count.inventories,
                                &f.count.counters};
    struct sluice_view view;

    (void)state;
    for (size_t k = 0; k < sizeof(counts) / sizeof(*counts); k++) {
        struct sluice_map map = open_map();

        *counts[k] = 300;
        publisher_wake(f.publisher);
        for (int i = 0; i < 100 && !sluice_map_moved(&map, f.path); i++)
            run_ms(20);
        assert_true(sluice_map_moved(&map, f.path));
        sluice_map_close(&map);
    }
    view = read_view(SLUICE_PART_VERDICTS);
    assert_int_equal(view.nmetrics, 300);
    sluice_view_free(&view);
    view = read_view(SLUICE_PART_DETAIL);
    assert_int_equal(view.nhost_metrics, 300);
    assert_int_equal(view.ninventories, 300);
    assert_int_equal(view.ncounters, 300);
    sluice_view_free(&view);
    view = read_view(SLUICE_PART_RULES);
    assert_int_equal(view.napps, 300);
    sluice_view_free(&view);
}

static void
test_puts_the_file_back(void **state)
{
    char dir[128];

    (void)state;
    snprintf(dir, sizeof(dir), "%s.lock", f.path);
    assert_int_equal(unlink(f.path), 0);
    assert_int_equal(unlink(dir), 0);
    snprintf(dir, sizeof(dir), "%s/run", f.dir);
    assert_int_equal(rmdir(dir), 0);
    for (int i = 0; i < 200 && access(f.path, F_OK) != 0; i++)
        run_ms(20);
    assert_int_equal(access(f.path, F_OK), 0);
    test_first_image_is_complete(state);
}

static void
test_a_second_publisher_is_refused(void **state)
{
    char err[256] = "", pid[32];

    (void)state;
    assert_null(publisher_open(&f.loop, f.path, &source, err, sizeof(err)));
    snprintf(pid, sizeof(pid), "pid %d", (int)getpid());
    assert_non_null(strstr(err, pid));
    test_first_image_is_complete(state);
}

static void
test_an_impossible_path(void **state)
{
    char err[256] = "";

    (void)state;
    assert_null(publisher_open(&f.loop, "/proc/no/such/state", &source, err,
                               sizeof(err)));
    assert_non_null(strstr(err, "/proc/no/such/state"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_routes_that_nobody_knows_yet,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_first_image_is_complete, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_wakes_are_coalesced, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_heartbeat_goes_on_alone, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(
            test_rules_have_a_generation_of_their_own, setup, teardown),
        cmocka_unit_test_setup_teardown(test_grows, setup, teardown),
        cmocka_unit_test_setup_teardown(test_grows_for_each_kind, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_puts_the_file_back, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_a_second_publisher_is_refused,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_an_impossible_path, setup,
                                        teardown),
    };

    return cmocka_run_group_tests_name("publish", tests, NULL, NULL);
}
