/* ${NAME} in values: freno's two rules. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/conf_env.h"

static void
expect_name(const char *text, const char *want)
{
    char *name = conf_env_name(text);

    if (want) {
        assert_non_null(name);
        assert_string_equal(name, want);
    } else {
        assert_null(name);
    }
    free(name);
}

static void
test_name(void **state)
{
    (void)state;
    expect_name("${X}", "X");
    expect_name("a${X}b${Y}", "X");
    expect_name("${}", "");
    expect_name("$${X}", "X");
    expect_name("${${X}", "${X");
    expect_name("${a b-c}", "a b-c");
    expect_name("${a\n${b}", "b");
    expect_name("", NULL);
    expect_name("$X", NULL);
    expect_name("$ {X}", NULL);
    expect_name("${X", NULL);
    expect_name("}${", NULL);
    expect_name("${a\n}", NULL);
}

static void
expect_whole(const char *text, const char *want)
{
    char *value = conf_env_whole(text);

    if (want) {
        assert_non_null(value);
        assert_string_equal(value, want);
    } else {
        assert_null(value);
    }
    free(value);
}

static void
test_whole(void **state)
{
    (void)state;
    setenv("T_X", "x-value", 1);
    setenv("T_AGAIN", "${T_X}", 1);
    unsetenv("T_NONE");
    expect_whole("${T_X}", "x-value");
    expect_whole("abc${T_X}def", "x-value");
    expect_whole("${T_X}${T_AGAIN}", "x-value");
    expect_whole("${T_AGAIN}", "${T_X}"); /* once */
    expect_whole("a${T_NONE}b", "");
    expect_whole("${}", "");
    expect_whole("plain", NULL);
    expect_whole("", NULL);
}

static void
expect_in_place(const char *text, const char *want)
{
    char err[256] = "";
    char *value = conf_env_in_place(text, err, sizeof(err));

    assert_non_null(value);
    assert_string_equal(value, want);
    assert_string_equal(err, "");
    free(value);
}

static void
refuse_in_place(const char *text, const char *want)
{
    char err[256] = "";

    assert_null(conf_env_in_place(text, err, sizeof(err)));
    assert_string_equal(err, want);
}

static const char endless[] =
    "environment variables name each other, or exceed 64 KiB";

static void
test_in_place(void **state)
{
    (void)state;
    setenv("T_X", "x-value", 1);
    setenv("T_AGAIN", "<${T_X}>", 1);
    setenv("T_EMPTY", "", 1);
    setenv("T_SELF", "a${T_SELF}", 1);
    setenv("T_GROWS", "${T_GROWS}${T_GROWS}", 1);
    unsetenv("T_NONE");
    expect_in_place("", "");
    expect_in_place("plain", "plain");
    expect_in_place("a${T_X}b${T_X}", "ax-valuebx-value");
    expect_in_place("${T_AGAIN},${T_AGAIN}", "<x-value>,<x-value>");
    expect_in_place("${T_X", "${T_X");
    refuse_in_place("a${T_NONE}", "unknown environment variable ${T_NONE}");
    refuse_in_place("${T_X}${T_EMPTY}",
                    "unknown environment variable ${T_EMPTY}");
    refuse_in_place("${}", "unknown environment variable ${}");
    refuse_in_place("${T_SELF}", endless);
    refuse_in_place("${T_GROWS}", endless);
}

/* A value that swallows memory is stopped by its length. */
static void
test_in_place_length(void **state)
{
    char *big = malloc(40001), text[64] = "${T_BIG}${T_BIG}${T_BIG}";

    (void)state;
    memset(big, 'b', 40000);
    big[40000] = '\0';
    setenv("T_BIG", big, 1);
    free(big);
    refuse_in_place(text, endless);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_name),
        cmocka_unit_test(test_whole),
        cmocka_unit_test(test_in_place),
        cmocka_unit_test(test_in_place_length),
    };

    return cmocka_run_group_tests_name("conf_env", tests, NULL, NULL);
}
