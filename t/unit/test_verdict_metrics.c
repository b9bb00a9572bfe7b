/* Verdicts of clusters with further metrics. */
#include "verdict_help.h"

/* Of "fine" and "over": "conns" at 3 of 10 and "threads" at 5 of 10. */
enum { FINE_CONNS, FINE_THREADS, OVER_CONNS, OVER_THREADS, METRICS };

static int
metrics_setup(void **state)
{
    const struct sluice_section sections[] = {
        {SLUICE_SECTION_METRICS, METRICS, sizeof(struct sluice_metric), 0},
        {SLUICE_SECTION_CLUSTERS, CLUSTERS, sizeof(struct sluice_cluster), 0},
    };
    size_t size = sluice_image_size(2, sections);
    void *image = malloc(size);
    struct sluice_metric *m;
    char err[256];
    int rc = setup(state);

    sluice_image_begin(image, NOW_MS, 2, sections);
    memcpy(sluice_image_records(image, SLUICE_SECTION_CLUSTERS), view.clusters,
           CLUSTERS * sizeof(*view.clusters));
    m = sluice_image_records(image, SLUICE_SECTION_METRICS);
    for (int i = 0; i < METRICS; i++, m++) {
        strcpy(m->cluster, i < OVER_CONNS ? "fine" : "over");
        strcpy(m->name, i % 2 == 0 ? "conns" : "threads");
        m->value = i % 2 == 0 ? 3 : 5;
        m->threshold = 10;
        m->status = SLUICE_METRIC_VALUE;
        m->sampled_mono_ms = NOW_MS - 30;
        m->valid_until_mono_ms = NOW_MS + 970;
    }
    if (rc == 0)
        rc = sluice_view_load(&view, image, size, err, sizeof(err));
    free(image);
    view.node.flags = SLUICE_NODE_READY;
    view.node.leader_until_boot_ms = SLUICE_LEADER_ALWAYS;
    return rc;
}

static struct sluice_request
of(struct sluice_request r, const char *metric)
{
    r.metric = (struct sluice_text){metric, strlen(metric)};
    return r;
}

#define OF(metric, ...) of(REQUEST(__VA_ARGS__), metric)

static void
assert_shown(struct sluice_request r,
             const char *metric,
             double value,
             double threshold)
{
    struct sluice_verdict v = check(r);

    assert_string_equal(v.metric, metric);
    assert_verdict(v, value > threshold ? 429 : 200,
                   value > threshold ? "threshold-exceeded" : "ok", value,
                   threshold, value > threshold ? "Threshold exceeded" : "");
    assert_true(v.age_ms == (strcmp(metric, SLUICE_METRIC_OWN) ? 30 : 20));
}

static void
set(int i, double value, double threshold)
{
    view.metrics[i].value = value;
    view.metrics[i].threshold = threshold;
}

/* ---- the worst is shown ------------------------------------------------ */

static void
test_the_one_that_is_the_most_of_its_threshold_is_shown(void **state)
{
    (void)state;
    assert_shown(REQUEST("fine"), "threads", 5, 10);
    set(FINE_THREADS, 2, 10);
    assert_shown(REQUEST("fine"), "conns", 3, 10);
    set(FINE_CONNS, 1, 10);
    assert_shown(REQUEST("fine"), "lag", 0.25, 1);
    assert_shown(REQUEST("over"), "lag", 1.5, 1);
}

static void
test_one_that_exceeds_is_enough_to_refuse(void **state)
{
    (void)state;
    set(FINE_CONNS, 11, 10);
    assert_shown(REQUEST("fine"), "conns", 11, 10);
    set(FINE_THREADS, 12, 10);
    assert_shown(REQUEST("fine"), "threads", 12, 10);
    set(OVER_CONNS, 14, 10);
    assert_shown(REQUEST("over"), "lag", 1.5, 1);
    set(OVER_CONNS, 16, 10);
    assert_shown(REQUEST("over"), "conns", 16, 10);
}

static void
test_of_equals_its_own_is_shown_then_the_alphabet_s_first(void **state)
{
    (void)state;
    set(FINE_CONNS, 2.5, 10);
    set(FINE_THREADS, 2.5, 10);
    assert_shown(REQUEST("fine"), "lag", 0.25, 1);
    set(FINE_CONNS, 5, 10);
    set(FINE_THREADS, 5, 10);
    assert_shown(REQUEST("fine"), "conns", 5, 10);
}

