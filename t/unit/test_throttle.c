/* Rules: which one counts for a check, until when, and with which odds. */
#include "rules_help.h"

#define NOW_MS 50000u

static const double zero[] = {0};
static struct rules_data data;
static struct sluice_rules rules;

static int
setup(void **state)
{
    (void)state;
    data = (struct rules_data){.dice = zero, .ndice = 1};
    rules = (struct sluice_rules){.view = &rules_view,
                                  .overlay = rules_overlay,
                                  .dice = rules_dice,
                                  .data = &data};
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    sluice_view_free(&rules_view);
    return 0;
}

static void
throttle(const char *key, double ratio, uint64_t expires_mono_ms)
{
    const struct sluice_facts facts = {.revision = 1};
    struct sluice_throttle t = {.ratio = ratio,
                                .expires_mono_ms = expires_mono_ms};

    snprintf(t.key, sizeof(t.key), "%s", key);
    rules_load(&facts, &t, 1);
}

static int
denies_at(const char *app, const char *store, uint64_t now_ms)
{
    return sluice_throttle_denies(&rules, text(app), text(store), now_ms);
}

static int
denies(const char *app, const char *store)
{
    return denies_at(app, store, NOW_MS);
}

/* ---- keys ------------------------------------------------------------- */

static void
test_without_rules_nobody_is_denied(void **state)
{
    (void)state;
    assert_false(denies("archiver", "main1"));
    rules = (struct sluice_rules){0};
    assert_false(denies("archiver", "main1"));
    assert_int_equal(data.thrown, 0);
}

static void
test_an_app_is_denied_everywhere(void **state)
{
    (void)state;
    throttle("archiver", 1, 0);
    assert_true(denies("archiver", "main1"));
    assert_true(denies("archiver", "main2"));
    assert_true(denies("archiver", ""));
    assert_false(denies("archive", "main1"));
    assert_false(denies("archiver2", "main1"));
    assert_false(denies("Archiver", "main1"));
    assert_false(denies("main1", "archiver"));
    assert_false(denies("", "archiver"));
}

static void
test_an_app_is_denied_on_one_store(void **state)
{
    (void)state;
    throttle("archiver/main1", 1, 0);
    assert_true(denies("archiver", "main1"));
    assert_false(denies("archiver", "main2"));
    assert_false(denies("archiver", "main"));
    assert_false(denies("archiver", ""));
    assert_false(denies("archive", "r/main1"));
}

/* A request's names need not be terminated, and end where they end. */
static void
test_names_are_taken_by_their_length(void **state)
{
    (void)state;
    throttle("ab/cd", 1, 0);
    assert_true(sluice_throttle_denies(&rules, (struct sluice_text){"abX", 2},
                                       (struct sluice_text){"cdX", 2}, NOW_MS));
    assert_false(sluice_throttle_denies(&rules, (struct sluice_text){"ab", 2},
                                        (struct sluice_text){"cd\0", 3},
                                        NOW_MS));
}

static void
test_names_of_any_length_are_harmless(void **state)
{
    (void)state;
    char key[SLUICE_KEY_SIZE], *huge = malloc(100000);

    memset(key, 'x', sizeof(key));
    key[SLUICE_KEY_SIZE - 1] = '\0';
    throttle(key, 1, 0);
    memset(huge, 'x', 100000);
    for (size_t app = 0; app < 300; app++)
        for (size_t store = 0; store < 300; store += 7)
            assert_int_equal(sluice_throttle_denies(
                                 &rules, (struct sluice_text){huge, app},
                                 (struct sluice_text){huge, store}, NOW_MS),
                             app == SLUICE_KEY_SIZE - 1);
    assert_false(
        sluice_throttle_denies(&rules, (struct sluice_text){huge, 100000},
                               (struct sluice_text){huge, 100000}, NOW_MS));
    assert_false(
        sluice_throttle_denies(&rules, (struct sluice_text){huge, SIZE_MAX},
                               (struct sluice_text){huge, SIZE_MAX}, NOW_MS));

    key[2] = '/'; /* the longest key of an app and a store */
    throttle(key, 1, 0);
    assert_true(sluice_throttle_denies(
        &rules, (struct sluice_text){huge, 2},
        (struct sluice_text){huge, SLUICE_KEY_SIZE - 4}, NOW_MS));
    assert_false(sluice_throttle_denies(
        &rules, (struct sluice_text){huge, 2},
        (struct sluice_text){huge, SLUICE_KEY_SIZE - 3}, NOW_MS));
    assert_false(sluice_throttle_denies(
        &rules, (struct sluice_text){huge, 2},
        (struct sluice_text){huge, SIZE_MAX - 1}, NOW_MS));
    free(huge);
}

