/* Verdicts: freno's order of evaluation, and what freno does not know. */
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
static int
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

static int
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

static struct sluice_request
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

static struct sluice_verdict
check(struct sluice_request r)
{
    struct sluice_verdict out;

    memset(&out, 0xff, sizeof(out)); /* whatever was there is replaced */
    sluice_verdict_check(&view, &fresh, &r, &out);
    return out;
}

static void
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

/* ---- freno's result table --------------------------------------------- */

static void
test_a_value_within_the_threshold_is_200(void **state)
{
    (void)state;
    struct sluice_verdict v = check(REQUEST("fine"));

    assert_verdict(v, 200, "ok", 0.25, 1, "");
    assert_true(v.age_ms == 20);
}

static void
test_equality_is_ok(void **state)
{
    (void)state;
    assert_verdict(check(REQUEST("equal")), 200, "ok", 1, 1, "");
}

static void
test_a_negative_value_is_ok(void **state)
{
    (void)state;
    assert_verdict(check(REQUEST("negative")), 200, "ok", -3, 0, "");
}

static void
test_a_value_over_the_threshold_is_429(void **state)
{
    (void)state;
    struct sluice_verdict v = check(REQUEST("over"));

    assert_verdict(v, 429, "threshold-exceeded", 1.5, 1, "Threshold exceeded");
    assert_true(v.age_ms == 20);
}

static void
test_an_unknown_store_type_is_404(void **state)
{
    (void)state;
    struct sluice_verdict v =
        check(REQUEST("fine", .type = "redis", .threshold = 5));

    assert_verdict(v, 404, "no-such-metric", 0, 0, "No such metric");
    assert_true(v.age_ms == SLUICE_AGE_UNKNOWN);
    assert_verdict(check(REQUEST("fine", .type = "mysqlx")), 404,
                   "no-such-metric", 0, 0, "No such metric");
    assert_verdict(check(REQUEST("fine", .type = "mysq")), 404,
                   "no-such-metric", 0, 0, "No such metric");
    assert_verdict(check(REQUEST("fine", .type = "MySQL")), 404,
                   "no-such-metric", 0, 0, "No such metric");
    assert_verdict(check(REQUEST("fine", .type = "")), 404,
                   "no-such-metric", 0, 0, "No such metric");
}

static void
test_an_unknown_cluster_is_404(void **state)
{
    (void)state;
    struct sluice_verdict v = check(REQUEST("nobody"));

    assert_verdict(v, 404, "no-such-metric", 0, 0, "No such metric");
    assert_true(v.age_ms == SLUICE_AGE_UNKNOWN);
    assert_verdict(check(REQUEST("")), 404, "no-such-metric", 0, 0,
                   "No such metric");
}

static void
test_a_cluster_without_a_metric_is_404_with_its_threshold(void **state)
{
    (void)state;
    assert_verdict(check(REQUEST("none")), 404, "no-such-metric", 0, 2,
                   "No such metric");
}

static void
test_a_metric_error_is_500_with_its_text(void **state)
{
    (void)state;
    assert_verdict(check(REQUEST("failing")), 500, "metric-error", 0, 3,
                   "No hosts found");
    view.clusters[FAILING].value = 17; /* an error has no value */
    assert_verdict(check(REQUEST("failing")), 500, "metric-error", 0, 3,
                   "No hosts found");
    view.clusters[FAILING].error[0] = '\0';
    assert_verdict(check(REQUEST("failing")), 500, "metric-error", 0, 3,
                   "metric error without a text");
}

static void
test_an_empty_app_is_417_with_the_real_numbers(void **state)
{
    (void)state;
    assert_verdict(check(REQUEST("fine", .app = "")), 417, "no-app", 0.25,
                   1, "no app indicated");
    assert_verdict(check(REQUEST("over", .app = "")), 417, "no-app", 1.5, 1,
                   "no app indicated");
    assert_verdict(check(REQUEST("none", .app = "")), 417, "no-app", 0, 2,
                   "no app indicated");
    assert_verdict(check(REQUEST("nobody", .app = "")), 417, "no-app", 0, 0,
                   "no app indicated");
    assert_verdict(check(REQUEST("failing", .app = "")), 417, "no-app", 0,
                   3, "no app indicated");
    assert_verdict(check(REQUEST("fine", .app = "", .threshold = 7)), 417,
                   "no-app", 0.25, 7, "no app indicated");
}

