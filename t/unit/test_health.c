/* Health of a host: what brings it down and back, and what does not. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "decide/health.h"

static const struct health_rules rules = {.rise = 3,
                                          .fall = 2,
                                          .freeze_ms = 1000};
static struct health h;
static uint64_t now_ms;

/* "+" good, "-" bad, "x" refused, "." silent: one every 100 ms. Upper case
 * letters are what follows: Up, Down or Unknown (?), '*' before it when it
 * changed. */
static void
story(const char *steps)
{
    int changed = 0;

    for (; *steps; steps++) {
        enum health_kind kind = *steps == '+'   ? HEALTH_GOOD
                                : *steps == '-' ? HEALTH_BAD
                                : *steps == 'x' ? HEALTH_REFUSED
                                                : HEALTH_SILENT;

        if (strchr("+-x.", *steps)) {
            now_ms += 100;
            changed = health_hear(&h, &rules, kind, "because", now_ms);
        } else if (*steps == '*') {
            assert_true(changed);
        } else if (*steps != ' ') {
            assert_int_equal(h.state, *steps == 'U'   ? HEALTH_UP
                                      : *steps == 'D' ? HEALTH_DOWN
                                                      : HEALTH_UNKNOWN);
        }
    }
}

static int
setup(void **state)
{
    (void)state;
    now_ms = 50000;
    health_begin(&h, HEALTH_UNKNOWN, now_ms);
    return 0;
}

static void
test_a_start(void **state)
{
    (void)state;
    story("?");
    assert_string_equal(h.text, "not asked yet");
    story("+*U");
    assert_int_equal(h.since_ms, now_ms);
    health_begin(&h, HEALTH_UNKNOWN, now_ms);
    story("-? -*D ++D +*U"); /* one bad answer is not enough then, either */
    health_begin(&h, HEALTH_UNKNOWN, now_ms);
    story("-? +*U");
    health_begin(&h, HEALTH_UP, now_ms);
    story("U -U -*D");
}

static void
test_rise_and_fall(void **state)
{
    (void)state;
    story("+*U -U +U -U +U -U -*D");
    assert_string_equal(h.text, "because");
    story("+D +D -D +D +D .D +D +D +*U +U");
}

static void
test_silence_is_told_from_a_word(void **state)
{
    (void)state;
    story("+*U .......... D");
    assert_int_equal(h.silent, 1);
    story(". . D");
    assert_int_equal(h.silent, 1);
    story("xD");
    assert_int_equal(h.silent, 0);
    story("+++U .......... D");
    assert_int_equal(h.silent, 1);
    story("--D");
    assert_int_equal(h.silent, 0);
    story("+++U xD");
    assert_int_equal(h.silent, 0);
}

static void
test_refused_is_dead(void **state)
{
    (void)state;
    story("+*U x*D xD ++D +*U");
}

static void
test_silence(void **state)
{
    (void)state;
    story("+*U .........U .*D");
    assert_string_equal(h.text, "silent for 1000 ms: because");
    story(".D +D +D +*U");
    story("....U +U .........U"); /* a missed deadline is none */
    assert_int_equal(health_due_ms(&h, &rules), now_ms + 100);
    assert_int_equal(health_wait(&h, &rules, now_ms + 99), 0);
    assert_int_equal(health_wait(&h, &rules, now_ms + 100), 1);
    assert_int_equal(health_wait(&h, &rules, now_ms + 101), 0);
    assert_int_equal(health_due_ms(&h, &rules), UINT64_MAX);
}

static void
test_silence_from_the_start(void **state)
{
    (void)state;
    story(".........? .*D");
    health_begin(&h, HEALTH_UNKNOWN, now_ms);
    assert_int_equal(health_wait(&h, &rules, now_ms + 1000), 1);
    assert_string_equal(h.text, "silent for 1000 ms");
}

static void
test_our_own_silence_is_forgiven(void **state)
{
    (void)state;
    story("+*U .........U");
    now_ms += 5000;
    health_forgive(&h, now_ms);
    story(".........U .*D");
}

#define TEST(f) cmocka_unit_test_setup(f, setup)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_start),
        TEST(test_rise_and_fall),
        TEST(test_silence_is_told_from_a_word),
        TEST(test_refused_is_dead),
        TEST(test_silence),
        TEST(test_silence_from_the_start),
        TEST(test_our_own_silence_is_forgiven),
    };

    return cmocka_run_group_tests_name("health", tests, NULL, NULL);
}