static void
test_anything_over_a_threshold_of_zero_is_the_worst(void **state)
{
    (void)state;
    set(FINE_CONNS, 1e9, 1);
    set(FINE_THREADS, 1e-9, 0);
    assert_shown(REQUEST("fine"), "threads", 1e-9, 0);
    set(FINE_THREADS, 0, 0);
    assert_shown(REQUEST("fine"), "conns", 1e9, 1);
    set(FINE_CONNS, -5, 0);
    assert_shown(REQUEST("fine"), "lag", 0.25, 1);
}

/* Also where the quotient cannot tell it from one that does not. */
static void
test_what_exceeds_by_a_hair_is_worse_than_what_does_not(void **state)
{
    (void)state;
    for (double t = 1; t < 1000; t += 7) {
        set(FINE_CONNS, t, t);
        set(FINE_THREADS, nextafter(t, INFINITY), t);
        assert_shown(REQUEST("fine"), "threads", nextafter(t, INFINITY), t);
    }
}

/* ---- those without a value --------------------------------------------- */

static void
test_a_further_metric_in_error_is_500(void **state)
{
    (void)state;
    struct sluice_verdict v;

    view.metrics[FINE_CONNS].status = SLUICE_METRIC_ERROR;
    strcpy(view.metrics[FINE_CONNS].error, "No hosts found");
    set(FINE_THREADS, 99, 10);
    v = check(REQUEST("fine"));
    assert_verdict(v, 500, "metric-error", 0, 10, "conns: No hosts found");
    assert_string_equal(v.metric, "conns");
    view.metrics[FINE_CONNS].error[0] = '\0';
    assert_verdict(check(REQUEST("fine")), 500, "metric-error", 0, 10,
                   "conns: metric error without a text");
    view.node.flags = 0;
    assert_verdict(check(REQUEST("fine")), 500, "starting", 0, 10,
                   "conns: metric error without a text");
}

static void
test_a_further_metric_without_a_value_is_500(void **state)
{
    (void)state;
    view.metrics[FINE_THREADS].status = SLUICE_METRIC_NONE;
    assert_verdict(check(REQUEST("fine")), 500, "metric-error", 0, 10,
                   "threads: Metric not collected yet");
    assert_verdict(check(REQUEST("fine", .if_exists = 1)), 500, "metric-error",
                   0, 10, "threads: Metric not collected yet");
    view.node.flags = 0;
    assert_verdict(check(REQUEST("fine")), 500, "starting", 0, 10,
                   "threads: Metric not collected yet");
}

static void
test_a_further_metric_that_is_too_old_is_500(void **state)
{
    (void)state;
    struct sluice_verdict v;

    view.metrics[FINE_THREADS].valid_until_mono_ms = NOW_MS;
    assert_shown(REQUEST("fine"), "threads", 5, 10);
    view.metrics[FINE_THREADS].valid_until_mono_ms = NOW_MS - 1;
    v = check(REQUEST("fine"));
    assert_verdict(v, 500, "stale", 0, 10,
                   "threads: stale: fine was sampled 30 ms ago, valid for 29 "
                   "ms");
    assert_true(v.age_ms == 30);
    view.metrics[FINE_THREADS].sampled_mono_ms = 0;
    assert_verdict(check(REQUEST("fine")), 500, "stale", 0, 10,
                   "threads: stale: fine has no sample of this boot");
}

static void
test_the_cluster_s_own_comes_before_them(void **state)
{
    (void)state;
    struct sluice_verdict v;

    view.metrics[FINE_CONNS].status = SLUICE_METRIC_ERROR;
    view.clusters[FINE].status = SLUICE_METRIC_ERROR;
    strcpy(view.clusters[FINE].error, "no route");
    v = check(REQUEST("fine"));
    assert_verdict(v, 500, "metric-error", 0, 1, "no route");
    assert_string_equal(v.metric, "lag");
    view.clusters[FINE].status = SLUICE_METRIC_NONE;
    assert_verdict(check(REQUEST("fine")), 404, "no-such-metric", 0, 1,
                   "No such metric");
    view.clusters[FINE].status = SLUICE_METRIC_VALUE;
    view.clusters[FINE].valid_until_mono_ms = NOW_MS - 1;
    assert_verdict(check(REQUEST("fine")), 500, "stale", 0, 1,
                   "stale: fine was sampled 20 ms ago, valid for 19 ms");
}

