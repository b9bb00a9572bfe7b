/* Host strings and the static inventory. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
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

static int
list(char **hosts,
     size_t count,
     char **ignore,
     size_t nignore,
     struct inventory_hosts *out,
     char *err,
     size_t err_size)
{
    const struct conf_cluster cluster = {
        .port = 3306,
        .static_hosts = {.items = hosts, .count = count},
        .ignore_hosts = {.items = ignore, .count = nignore},
    };

    return inventory_static.hosts(&cluster, out, err, err_size);
}

static void
test_static(void **state)
{
    char *hosts[] = {"b:3307", "a", "a:3306", "b", "[::1]", "::1"};
    char *ignore[] = {"b:33"};
    struct inventory_hosts out;
    char err[256];

    (void)state;
    assert_int_equal(list(hosts, 6, ignore, 1, &out, err, sizeof(err)), 0);
    assert_int_equal(out.count, 4); /* sorted, each once */
    assert_string_equal(out.items[0].name, "::1");
    assert_string_equal(out.items[1].name, "a");
    assert_int_equal(out.items[1].ignored, 0);
    assert_int_equal(out.items[2].port, 3306);
    assert_int_equal(out.items[2].ignored, 1);
    assert_int_equal(out.items[3].port, 3307);
    assert_int_equal(out.items[3].ignored, 1);
    inventory_hosts_free(&out);
    assert_int_equal(out.count, 0);
}

static void
test_static_empty_and_bad(void **state)
{
    char *hosts[] = {"a", "b:x"};
    struct inventory_hosts out;
    char err[256];

    (void)state;
    assert_int_equal(list(hosts, 0, NULL, 0, &out, err, sizeof(err)), 0);
    assert_int_equal(out.count, 0);
    inventory_hosts_free(&out);
    assert_int_equal(list(hosts, 2, NULL, 0, &out, err, sizeof(err)), -1);
    assert_non_null(strstr(err, "\"b:x\" has a bad port"));
    assert_null(out.items);
}

static void
test_find(void **state)
{
    (void)state;
    assert_ptr_equal(inventory_find("static"), &inventory_static);
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
        cmocka_unit_test(test_static_empty_and_bad),
        cmocka_unit_test(test_find),
    };

    return cmocka_run_group_tests_name("inventory", tests, NULL, NULL);
}
