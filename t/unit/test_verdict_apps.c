/* Verdicts with thresholds of apps, and with other domains' health. */
#include "verdict_help.h"

static struct sluice_view rules_view;
static struct sluice_rules rules;

/* archiver: 0.1 in "fine", 2 anywhere; copier: 0 anywhere. */
static int
apps_setup(void **state)
{
    const struct sluice_section section = {.kind = SLUICE_SECTION_APPS,
                                           .count = 3,
                                           .stride = sizeof(struct sluice_app)};
    size_t size = sluice_image_size(1, &section);
    void *image = malloc(size);
    struct sluice_app *apps;
    char err[256];
    int rc;

    sluice_image_begin(image, NOW_MS, 1, &section);
    apps = sluice_image_records(image, SLUICE_SECTION_APPS);
    apps[0] = (struct sluice_app){.app = "copier", .threshold = 0};
    apps[1] = (struct sluice_app){.app = "archiver", .threshold = 2};
    apps[2] = (struct sluice_app){
        .cluster = "fine", .app = "archiver", .threshold = 0.1};
    rc = sluice_view_load(&rules_view, image, size, err, sizeof(err));
    free(image);
    rules = (struct sluice_rules){.view = &rules_view};
    return rc != 0 ? rc : setup(state);
}

static int
apps_teardown(void **state)
{
    sluice_view_free(&rules_view);
    return teardown(state);
}

static struct sluice_verdict
judge(struct sluice_request r)
{
    struct sluice_verdict out;

    memset(&out, 0xff, sizeof(out));
    sluice_verdict_check(&view, &fresh, &rules, &r, &out);
    return out;
}

/* ---- thresholds of apps ------------------------------------------------ */

static void
test_the_app_s_threshold_in_the_cluster_comes_first(void **state)
{
    (void)state;
    assert_verdict(judge(REQUEST("fine")), 429, "threshold-exceeded", 0.25, 0.1,
                   "Threshold exceeded");
}

static void
test_then_the_app_s_threshold_in_all_clusters(void **state)
{
    (void)state;
    assert_verdict(judge(REQUEST("over")), 200, "ok", 1.5, 2, "");
    assert_verdict(judge(REQUEST("fine", .app = "copier")), 429,
                   "threshold-exceeded", 0.25, 0, "Threshold exceeded");
    assert_verdict(judge(REQUEST("negative", .app = "copier")), 200, "ok", -3,
                   0, "");
}

static void
test_then_the_cluster_s(void **state)
{
    (void)state;
    assert_verdict(judge(REQUEST("fine", .app = "other")), 200, "ok", 0.25, 1,
                   "");
    assert_verdict(judge(REQUEST("over", .app = "archive")), 429,
                   "threshold-exceeded", 1.5, 1, "Threshold exceeded");
}

static void
test_the_caller_s_threshold_comes_before_all(void **state)
{
    (void)state;
    assert_verdict(judge(REQUEST("fine", .threshold = 0.5)), 200, "ok", 0.25,
                   0.5, "");
    assert_verdict(judge(REQUEST("over", .threshold = 1.25)), 429,
                   "threshold-exceeded", 1.5, 1.25, "Threshold exceeded");
    assert_verdict(judge(REQUEST("over", .threshold = -1)), 200, "ok", 1.5, 2,
                   "");
}

static void
test_it_is_shown_where_there_is_no_value(void **state)
{
    (void)state;
    assert_verdict(judge(REQUEST("failing")), 500, "metric-error", 0, 2,
                   "No hosts found");
    assert_verdict(judge(REQUEST("none", .app = "copier")), 404,
                   "no-such-metric", 0, 0, "No such metric");
    assert_verdict(judge(REQUEST("nobody")), 404, "no-such-metric", 0, 0,
                   "No such metric");
    assert_verdict(judge(REQUEST("fine", .app = "")), 417, "no-app", 0.25, 1,
                   "no app indicated");
}

static void
test_no_metric_is_named_where_there_is_one_only(void **state)
{
    (void)state;
    assert_string_equal(judge(REQUEST("fine")).metric, "");
    assert_string_equal(judge(REQUEST("over")).metric, "");
    assert_string_equal(judge(REQUEST("failing")).metric, "");
}