/* The store type is looked at first, the app only then. */
static void
test_an_empty_app_with_an_unknown_store_type_is_404(void **state)
{
    (void)state;
    assert_verdict(
        check(REQUEST("fine", .app = "", .type = "x")), 404,
        "no-such-metric", 0, 0, "No such metric");
}

/* ---- the caller's threshold ------------------------------------------- */

static void
test_a_positive_threshold_replaces_the_clusters(void **state)
{
    (void)state;
    assert_verdict(check(REQUEST("fine", .read = 1, .threshold = 0.2)), 429,
                   "threshold-exceeded", 0.25, 0.2, "Threshold exceeded");
    assert_verdict(check(REQUEST("over", .read = 1, .threshold = 2)), 200, "ok",
                   1.5, 2, "");
    assert_verdict(check(REQUEST("over", .read = 1, .threshold = 1.5)), 200,
                   "ok", 1.5, 1.5, "");
    assert_verdict(check(REQUEST("over", .read = 1, .threshold = INFINITY)),
                   200, "ok", 1.5, INFINITY, "");
}

static void
test_a_threshold_that_is_not_positive_is_ignored(void **state)
{
    (void)state;
    static const double thresholds[] = {0, -0.0, -1, -INFINITY, NAN};

    for (size_t i = 0; i < sizeof(thresholds) / sizeof(thresholds[0]); i++) {
        assert_verdict(check(REQUEST("over", .threshold = thresholds[i])), 429,
                       "threshold-exceeded", 1.5, 1, "Threshold exceeded");
        assert_verdict(check(REQUEST("none", .threshold = thresholds[i])), 404,
                       "no-such-metric", 0, 2, "No such metric");
    }
}

static void
test_the_callers_threshold_shows_in_refusals_too(void **state)
{
    (void)state;
    assert_verdict(check(REQUEST("nobody", .threshold = 0.5)), 404,
                   "no-such-metric", 0, 0.5, "No such metric");
    assert_verdict(check(REQUEST("none", .threshold = 0.5)), 404,
                   "no-such-metric", 0, 0.5, "No such metric");
    assert_verdict(check(REQUEST("failing", .threshold = 0.5)), 500,
                   "metric-error", 0, 0.5, "No hosts found");
}

/* ---- if-exists -------------------------------------------------------- */

static void
test_if_exists_turns_404_into_200(void **state)
{
    (void)state;
    assert_verdict(check(REQUEST("nobody", .if_exists = 1)), 200,
                   "no-such-metric", 0, 0, "No such metric");
    assert_verdict(check(REQUEST("none", .if_exists = 1)), 200,
                   "no-such-metric", 0, 2, "No such metric");
    assert_verdict(
        check(REQUEST("x", .if_exists = 1, .type = "redis")), 200,
        "no-such-metric", 0, 0, "No such metric");
}

static void
test_if_exists_turns_nothing_else(void **state)
{
    (void)state;
    assert_verdict(check(REQUEST("fine", .if_exists = 1)), 200, "ok", 0.25, 1,
                   "");
    assert_verdict(check(REQUEST("over", .if_exists = 1)), 429,
                   "threshold-exceeded", 1.5, 1, "Threshold exceeded");
    assert_verdict(check(REQUEST("failing", .if_exists = 1)), 500,
                   "metric-error", 0, 3, "No hosts found");
    assert_verdict(check(REQUEST("nobody", .if_exists = 1, .app = "")), 417,
                   "no-app", 0, 0, "no app indicated");
    fresh.heartbeat_age_ms = 1001;
    assert_int_equal(check(REQUEST("nobody", .if_exists = 1)).status, 500);
}

/* ---- no state, old state ---------------------------------------------- */

static void
test_without_state_every_check_is_500(void **state)
{
    (void)state;
    struct sluice_request r = REQUEST("fine");
    struct sluice_verdict v;

    fresh.no_state = "no such file";
    sluice_verdict_check(NULL, &fresh, &r, &v);
    assert_verdict(v, 500, "no-state", 0, 0, "no such file");
    assert_true(v.age_ms == SLUICE_AGE_UNKNOWN);
    sluice_verdict_check(&view, &fresh, &r, &v); /* no_state decides */
    assert_verdict(v, 500, "no-state", 0, 0, "no such file");
    r = REQUEST("nobody", .if_exists = 1, .threshold = 4);
    sluice_verdict_check(NULL, &fresh, &r, &v);
    assert_verdict(v, 500, "no-state", 0, 4, "no such file");
    r = REQUEST("fine", .type = "redis");
    sluice_verdict_check(NULL, &fresh, &r, &v);
    assert_verdict(v, 404, "no-such-metric", 0, 0, "No such metric");
    r = REQUEST("fine", .app = "");
    sluice_verdict_check(NULL, &fresh, &r, &v);
    assert_verdict(v, 417, "no-app", 0, 0, "no app indicated");

    fresh.no_state = NULL; /* a wrong use, answered all the same */
    r = REQUEST("fine");
    sluice_verdict_check(NULL, &fresh, &r, &v);
    assert_verdict(v, 500, "no-state", 0, 0, "no state");
}

