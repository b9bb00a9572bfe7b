/* Back-off: at once, 10 ms doubling to 1 s, and from the start again. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/backoff.h"

static void
test_sequence(void **state)
{
    const unsigned expected_ms[] = {0,   10,  20,  40,   80,
                                    160, 320, 640, 1000, 1000};
    struct backoff b = {0};

    (void)state;
    for (size_t i = 0; i < sizeof(expected_ms) / sizeof(*expected_ms); i++)
        assert_int_equal(backoff_next_ms(&b), expected_ms[i]);
}

static void
test_reset(void **state)
{
    struct backoff b = {0};

    (void)state;
    for (int i = 0; i < 5; i++)
        backoff_next_ms(&b);
    backoff_reset(&b);
    assert_int_equal(backoff_next_ms(&b), 0);
    assert_int_equal(backoff_next_ms(&b), 10);
}

static void
test_never_overflows(void **state)
{
    struct backoff b = {0};
    unsigned last_ms = 0;

    (void)state;
    for (int i = 0; i < 100000; i++)
        last_ms = backoff_next_ms(&b);
    assert_int_equal(last_ms, BACKOFF_MAX_MS);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sequence),
        cmocka_unit_test(test_reset),
        cmocka_unit_test(test_never_overflows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