static void
test_the_longest_name_and_error_fit(void **state)
{
    (void)state;
    struct sluice_metric *m = &view.metrics[FINE_CONNS];
    char expected[SLUICE_NAME_SIZE + SLUICE_ERROR_SIZE + 2] = "";
    char body[SLUICE_VERDICT_BODY_SIZE];
    struct sluice_verdict v;

    memset(m->name, '&', sizeof(m->name) - 1);
    memset(m->error, '&', sizeof(m->error) - 1);
    m->status = SLUICE_METRIC_ERROR;
    memset(expected, '&', strlen(m->name) + strlen(m->error) + 2);
    memcpy(expected + strlen(m->name), ": ", 2);
    v = check(REQUEST("fine"));
    assert_string_equal(v.message, expected);
    assert_string_equal(v.metric, m->name);
    assert_true(sluice_verdict_body(&v, body) < sizeof(body));
}

/* ---- one that is asked for --------------------------------------------- */

static void
test_its_own_alone(void **state)
{
    (void)state;
    set(FINE_CONNS, 99, 10);
    view.metrics[FINE_THREADS].status = SLUICE_METRIC_ERROR;
    assert_shown(OF("lag", "fine"), "lag", 0.25, 1);
    assert_shown(OF("lag", "over"), "lag", 1.5, 1);
    assert_shown(OF("lag", "equal"), "lag", 1, 1); /* it has no others */
}

static void
test_a_further_one_alone(void **state)
{
    (void)state;
    view.metrics[FINE_CONNS].status = SLUICE_METRIC_ERROR;
    assert_shown(OF("threads", "fine"), "threads", 5, 10);
    assert_shown(OF("threads", "over"), "threads", 5, 10);
    set(OVER_THREADS, 11, 10);
    assert_shown(OF("threads", "over"), "threads", 11, 10);
    view.clusters[FINE].status = SLUICE_METRIC_NONE;
    assert_shown(OF("threads", "fine"), "threads", 5, 10);
    assert_verdict(check(OF("conns", "fine")), 500, "metric-error", 0, 10,
                   "conns: metric error without a text");
}

static void
test_an_unknown_one_is_404(void **state)
{
    (void)state;
    struct sluice_verdict v = check(OF("thread", "fine"));

    assert_verdict(v, 404, "no-such-metric", 0, 0, "No such metric");
    assert_string_equal(v.metric, "");
    assert_true(v.age_ms == SLUICE_AGE_UNKNOWN);
    assert_verdict(check(OF("threads", "equal")), 404, "no-such-metric", 0, 0,
                   "No such metric");
    assert_verdict(check(OF("threads", "nobody")), 404, "no-such-metric", 0, 0,
                   "No such metric");
    assert_verdict(check(OF("threadsx", "fine", .if_exists = 1)), 200,
                   "no-such-metric", 0, 0, "No such metric");
    assert_verdict(check(OF("none", "fine", .threshold = 4)), 404,
                   "no-such-metric", 0, 4, "No such metric");
    assert_verdict(check(OF("none", "fine", .app = "")), 417, "no-app", 0, 0,
                   "no app indicated");
}

/* ---- thresholds -------------------------------------------------------- */

static void
test_the_caller_s_threshold_is_for_the_cluster_s_own(void **state)
{
    (void)state;
    set(FINE_THREADS, 4, 10);
    assert_shown(REQUEST("fine", .threshold = 0.5), "lag", 0.25, 0.5);
    assert_shown(REQUEST("fine", .threshold = 0.1), "lag", 0.25, 0.1);
    assert_shown(REQUEST("fine", .threshold = 100), "threads", 4, 10);
    set(FINE_THREADS, 40, 10);
    assert_shown(REQUEST("fine", .threshold = 100), "threads", 40, 10);
    assert_shown(REQUEST("over", .threshold = INFINITY), "threads", 5, 10);
}

static void
test_or_for_the_one_that_is_asked_for(void **state)
{
    (void)state;
    assert_shown(OF("threads", "fine", .threshold = 4), "threads", 5, 4);
    assert_shown(OF("lag", "fine", .threshold = 0.2), "lag", 0.25, 0.2);
    assert_shown(OF("threads", "fine", .threshold = -4), "threads", 5, 10);
}

static void
test_an_app_s_threshold_is_for_the_cluster_s_own_alone(void **state)
{
    (void)state;
    struct sluice_app app = {.app = "archiver", .threshold = 0.1};
    struct sluice_view with_app = {.apps = &app, .napps = 1};
    const struct sluice_rules rules = {.view = &with_app};
    struct sluice_request r = REQUEST("fine");
    struct sluice_verdict v;

    sluice_verdict_check(&view, &fresh, &rules, &r, &v);
    assert_verdict(v, 429, "threshold-exceeded", 0.25, 0.1,
                   "Threshold exceeded");
    assert_string_equal(v.metric, "lag");
    r = OF("threads", "fine");
    sluice_verdict_check(&view, &fresh, &rules, &r, &v);
    assert_verdict(v, 200, "ok", 5, 10, "");
    app.threshold = 100;
    r = REQUEST("over");
    sluice_verdict_check(&view, &fresh, &rules, &r, &v);
    assert_verdict(v, 200, "ok", 5, 10, "");
    assert_string_equal(v.metric, "threads");
}