static void
test_a_long_reason_is_cut(void **state)
{
    (void)state;
    struct sluice_request r = REQUEST("fine");
    struct sluice_verdict v;
    char reason[1000];

    memset(reason, 'x', sizeof(reason) - 1);
    reason[sizeof(reason) - 1] = '\0';
    fresh.no_state = reason;
    sluice_verdict_check(NULL, &fresh, &r, &v);
    assert_int_equal(strlen(v.message), sizeof(v.message) - 1);
}

static void
test_an_old_heartbeat_is_stale(void **state)
{
    (void)state;
    struct sluice_verdict v;

    fresh.heartbeat_age_ms = 1000;
    assert_verdict(check(REQUEST("fine")), 200, "ok", 0.25, 1, "");
    fresh.heartbeat_age_ms = 1001;
    v = check(REQUEST("fine"));
    assert_verdict(
        v, 500, "stale", 0, 1,
        "stale: the last heartbeat is 1001 ms old, max_age is 1000 ms");
    assert_true(v.age_ms == 20);
    assert_verdict(
        check(REQUEST("failing")), 500, "stale", 0, 3,
        "stale: the last heartbeat is 1001 ms old, max_age is 1000 ms");
    assert_verdict(
        check(REQUEST("nobody", .if_exists = 1)), 500, "stale", 0, 0,
        "stale: the last heartbeat is 1001 ms old, max_age is 1000 ms");
}

static void
test_no_heartbeat_at_all_is_stale_for_any_bound(void **state)
{
    (void)state;
    fresh.heartbeat_age_ms = UINT64_MAX;
    fresh.max_age_ms = UINT64_MAX;
    assert_verdict(check(REQUEST("fine")), 500, "stale", 0, 1,
                   "stale: the state file has no heartbeat of this boot");
}

static void
test_an_old_sample_is_stale(void **state)
{
    (void)state;
    struct sluice_verdict v;

    fresh.now_mono_ms = NOW_MS + 980;
    assert_verdict(check(REQUEST("fine")), 200, "ok", 0.25, 1, "");
    fresh.now_mono_ms = NOW_MS + 981;
    v = check(REQUEST("fine"));
    assert_verdict(v, 500, "stale", 0, 1,
                   "stale: fine was sampled 1001 ms ago, valid for 1000 ms");
    assert_true(v.age_ms == 1001);
    assert_verdict(check(REQUEST("over", .threshold = 9)), 500, "stale", 0, 9,
                   "stale: over was sampled 1001 ms ago, valid for 1000 ms");
    /* only a value ages */
    assert_verdict(check(REQUEST("failing")), 500, "metric-error", 0, 3,
                   "No hosts found");
    assert_verdict(check(REQUEST("none")), 404, "no-such-metric", 0, 2,
                   "No such metric");
}

/* Zero means "not said", and a sample from the future another boot's. */
static void
test_a_value_without_a_sane_time_is_stale(void **state)
{
    (void)state;
    struct sluice_cluster *c = &view.clusters[FINE];

    c->valid_until_mono_ms = 0;
    assert_verdict(check(REQUEST("fine")), 500, "stale", 0, 1,
                   "stale: fine was sampled 20 ms ago, valid for 0 ms");
    c->valid_until_mono_ms = NOW_MS + 980;
    c->sampled_mono_ms = 0;
    assert_verdict(check(REQUEST("fine")), 500, "stale", 0, 1,
                   "stale: fine has no sample of this boot");
    c->sampled_mono_ms = NOW_MS + 1001;
    assert_verdict(check(REQUEST("fine")), 500, "stale", 0, 1,
                   "stale: fine has no sample of this boot");
    c->sampled_mono_ms = NOW_MS + 5; /* the asker's clock was read before */
    assert_verdict(check(REQUEST("fine")), 200, "ok", 0.25, 1, "");
    assert_true(check(REQUEST("fine")).age_ms == 0);
}

