/* Routes and switches as settings. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "decide/route_fact.h"

static char text[ROUTE_FACT_SIZE];

static void
test_there_and_back(void **state)
{
    struct route_fact fact = {7, 1700000000123, "db1:3306", "", "a b=c"}, got;
    struct route_traffic off = {1, 5, "schema = change"}, read;

    (void)state;
    route_fact_write(&fact, text);
    assert_string_equal(text, "epoch=7 changed=1700000000123 active=db1:3306\n"
                              "a b=c");
    assert_int_equal(route_fact_read(text, &got), 0);
    assert_memory_equal(&got, &fact, sizeof(fact));
    fact.active[0] = fact.reason[0] = '\0';
    memset(&fact.active, 0, sizeof(fact.active));
    memset(&fact.reason, 0, sizeof(fact.reason));
    fact.epoch = UINT64_MAX;
    route_fact_write(&fact, text);
    assert_int_equal(route_fact_read(text, &got), 0);
    assert_memory_equal(&got, &fact, sizeof(fact));
    strcpy(fact.next, "db2:3306");
    route_fact_write(&fact, text);
    assert_non_null(strstr(text, " active= next=db2:3306\n"));
    assert_int_equal(route_fact_read(text, &got), 0);
    assert_memory_equal(&got, &fact, sizeof(fact));

    route_traffic_write(&off, text);
    assert_string_equal(text, "traffic=off changed=5\nschema = change");
    assert_int_equal(route_traffic_read(text, &read), 0);
    assert_int_equal(read.off, 1);
    assert_int_equal(read.changed_ms, 5);
    assert_string_equal(read.message, off.message);
    assert_int_equal(route_traffic_read("traffic=on changed=6\n", &read), 0);
    assert_int_equal(read.off, 0);
    assert_string_equal(read.message, "");
}

static void
test_what_comes_later_is_skipped(void **state)
{
    struct route_fact got;

    (void)state;
    assert_int_equal(
        route_fact_read("epoch=7 changed=1 active= more=x\nwhy", &got), 0);
    assert_string_equal(got.active, "");
    assert_string_equal(got.reason, "why");
    assert_int_equal(route_fact_read("epoch=7 changed=1 active=a:1", &got), 0);
    assert_string_equal(got.reason, "");
}

static void
test_long_texts_are_cut(void **state)
{
    struct route_fact fact = {.epoch = 1}, got;
    struct route_traffic off = {.off = 1};

    (void)state;
    memset(fact.active, 'h', sizeof(fact.active) - 1);
    memset(fact.next, 'n', sizeof(fact.next) - 1);
    memset(fact.reason, 'r', sizeof(fact.reason) - 1);
    fact.reason[3] = '\n';
    route_fact_write(&fact, text);
    assert_true(strlen(text) < ROUTE_FACT_SIZE - 1);
    assert_int_equal(route_fact_read(text, &got), 0);
    assert_string_equal(got.active, fact.active);
    assert_string_equal(got.next, fact.next);
    assert_int_equal(got.reason[3], ' ');
    memset(off.message, 'm', sizeof(off.message) - 1);
    route_traffic_write(&off, text);
    assert_int_equal(strlen(strchr(text, '\n') + 1), sizeof(off.message) - 1);
}

static void
test_what_is_none(void **state)
{
    static const char *const facts[] = {
        "",
        "epoch=7 changed=1",
        "epoch=x changed=1 active=a",
        "epoch=7x changed=1 active=a",
        "epoch=-7 changed=1 active=a",
        "epoch= changed=1 active=a",
        "changed=1 active=a",
        "epoch=7 active=a",
        "why\nepoch=7 changed=1 active=a",
    };
    static const char *const switches[] = {"",
                                           "traffic=off",
                                           "traffic=of changed=1",
                                           "traffic=offf changed=1",
                                           "changed=1",
                                           "traffic=on changed=x"};
    struct route_fact got;
    struct route_traffic read;
    char lengthy[400] = "epoch=7 changed=1 active=";

    (void)state;
    for (size_t i = 0; i < sizeof(facts) / sizeof(*facts); i++) {
        assert_int_equal(route_fact_read(facts[i], &got), -1);
        assert_int_equal(got.epoch, 0);
    }
    memset(lengthy + strlen(lengthy), 'h', 300);
    assert_int_equal(route_fact_read(lengthy, &got), -1);
    for (size_t i = 0; i < sizeof(switches) / sizeof(*switches); i++) {
        assert_int_equal(route_traffic_read(switches[i], &read), -1);
        assert_int_equal(read.off, 0);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_there_and_back),
        cmocka_unit_test(test_what_comes_later_is_skipped),
        cmocka_unit_test(test_long_texts_are_cut),
        cmocka_unit_test(test_what_is_none),
    };

    return cmocka_run_group_tests_name("route facts", tests, NULL, NULL);
}
