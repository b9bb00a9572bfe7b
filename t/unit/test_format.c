/* Numbers and strings as Go writes them; numbers as Go reads them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sluice_format.h"

/* ---- numbers out ------------------------------------------------------ */

static const char *
number(double value)
{
    static char buf[SLUICE_NUMBER_SIZE + 2];
    size_t len;

    memset(buf, '#', sizeof(buf));
    len = sluice_format_number(value, buf);
    assert_in_range(len, 1, SLUICE_NUMBER_SIZE);
    assert_int_equal(buf[len], '#'); /* nothing is written behind it */
    buf[len] = '\0';
    return buf;
}

static void
test_numbers_are_written_as_go_does(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *text;
    } rows[] = {
        {0, "0"},
        {-0.0, "-0"},
        {1, "1"},
        {-1, "-1"},
        {0.25, "0.25"},
        {-0.25, "-0.25"},
        {0.1, "0.1"},
        {0.1 + 0.2, "0.30000000000000004"},
        {1.0 / 3, "0.3333333333333333"},
        {100, "100"},
        {120, "120"},
        {1234.5678, "1234.5678"},
        {0.037512, "0.037512"},
        {10.05, "10.05"},
        {1e-6, "0.000001"},
        {0.00000123, "0.00000123"},
        {9.99999e-7, "9.99999e-7"},
        {2.5e-7, "2.5e-7"},
        {1e-10, "1e-10"},
        {1e15, "1000000000000000"},
        {999999999999999, "999999999999999"},
        {999999999999999.9, "999999999999999.9"},
        {0x1p53, "9007199254740992"},
        {123456789012345680, "123456789012345680"},
        {1e20, "100000000000000000000"},
        {999999999999999900000.0, "999999999999999900000"},
        {1e21, "1e+21"},
        {-1e21, "-1e+21"},
        {1e30, "1e+30"},
        {1.5e300, "1.5e+300"},
        {DBL_MAX, "1.7976931348623157e+308"},
        {DBL_MIN, "2.2250738585072014e-308"},
        {5e-324, "5e-324"},
        {1e-320, "1e-320"},
        /* powers of two whose shortest decimal is not the nearest one */
        {0x1p-44, "5.684341886080802e-14"},
        {7.291122019556398e-304, "7.291122019556398e-304"},
        {0x1p-1017, "7.120236347223045e-307"},
        {NAN, "null"},
        {INFINITY, "null"},
        {-INFINITY, "null"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_string_equal(number(rows[i].value), rows[i].text);
}

/* xorshift: the same doubles in every run. */
static uint64_t
next_random(void)
{
    static uint64_t x = 88172645463325252u;

    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return x;
}

static double
random_finite(void)
{
    uint64_t bits;
    double value;

    do {
        bits = next_random();
        memcpy(&value, &bits, sizeof(value));
    } while (!isfinite(value));
    return value;
}

static void
test_any_number_reads_back(void **state)
{
    (void)state;
    double value, back;
    const char *text;

    for (int i = 0; i < 20000; i++) {
        value = random_finite();
        text = number(value);
        assert_true(strtod(text, NULL) == value);
        assert_int_equal(sluice_parse_float(text, strlen(text), &back), 0);
        assert_true(back == value);
    }
}

/* Without the zeros at both ends. */
static int
significant_digits(const char *text)
{
    int digits = 0, zeros = 0;

    for (; *text && *text != 'e'; text++) {
        if (*text == '0' && digits > 0) {
            zeros++;
        } else if (*text >= '1' && *text <= '9') {
            digits += zeros + 1;
            zeros = 0;
        }
    }
    return digits;
}

static void
test_no_decimal_of_fewer_digits_would_do(void **state)
{
    (void)state;
    char shorter[64];
    double value;
    int digits;

    for (int i = 0; i < 5000; i++) {
        value =
            i % 2 ? random_finite() : (double)(next_random() % 100000000) / 1e5;
        digits = significant_digits(number(value));
        if (digits <= 1)
            continue;
        snprintf(shorter, sizeof(shorter), "%.*e", digits - 2, value);
        assert_true(strtod(shorter, NULL) != value);
    }
}

/* ---- strings out ------------------------------------------------------ */

#define assert_escaped(in, out)                                           \
    do {                                                                  \
        char buf_[6 * sizeof(in) + 1];                                    \
        size_t len_ =                                                     \
            sluice_format_string(in, sizeof(in) - 1, buf_, sizeof(buf_)); \
        assert_int_equal(len_, strlen(out));                              \
        assert_memory_equal(buf_, out, len_);                             \
    } while (0)

static void
test_strings_are_escaped_as_go_does(void **state)
{
    (void)state;
    assert_escaped("", "");
    assert_escaped("plain text, 100%", "plain text, 100%");
    assert_escaped("a \"b\" \\ c", "a \\\"b\\\" \\\\ c");
    assert_escaped("\n\r\t", "\\n\\r\\t");
    assert_escaped("\b\f\x01\x1f", "\\u0008\\u000c\\u0001\\u001f");
    assert_escaped("\x7f", "\x7f");
    assert_escaped("a\0b", "a\\u0000b");
    assert_escaped("<a href=\"x&y\">",
                   "\\u003ca href=\\\"x\\u0026y\\\"\\u003e");
    assert_escaped("gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f");
    assert_escaped("\xe2\x80\xa8\xe2\x80\xa9", "\\u2028\\u2029");
    assert_escaped("\xe2\x82\xac \xf0\x9f\x90\xac", "\xe2\x82\xac "
                                                    "\xf0\x9f\x90\xac");
    assert_escaped("\xef\xbf\xbd", "\xef\xbf\xbd");
}

static void
test_invalid_utf8_is_replaced_byte_by_byte(void **state)
{
    (void)state;
    assert_escaped("\xff", "\\ufffd");
    assert_escaped("a\x80z", "a\\ufffdz");
    assert_escaped("\xc3", "\\ufffd");
    assert_escaped("\xc3z", "\\ufffdz");
    assert_escaped("\xe2\x82", "\\ufffd\\ufffd");
    assert_escaped("\xf0\x9f\x90z", "\\ufffd\\ufffd\\ufffdz");
    assert_escaped("\xc0\x80", "\\ufffd\\ufffd"); /* overlong */
    assert_escaped("\xe0\x80\x80", "\\ufffd\\ufffd\\ufffd");
    assert_escaped("\xed\xa0\x80", "\\ufffd\\ufffd\\ufffd"); /* surrogate */
    assert_escaped("\xf4\x90\x80\x80", "\\ufffd\\ufffd\\ufffd\\ufffd");
}

static void
test_a_string_stops_before_what_does_not_fit(void **state)
{
    (void)state;
    char buf[16];

    memset(buf, '#', sizeof(buf));
    assert_int_equal(sluice_format_string("abc", 3, buf, 2), 2);
    assert_memory_equal(buf, "ab#", 3);
    assert_int_equal(sluice_format_string("a\"", 2, buf, 2), 1);
    assert_int_equal(sluice_format_string("<", 1, buf, 5), 0);
    assert_int_equal(sluice_format_string("<", 1, buf, 6), 6);
    assert_int_equal(sluice_format_string("\xe2\x82\xac", 3, buf, 2), 0);
    assert_int_equal(sluice_format_string("x", 1, buf, 0), 0);
    assert_int_equal(sluice_format_string(NULL, 0, buf, sizeof(buf)), 0);
}

/* ---- numbers in ------------------------------------------------------- */

static void
assert_parsed(const char *text, double expected)
{
    double value = -12345;

    assert_int_equal(sluice_parse_float(text, strlen(text), &value), 0);
    if (isnan(expected))
        assert_true(isnan(value));
    else
        assert_true(value == expected && signbit(value) == signbit(expected));
}

static void
assert_refused(const char *text, int rc)
{
    double value = -12345;

    assert_int_equal(sluice_parse_float(text, strlen(text), &value), rc);
    assert_true(value == -12345); /* untouched */
}

static void
test_numbers_are_read_as_go_does(void **state)
{
    (void)state;
    assert_parsed("0", 0);
    assert_parsed("-0", -0.0);
    assert_parsed("+1", 1);
    assert_parsed("1", 1);
    assert_parsed("0.5", 0.5);
    assert_parsed(".5", 0.5);
    assert_parsed("5.", 5);
    assert_parsed("-.5e1", -5);
    assert_parsed("1e-1", 0.1);
    assert_parsed("1E+2", 100);
    assert_parsed("00012.50", 12.5);
    assert_parsed("0.000001", 1e-6);
    assert_parsed("0.00e5", 0);
    assert_parsed("123456789.123456789", 123456789.123456789);
    assert_parsed("2.2250738585072011e-308", 2.225073858507201e-308);
    assert_parsed("1.7976931348623158e308", DBL_MAX);
    assert_parsed("4.9e-324", 5e-324);
    assert_parsed("1e-400", 0); /* too small is zero, not an error */
    assert_parsed("0e99999999999", 0);
    assert_parsed("0x1p-2", 0.25);
    assert_parsed("0X1.8P3", 12);
    assert_parsed("-0x.8p0", -0.5);
    assert_parsed("0x1.fffffffffffffp1023", DBL_MAX);
    assert_parsed("inf", INFINITY);
    assert_parsed("+Inf", INFINITY);
    assert_parsed("-INFINITY", -INFINITY);
    assert_parsed("nan", NAN);
    assert_parsed("NaN", NAN);
}

static void
test_underscores_stand_between_digits(void **state)
{
    (void)state;
    assert_parsed("1_0", 10);
    assert_parsed("1_23.50_0_0e+1_2", 1.235e14);
    assert_parsed("0x_1_2.3_4_5p+1_2", 74565);
    assert_refused("_1", -1);
    assert_refused("-_123.5e+12", -1);
    assert_refused("1__2", -1);
    assert_refused("1_", -1);
    assert_refused("1_.5", -1);
    assert_refused("1._5", -1);
    assert_refused("1.5_e1", -1);
    assert_refused("1.5e_1", -1);
    assert_refused("1.5e1_", -1);
    assert_refused("0_x1p0", -1);
    assert_refused("0x__1p0", -1);
    assert_refused("0x1_p0", -1);
    assert_refused("0x1p_0", -1);
    assert_refused("_", -1);
}

static void
test_what_is_no_number_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",     "+",     "-",     ".",    "e5",      "1e",   "1e+",  "1.2.3",
        "1,5",  " 1",    "1 ",    "1x",   "abc",     "0x",   "0x1",  "0x.p1",
        "0x1p", "0x1e5", "1p5",   "infi", "infinit", "+nan", "-nan", "nan(1)",
        "--1",  "+-1",   "1e5.5", "0b1",  "1e--5",   "0xg",  "infx", "1\n",
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_refused(texts[i], -1);
    assert_int_equal(sluice_parse_float("1\0", 2, &(double){0}), -1);
    assert_int_equal(sluice_parse_float(NULL, 0, &(double){0}), -1);
}

