/* Where hosts come from: HAProxy, ProxySQL, Vitess, a list; right, wrong,
 * and several. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "conf_help.h"

#define ONE_ERROR "f: 1 error, 0 warnings\n"
#define ONE_WARNING "f: 0 errors, 1 warning\n"
#define HAPROXY(members) \
    CLUSTER("\"HAProxySettings\": {\"PoolName\": \"p\", " members "}")
#define AT_HAPROXY "f:3: error: " C ".HAProxySettings."

static void
assert_urls(const char *json, const char *first, const char *second)
{
    struct conf *c = parse(json);
    const struct conf_list *urls = &c->clusters[0].haproxy.urls;

    assert_string_equal(c->clusters[0].inventory, "haproxy");
    assert_int_equal(urls->count, second ? 2 : 1);
    assert_string_equal(urls->items[0], first);
    if (second)
        assert_string_equal(urls->items[1], second);
    conf_free(c);
}

static void
test_haproxy_is_a_host_and_a_port(void **state)
{
    (void)state;
    assert_urls(HAPROXY("\"Host\": \"lb\", \"Port\": 8080"), "http://lb:8080",
                NULL);
    assert_urls(HAPROXY("\"Host\": \"fd00::1\", \"Port\": 80"),
                "http://[fd00::1]:80", NULL);
    assert_urls(HAPROXY("\"Host\": \"lb\", \"Port\": 80, \"Addresses\": \"x\""),
                "http://lb:80", NULL);
}

static void
test_haproxy_is_a_list_of_addresses(void **state)
{
    (void)state;
    assert_urls(HAPROXY("\"Addresses\": \"lb\""), "http://lb", NULL);
    assert_urls(HAPROXY("\"Addresses\": \" lb1:8080 , https://u:p@lb2/x/ ,\""),
                "http://lb1:8080", "https://u:p@lb2/x/");
    setenv("CONF_T_LB", "lb1:80", 1);
    assert_urls(HAPROXY("\"Addresses\": \"${CONF_T_LB},${CONF_T_LB}\""),
                "http://lb1:80", "http://lb1:80");
}

static void
test_haproxy_addresses_that_are_wrong(void **state)
{
    (void)state;
    unsetenv("CONF_T_NONE");
    setenv("CONF_T_EMPTY", "", 1);
    says(CLUSTER("\"HAProxySettings\": {\n\"Addresses\": "
                 "\"a,${CONF_T_NONE}\"}, " HOSTS),
         "f:3: warning: " C ".HAProxySettings: incomplete, ignored: expected "
         "PoolName, and Host and Port or Addresses\n"
         "f:4: error: " C ".HAProxySettings.Addresses: unknown environment "
         "variable ${CONF_T_NONE}\n"
         "f: 1 error, 1 warning\n");
    says(HAPROXY("\"Addresses\": \"${CONF_T_EMPTY}\""),
         AT_HAPROXY "Addresses: unknown environment variable "
                    "${CONF_T_EMPTY}\n" ONE_ERROR);
    says(HAPROXY("\"Addresses\": \"ftp://lb/\""),
         AT_HAPROXY "Addresses: expected HOST, HOST:PORT or a URL of http or "
                    "https, several with commas between them\n" ONE_ERROR);
    says(HAPROXY("\"Addresses\": \"lb 1\""),
         AT_HAPROXY "Addresses: expected HOST, HOST:PORT or a URL of http or "
                    "https, several with commas between them\n" ONE_ERROR);
    says(HAPROXY("\"Host\": \"ftp://lb\", \"Port\": 1"),
         AT_HAPROXY "Host: expected HOST, HOST:PORT or a URL of http or "
                    "https, several with commas between them\n" ONE_ERROR);
    says(HAPROXY("\"Addresses\": \"lb\", \"CAFile\": \"/nonexistent/ca\""),
         AT_HAPROXY "CAFile: cannot read /nonexistent/ca: No such file or "
                    "directory\n" ONE_ERROR);
}

static void
test_incomplete_ones_are_ignored(void **state)
{
    struct conf *c;

    (void)state;
    says(CLUSTER("\"HAProxySettings\": {\"Host\": \"h\", "
                 "\"PoolName\": \"p\"}, " HOSTS),
         "f:3: warning: " C ".HAProxySettings: incomplete, ignored: expected "
         "PoolName, and Host and Port or Addresses\n" ONE_WARNING);
    says(CLUSTER("\"HAProxySettings\": {\"Addresses\": \" , \", "
                 "\"PoolName\": \"p\"}, " HOSTS),
         "f:3: warning: " C ".HAProxySettings: incomplete, ignored: expected "
         "PoolName, and Host and Port or Addresses\n" ONE_WARNING);
    says(CLUSTER("\"VitessSettings\": {\"API\": \"http://h\"}, " HOSTS),
         "f:3: warning: " C ".VitessSettings: incomplete, ignored: expected "
         "API and Keyspace\n" ONE_WARNING);
    says(CLUSTER("\"ProxySQLSettings\": {\"HostgroupID\": 1}, " HOSTS),
         "f:3: warning: " C ".ProxySQLSettings: incomplete, ignored: expected "
         "Addresses, User, Password and HostgroupID\n" ONE_WARNING);
    c = parse(CLUSTER("\"HAProxySettings\": {}, " HOSTS));
    assert_string_equal(c->clusters[0].inventory, "static");
    conf_free(c);
}

static void
test_proxysql_takes_what_stores_mysql_says(void **state)
{
    struct conf *c;

    (void)state;
    setenv("CONF_T_PW", "secret", 1);
    c = parse("{\"Stores\": {\"MySQL\": {\"ProxySQLAddresses\": [\"a:1\"],\n"
              "\"ProxySQLUser\": \"u\", \"ProxySQLPassword\": "
              "\"${CONF_T_PW}\",\n"
              "\"Clusters\": {\"c\": {\"ProxySQLSettings\": "
              "{\"HostgroupID\": 1},\"StaticHostsSettings\": {\"Hosts\": []}},"
              "\"d\": {\"ProxySQLSettings\": {\"HostgroupID\": 2, \"User\": "
              "\"own\", \"Addresses\": [\"b\", \"a\"]}}}}}}");
    assert_non_null(strstr(said, "f: 0 errors, 0 warnings\n"));
    assert_string_equal(c->clusters[0].inventory, "proxysql");
    assert_string_equal(c->clusters[0].proxysql.addresses.items[0], "a:1");
    assert_string_equal(c->clusters[0].proxysql.user, "u");
    assert_string_equal(c->clusters[0].proxysql.password, "secret");
    assert_int_equal(c->clusters[0].proxysql.ignore_s, 10);
    assert_string_equal(c->clusters[1].proxysql.user, "own");
    assert_int_equal(c->clusters[1].proxysql.addresses.count, 2);
    conf_free(c);
}

static void
test_vitess_takes_the_cells_of_stores_mysql(void **state)
{
    struct conf *c = parse(
        "{\"Stores\": {\"MySQL\": {\"VitessCells\": [\"a\", \"b\"],\n"
        "\"Clusters\": {\"c\": {\"VitessSettings\": {\"API\": \"https://v\","
        "\"Keyspace\": \"k\"}}}}}}");

    (void)state;
    assert_string_equal(c->clusters[0].inventory, "vitess");
    assert_int_equal(c->clusters[0].vitess.cells.count, 2);
    assert_string_equal(c->clusters[0].vitess.shard, "");
    assert_int_equal(c->clusters[0].vitess.timeout_ms, 5000);
    conf_free(c);
    says(CLUSTER("\"VitessSettings\": {\"API\": \"v\", \"Keyspace\": \"k\"}"),
         "f:3: error: " C ".VitessSettings.API: expected a URL of http or "
         "https\n" ONE_ERROR);
}

static void
test_of_several_the_first_is_used(void **state)
{
    (void)state;
    says(CLUSTER("\"HAProxySettings\": {\"Host\": \"h\", \"Port\": 80, "
                 "\"PoolName\": \"p\"},\n" HOSTS),
         "f:4: warning: " C ".StaticHostsSettings: a second source of hosts, "
         "ignored: they come from haproxy\n" ONE_WARNING);
    says(CLUSTER(HOSTS ",\n\"VitessSettings\": {\"API\": \"http://v\", "
                       "\"Keyspace\": \"k\"}"),
         "f:3: warning: " C ".StaticHostsSettings: a second source of hosts, "
         "ignored: they come from vitess\n" ONE_WARNING);
}

static void
test_names_that_differ_in_case_only(void **state)
{
    (void)state;
    says("{\"Stores\": {\"MySQL\": {\"Clusters\": {\n"
         "\"Main\": {" HOSTS "},\n\"main\": {" HOSTS "}}}}}",
         "f:3: warning: Stores.MySQL.Clusters.main: differs from Main on line "
         "2 in case only: they are two clusters\n" ONE_WARNING);
}

static void
test_the_refresh_has_bounds(void **state)
{
    struct conf *c = parse(
        HAPROXY("\"Addresses\": \"lb\"}, \"InventoryRefreshMillis\": 250, "
                "\"IgnoreHosts\": [], \"VitessSettings\": {"));

    (void)state;
    assert_int_equal(c->clusters[0].inventory_refresh_ms, 250);
    conf_free(c);
    says(CLUSTER("\"InventoryRefreshMillis\": 99, " HOSTS),
         "f:3: error: " C ".InventoryRefreshMillis: 99 is out of range: "
         "expected 100 to 86400000\n" ONE_ERROR);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_haproxy_is_a_host_and_a_port),
        cmocka_unit_test(test_haproxy_is_a_list_of_addresses),
        cmocka_unit_test(test_haproxy_addresses_that_are_wrong),
        cmocka_unit_test(test_incomplete_ones_are_ignored),
        cmocka_unit_test(test_proxysql_takes_what_stores_mysql_says),
        cmocka_unit_test(test_vitess_takes_the_cells_of_stores_mysql),
        cmocka_unit_test(test_of_several_the_first_is_used),
        cmocka_unit_test(test_names_that_differ_in_case_only),
        cmocka_unit_test(test_the_refresh_has_bounds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