/* ---- starting, leading ------------------------------------------------ */

static void
test_before_the_node_is_ready_only_values_count(void **state)
{
    (void)state;
    view.node.flags = 0;
    assert_verdict(check(REQUEST("fine")), 200, "ok", 0.25, 1, "");
    assert_verdict(check(REQUEST("over")), 429, "threshold-exceeded", 1.5, 1,
                   "Threshold exceeded");
    assert_verdict(check(REQUEST("none")), 500, "starting", 0, 2,
                   "Metric not collected yet");
    assert_verdict(check(REQUEST("failing")), 500, "starting", 0, 3,
                   "No hosts found");
    assert_verdict(check(REQUEST("nobody")), 404, "no-such-metric", 0, 0,
                   "No such metric");
    fresh.now_mono_ms = NOW_MS + 981;
    assert_string_equal(
        sluice_reason_name(check(REQUEST("fine")).reason), "stale");
}

static void
test_a_follower_says_404_when_only_leaders_answer(void **state)
{
    (void)state;
    view.node.leader_until_boot_ms = 0;
    assert_verdict(check(REQUEST("fine")), 200, "ok", 0.25, 1, "");

    view.node.flags |= SLUICE_NODE_LEADER_ONLY;
    assert_verdict(check(REQUEST("fine")), 404, "not-leader", 0, 1,
                   "No such metric");
    assert_verdict(check(REQUEST("failing")), 404, "not-leader", 0, 3,
                   "No such metric");
    assert_verdict(check(REQUEST("nobody")), 404, "not-leader", 0, 0,
                   "No such metric");
    assert_verdict(check(REQUEST("fine", .if_exists = 1)), 200, "not-leader", 0,
                   1, "No such metric");
    assert_verdict(check(REQUEST("fine", .app = "")), 417, "no-app", 0,
                   1, "no app indicated");

    view.node.leader_until_boot_ms = fresh.now_boot_ms + 1;
    assert_verdict(check(REQUEST("fine")), 200, "ok", 0.25, 1, "");
    view.node.leader_until_boot_ms = fresh.now_boot_ms;
    assert_verdict(check(REQUEST("fine")), 404, "not-leader", 0, 1,
                   "No such metric");
    view.node.leader_until_boot_ms = SLUICE_LEADER_ALWAYS;
    assert_verdict(check(REQUEST("fine")), 200, "ok", 0.25, 1, "");

    view.node.leader_until_boot_ms = 0; /* whose leader is it, if it is old? */
    fresh.heartbeat_age_ms = 1001;
    assert_string_equal(
        sluice_reason_name(check(REQUEST("fine")).reason), "stale");
}

static void
test_a_view_answers_when_fresh_and_ready(void **state)
{
    (void)state;
    assert_true(sluice_view_answers(&view, &fresh));
    view.node.flags = SLUICE_NODE_LEADER_ONLY;
    assert_false(sluice_view_answers(&view, &fresh));
    view.node.flags |= SLUICE_NODE_READY;
    assert_true(sluice_view_answers(&view, &fresh));
    fresh.heartbeat_age_ms = 1001;
    assert_false(sluice_view_answers(&view, &fresh));
    fresh.heartbeat_age_ms = 1000;
    assert_true(sluice_view_answers(&view, &fresh));
    fresh.no_state = "gone";
    assert_false(sluice_view_answers(&view, &fresh));
    assert_false(sluice_view_answers(NULL, &fresh));
    fresh.no_state = NULL;
    assert_false(sluice_view_answers(NULL, &fresh));
}

static void
test_a_view_leads_until_its_leadership_runs_out(void **state)
{
    (void)state;
    assert_true(sluice_view_leads(&view, &fresh));
    view.node.leader_until_boot_ms = 0;
    assert_false(sluice_view_leads(&view, &fresh));
    view.node.leader_until_boot_ms = fresh.now_boot_ms;
    assert_false(sluice_view_leads(&view, &fresh));
    view.node.leader_until_boot_ms = fresh.now_boot_ms + 1;
    assert_true(sluice_view_leads(&view, &fresh));
    view.node.flags = 0;
    assert_false(sluice_view_leads(&view, &fresh));
    view.node.flags = SLUICE_NODE_READY;
    fresh.heartbeat_age_ms = 1001;
    assert_false(sluice_view_leads(&view, &fresh));
    assert_false(sluice_view_leads(NULL, &fresh));
}

