/* Verdicts under rules: who is denied, what comes before it and what after. */
#include "rules_help.h"
#include "verdict_help.h"

static const double zero[] = {0};
static struct rules_data data;
static struct sluice_rules rules;

static int
rules_setup(void **state)
{
    data = (struct rules_data){.dice = zero, .ndice = 1};
    rules = (struct sluice_rules){.view = &rules_view,
                                  .overlay = rules_overlay,
                                  .dice = rules_dice,
                                  .data = &data};
    return setup(state);
}

static int
rules_teardown(void **state)
{
    sluice_view_free(&rules_view);
    return teardown(state);
}

static void
throttle(const char *key)
{
    const struct sluice_facts facts = {.revision = 1};
    struct sluice_throttle t = {.ratio = 1};

    snprintf(t.key, sizeof(t.key), "%s", key);
    rules_load(&facts, &t, 1);
}

static struct sluice_verdict
judge(struct sluice_request r)
{
    struct sluice_verdict out;

    memset(&out, 0xff, sizeof(out));
    sluice_verdict_check(&view, &fresh, &rules, &r, &out);
    return out;
}

static void
assert_denied(struct sluice_request r)
{
    struct sluice_verdict v = judge(r);

    assert_verdict(v, 417, "app-denied", 0, r.threshold > 0 ? r.threshold : 0,
                   "App denied");
    assert_true(v.age_ms == SLUICE_AGE_UNKNOWN);
}

/* ---- throttles -------------------------------------------------------- */

static void
test_a_throttled_app_is_denied(void **state)
{
    (void)state;
    throttle("archiver");
    assert_denied(REQUEST("fine"));
    assert_denied(REQUEST("over"));
    assert_denied(REQUEST("failing"));
    assert_denied(REQUEST("none"));
    assert_verdict(judge(REQUEST("fine", .app = "copier")), 200, "ok", 0.25, 1,
                   "");
    assert_verdict(judge(REQUEST("over", .app = "copier")), 429,
                   "threshold-exceeded", 1.5, 1, "Threshold exceeded");
}

static void
test_the_caller_s_threshold_is_shown(void **state)
{
    (void)state;
    throttle("archiver");
    assert_denied(REQUEST("fine", .threshold = 0.5, .read = 1));
    assert_denied(REQUEST("fine", .threshold = 0, .read = 1));
    assert_verdict(judge(REQUEST("fine", .threshold = -1)), 417, "app-denied",
                   0, 0, "App denied");
    assert_verdict(judge(REQUEST("fine", .threshold = NAN)), 417, "app-denied",
                   0, 0, "App denied");
}

static void
test_an_unknown_store_does_not_save_it(void **state)
{
    (void)state;
    throttle("archiver");
    assert_denied(REQUEST("nobody"));
    assert_denied(REQUEST("nobody", .if_exists = 1));
    assert_denied(REQUEST("none", .if_exists = 1));
    assert_denied(REQUEST("", .if_exists = 1));
}

/* freno looks at the type of the store first of all. */
static void
test_an_unknown_store_type_does(void **state)
{
    (void)state;
    throttle("archiver");
    assert_verdict(judge(REQUEST("fine", .type = "redis")), 404,
                   "no-such-metric", 0, 0, "No such metric");
    assert_verdict(judge(REQUEST("fine", .type = "redis", .if_exists = 1)), 200,
                   "no-such-metric", 0, 0, "No such metric");
    assert_int_equal(data.thrown, 0);
}

static void
test_on_one_store_only(void **state)
{
    (void)state;
    throttle("archiver/fine");
    assert_denied(REQUEST("fine"));
    assert_verdict(judge(REQUEST("equal")), 200, "ok", 1, 1, "");
}

static void
test_it_holds_while_the_state_is_old_or_gone(void **state)
{
    (void)state;
    struct sluice_request r = REQUEST("fine");
    struct sluice_verdict v;

    throttle("archiver");
    fresh.heartbeat_age_ms = 5000;
    assert_denied(REQUEST("fine"));
    fresh.heartbeat_age_ms = UINT64_MAX;
    assert_denied(REQUEST("fine"));
    view.node.flags = SLUICE_NODE_LEADER_ONLY;
    view.node.leader_until_boot_ms = 0;
    assert_denied(REQUEST("fine"));
    fresh.no_state = "no such file";
    assert_denied(REQUEST("fine"));
    sluice_verdict_check(NULL, &fresh, &rules, &r, &v);
    assert_verdict(v, 417, "app-denied", 0, 0, "App denied");
    assert_verdict(judge(REQUEST("fine", .app = "copier")), 500, "no-state", 0,
                   0, "no such file");
}

