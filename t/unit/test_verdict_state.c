/* Verdicts when freno would not know better: no state, an old one, a node that
 * is starting or does not lead. */
#include "verdict_help.h"

/* ---- no state, old state ---------------------------------------------- */

static void
test_without_state_every_check_is_500(void **state)
{
    (void)state;
    struct sluice_request r = REQUEST("fine");
    struct sluice_verdict v;

    fresh.no_state = "no such file";
    sluice_verdict_check(NULL, &fresh, NULL, &r, &v);
    assert_verdict(v, 500, "no-state", 0, 0, "no such file");
    assert_true(v.age_ms == SLUICE_AGE_UNKNOWN);
    sluice_verdict_check(&view, &fresh, NULL, &r, &v); /* no_state decides */
    assert_verdict(v, 500, "no-state", 0, 0, "no such file");
    r = REQUEST("nobody", .if_exists = 1, .threshold = 4);
    sluice_verdict_check(NULL, &fresh, NULL, &r, &v);
    assert_verdict(v, 500, "no-state", 0, 4, "no such file");
    r = REQUEST("fine", .type = "redis");
    sluice_verdict_check(NULL, &fresh, NULL, &r, &v);
    assert_verdict(v, 404, "no-such-metric", 0, 0, "No such metric");
    r = REQUEST("fine", .app = "");
    sluice_verdict_check(NULL, &fresh, NULL, &r, &v);
    assert_verdict(v, 417, "no-app", 0, 0, "no app indicated");

    fresh.no_state = NULL; /* a wrong use, answered all the same */
    r = REQUEST("fine");
    sluice_verdict_check(NULL, &fresh, NULL, &r, &v);
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
    sluice_verdict_check(NULL, &fresh, NULL, &r, &v);
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
    assert_string_equal(sluice_reason_name(check(REQUEST("fine")).reason),
                        "stale");
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
    assert_verdict(check(REQUEST("fine", .app = "")), 417, "no-app", 0, 1,
                   "no app indicated");

    view.node.leader_until_boot_ms = fresh.now_boot_ms + 1;
    assert_verdict(check(REQUEST("fine")), 200, "ok", 0.25, 1, "");
    view.node.leader_until_boot_ms = fresh.now_boot_ms;
    assert_verdict(check(REQUEST("fine")), 404, "not-leader", 0, 1,
                   "No such metric");
    view.node.leader_until_boot_ms = SLUICE_LEADER_ALWAYS;
    assert_verdict(check(REQUEST("fine")), 200, "ok", 0.25, 1, "");

    view.node.leader_until_boot_ms = 0; /* whose leader is it, if it is old? */
    fresh.heartbeat_age_ms = 1001;
    assert_string_equal(sluice_reason_name(check(REQUEST("fine")).reason),
                        "stale");
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

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
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
    };

    return cmocka_run_group_tests_name("verdict state", tests, NULL, NULL);
}
