/* Arrays of structs that begin with their name, sorted by it. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "consensus/records.h"

#define MANY 41

struct record {
    char name[8];
    int value;
};

#define SIZE sizeof(struct record)

static struct record *
insert(struct record *records, size_t *count, const char *name)
{
    size_t at = records_place(records, *count, SIZE, name);

    records = records_insert(records, count, SIZE, at);
    assert_string_equal(records[at].name, "");
    assert_int_equal(records[at].value, 0);
    strcpy(records[at].name, name);
    return records;
}

/* n00 to n40, in an order that is not theirs. */
static struct record *
fill(size_t *count)
{
    struct record *records = NULL;
    char name[8];

    *count = 0;
    for (int i = 0; i < MANY; i++) {
        snprintf(name, sizeof(name), "n%02d", i * 7 % MANY);
        records = insert(records, count, name);
    }
    return records;
}

static void
test_none(void **state)
{
    size_t count = 0;
    void *copied;

    (void)state;
    assert_int_equal(records_place(NULL, 0, SIZE, "a"), 0);
    assert_null(records_find(NULL, 0, SIZE, "a"));
    records_remove(NULL, &count, SIZE, "a");
    assert_int_equal(count, 0);
    copied = records_copy(NULL, 0, SIZE);
    assert_non_null(copied);
    copied = insert(copied, &count, "a");
    assert_int_equal(count, 1);
    free(copied);
}

static void
test_sorted(void **state)
{
    size_t count;
    struct record *records = fill(&count);

    (void)state;
    assert_int_equal(count, MANY);
    for (size_t i = 1; i < count; i++)
        assert_true(strcmp(records[i - 1].name, records[i].name) < 0);
    assert_ptr_equal(records_find(records, count, SIZE, "n07"), &records[7]);
    assert_null(records_find(records, count, SIZE, "n07x"));
    assert_int_equal(records_place(records, count, SIZE, "n07x"), 8);
    assert_int_equal(records_place(records, count, SIZE, "z"), MANY);
    free(records);
}

static void
test_removed(void **state)
{
    size_t count;
    struct record *records = fill(&count);
    char name[8];

    (void)state;
    records_remove(records, &count, SIZE, "nobody");
    assert_int_equal(count, MANY);
    for (int i = 0; i < MANY; i++) {
        snprintf(name, sizeof(name), "n%02d", i * 5 % MANY);
        records_remove(records, &count, SIZE, name);
        assert_null(records_find(records, count, SIZE, name));
        assert_int_equal(count, MANY - 1 - i);
    }
    records = insert(records, &count, "again");
    assert_int_equal(count, 1);
    free(records);
}

/* At every count: the sanitizer sees an insertion that has no room. */
static void
test_copied(void **state)
{
    size_t all;
    struct record *records = fill(&all);

    (void)state;
    for (size_t n = 0; n <= all; n++) {
        size_t count = n;
        struct record *copied = records_copy(records, n, SIZE);

        if (n > 0)
            assert_memory_equal(copied, records, n * SIZE);
        copied = insert(copied, &count, "x1");
        copied = insert(copied, &count, "x2");
        copied = insert(copied, &count, "x3");
        assert_int_equal(count, n + 3);
        assert_string_equal(copied[count - 1].name, "x3");
        free(copied);
    }
    free(records);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_none),
        cmocka_unit_test(test_sorted),
        cmocka_unit_test(test_removed),
        cmocka_unit_test(test_copied),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
