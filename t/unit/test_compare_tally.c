/* Differences between two programs: brief ones, and those that last. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "ctl/compare_tally.h"

#define PATIENCE 1000

static struct compare_tally tally;

static int
setup(void **state)
{
    (void)state;
    tally = (struct compare_tally){0};
    return 0;
}

static enum compare_news
add(unsigned one, unsigned other, uint64_t now_ms)
{
    return compare_tally_add(&tally, one, other, now_ms, PATIENCE);
}

static void
test_the_same_is_no_news(void **state)
{
    (void)state;
    assert_int_equal(add(200, 200, 1), COMPARE_NOTHING);
    assert_int_equal(add(429, 429, 5000), COMPARE_NOTHING);
    assert_int_equal(tally.asked, 2);
    assert_int_equal(tally.same, 2);
    assert_int_equal(tally.brief + tally.lasting, 0);
}

static void
test_a_brief_difference_is_counted(void **state)
{
    (void)state;
    assert_int_equal(add(200, 429, 1000), COMPARE_NOTHING);
    assert_int_equal(add(200, 429, 1999), COMPARE_NOTHING);
    assert_int_equal(compare_tally_differ_ms(&tally, 2000), 1000);
    assert_int_equal(add(429, 429, 2000), COMPARE_NOTHING);
    assert_int_equal(tally.brief, 1);
    assert_int_equal(tally.lasting, 0);
    assert_int_equal(compare_tally_differ_ms(&tally, 9000), 0);
}

static void
test_a_lasting_one_is_told_once_and_its_end(void **state)
{
    (void)state;
    assert_int_equal(add(200, 429, 1000), COMPARE_NOTHING);
    assert_int_equal(add(200, 429, 2000), COMPARE_DIFFER);
    assert_int_equal(add(200, 500, 3000), COMPARE_NOTHING);
    assert_int_equal(add(200, 200, 4000), COMPARE_AGREE);
    assert_int_equal(add(200, 200, 5000), COMPARE_NOTHING);
    assert_int_equal(tally.lasting, 1);
    assert_int_equal(tally.brief, 0);
    assert_int_equal(add(404, 200, 6000), COMPARE_NOTHING);
    assert_int_equal(add(404, 200, 7000), COMPARE_DIFFER);
    assert_int_equal(tally.lasting, 2);
}

static void
test_who_is_away_says_nothing(void **state)
{
    (void)state;
    assert_int_equal(add(0, 200, 1000), COMPARE_NOTHING);
    assert_int_equal(add(200, 0, 9000), COMPARE_NOTHING);
    assert_int_equal(add(0, 0, 19000), COMPARE_NOTHING);
    assert_int_equal(tally.away[0], 2);
    assert_int_equal(tally.away[1], 2);
    assert_int_equal(tally.same + tally.brief + tally.lasting, 0);
    assert_int_equal(add(200, 429, 20000), COMPARE_NOTHING);
}

static void
test_without_patience_all_is_told(void **state)
{
    (void)state;
    assert_int_equal(compare_tally_add(&tally, 200, 429, 5, 0), COMPARE_DIFFER);
}

#define TEST(f) cmocka_unit_test_setup(f, setup)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_the_same_is_no_news),
        TEST(test_a_brief_difference_is_counted),
        TEST(test_a_lasting_one_is_told_once_and_its_end),
        TEST(test_who_is_away_says_nothing),
        TEST(test_without_patience_all_is_told),
    };

    return cmocka_run_group_tests_name("comparing", tests, NULL, NULL);
}
