/* Text tables: widths, ends of lines, what must not reach a terminal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/table.h"

static void
assert_printed(const struct table *t, const char *expected)
{
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);

    assert_non_null(f);
    table_print(t, f);
    fclose(f);
    assert_string_equal(text, expected);
    free(text);
}

static void
test_columns_are_as_wide_as_their_longest_cell(void **state)
{
    (void)state;
    struct table t;

    table_init(&t, 3, 3);
    table_row(&t);
    table_cell(&t, "A");
    table_cell(&t, "LONG NAME");
    table_cell(&t, "C");
    table_row(&t);
    table_cell(&t, "%d", 12345);
    table_cell(&t, "x");
    table_cell(&t, "last of the line");
    assert_printed(&t, "A      LONG NAME  C\n"
                       "12345  x          last of the line\n");
    table_free(&t);
}

static void
test_a_line_ends_with_its_last_text(void **state)
{
    (void)state;
    struct table t;

    table_init(&t, 3, 4);
    table_row(&t);
    table_cell(&t, "a");
    table_cell(&t, "%s", "");
    table_cell(&t, "c");
    table_row(&t);
    table_cell(&t, "b"); /* the others are not given */
    table_row(&t);
    table_row(&t);
    table_cell(&t, "%s", "");
    table_cell(&t, "d");
    assert_printed(&t, "a     c\nb\n\n   d\n");
    table_free(&t);
}

static void
test_an_empty_table_prints_nothing(void **state)
{
    (void)state;
    struct table t;

    table_init(&t, 0, 0);
    assert_printed(&t, "");
    table_free(&t);
    table_init(&t, 2, 2);
    assert_printed(&t, "");
    table_free(&t);
    table_free(&t); /* twice is harmless */
}

static void
test_control_characters_do_not_reach_the_terminal(void **state)
{
    (void)state;
    struct table t;

    table_init(&t, 1, 1);
    table_row(&t);
    table_cell(&t, "%s", "\x1b[31mred\n\t\x7f gr\xc3\xbcn");
    assert_printed(&t, "?[31mred??? gr\xc3\xbcn\n");
    table_free(&t);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_columns_are_as_wide_as_their_longest_cell),
        cmocka_unit_test(test_a_line_ends_with_its_last_text),
        cmocka_unit_test(test_an_empty_table_prints_nothing),
        cmocka_unit_test(test_control_characters_do_not_reach_the_terminal),
    };

    return cmocka_run_group_tests_name("table", tests, NULL, NULL);
}