static void
test_it_ends_at_the_very_millisecond(void **state)
{
    (void)state;
    const struct sluice_facts facts = {.revision = 1};
    const struct sluice_throttle t = {
        .key = "archiver", .ratio = 1, .expires_mono_ms = NOW_MS + 10};

    rules_load(&facts, &t, 1);
    fresh.now_mono_ms = NOW_MS + 9;
    assert_denied(REQUEST("fine"));
    fresh.now_mono_ms = NOW_MS + 10;
    assert_verdict(judge(REQUEST("fine")), 200, "ok", 0.25, 1, "");
}

static void
test_an_order_just_heard_counts(void **state)
{
    (void)state;
    const struct heard heard[] = {{"archiver", SLUICE_OVERLAY_UNTHROTTLE, 0, 0},
                                  {"copier", SLUICE_OVERLAY_THROTTLE, 1, 0},
                                  {0}};

    throttle("archiver");
    data.heard = heard;
    assert_verdict(judge(REQUEST("fine")), 200, "ok", 0.25, 1, "");
    assert_denied(REQUEST("fine", .app = "copier"));
}

static void
test_no_app_is_never_throttled(void **state)
{
    (void)state;
    throttle("/fine");
    assert_verdict(judge(REQUEST("fine", .app = "")), 417, "no-app", 0.25, 1,
                   "no app indicated");
}

static void
test_without_rules_nobody_is_denied(void **state)
{
    (void)state;
    rules = (struct sluice_rules){0};
    assert_verdict(judge(REQUEST("fine")), 200, "ok", 0.25, 1, "");
    assert_verdict(check(REQUEST("fine")), 200, "ok", 0.25, 1, "");
}

/* ---- low priority ----------------------------------------------------- */

static struct sluice_request
low(struct sluice_request r, unsigned marked)
{
    r.low_priority = 1;
    r.low_marked = marked;
    return r;
}

static void
test_low_priority_is_denied_while_marked(void **state)
{
    (void)state;
    struct sluice_request r = REQUEST("fine");

    assert_verdict(judge(low(r, 1)), 417, "low-priority", 0, 0, "App denied");
    assert_verdict(judge(low(r, 0)), 200, "ok", 0.25, 1, "");
    r.low_marked = 1; /* of normal priority: the mark is not for it */
    assert_verdict(judge(r), 200, "ok", 0.25, 1, "");
    assert_verdict(check(low(r, 1)), 417, "low-priority", 0, 0, "App denied");
}

static void
test_low_priority_is_judged_where_freno_does(void **state)
{
    (void)state;
    assert_verdict(judge(low(REQUEST("over"), 0)), 429, "threshold-exceeded",
                   1.5, 1, "Threshold exceeded");
    assert_verdict(judge(low(REQUEST("over"), 1)), 417, "low-priority", 0, 0,
                   "App denied");
    assert_verdict(judge(low(REQUEST("nobody", .if_exists = 1), 1)), 417,
                   "low-priority", 0, 0, "App denied");
    assert_verdict(judge(low(REQUEST("fine", .threshold = 0.5), 1)), 417,
                   "low-priority", 0, 0.5, "App denied");
    assert_verdict(judge(low(REQUEST("fine", .type = "redis"), 1)), 404,
                   "no-such-metric", 0, 0, "No such metric");
    throttle("archiver");
    assert_verdict(judge(low(REQUEST("fine"), 1)), 417, "low-priority", 0, 0,
                   "App denied");
    assert_int_equal(data.thrown, 0); /* no die for what is denied already */
    assert_denied(low(REQUEST("fine"), 0));
    assert_verdict(judge(low(REQUEST("fine", .app = ""), 1)), 417, "no-app", 0,
                   0, "no app indicated");
}

/* ---- unknown facts ---------------------------------------------------- */

#define UNKNOWN                                                        \
    "who is throttled is not known yet: the store of facts could not " \
    "be read since the start"