static void
test_too_large_is_out_of_range(void **state)
{
    (void)state;
    assert_refused("1e309", -2);
    assert_refused("-1e309", -2);
    assert_refused("1.7976931348623159e308", -2);
    assert_refused("0x1p1024", -2);
    assert_refused("1e99999999999999999999", -2);
}

static void
test_the_length_ends_the_number(void **state)
{
    (void)state;
    double value = 0;

    assert_int_equal(sluice_parse_float("12345", 2, &value), 0);
    assert_true(value == 12);
    assert_int_equal(sluice_parse_float("0x1p2", 1, &value), 0);
    assert_true(value == 0);
}

/* 2^53 + 1 lies halfway between two doubles; the last of very many digits
 * says which of them is meant. */
static void
test_digits_beyond_all_bounds_still_round_right(void **state)
{
    (void)state;
    char text[4096];
    double value;

    snprintf(text, sizeof(text), "9007199254740993.%03000d", 0);
    assert_int_equal(sluice_parse_float(text, strlen(text), &value), 0);
    assert_true(value == 9007199254740992.0);
    text[strlen(text) - 1] = '1';
    assert_int_equal(sluice_parse_float(text, strlen(text), &value), 0);
    assert_true(value == 9007199254740994.0);

    memset(text, '0', 3000);
    strcpy(text + 3000, "1.5");
    assert_int_equal(sluice_parse_float(text, strlen(text), &value), 0);
    assert_true(value == 1.5);

    text[0] = '1'; /* 1 and 3000 more digits: times 10^3000 */
    assert_int_equal(sluice_parse_float(text, strlen(text), &value), -2);
    strcat(text, "e-3000");
    assert_int_equal(sluice_parse_float(text, strlen(text), &value), 0);
    assert_true(value == 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers_are_written_as_go_does),
        cmocka_unit_test(test_any_number_reads_back),
        cmocka_unit_test(test_no_decimal_of_fewer_digits_would_do),
        cmocka_unit_test(test_strings_are_escaped_as_go_does),
        cmocka_unit_test(test_invalid_utf8_is_replaced_byte_by_byte),
        cmocka_unit_test(test_a_string_stops_before_what_does_not_fit),
        cmocka_unit_test(test_numbers_are_read_as_go_does),
        cmocka_unit_test(test_underscores_stand_between_digits),
        cmocka_unit_test(test_what_is_no_number_is_refused),
        cmocka_unit_test(test_too_large_is_out_of_range),
        cmocka_unit_test(test_the_length_ends_the_number),
        cmocka_unit_test(test_digits_beyond_all_bounds_still_round_right),
    };

    return cmocka_run_group_tests_name("format", tests, NULL, NULL);
}