/* ---- share domain ------------------------------------------------------ */

static void
unhealthy(int cluster, uint32_t seconds, uint64_t for_ms)
{
    view.clusters[cluster].share_unhealthy_s = seconds;
    view.clusters[cluster].share_until_mono_ms = NOW_MS + for_ms;
}

static void
test_a_cluster_unhealthy_elsewhere_is_429(void **state)
{
    (void)state;
    unhealthy(FINE, 1, 1);
    assert_verdict(check(REQUEST("fine")), 429, "share-domain", 0.25, 1,
                   "Threshold exceeded");
    assert_true(check(REQUEST("fine")).age_ms == 20);
    assert_verdict(check(REQUEST("fine", .if_exists = 1)), 429, "share-domain",
                   0.25, 1, "Threshold exceeded");
    assert_verdict(check(REQUEST("equal")), 200, "ok", 1, 1, "");
}

static void
test_check_read_is_subject_to_it(void **state)
{
    (void)state;
    unhealthy(FINE, 7, 1000);
    assert_verdict(check(REQUEST("fine", .threshold = 5, .read = 1)), 429,
                   "share-domain", 0.25, 5, "Threshold exceeded");
}

static void
test_freno_s_own_app_is_free_of_it_alone(void **state)
{
    (void)state;
    unhealthy(FINE, 7, 1000);
    assert_verdict(check(REQUEST("fine", .app = "freno")), 200, "ok", 0.25, 1,
                   "");
    assert_verdict(check(REQUEST("fine", .app = "freno-share-domain")), 429,
                   "share-domain", 0.25, 1, "Threshold exceeded");
}

static void
test_less_than_a_second_is_healthy(void **state)
{
    (void)state;
    unhealthy(FINE, 0, 1000);
    assert_verdict(check(REQUEST("fine")), 200, "ok", 0.25, 1, "");
}

static void
test_what_was_said_long_ago_counts_no_more(void **state)
{
    (void)state;
    unhealthy(FINE, 7, 0);
    assert_verdict(check(REQUEST("fine")), 200, "ok", 0.25, 1, "");
    view.clusters[FINE].share_until_mono_ms = 0;
    assert_verdict(check(REQUEST("fine")), 200, "ok", 0.25, 1, "");
}

static void
test_everything_else_comes_first(void **state)
{
    (void)state;
    for (int i = 0; i < CLUSTERS; i++)
        unhealthy(i, 7, 1000);
    assert_verdict(check(REQUEST("over")), 429, "threshold-exceeded", 1.5, 1,
                   "Threshold exceeded");
    assert_verdict(check(REQUEST("failing")), 500, "metric-error", 0, 3,
                   "No hosts found");
    assert_verdict(check(REQUEST("none")), 404, "no-such-metric", 0, 2,
                   "No such metric");
    assert_verdict(check(REQUEST("fine", .app = "")), 417, "no-app", 0.25, 1,
                   "no app indicated");
    fresh.heartbeat_age_ms = 1001;
    assert_int_equal(check(REQUEST("fine")).reason, SLUICE_REASON_STALE);
}

int
main(void)
{
#define APPS(f) cmocka_unit_test_setup_teardown(f, apps_setup, apps_teardown)
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        APPS(test_the_app_s_threshold_in_the_cluster_comes_first),
        APPS(test_then_the_app_s_threshold_in_all_clusters),
        APPS(test_then_the_cluster_s),
        APPS(test_the_caller_s_threshold_comes_before_all),
        APPS(test_it_is_shown_where_there_is_no_value),
        APPS(test_no_metric_is_named_where_there_is_one_only),
        TEST(test_a_cluster_unhealthy_elsewhere_is_429),
        TEST(test_check_read_is_subject_to_it),
        TEST(test_freno_s_own_app_is_free_of_it_alone),
        TEST(test_less_than_a_second_is_healthy),
        TEST(test_what_was_said_long_ago_counts_no_more),
        TEST(test_everything_else_comes_first),
    };

    return cmocka_run_group_tests_name("verdicts, apps and domains", tests,
                                       NULL, NULL);
}
