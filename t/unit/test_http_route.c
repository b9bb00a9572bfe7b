/* Paths against patterns. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/http_route.h"

static const struct http_route routes[] = {
    {HTTP_GET, "/list", NULL},
    {HTTP_GET | HTTP_POST, "/app/:name", NULL},
    {HTTP_DELETE, "/app/:name", NULL},
    {HTTP_GET, "/app/:name/ttl/:ttl", NULL},
    {HTTP_GET, "/app/:name/:other", NULL},
    {0, NULL, NULL},
};

/* Finds the route in a copy of the path, which stands until the next. */
static struct http_match
match(unsigned method, const char *path)
{
    static char copy[128];
    struct http_match m;

    snprintf(copy, sizeof(copy), "%s", path);
    http_route_match(routes, method, copy, &m);
    return m;
}

static void
test_found(void **state)
{
    struct http_match m = match(HTTP_GET, "/list");

    (void)state;
    assert_ptr_equal(m.route, &routes[0]);
    assert_null(http_route_segment(&m, "name"));

    m = match(HTTP_GET, "/app/x y:z");
    assert_ptr_equal(m.route, &routes[1]);
    assert_string_equal(http_route_segment(&m, "name"), "x y:z");
    assert_null(http_route_segment(&m, "nam"));
    assert_null(http_route_segment(&m, "names"));

    m = match(HTTP_GET, "/app/x/ttl/5");
    assert_ptr_equal(m.route, &routes[3]);
    assert_string_equal(http_route_segment(&m, "name"), "x");
    assert_string_equal(http_route_segment(&m, "ttl"), "5");
}

/* The first route that has the method. */
static void
test_methods(void **state)
{
    struct http_match m = match(HTTP_HEAD, "/list");

    (void)state;
    assert_ptr_equal(m.route, &routes[0]);
    assert_int_equal(m.allowed, HTTP_GET | HTTP_HEAD | HTTP_OPTIONS);
    m = match(HTTP_DELETE, "/app/x");
    assert_ptr_equal(m.route, &routes[2]);
    assert_string_equal(http_route_segment(&m, "name"), "x");
    assert_int_equal(m.allowed, HTTP_GET | HTTP_HEAD | HTTP_POST | HTTP_DELETE |
                                    HTTP_OPTIONS);
    assert_ptr_equal(match(HTTP_POST, "/app/x").route, &routes[1]);
    assert_ptr_equal(match(HTTP_GET, "/app/x/y").route, &routes[4]);

    m = match(HTTP_POST, "/list");
    assert_null(m.route);
    assert_int_equal(m.allowed, HTTP_GET | HTTP_HEAD | HTTP_OPTIONS);
    m = match(HTTP_OPTIONS, "/list");
    assert_null(m.route);
    assert_true(m.allowed & HTTP_OPTIONS);
    assert_null(match(0, "/list").route);
}

static void
test_not_found(void **state)
{
    static const char *const paths[] = {
        "",       "/",    "list",          "/lis",    "/list/", "/listing",
        "/List",  "/app", "/app/",         "/app/x/", "//list", "/app/x/ttl/",
        "/app//", "*",    "/app/x/ttl/5/", "/list/x",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
        struct http_match m = match(HTTP_GET, paths[i]);

        if (m.allowed != 0 || m.route)
            fail_msg("%s is found", paths[i]);
    }
}

static void
test_empty_segment(void **state)
{
    struct http_match m = match(HTTP_GET, "/app//ttl/5");

    (void)state;
    assert_ptr_equal(m.route, &routes[3]);
    assert_string_equal(http_route_segment(&m, "name"), "");
    assert_string_equal(http_route_segment(&m, "ttl"), "5");
}

static void
test_names(void **state)
{
    char allow[HTTP_ALLOW_SIZE];

    (void)state;
    assert_int_equal(http_route_method("GET"), HTTP_GET);
    assert_int_equal(http_route_method("HEAD"), HTTP_HEAD);
    assert_int_equal(http_route_method("POST"), HTTP_POST);
    assert_int_equal(http_route_method("DELETE"), HTTP_DELETE);
    assert_int_equal(http_route_method("OPTIONS"), HTTP_OPTIONS);
    assert_int_equal(http_route_method("PATCH"), HTTP_PATCH);
    assert_int_equal(http_route_method("get"), 0);
    assert_int_equal(http_route_method(""), 0);
    http_route_allow(0, allow);
    assert_string_equal(allow, "");
    http_route_allow(HTTP_POST, allow);
    assert_string_equal(allow, "POST");
    http_route_allow(~0u, allow);
    assert_string_equal(allow, "DELETE, GET, HEAD, OPTIONS, PATCH, POST");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_found),     cmocka_unit_test(test_methods),
        cmocka_unit_test(test_not_found), cmocka_unit_test(test_empty_segment),
        cmocka_unit_test(test_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