/* ---- until when ------------------------------------------------------- */

static void
test_it_ends_at_the_very_millisecond(void **state)
{
    (void)state;
    throttle("archiver", 1, NOW_MS);
    assert_true(denies_at("archiver", "main1", 0));
    assert_true(denies_at("archiver", "main1", NOW_MS - 1));
    assert_false(denies_at("archiver", "main1", NOW_MS));
    assert_false(denies_at("archiver", "main1", NOW_MS + 1));
    throttle("archiver", 1, 0);
    assert_true(denies_at("archiver", "main1", UINT64_MAX));
}

static void
test_what_was_heard_ends_likewise(void **state)
{
    (void)state;
    const struct heard heard[] = {
        {"archiver", SLUICE_OVERLAY_THROTTLE, 1, NOW_MS}, {0}};

    data.heard = heard;
    assert_true(denies_at("archiver", "main1", NOW_MS - 1));
    assert_false(denies_at("archiver", "main1", NOW_MS));
    /* and does not bring back what it replaced */
    throttle("archiver", 1, 0);
    assert_false(denies_at("archiver", "main1", NOW_MS));
}

/* ---- dice ------------------------------------------------------------- */

static void
test_a_die_must_fall_below_the_ratio(void **state)
{
    (void)state;
    const double dice[] = {0.2499, 0.25, 0.9999, 0};

    data.dice = dice;
    data.ndice = 4;
    throttle("archiver", 0.25, 0);
    assert_true(denies("archiver", "main1"));
    assert_false(denies("archiver", "main1"));
    assert_false(denies("archiver", "main1"));
    assert_true(denies("archiver", "main1"));
    assert_int_equal(data.thrown, 4);
}

static void
test_ratio_0_never_and_1_always(void **state)
{
    (void)state;
    const double dice[] = {0, 0x1.fffffffffffffp-1};

    data.dice = dice;
    data.ndice = 2;
    throttle("archiver", 0, 0);
    assert_false(denies("archiver", "main1"));
    assert_false(denies("archiver", "main1"));
    throttle("archiver", 1, 0);
    assert_true(denies("archiver", "main1"));
    assert_true(denies("archiver", "main1"));

    rules.dice = NULL; /* a wrong use, on the safe side */
    throttle("archiver", 0x1p-1074, 0);
    assert_true(denies("archiver", "main1"));
    throttle("archiver", 0, 0);
    assert_false(denies("archiver", "main1"));
}

static void
throttle_both(double on_store, double everywhere)
{
    const struct sluice_facts facts = {.revision = 1};
    const struct sluice_throttle both[] = {
        {.key = "archiver", .ratio = everywhere},
        {.key = "archiver/main1", .ratio = on_store}};

    rules_load(&facts, both, 2);
}

static void
test_each_rule_has_its_own_die_the_store_s_first(void **state)
{
    (void)state;
    const double dice[] = {0.3, 0.3, 0.3, 0.7};

    data.dice = dice;
    data.ndice = 4;
    throttle_both(0.2, 0.5);
    assert_true(denies("archiver", "main1")); /* 0.3 no, 0.3 yes */
    assert_int_equal(data.thrown, 2);
    assert_false(denies("archiver", "main1")); /* 0.3 no, 0.7 no */
    assert_int_equal(data.thrown, 4);
    throttle_both(0.5, 0.5);
    assert_true(denies("archiver", "main1")); /* 0.3 yes: no other */
    assert_int_equal(data.thrown, 5);
    assert_true(denies("archiver", "main2")); /* one rule, one die */
    assert_int_equal(data.thrown, 6);
}

static double
random_dice(void *unused)
{
    (void)unused;
    return drand48();
}

static unsigned
denied_of(unsigned n)
{
    unsigned denied = 0;

    for (unsigned i = 0; i < n; i++)
        denied += (unsigned)denies("archiver", "main1");
    return denied;
}

static void
test_two_rules_of_a_half_deny_three_quarters(void **state)
{
    (void)state;
    srand48(4711);
    rules.dice = random_dice;
    throttle_both(0.5, 0.5);
    assert_in_range(denied_of(100000), 74500, 75500);
    throttle_both(0.1, 0);
    assert_in_range(denied_of(100000), 9700, 10300);
}

/* ---- what was heard and what is known --------------------------------- */

