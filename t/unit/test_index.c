/* Finding records by name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "sluice_index.h"

#define MANY 1000u

struct thing {
    char name[16];
    unsigned number;
};

static struct thing things[MANY];
static const struct sluice_records records = {things, sizeof(things[0])};
static struct sluice_index index_of_things;

static int
teardown(void **state)
{
    (void)state;
    sluice_index_free(&index_of_things);
    return 0;
}

static const struct thing *
find(const char *name, size_t len)
{
    return sluice_index_find(&index_of_things, records, name, len);
}

static void
test_an_index_of_nothing_finds_nothing(void **state)
{
    (void)state;
    assert_null(find("a", 1));
    assert_int_equal(sluice_index_allocate(&index_of_things, 0), 0);
    assert_null(find("a", 1));
    assert_null(find("", 0));
}

static void
test_each_is_found_by_its_whole_name(void **state)
{
    (void)state;
    char name[16];
    int len;

    assert_int_equal(sluice_index_allocate(&index_of_things, MANY), 0);
    for (uint32_t i = 0; i < MANY; i++) {
        snprintf(things[i].name, sizeof(things[i].name), "thing%u", i);
        things[i].number = i;
        assert_int_equal(sluice_index_add(&index_of_things, records, i), 0);
    }
    for (uint32_t i = 0; i < MANY; i++) {
        len = snprintf(name, sizeof(name), "thing%uX", i);
        assert_ptr_equal(find(name, (size_t)len - 1), &things[i]);
        assert_null(find(name, (size_t)len));
    }
    assert_null(find("thing", 5));
    assert_null(find("thing1\0", 7));
}

static void
test_a_name_is_taken_once(void **state)
{
    (void)state;
    assert_int_equal(sluice_index_allocate(&index_of_things, 2), 0);
    snprintf(things[0].name, sizeof(things[0].name), "one");
    snprintf(things[1].name, sizeof(things[1].name), "one");
    assert_int_equal(sluice_index_add(&index_of_things, records, 0), 0);
    assert_int_equal(sluice_index_add(&index_of_things, records, 1), -1);
    assert_ptr_equal(find("one", 3), &things[0]);
}

static void
test_too_many_are_refused(void **state)
{
    (void)state;
    assert_int_equal(sluice_index_allocate(&index_of_things, UINT32_MAX), -1);
    assert_int_equal(sluice_index_allocate(&index_of_things, UINT32_MAX / 2),
                     -1);
    assert_null(find("a", 1));
}

static void
test_a_freed_index_is_an_empty_one(void **state)
{
    (void)state;
    assert_int_equal(sluice_index_allocate(&index_of_things, 1), 0);
    sluice_index_free(&index_of_things);
    assert_null(find("a", 1));
    sluice_index_free(&index_of_things);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_teardown(f, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_an_index_of_nothing_finds_nothing),
        TEST(test_each_is_found_by_its_whole_name),
        TEST(test_a_name_is_taken_once),
        TEST(test_too_many_are_refused),
        TEST(test_a_freed_index_is_an_empty_one),
    };

    return cmocka_run_group_tests_name("index", tests, NULL, NULL);
}
