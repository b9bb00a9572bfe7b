/* Go's numbers and quotes: what Go accepts, refuses and shows. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "api/go.h"

static void
int_is(const char *text, int64_t want)
{
    int64_t got = 77;
    char err[256] = "";

    if (go_parse_int(text, &got, err, sizeof(err)) != 0)
        fail_msg("%s: %s", text, err);
    assert_int_equal(got, want);
}

static void
int_fails(const char *text, const char *want)
{
    int64_t got = 77;
    char err[256];

    assert_int_equal(go_parse_int(text, &got, err, sizeof(err)), -1);
    assert_string_equal(err, want);
    assert_int_equal(got, 77);
}

static void
test_int(void **state)
{
    (void)state;
    int_is("0", 0);
    int_is("-0", 0);
    int_is("+5", 5);
    int_is("007", 7);
    int_is("-60", -60);
    int_is("9223372036854775807", INT64_MAX);
    int_is("-9223372036854775808", INT64_MIN);
}

static void
test_int_syntax(void **state)
{
    (void)state;
    int_fails("", "strconv.ParseInt: parsing \"\": invalid syntax");
    int_fails("abc", "strconv.ParseInt: parsing \"abc\": invalid syntax");
    int_fails("1.5", "strconv.ParseInt: parsing \"1.5\": invalid syntax");
    int_fails("-", "strconv.ParseInt: parsing \"-\": invalid syntax");
    int_fails("+-1", "strconv.ParseInt: parsing \"+-1\": invalid syntax");
    int_fails(" 1", "strconv.ParseInt: parsing \" 1\": invalid syntax");
    int_fails("1_0", "strconv.ParseInt: parsing \"1_0\": invalid syntax");
    int_fails("0x10", "strconv.ParseInt: parsing \"0x10\": invalid syntax");
}

/* Go gives up at the digit that is too much, whatever follows. */
static void
test_int_range(void **state)
{
    (void)state;
    int_fails("99999999999999999999",
              "strconv.ParseInt: parsing \"99999999999999999999\": "
              "value out of range");
    int_fails("9223372036854775808",
              "strconv.ParseInt: parsing \"9223372036854775808\": "
              "value out of range");
    int_fails("-9223372036854775809",
              "strconv.ParseInt: parsing \"-9223372036854775809\": "
              "value out of range");
    int_fails("18446744073709551616",
              "strconv.ParseInt: parsing \"18446744073709551616\": "
              "value out of range");
    int_fails("99999999999999999999x",
              "strconv.ParseInt: parsing \"99999999999999999999x\": "
              "value out of range");
}

static void
test_float(void **state)
{
    double got = 0;
    char err[256];

    (void)state;
    assert_int_equal(go_parse_float("0x1p-2", &got, err, sizeof(err)), 0);
    assert_true(got == 0.25);
    assert_int_equal(go_parse_float("nan", &got, err, sizeof(err)), 0);
    assert_true(isnan(got));
    assert_int_equal(go_parse_float("abc", &got, err, sizeof(err)), -1);
    assert_string_equal(err,
                        "strconv.ParseFloat: parsing \"abc\": invalid syntax");
    assert_int_equal(go_parse_float("1e999", &got, err, sizeof(err)), -1);
    assert_string_equal(
        err, "strconv.ParseFloat: parsing \"1e999\": value out of range");
}

static void
shows(double value, const char *want)
{
    char got[GO_FLOAT_SIZE];

    go_format_float(value, got);
    assert_string_equal(got, want);
}

static void
test_format_float(void **state)
{
    (void)state;
    shows(2, "2");
    shows(-0.1, "-0.1");
    shows(1.0001, "1.0001");
    shows(0.1 + 0.2, "0.30000000000000004");
    shows(0.0001, "0.0001");
    shows(0.00001, "1e-05");
    shows(123456, "123456");
    shows(1000000, "1e+06");
    shows(1048576, "1.048576e+06");
    shows(-1.5e300, "-1.5e+300");
    shows(-1.7976931348623157e308, "-1.7976931348623157e+308");
    shows(NAN, "NaN");
    shows(-NAN, "NaN");
    shows(INFINITY, "+Inf");
    shows(-INFINITY, "-Inf");
}

static void
quotes(const char *text, const char *want)
{
    char got[64];

    go_quote(text, got, sizeof(got));
    assert_string_equal(got, want);
}

static void
test_quote(void **state)
{
    (void)state;
    quotes("", "\"\"");
    quotes("a \"b\" \\c", "\"a \\\"b\\\" \\\\c\"");
    quotes("\t\n\r\a\b\f\v", "\"\\t\\n\\r\\a\\b\\f\\v\"");
    quotes("\x01\x1f\x7f", "\"\\x01\\x1f\\x7f\"");
    quotes("<&>", "\"<&>\"");
    quotes("grün €𝄞", "\"grün €𝄞\"");
    quotes("\xff"
           "a\xc3",
           "\"\\xffa\\xc3\"");
    quotes("\xe2\x82", "\"\\xe2\\x82\"");
    quotes("\xc0\xaf", "\"\\xc0\\xaf\"");
}

/* A whole character or none of it. */
static void
test_quote_cut(void **state)
{
    char got[16];

    (void)state;
    go_quote("abcdef", got, 6);
    assert_string_equal(got, "\"abc\"");
    go_quote("ab€", got, 6);
    assert_string_equal(got, "\"ab\"");
    go_quote("ab\x01", got, 6);
    assert_string_equal(got, "\"ab\"");
    go_quote("x", got, 3);
    assert_string_equal(got, "\"\"");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_int),          cmocka_unit_test(test_int_syntax),
        cmocka_unit_test(test_int_range),    cmocka_unit_test(test_float),
        cmocka_unit_test(test_format_float), cmocka_unit_test(test_quote),
        cmocka_unit_test(test_quote_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
