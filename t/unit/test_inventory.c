/* Host strings and the static inventory. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "inventory/inventory.h"

static void
expect_host(const char *text, const char *name, int port)
{
    struct inventory_host host;
    char err[256] = "";

    assert_int_equal(inventory_parse_host(text, 3306, &host, err, sizeof(err)),
                     0);
    assert_string_equal(host.name, name);
    assert_int_equal(host.port, port);
    assert_string_equal(err, "");
}

static void
expect_bad(const char *text, const char *part)
{
    struct inventory_host host;
    char err[512] = "";

    assert_int_equal(inventory_parse_host(text, 3306, &host, err, sizeof(err)),
                     -1);
    if (!strstr(err, part))
        fail_msg("\"%s\" says \"%s\", not \"%s\"", text, err, part);
}

static void
test_hosts(void **state)
{
    (void)state;
    expect_host("db1", "db1", 3306);
    expect_host("db1:3307", "db1", 3307);
    expect_host("db-1.example_x.com:65535", "db-1.example_x.com", 65535);
    expect_host("10.0.0.1", "10.0.0.1", 3306);
    expect_host("10.0.0.1:1", "10.0.0.1", 1);
    expect_host("::1", "::1", 3306);
    expect_host("fe80::1:3306", "fe80::1:3306", 3306);
    expect_host("[::1]", "::1", 3306);
    expect_host("[::1]:3307", "::1", 3307);
}

static void
test_bad_hosts(void **state)
{
    char name[300];

    (void)state;
    expect_bad("", "is not a host");
    expect_bad("_", "is not a host");
    expect_bad(":3306", "is not a host");
    expect_bad("a b", "is not a host");
    expect_bad("a/b", "is not a host");
    expect_bad("user@db", "is not a host");
    expect_bad("[::1", "is not a host");
    expect_bad("[::1]x", "is not a host");
    expect_bad("[db1]:3306", "is not a host");
    expect_bad("1::2::3", "bad port");
    expect_bad("db1:", "bad port");
    expect_bad("db1:0", "bad port");
    expect_bad("db1:65536", "bad port");
    expect_bad("db1:99999999999999999999", "bad port");
    expect_bad("db1:33x", "bad port");
    expect_bad("db1:-1", "bad port");
    expect_bad("db1: 1", "bad port");
    memset(name, 'x', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    expect_bad(name, "longer than 255 bytes");
}

/* What was told last, in words: "a:1 b:2!", with '!' if it is ignored. */
static char told[1024];

static void
on_told(void *data, const struct inventory_hosts *hosts)
{
    size_t at = 0;

    (void)data;
    strcpy(told, hosts ? "" : "nothing");
    for (size_t i = 0; hosts && i < hosts->count; i++)
        at += (size_t)snprintf(told + at, sizeof(told) - at, "%s%s:%u%s",
                               i ? " " : "", hosts->items[i].name,
                               hosts->items[i].port,
                               hosts->items[i].ignored ? "!" : "");
}

static struct conf_cluster
cluster_of(char **hosts, size_t count, char **ignore, size_t nignore)
{
    struct conf_cluster cluster = {
        .name = (char[]){"c"},
        .port = 3306,
        .inventory = "static",
        .inventory_refresh_ms = 1000,
        .static_hosts = {.items = hosts, .count = count},
        .ignore_hosts = {.items = ignore, .count = nignore},
    };

    return cluster;
}

static void
test_static(void **state)
{
    char *hosts[] = {"b:3307", "a", "a:3306", "b", "[::1]", "::1"};
    char *other[] = {"c"}, *bad[] = {"a", "b:x"}, *ignore[] = {"b:33"};
    const struct conf_cluster many = cluster_of(hosts, 6, ignore, 1),
                              few = cluster_of(hosts, 6, NULL, 0),
                              one = cluster_of(other, 1, NULL, 0),
                              none = cluster_of(NULL, 0, NULL, 0),
                              wrong = cluster_of(bad, 2, NULL, 0);
    struct inventory_status status;
    struct inventory *inventory;
    struct loop loop;
    struct inventory_shared shared = {.loop = &loop};

    (void)state;
    assert_int_equal(loop_init(&loop), 0);
    inventory = inventory_start(&shared, &many, on_told, NULL);
    assert_string_equal(told, "::1:3306 a:3306 b:3306! b:3307!");
    inventory_reload(inventory, &few);
    assert_string_equal(told, "::1:3306 a:3306 b:3306 b:3307");
    inventory_reload(inventory, &one);
    assert_string_equal(told, "c:3306");
    inventory_status(inventory, &status);
    assert_string_equal(status.provider, "static");
    assert_int_equal(status.hosts, 1);
    assert_int_equal(status.failures, 0);
    assert_true(status.answered_mono_ms > 0);
    inventory_reload(inventory, &wrong);
    assert_string_equal(told, "c:3306");
    inventory_status(inventory, &status);
    assert_int_equal(status.failures, 1);
    assert_non_null(strstr(status.error, "\"b:x\" has a bad port"));
    inventory_reload(inventory, &none);
    assert_string_equal(told, "");
    inventory_stop(inventory);
    inventory = inventory_start(&shared, &wrong, on_told, NULL);
    assert_string_equal(told, "nothing");
    inventory_stop(inventory);
    loop_close(&loop);
}

static void
test_find(void **state)
{
    (void)state;
    assert_ptr_equal(inventory_find("static"), &inventory_static);
    assert_ptr_equal(inventory_find("haproxy"), &inventory_haproxy);
    assert_ptr_equal(inventory_find("proxysql"), &inventory_proxysql);
    assert_ptr_equal(inventory_find("vitess"), &inventory_vitess);
    assert_null(inventory_find("nothing"));
    assert_null(inventory_find(NULL));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hosts),
        cmocka_unit_test(test_bad_hosts),
        cmocka_unit_test(test_static),
        cmocka_unit_test(test_find),
    };

    return cmocka_run_group_tests_name("inventory", tests, NULL, NULL);
}