/* ---- words and bodies ------------------------------------------------- */

static void
test_every_reason_has_a_word(void **state)
{
    (void)state;
    for (int i = 0; i < SLUICE_REASON_MAX; i++)
        for (int j = 0; j < i; j++)
            assert_string_not_equal(sluice_reason_name(i),
                                    sluice_reason_name(j));
    assert_string_equal(sluice_reason_name(SLUICE_REASON_MAX), "unknown");
    assert_string_equal(sluice_reason_name((enum sluice_reason)-1), "unknown");
}

static void
assert_body(struct sluice_verdict v, const char *expected)
{
    char body[SLUICE_VERDICT_BODY_SIZE];
    size_t len = sluice_verdict_body(&v, body);

    assert_int_equal(len, strlen(expected));
    assert_memory_equal(body, expected, len);
}

static void
test_bodies_are_frenos(void **state)
{
    (void)state;
    assert_body(check(REQUEST("fine")),
                "{\"StatusCode\":200,\"Value\":0.25,\"Threshold\":1,"
                "\"Message\":\"\"}\n");
    assert_body(check(REQUEST("over")),
                "{\"StatusCode\":429,\"Value\":1.5,\"Threshold\":1,"
                "\"Message\":\"Threshold exceeded\"}\n");
    assert_body(check(REQUEST("nobody", .if_exists = 1)),
                "{\"StatusCode\":200,\"Value\":0,\"Threshold\":0,"
                "\"Message\":\"No such metric\"}\n");
    strcpy(view.clusters[FAILING].error, "Error 1045: \"<probe>\"");
    assert_body(check(REQUEST("failing")),
                "{\"StatusCode\":500,\"Value\":0,\"Threshold\":3,"
                "\"Message\":\"Error 1045: \\\"\\u003cprobe\\u003e\\\"\"}\n");
    assert_body(check(REQUEST("fine", .threshold = INFINITY)),
                "{\"StatusCode\":200,\"Value\":0.25,\"Threshold\":null,"
                "\"Message\":\"\"}\n");
}

static void
test_the_longest_body_fits(void **state)
{
    (void)state;
    struct sluice_verdict v = {.status = 500,
                               .value = -2.2250738585072014e-308,
                               .threshold = -2.2250738585072014e-308};
    char body[SLUICE_VERDICT_BODY_SIZE]; /* ASan watches its end */
    size_t len;

    memset(v.message, '\x01', sizeof(v.message)); /* not even terminated */
    len = sluice_verdict_body(&v, body);
    assert_in_range(len, 6 * sizeof(v.message), sizeof(body));
    assert_memory_equal(body + len - 9, "\\u0001\"}\n", 9);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_a_value_within_the_threshold_is_200),
        TEST(test_equality_is_ok),
        TEST(test_a_negative_value_is_ok),
        TEST(test_a_value_over_the_threshold_is_429),
        TEST(test_an_unknown_store_type_is_404),
        TEST(test_an_unknown_cluster_is_404),
        TEST(test_a_cluster_without_a_metric_is_404_with_its_threshold),
        TEST(test_a_metric_error_is_500_with_its_text),
        TEST(test_an_empty_app_is_417_with_the_real_numbers),
        TEST(test_an_empty_app_with_an_unknown_store_type_is_404),
        TEST(test_a_positive_threshold_replaces_the_clusters),
        TEST(test_a_threshold_that_is_not_positive_is_ignored),
        TEST(test_the_callers_threshold_shows_in_refusals_too),
        TEST(test_if_exists_turns_404_into_200),
        TEST(test_if_exists_turns_nothing_else),
        TEST(test_without_state_every_check_is_500),
        TEST(test_a_long_reason_is_cut),
        TEST(test_an_old_heartbeat_is_stale),
        TEST(test_no_heartbeat_at_all_is_stale_for_any_bound),
        TEST(test_an_old_sample_is_stale),
        TEST(test_a_value_without_a_sane_time_is_stale),
        TEST(test_before_the_node_is_ready_only_values_count),
        TEST(test_a_follower_says_404_when_only_leaders_answer),
        TEST(test_a_view_answers_when_fresh_and_ready),
        TEST(test_a_view_leads_until_its_leadership_runs_out),
        TEST(test_every_reason_has_a_word),
        TEST(test_bodies_are_frenos),
        TEST(test_the_longest_body_fits),
    };

    return cmocka_run_group_tests_name("verdict", tests, NULL, NULL);
}
