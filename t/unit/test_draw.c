/* Random names. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "consensus/draw.h"

static void
test_hex(void **state)
{
    char one[33], other[33], none[2] = "#";

    (void)state;
    memset(one, '#', sizeof(one));
    draw_hex(one, 32);
    draw_hex(other, 32);
    assert_int_equal(strlen(one), 32);
    assert_int_equal(strspn(one, "0123456789abcdef"), 32);
    assert_string_not_equal(one, other);
    draw_hex(none, 0);
    assert_string_equal(none, "");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hex),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