static void
test_while_facts_are_unknown_nothing_gets_through(void **state)
{
    (void)state;
    const struct sluice_facts facts = {.flags = SLUICE_FACTS_UNKNOWN};
    struct sluice_verdict v;

    rules_load(&facts, NULL, 0);
    v = judge(REQUEST("fine"));
    assert_verdict(v, 500, "facts-unknown", 0, 1, UNKNOWN);
    assert_true(v.age_ms == 20);
    assert_verdict(judge(REQUEST("over")), 500, "facts-unknown", 0, 1, UNKNOWN);
    assert_verdict(judge(REQUEST("none", .if_exists = 1)), 500, "facts-unknown",
                   0, 2, UNKNOWN);
    assert_verdict(judge(REQUEST("nobody", .if_exists = 1)), 500,
                   "facts-unknown", 0, 0, UNKNOWN);
    assert_verdict(judge(REQUEST("fine", .threshold = 9)), 500, "facts-unknown",
                   0, 9, UNKNOWN);
    view.node.flags = SLUICE_NODE_LEADER_ONLY;
    view.node.leader_until_boot_ms = 0;
    assert_verdict(judge(REQUEST("fine", .if_exists = 1)), 500, "facts-unknown",
                   0, 1, UNKNOWN);
    assert_verdict(judge(REQUEST("fine", .type = "redis")), 404,
                   "no-such-metric", 0, 0, "No such metric");
    assert_verdict(judge(REQUEST("fine", .app = "")), 417, "no-app", 0, 1,
                   "no app indicated");
}

static void
test_what_is_wrong_with_the_state_is_said_first(void **state)
{
    (void)state;
    const struct sluice_facts facts = {.flags = SLUICE_FACTS_UNKNOWN};

    rules_load(&facts, NULL, 0);
    fresh.heartbeat_age_ms = 1001;
    assert_string_equal(sluice_reason_name(judge(REQUEST("fine")).reason),
                        "stale");
    fresh.no_state = "no such file";
    assert_verdict(judge(REQUEST("fine")), 500, "no-state", 0, 0,
                   "no such file");
}

static void
test_an_order_heard_before_the_facts_are_known_counts(void **state)
{
    (void)state;
    const struct sluice_facts facts = {.flags = SLUICE_FACTS_UNKNOWN};
    const struct heard heard[] = {{"archiver", SLUICE_OVERLAY_THROTTLE, 1, 0},
                                  {"copier", SLUICE_OVERLAY_UNTHROTTLE, 0, 0},
                                  {0}};

    rules_load(&facts, NULL, 0);
    data.heard = heard;
    assert_denied(REQUEST("fine"));
    assert_verdict(judge(REQUEST("fine", .app = "copier")), 500,
                   "facts-unknown", 0, 1, UNKNOWN);
}

static void
test_every_reason_has_its_word(void **state)
{
    (void)state;
    for (int i = 0; i < SLUICE_REASON_MAX; i++) {
        assert_non_null(sluice_reason_name(i));
        for (int n = 0; n < i; n++)
            assert_string_not_equal(sluice_reason_name(i),
                                    sluice_reason_name(n));
    }
    assert_string_equal(sluice_reason_name(SLUICE_REASON_MAX), "unknown");
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, rules_setup, rules_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_a_throttled_app_is_denied),
        TEST(test_the_caller_s_threshold_is_shown),
        TEST(test_an_unknown_store_does_not_save_it),
        TEST(test_an_unknown_store_type_does),
        TEST(test_on_one_store_only),
        TEST(test_it_holds_while_the_state_is_old_or_gone),
        TEST(test_it_ends_at_the_very_millisecond),
        TEST(test_an_order_just_heard_counts),
        TEST(test_no_app_is_never_throttled),
        TEST(test_without_rules_nobody_is_denied),
        TEST(test_low_priority_is_denied_while_marked),
        TEST(test_low_priority_is_judged_where_freno_does),
        TEST(test_while_facts_are_unknown_nothing_gets_through),
        TEST(test_what_is_wrong_with_the_state_is_said_first),
        TEST(test_an_order_heard_before_the_facts_are_known_counts),
        TEST(test_every_reason_has_its_word),
    };

    return cmocka_run_group_tests_name("verdict rules", tests, NULL, NULL);
}