/* ---- what comes before any metric -------------------------------------- */

static void
test_an_empty_app_is_told_the_worst(void **state)
{
    (void)state;
    set(FINE_THREADS, 50, 10);
    assert_verdict(check(REQUEST("fine", .app = "")), 417, "no-app", 50, 10,
                   "no app indicated");
    view.metrics[FINE_CONNS].status = SLUICE_METRIC_ERROR;
    assert_verdict(check(REQUEST("fine", .app = "")), 417, "no-app", 0, 10,
                   "no app indicated");
}

static void
test_a_low_priority_refusal_names_no_metric(void **state)
{
    (void)state;
    struct sluice_request r = REQUEST("fine");
    struct sluice_verdict v;

    r.low_priority = r.low_marked = 1;
    v = check(r);
    assert_verdict(v, 417, "low-priority", 0, 0, "App denied");
    assert_string_equal(v.metric, "");
}

static void
test_a_follower_that_may_not_answer_says_404(void **state)
{
    (void)state;
    view.node.flags |= SLUICE_NODE_LEADER_ONLY;
    view.node.leader_until_boot_ms = 0;
    assert_verdict(check(REQUEST("fine")), 404, "not-leader", 0, 1,
                   "No such metric");
    assert_verdict(check(OF("threads", "fine")), 404, "not-leader", 0, 10,
                   "No such metric");
}

static void
test_an_unhealthy_share_domain_refuses_what_asks_for_its_own(void **state)
{
    (void)state;
    view.clusters[FINE].share_unhealthy_s = 3;
    view.clusters[FINE].share_until_mono_ms = NOW_MS + 1;
    assert_verdict(check(REQUEST("fine")), 429, "share-domain", 5, 10,
                   "Threshold exceeded");
    assert_verdict(check(OF("lag", "fine")), 429, "share-domain", 0.25, 1,
                   "Threshold exceeded");
    assert_verdict(check(OF("threads", "fine")), 200, "ok", 5, 10, "");
    set(FINE_THREADS, 11, 10);
    assert_verdict(check(REQUEST("fine")), 429, "threshold-exceeded", 11, 10,
                   "Threshold exceeded");
}

static void
test_a_cluster_with_one_metric_is_as_ever(void **state)
{
    (void)state;
    struct sluice_verdict v = check(REQUEST("equal"));

    assert_verdict(v, 200, "ok", 1, 1, "");
    assert_string_equal(v.metric, "");
    assert_verdict(check(REQUEST("failing")), 500, "metric-error", 0, 3,
                   "No hosts found");
    assert_verdict(check(REQUEST("none")), 404, "no-such-metric", 0, 2,
                   "No such metric");
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, metrics_setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_the_one_that_is_the_most_of_its_threshold_is_shown),
        TEST(test_one_that_exceeds_is_enough_to_refuse),
        TEST(test_of_equals_its_own_is_shown_then_the_alphabet_s_first),
        TEST(test_anything_over_a_threshold_of_zero_is_the_worst),
        TEST(test_what_exceeds_by_a_hair_is_worse_than_what_does_not),
        TEST(test_a_further_metric_in_error_is_500),
        TEST(test_a_further_metric_without_a_value_is_500),
        TEST(test_a_further_metric_that_is_too_old_is_500),
        TEST(test_the_cluster_s_own_comes_before_them),
        TEST(test_the_longest_name_and_error_fit),
        TEST(test_its_own_alone),
        TEST(test_a_further_one_alone),
        TEST(test_an_unknown_one_is_404),
        TEST(test_the_caller_s_threshold_is_for_the_cluster_s_own),
        TEST(test_or_for_the_one_that_is_asked_for),
        TEST(test_an_app_s_threshold_is_for_the_cluster_s_own_alone),
        TEST(test_an_empty_app_is_told_the_worst),
        TEST(test_a_low_priority_refusal_names_no_metric),
        TEST(test_a_follower_that_may_not_answer_says_404),
        TEST(test_an_unhealthy_share_domain_refuses_what_asks_for_its_own),
        TEST(test_a_cluster_with_one_metric_is_as_ever),
    };

    return cmocka_run_group_tests_name("verdicts, metrics", tests, NULL, NULL);
}
