/* Verdicts: freno's order of evaluation and its bodies. */
#include "verdict_help.h"

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
    assert_verdict(check(REQUEST("fine", .type = "")), 404, "no-such-metric", 0,
                   0, "No such metric");
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
    assert_verdict(check(REQUEST("fine", .app = "")), 417, "no-app", 0.25, 1,
                   "no app indicated");
    assert_verdict(check(REQUEST("over", .app = "")), 417, "no-app", 1.5, 1,
                   "no app indicated");
    assert_verdict(check(REQUEST("none", .app = "")), 417, "no-app", 0, 2,
                   "no app indicated");
    assert_verdict(check(REQUEST("nobody", .app = "")), 417, "no-app", 0, 0,
                   "no app indicated");
    assert_verdict(check(REQUEST("failing", .app = "")), 417, "no-app", 0, 3,
                   "no app indicated");
    assert_verdict(check(REQUEST("fine", .app = "", .threshold = 7)), 417,
                   "no-app", 0.25, 7, "no app indicated");
}

/* The store type is looked at first, the app only then. */
static void
test_an_empty_app_with_an_unknown_store_type_is_404(void **state)
{
    (void)state;
    assert_verdict(check(REQUEST("fine", .app = "", .type = "x")), 404,
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
    assert_verdict(check(REQUEST("x", .if_exists = 1, .type = "redis")), 200,
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
    assert_string_equal(sluice_reason_name((enum sluice_reason) - 1),
                        "unknown");
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
        TEST(test_every_reason_has_a_word),
        TEST(test_bodies_are_frenos),
        TEST(test_the_longest_body_fits),
    };

    return cmocka_run_group_tests_name("verdict", tests, NULL, NULL);
}
