/* Bodies: JSON as Go writes it, and times. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "api/body.h"

static void
body_is(struct body *b, const char *want)
{
    assert_int_equal(b->len, strlen(want));
    assert_memory_equal(b->text, want, b->len);
    body_free(b);
    assert_int_equal(b->len, 0);
}

static void
test_values(void **state)
{
    struct body b = {0};

    (void)state;
    body_add(&b, "{");
    body_string(&b, "a<b>&\"\\\n\xff");
    body_add(&b, ":");
    body_number(&b, 0.25);
    body_add(&b, ",");
    body_number(&b, 1e21);
    body_bool(&b, 1);
    body_bool(&b, 0);
    body_string(&b, "");
    body_is(&b, "{\"a\\u003cb\\u003e\\u0026\\\"\\\\\\n\\ufffd\":0.25,1e+21"
                "truefalse\"\"");
}

static void
test_time(void **state)
{
    struct body b = {0};

    (void)state;
    body_time(&b, UINT64_C(1795240458475));
    body_is(&b, "\"2026-11-21T05:54:18.475Z\"");
    body_time(&b, UINT64_C(1795240458470));
    body_is(&b, "\"2026-11-21T05:54:18.47Z\"");
    body_time(&b, UINT64_C(1795240458000));
    body_is(&b, "\"2026-11-21T05:54:18Z\"");
    body_time(&b, UINT64_C(1795240450000));
    body_is(&b, "\"2026-11-21T05:54:10Z\"");
    body_time(&b, 0);
    body_is(&b, "\"1970-01-01T00:00:00Z\"");
    /* The longest ttl from now. */
    body_time(&b, UINT64_C(11018612478470));
    body_is(&b, "\"2319-03-03T05:41:18.47Z\"");
}

static void
test_growth(void **state)
{
    struct body b = {0};
    char *want = malloc(6 * 10000 + 1), *at = want;

    (void)state;
    for (int i = 0; i < 10000; i++) {
        body_string(&b, "<");
        at += 8;
        if (at - want > 6 * 10000 - 8)
            break;
    }
    assert_int_equal(b.len, (size_t)(at - want));
    for (size_t i = 0; i < b.len; i += 8)
        assert_memory_equal(b.text + i, "\"\\u003c\"", 8);
    body_free(&b);
    free(want);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_time),
        cmocka_unit_test(test_growth),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
