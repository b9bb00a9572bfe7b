/* Metric queries: freno's kinds and Go's words for what cannot be a value. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "probe/metric_query.h"

static void
test_kinds(void **state)
{
    (void)state;
    assert_int_equal(metric_query_kind(""), METRIC_QUERY_REPLICA);
    assert_int_equal(metric_query_kind("select 1"), METRIC_QUERY_SELECT);
    assert_int_equal(metric_query_kind("SELECT 1"), METRIC_QUERY_SELECT);
    assert_int_equal(metric_query_kind("selectivity"), METRIC_QUERY_SELECT);
    assert_int_equal(metric_query_kind("show global status like 'x'"),
                     METRIC_QUERY_GLOBAL);
    assert_int_equal(metric_query_kind("Show Global variables"),
                     METRIC_QUERY_GLOBAL);
    assert_int_equal(metric_query_kind(" select 1"), METRIC_QUERY_UNSUPPORTED);
    assert_int_equal(metric_query_kind("(select 1)"), METRIC_QUERY_UNSUPPORTED);
    assert_int_equal(metric_query_kind("with a as (select 1) select 1"),
                     METRIC_QUERY_UNSUPPORTED);
    assert_int_equal(metric_query_kind("show status"),
                     METRIC_QUERY_UNSUPPORTED);
    assert_int_equal(metric_query_kind("sel"), METRIC_QUERY_UNSUPPORTED);
}

static void
want_value(enum metric_query_kind kind,
           unsigned columns,
           const char *const *row,
           double expected)
{
    const char *const names[] = {"a", "b"};
    char err[256] = "";
    double value = -1;

    assert_int_equal(
        metric_query_value(kind, names, columns, row, &value, err, sizeof(err)),
        0);
    assert_true(value == expected);
}

static void
want_error(enum metric_query_kind kind,
           const char *const *names,
           unsigned columns,
           const char *const *row,
           const char *text)
{
    char err[256];
    double value;

    assert_int_equal(
        metric_query_value(kind, names, columns, row, &value, err, sizeof(err)),
        -1);
    assert_string_equal(err, text);
}

static void
test_values(void **state)
{
    (void)state;
    want_value(METRIC_QUERY_SELECT, 1, (const char *[]){"0"}, 0);
    want_value(METRIC_QUERY_SELECT, 1, (const char *[]){"1.5"}, 1.5);
    want_value(METRIC_QUERY_SELECT, 1, (const char *[]){"-2"}, -2);
    want_value(METRIC_QUERY_SELECT, 1, (const char *[]){"1e3"}, 1000);
    want_value(METRIC_QUERY_GLOBAL, 2, (const char *[]){"Threads", "7"}, 7);
}

static void
test_rows_and_columns(void **state)
{
    const char *const names[] = {"a", "b", "c"};
    const char *const row[] = {"1", "2", "3"};

    (void)state;
    want_error(METRIC_QUERY_SELECT, names, 1, NULL,
               "sql: no rows in result set");
    /* database/sql looks for the row first */
    want_error(METRIC_QUERY_SELECT, names, 2, NULL,
               "sql: no rows in result set");
    want_error(METRIC_QUERY_SELECT, names, 2, row,
               "sql: expected 2 destination arguments in Scan, not 1");
    want_error(METRIC_QUERY_GLOBAL, names, 3, row,
               "sql: expected 3 destination arguments in Scan, not 2");
    want_error(METRIC_QUERY_GLOBAL, names, 1, row,
               "sql: expected 1 destination arguments in Scan, not 2");
}

static void
test_not_a_number(void **state)
{
    const char *const v[] = {"v"}, *const nv[] = {"Variable_name", "Value"};

    (void)state;
    want_error(METRIC_QUERY_SELECT, v, 1, (const char *[]){"abc"},
               "sql: Scan error on column index 0, name \"v\": converting "
               "driver.Value type []uint8 (\"abc\") to a float64: invalid "
               "syntax");
    want_error(METRIC_QUERY_SELECT, v, 1, (const char *[]){""},
               "sql: Scan error on column index 0, name \"v\": converting "
               "driver.Value type []uint8 (\"\") to a float64: invalid syntax");
    want_error(METRIC_QUERY_SELECT, v, 1, (const char *[]){" 1"},
               "sql: Scan error on column index 0, name \"v\": converting "
               "driver.Value type []uint8 (\" 1\") to a float64: invalid "
               "syntax");
    want_error(METRIC_QUERY_SELECT, v, 1, (const char *[]){"1e999"},
               "sql: Scan error on column index 0, name \"v\": converting "
               "driver.Value type []uint8 (\"1e999\") to a float64: value out "
               "of range");
    want_error(METRIC_QUERY_SELECT, v, 1, (const char *[]){"nan"},
               "sql: Scan error on column index 0, name \"v\": converting "
               "driver.Value type []uint8 (\"nan\") to a float64: value out of "
               "range");
    want_error(METRIC_QUERY_GLOBAL, nv, 2, (const char *[]){"have_x", "YES"},
               "sql: Scan error on column index 1, name \"Value\": converting "
               "driver.Value type []uint8 (\"YES\") to a float64: invalid "
               "syntax");
}

static void
test_null(void **state)
{
    const char *const names[] = {"NULL"};
    const char *const row[] = {NULL};

    (void)state;
    want_error(METRIC_QUERY_SELECT, names, 1, row,
               "sql: Scan error on column index 0, name \"NULL\": converting "
               "NULL to float64 is unsupported");
}

static void
test_quoting(void **state)
{
    const char *const names[] = {"a\"b\\c"};

    (void)state;
    want_error(METRIC_QUERY_SELECT, names, 1, (const char *[]){"x\ny\x80"},
               "sql: Scan error on column index 0, name \"a\\\"b\\\\c\": "
               "converting driver.Value type []uint8 (\"x\\x0ay\\x80\") to a "
               "float64: invalid syntax");
}

/* However long the server's words, the text ends within its buffer. */
static void
test_long_words(void **state)
{
    char word[5000], err[64];
    const char *const names[] = {word}, *const row[] = {word};
    double value;

    (void)state;
    memset(word, 'x', sizeof(word) - 1);
    word[sizeof(word) - 1] = '\0';
    for (size_t size = 1; size <= sizeof(err); size++) {
        memset(err, '!', sizeof(err));
        assert_int_equal(metric_query_value(METRIC_QUERY_SELECT, names, 1, row,
                                            &value, err, size),
                         -1);
        assert_non_null(memchr(err, '\0', size));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_rows_and_columns),
        cmocka_unit_test(test_not_a_number),
        cmocka_unit_test(test_null),
        cmocka_unit_test(test_quoting),
        cmocka_unit_test(test_long_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