static void
test_what_was_heard_replaces_what_is_known(void **state)
{
    (void)state;
    const double dice[] = {0.5};
    const struct heard heard[] = {
        {"archiver", SLUICE_OVERLAY_THROTTLE, 0.25, 0},
        {"copier", SLUICE_OVERLAY_THROTTLE, 1, 0},
        {0}};

    data.dice = dice;
    data.heard = heard;
    throttle("archiver", 1, 0);
    assert_false(denies("archiver", "main1"));
    assert_true(denies("copier", "main1"));
    rules.view = NULL; /* heard before anything could be read */
    assert_true(denies("copier", "main1"));
    rules.view = &rules_view;
    rules.overlay = NULL;
    assert_true(denies("archiver", "main1"));
    assert_false(denies("copier", "main1"));
}

static void
test_an_unthrottle_hides_its_own_key_only(void **state)
{
    (void)state;
    const struct heard everywhere[] = {
        {"archiver", SLUICE_OVERLAY_UNTHROTTLE, 0, 0}, {0}};
    const struct heard on_store[] = {
        {"archiver/main1", SLUICE_OVERLAY_UNTHROTTLE, 0, 0}, {0}};

    throttle_both(1, 1);
    data.heard = everywhere;
    assert_true(denies("archiver", "main1"));
    assert_false(denies("archiver", "main2"));
    data.heard = on_store;
    assert_true(denies("archiver", "main1"));
    assert_true(denies("archiver", "main2"));
    throttle("archiver/main1", 1, 0);
    assert_false(denies("archiver", "main1"));
}

static void
test_unknown_facts_are_told_from_none(void **state)
{
    (void)state;
    const struct sluice_facts unknown = {.flags = SLUICE_FACTS_UNKNOWN};
    const struct sluice_facts none = {0};

    rules_load(&none, NULL, 0);
    assert_false(sluice_rules_unknown(&rules));
    rules_load(&unknown, NULL, 0);
    assert_true(sluice_rules_unknown(&rules));
    rules.view = NULL; /* a file of minor 0 */
    assert_false(sluice_rules_unknown(&rules));
}

/* What explains a denial throws no die. */
static void
test_a_rule_can_be_looked_at(void **state)
{
    (void)state;
    const struct heard heard[] = {
        {"copier", SLUICE_OVERLAY_THROTTLE, 0.25, 70000},
        {"archiver", SLUICE_OVERLAY_UNTHROTTLE, 0, 0},
        {0}};
    struct sluice_rule rule;

    throttle("archiver/main1", 0.5, 100);
    data.heard = heard;
    assert_true(sluice_throttle_rule(&rules, text("archiver"), text("main1"),
                                     99, &rule));
    assert_true(rule.ratio == 0.5 && rule.expires_mono_ms == 100);
    assert_false(rule.heard);
    assert_false(sluice_throttle_rule(&rules, text("archiver"), text("main1"),
                                      100, &rule));
    assert_false(sluice_throttle_rule(&rules, text("archiver"), text("main2"),
                                      99, &rule));
    assert_false(
        sluice_throttle_rule(&rules, text("archiver"), text(""), 99, &rule));
    assert_true(
        sluice_throttle_rule(&rules, text("copier"), text(""), 99, &rule));
    assert_true(rule.ratio == 0.25 && rule.expires_mono_ms == 70000);
    assert_true(rule.heard);
    assert_false(
        sluice_throttle_rule(&rules, text(""), text("main1"), 99, &rule));
    assert_int_equal(data.thrown, 0);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_without_rules_nobody_is_denied),
        TEST(test_an_app_is_denied_everywhere),
        TEST(test_an_app_is_denied_on_one_store),
        TEST(test_names_are_taken_by_their_length),
        TEST(test_names_of_any_length_are_harmless),
        TEST(test_it_ends_at_the_very_millisecond),
        TEST(test_what_was_heard_ends_likewise),
        TEST(test_a_die_must_fall_below_the_ratio),
        TEST(test_ratio_0_never_and_1_always),
        TEST(test_each_rule_has_its_own_die_the_store_s_first),
        TEST(test_two_rules_of_a_half_deny_three_quarters),
        TEST(test_what_was_heard_replaces_what_is_known),
        TEST(test_an_unthrottle_hides_its_own_key_only),
        TEST(test_a_rule_can_be_looked_at),
        TEST(test_unknown_facts_are_told_from_none),
    };

    return cmocka_run_group_tests_name("throttle", tests, NULL, NULL);
}
