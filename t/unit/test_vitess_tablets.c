/* Vitess' tablets: URLs, and which are healthy replicas. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "inventory/vitess_tablets.h"

static char found[1024];
static char error[256];

static void
on_found(void *data, const char *host, uint16_t port)
{
    size_t at = strlen(found);

    (void)data;
    snprintf(found + at, sizeof(found) - at, "%s%s:%u", at ? " " : "", host,
             port);
}

static int
parse(const char *text, char *one, char *two)
{
    char *items[] = {one, two};
    const struct conf_list cells = {.items = items,
                                    .count = one ? (two ? 2 : 1) : 0};

    found[0] = error[0] = '\0';
    return vitess_tablets_parse(text, strlen(text), &cells, on_found, NULL,
                                error, sizeof(error));
}

static void
finds(const char *text, const char *want)
{
    assert_int_equal(parse(text, NULL, NULL), 0);
    assert_string_equal(found, want);
}

static void
fails(const char *text, const char *part)
{
    assert_int_equal(parse(text, NULL, NULL), -1);
    assert_non_null(strstr(error, part));
    assert_string_equal(found, "");
}

#define TABLET(more) "{\"mysql_hostname\":\"h\",\"mysql_port\":1" more "}"

static void
test_replicas_are_found(void **state)
{
    (void)state;
    finds("[]", "");
    finds("[" TABLET(",\"type\":2") "]", "h:1");
    finds(
        "[" TABLET(",\"type\":1") "," TABLET(",\"type\":3") "," TABLET("") "]",
        "");
    finds("[" TABLET(",\"type\":\"replica\"") "," TABLET(
              ",\"type\":\"REPLICA\"") "," TABLET(",\"type\":\"master\"") "]",
          "h:1 h:1");
}

static void
test_health(void **state)
{
    (void)state;
    finds("[" TABLET(",\"type\":2,\"stats\":null") "]", "h:1");
    finds("[" TABLET(",\"type\":2,\"stats\":{\"realtime\":{}}") "]", "h:1");
    finds("[" TABLET(",\"type\":2,\"stats\":{\"last_error\":\"\","
                     "\"realtime\":{\"x\":1}}") "]",
          "h:1");
    finds("[" TABLET(",\"type\":2,\"stats\":{\"last_error\":\"e\","
                     "\"realtime\":{}}") "]",
          "");
    finds("[" TABLET(",\"type\":2,\"stats\":{\"last_error\":\"\"}") "]", "");
    finds("[" TABLET(",\"type\":2,\"stats\":{\"realtime\":null}") "]", "");
}

static void
test_cells(void **state)
{
    static const char text[] =
        "[{\"mysql_hostname\":\"a\",\"mysql_port\":1,\"type\":2,"
        "\"alias\":{\"cell\":\"c1\",\"uid\":1}},"
        "{\"mysql_hostname\":\"b\",\"mysql_port\":1,\"type\":2,"
        "\"alias\":{\"cell\":\"c2\"}},"
        "{\"mysql_hostname\":\"n\",\"mysql_port\":1,\"type\":2}]";

    (void)state;
    assert_int_equal(parse(text, NULL, NULL), 0);
    assert_string_equal(found, "a:1 b:1 n:1");
    assert_int_equal(parse(text, (char[]){"c2"}, NULL), 0);
    assert_string_equal(found, "b:1");
    assert_int_equal(parse(text, (char[]){" c1 "}, (char[]){"c2"}), 0);
    assert_string_equal(found, "a:1 b:1");
    assert_int_equal(parse(text, (char[]){" "}, NULL), 0);
    assert_string_equal(found, "a:1 b:1 n:1");
    assert_int_equal(parse(text, (char[]){"C1"}, NULL), 0);
    assert_string_equal(found, "");
}

static void
test_tablets_without_an_address(void **state)
{
    (void)state;
    finds("[{\"type\":2},{\"type\":2,\"mysql_hostname\":\"h\"},"
          "{\"type\":2,\"mysql_hostname\":\"\",\"mysql_port\":1},"
          "{\"type\":2,\"mysql_hostname\":\"h\",\"mysql_port\":0},"
          "{\"type\":2,\"mysql_hostname\":\"h\",\"mysql_port\":65536},"
          "{\"type\":2,\"mysql_hostname\":5,\"mysql_port\":\"1\"}]",
          "");
}

static void
test_what_is_no_list_of_tablets(void **state)
{
    (void)state;
    fails("", "not JSON");
    fails("<html>", "not JSON");
    fails("[{\"type\":2}", "not JSON");
    fails("{}", "expected a list of tablets");
    fails("[1]", "found something else in it");
    fails("[" TABLET(",\"type\":2") ",null]", "found something else in it");
}

static void
url_is(const char *api,
       const char *keyspace,
       const char *shard,
       char *cell1,
       char *cell2,
       const char *want)
{
    char *items[] = {cell1, cell2};
    const struct conf_vitess conf = {
        .api = (char *)api,
        .keyspace = (char *)keyspace,
        .shard = (char *)shard,
        .cells = {.items = items, .count = cell1 ? (cell2 ? 2 : 1) : 0},
    };
    char *url = vitess_tablets_url(&conf);

    assert_string_equal(url, want);
    free(url);
}

static void
test_urls(void **state)
{
    (void)state;
    url_is("http://v:1", "ks", "00", (char[]){"c1"}, NULL,
           "http://v:1/api/keyspace/ks/tablets/00?cells=c1");
    url_is("http://v:1/api/", "ks", "", (char[]){"c1"}, (char[]){"c2"},
           "http://v:1/api/keyspace/ks/tablets/?cells=c1%2Cc2");
    url_is("https://v/x//", "k s", "-80", NULL, NULL,
           "https://v/x/api/keyspace/k%20s/tablets/-80");
    url_is("http://v", "ks", "", (char[]){" "}, (char[]){" b "},
           "http://v/api/keyspace/ks/tablets/?cells=b");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_replicas_are_found),
        cmocka_unit_test(test_health),
        cmocka_unit_test(test_cells),
        cmocka_unit_test(test_tablets_without_an_address),
        cmocka_unit_test(test_what_is_no_list_of_tablets),
        cmocka_unit_test(test_urls),
    };

    return cmocka_run_group_tests_name("Vitess tablets", tests, NULL, NULL);
}
