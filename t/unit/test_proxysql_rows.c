/* ProxySQL's rows: who is in use, and who has to wait. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "inventory/proxysql_rows.h"

#define IGNORE_MS 10000

static struct proxysql_ignored ignored;

static int
teardown(void **state)
{
    (void)state;
    proxysql_ignored_free(&ignored);
    return 0;
}

/* 1: it is in use. */
static int
row(const char *host, const char *port, const char *status, uint64_t now_ms)
{
    struct inventory_hosts hosts = {0};
    int used;

    proxysql_row(&ignored, host, port, status, now_ms, IGNORE_MS, &hosts);
    used = hosts.count == 1;
    if (used) {
        assert_string_equal(hosts.items[0].name, host);
        assert_int_equal(hosts.items[0].port, atoi(port));
    }
    inventory_hosts_free(&hosts);
    return used;
}

static void
test_each_status(void **state)
{
    (void)state;
    assert_int_equal(row("a", "3306", "ONLINE", 1), 1);
    assert_int_equal(row("b", "3306", "SHUNNED_REPLICATION_LAG", 1), 1);
    assert_int_equal(row("c", "3306", "SHUNNED", 1), 0);
    assert_int_equal(row("d", "3306", "OFFLINE_SOFT", 1), 0);
    assert_int_equal(row("e", "3306", "OFFLINE_HARD", 1), 0);
    assert_int_equal(row("f", "3306", "", 1), 0);
    assert_int_equal(row("g", "3306", "online", 1), 0);
}

static void
test_who_was_away_has_to_wait(void **state)
{
    (void)state;
    assert_int_equal(row("a", "1", "SHUNNED", 1000), 0);
    assert_int_equal(row("a", "1", "ONLINE", 1001), 0);
    assert_int_equal(row("a", "2", "ONLINE", 1001), 1);
    assert_int_equal(row("b", "1", "ONLINE", 1001), 1);
    assert_int_equal(row("a", "1", "ONLINE", 1000 + IGNORE_MS - 1), 0);
    assert_int_equal(row("a", "1", "ONLINE", 1000 + IGNORE_MS), 1);
    assert_int_equal(row("a", "1", "SHUNNED", 20000), 0);
    assert_int_equal(row("a", "1", "SHUNNED", 25000), 0);
    assert_int_equal(row("a", "1", "ONLINE", 20000 + IGNORE_MS), 0);
}

static void
test_lag_is_no_reason_to_wait(void **state)
{
    (void)state;
    assert_int_equal(row("a", "1", "SHUNNED", 1000), 0);
    assert_int_equal(row("a", "1", "SHUNNED_REPLICATION_LAG", 1001), 1);
    assert_int_equal(row("a", "1", "ONLINE", 1002), 1);
}

static void
test_those_whose_time_is_over_are_forgotten(void **state)
{
    (void)state;
    row("a", "1", "SHUNNED", 1000);
    row("b", "1", "SHUNNED", 2000);
    row("c", "1", "SHUNNED", 3000);
    assert_int_equal(ignored.count, 3);
    proxysql_ignored_expire(&ignored, 2000 + IGNORE_MS);
    assert_int_equal(ignored.count, 1);
    assert_int_equal(row("c", "1", "ONLINE", 2000 + IGNORE_MS), 0);
}

static void
test_bad_ports_are_passed_over(void **state)
{
    (void)state;
    assert_int_equal(row("a", "", "ONLINE", 1), 0);
    assert_int_equal(row("a", "x", "ONLINE", 1), 0);
    assert_int_equal(row("a", "0", "ONLINE", 1), 0);
    assert_int_equal(row("a", "65536", "ONLINE", 1), 0);
    assert_int_equal(row("a", "1x", "SHUNNED", 1), 0);
    assert_int_equal(ignored.count, 0);
}

#define TEST(f) cmocka_unit_test_teardown(f, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_each_status),
        TEST(test_who_was_away_has_to_wait),
        TEST(test_lag_is_no_reason_to_wait),
        TEST(test_those_whose_time_is_over_are_forgotten),
        TEST(test_bad_ports_are_passed_over),
    };

    return cmocka_run_group_tests_name("ProxySQL rows", tests, NULL, NULL);
}
