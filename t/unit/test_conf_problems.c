/* What is said of a bad configuration: place, what was expected, what was
 * found. Whole reports, so that nothing else is said. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "conf_help.h"

static void
says_and_counts(const char *json, const char *problems, const char *counts)
{
    char want[4096];

    snprintf(want, sizeof(want), "%s%s", problems, counts);
    says(json, want);
}

static void
one_error(const char *json, const char *problems)
{
    says_and_counts(json, problems, "f: 1 error, 0 warnings\n");
}

static void
one_warning(const char *json, const char *problems)
{
    says_and_counts(json, problems, "f: 0 errors, 1 warning\n");
}

static void
test_syntax(void **state)
{
    (void)state;
    one_error("", "f: error: the file is empty: expected a JSON object\n");
    one_error(" \n\t\r\n",
              "f: error: the file is empty: expected a JSON object\n");
    one_error("{",
              "f:1: error: not JSON: string or '}' expected near column 1\n");
    one_error("{\n\"ListenPort\": 1\n\"DataCenter\": \"x\"}",
              "f:3: error: not JSON: ',' or '}' expected near column 12\n");
    one_error("{\"RaftNodes\": [\"a\" \"b\"]}",
              "f:1: error: not JSON: ',' or ']' expected near column 22\n");
    one_error("{\n\n\"ListenPort\" 1}",
              "f:3: error: not JSON: ':' expected near column 14\n");
    one_error("{\n // comment\n}",
              "f:2: error: not JSON: string or '}' expected near column 2\n");
    one_error("{\"ListenPort\": 01}",
              "f:1: error: not JSON: invalid token near column 16\n");
    one_error("{\"ListenPort\": 99999999999999999999}",
              "f:1: error: not JSON: too big integer near column 35\n");
    one_error("{,}",
              "f:1: error: not JSON: string or '}' expected near column 2\n");
    one_error("{\"RaftNodes\": [\"a\",,]}",
              "f:1: error: not JSON: unexpected token near column 20\n");
    one_error(
        "{\"Domain\": \"\xff\"}",
        "f:1: error: not JSON: unable to decode byte 0xff near column 12\n");
}

/* The text near a syntax error may be a password. */
static void
test_syntax_keeps_secrets(void **state)
{
    (void)state;
    conf_free(parse("{\"Password\": \"hunter2\" \"hunter3\"}"));
    assert_null(strstr(said, "hunter"));
    conf_free(parse("{\"Password\" \"hunter2\"}"));
    assert_null(strstr(said, "hunter"));
    conf_free(parse("{\"Password\": hunter2}"));
    assert_null(strstr(said, "hunter"));
    conf_free(parse("{\"Password\": \"hunter2\n\"}"));
    assert_null(strstr(said, "hunter"));
}

static void
test_not_an_object(void **state)
{
    (void)state;
    one_error("[1]", "f:1: error: expected an object, found a list\n");
    one_error("\n null", "f:2: error: expected an object, found null\n");
    one_error("\"x\"", "f:1: error: expected an object, found a string\n");
}

#define COMMA "a comma before a closing bracket is not JSON; ignored\n"
#define ALONE "has no effect without RaftDataDir\n"

static void
test_tolerated_syntax(void **state)
{
    (void)state;
    says("{\n\"RaftNodes\": [\"a\",\n ],\n"
         "\"Stores\": {\"MySQL\": {\"Clusters\": {\"c\": {" HOSTS ",}}\n,\n}}}",
         "f:2: warning: " COMMA "f:2: warning: RaftNodes: " ALONE
         "f:4: warning: " COMMA "f:5: warning: " COMMA
         "f: 0 errors, 4 warnings\n");
    one_warning(
        CLUSTER(HOSTS) "\n\n{\"x\",}",
        "f:6: warning: content after the end of the configuration; ignored\n");
    one_warning(
        CLUSTER(HOSTS) "}",
        "f:4: warning: content after the end of the configuration; ignored\n");
    says(CLUSTER(HOSTS) " \n\n ", NOTHING);
}

static void
test_wrong_types(void **state)
{
    (void)state;
    one_error(TOP("\"ListenPort\": \"80\""),
              "f:2: error: ListenPort: expected an integer, found a string\n");
    one_error(
        TOP("\"ListenPort\": 80.0"),
        "f:2: error: ListenPort: expected an integer, found a number with a "
        "point or an exponent\n");
    one_error(TOP("\"LeaderOnlyProbes\": 1"),
              "f:2: error: LeaderOnlyProbes: expected true or false, found an "
              "integer\n");
    one_error(
        TOP("\"StateFile\": true"),
        "f:2: error: StateFile: expected a string, found true or false\n");
    one_error(
        GLOBAL("\"ThrottleThreshold\": \"1\""),
        "f:2: error: Stores.MySQL.ThrottleThreshold: expected a number, found "
        "a string\n");
    one_error(
        GLOBAL("\"IgnoreHosts\": \"a\""),
        "f:2: error: Stores.MySQL.IgnoreHosts: expected a list of strings, "
        "found a string\n");
    says(GLOBAL("\"IgnoreHosts\": [\"a\",\n3, null]"),
         "f:3: error: Stores.MySQL.IgnoreHosts[1]: expected a string, found an "
         "integer\n"
         "f:3: error: Stores.MySQL.IgnoreHosts[2]: expected a string, found "
         "null\n"
         "f: 2 errors, 0 warnings\n");
    one_error(
        GLOBAL("\"User\": {}"),
        "f:2: error: Stores.MySQL.User: expected a string, found an object\n");
    one_error(CLUSTER("\"StaticHostsSettings\": [\"db1\"]"),
              "f:3: error: " C
              ".StaticHostsSettings: expected an object, found a "
              "list\n");
    one_error(CLUSTER("\"StaticHostsSettings\": {\"Hosts\": \"db1\"}"),
              "f:3: error: " C ".StaticHostsSettings.Hosts: expected a list of "
              "strings, found a string\n");
}

static void
test_wrong_type_of_objects(void **state)
{
    (void)state;
    one_error("{\"Stores\": []}",
              "f:1: error: Stores: expected an object, found a list\n");
    one_error(CLUSTER("\"HAProxySettings\": 5, " HOSTS),
              "f:3: error: " C ".HAProxySettings: expected an object, found an "
              "integer\n");
    one_error(TOP("\"MemcacheServers\": \"a,b\""),
              "f:2: error: MemcacheServers: expected a list of strings, found "
              "a string\n");
    one_error(TOP("\"MemcacheServers\": [\"a:1\",\n\"[::1]:x\"]"),
              "f:3: error: MemcacheServers[1]: expected HOST, HOST:PORT, an IP "
              "address or [IPv6]:PORT\n");
    one_warning(TOP("\"MemcachePath\": \"a b\",\n"
                    "\"MemcacheServers\": [\"a\", \"::1\", \"[::1]:1\"]"),
                "f:3: warning: MemcacheServers: nothing is written for c: its "
                "key has blanks, control characters or more than 250 bytes\n");
}

static void
test_bounds(void **state)
{
    static const struct {
        const char *key, *value, *expected;
    } cases[] = {
        {"ThrottleThreshold", "-1", "0 or more"},
        {"ThrottleThreshold", "-0.001", "0 or more"},
        {"Port", "-1", "0 to 65535"},
        {"Port", "65536", "0 to 65535"},
        {"CacheMillis", "-1", "0 to 86400000"},
        {"CacheMillis", "86400001", "0 to 86400000"},
        {"ProbeIntervalMillis", "0", "10 to 60000"},
        {"ProbeIntervalMillis", "-50", "10 to 60000"},
        {"ProbeIntervalMillis", "60001", "10 to 60000"},
        {"ProbeTimeoutMillis", "9", "10 to 60000"},
        {"MaxAgeMillis", "0", "1 to 86400000"},
        {"IgnoreHostsCount", "-1", "0 to 2147483647"},
        {"IgnoreHostsCount", "2147483648", "0 to 2147483647"},
        {"HttpCheckPort", "-2", "-1 to 65535"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char json[512], want[512];

        snprintf(json, sizeof(json), CLUSTER("\n\"%s\": %s, " HOSTS),
                 cases[i].key, cases[i].value);
        snprintf(want, sizeof(want),
                 "f:4: error: " C ".%s: %s is out of range: expected %s\n",
                 cases[i].key, cases[i].value, cases[i].expected);
        conf_free(parse(json));
        assert_non_null(strstr(said, want));
        assert_non_null(strstr(said, "f: 1 error"));
    }
    one_error(
        TOP("\"ListenPort\": 0"),
        "f:2: error: ListenPort: 0 is out of range: expected 1 to 65535\n");
    says(CLUSTER("\"Port\": 65535, \"ProbeIntervalMillis\": 10, " HOSTS),
         NOTHING);
}

static void
test_unknown_keys(void **state)
{
    (void)state;
    one_warning(
        TOP("\"ListenProt\": 1"),
        "f:2: warning: ListenProt: unknown key, ignored; the nearest known "
        "one is ListenPort\n");
    one_warning(
        GLOBAL("\"ThrotleThreshhold\": {\"a\": [1, {}]}"),
        "f:2: warning: Stores.MySQL.ThrotleThreshhold: unknown key, ignored; "
        "the nearest known one is ThrottleThreshold\n");
    one_warning(CLUSTER("\"statichostsetting\": {}, " HOSTS),
                "f:3: warning: " C
                ".statichostsetting: unknown key, ignored; the "
                "nearest known one is StaticHostsSettings\n");
    one_warning(CLUSTER("\"Collation\": \"x\", " HOSTS),
                "f:3: warning: " C
                ".Collation: has no meaning here, ignored; it "
                "belongs to Stores.MySQL\n");
    one_warning(
        TOP("\"Hosts\": []"),
        "f:2: warning: Hosts: has no meaning here, ignored; it belongs to "
        "StaticHostsSettings of a cluster\n");
    one_warning(
        TOP("\"a\\nb\\u001b\": 1"),
        "f:2: warning: a\\nb\\x1b: unknown key, ignored; the nearest known "
        "one is Role\n");
}

static void
test_duplicate_keys(void **state)
{
    struct conf *c;

    (void)state;
    c = parse(CLUSTER("\"Port\": 1,\n\"PORT\": 2,\n\"Port\": 3, " HOSTS));
    assert_int_equal(c->clusters[0].port, 3);
    conf_free(c);
    assert_string_equal(strstr(said, "f:3"),
                        "f:3: warning: " C ".Port: line 5 says it again; line "
                        "3 is ignored\n"
                        "f:4: warning: " C ".Port: line 5 says it again; line "
                        "4 is ignored\n"
                        "f: 0 errors, 2 warnings\n");
    c = parse(CLUSTER("\"Port\": 1,\n\"Port\": 2,\n\"pORT\": 3, " HOSTS));
    assert_int_equal(c->clusters[0].port, 3);
    conf_free(c);
    /* what is ignored is not looked at; what jansson forgets is not missed */
    says(CLUSTER("\"port\": -1,\n\"Port\": 5,\n\"port\": 6, " HOSTS),
         "f:3: warning: " C ".Port: line 5 says it again; line 3 is ignored\n"
         "f:4: warning: " C ".Port: line 5 says it again; line 4 is ignored\n"
         "f: 0 errors, 2 warnings\n");
    one_warning(CLUSTER(HOSTS ", " HOSTS),
                "f:3: warning: " C ".StaticHostsSettings: "
                "line 3 says it again; line 3 is ignored\n");
}

static void
test_duplicate_clusters(void **state)
{
    struct conf *c = parse("{\"Stores\": {\"MySQL\": {\"Clusters\": {\n"
                           "\"a\": {\"Port\": 1, " HOSTS "},\n"
                           "\"b\": {" HOSTS "}, \"b\": {" HOSTS "},\n"
                           "\"a\": {\"Port\": 2, " HOSTS "}}}}}");

    (void)state;
    assert_int_equal(c->nclusters, 2);
    assert_int_equal(c->clusters[0].port, 2);
    conf_free(c);
    assert_string_equal(strstr(said, "f:2"),
                        "f:2: warning: Stores.MySQL.Clusters.a: line 4 says it "
                        "again; line 2 is ignored\n"
                        "f:3: warning: Stores.MySQL.Clusters.b: line 3 says it "
                        "again; line 3 is ignored\n"
                        "f: 0 errors, 2 warnings\n");
}

#define SIXTY "123456789012345678901234567890123456789012345678901234567890"

static void
test_cluster_names(void **state)
{
    struct conf *c;

    (void)state;
    c = parse("{\"Stores\": {\"MySQL\": {\"Clusters\": {\"" SIXTY
              "123\": {" HOSTS "}, \"with space \\u00fc\": {" HOSTS "}}}}}");
    assert_int_equal(c->nclusters, 2);
    conf_free(c);
    says("{\"Stores\": {\"MySQL\": {\"Clusters\": {\n\"" SIXTY "1234\": {},\n"
         "\"\": {},\n\"a/b\": {},\n\"a\\tb\": {},\n\"n\": null,\n\"l\": []}}}}",
         "f:2: error: Stores.MySQL.Clusters." SIXTY "1234: the name of a "
         "cluster has 64 bytes: expected at most 63\n"
         "f:3: error: Stores.MySQL.Clusters.: the name of a cluster is empty\n"
         "f:4: error: Stores.MySQL.Clusters.a/b: the name of a cluster has a "
         "'/' or a control character, which no check could ask for\n"
         "f:5: error: Stores.MySQL.Clusters.a\\x09b: the name of a cluster has "
         "a '/' or a control character, which no check could ask for\n"
         "f:6: error: Stores.MySQL.Clusters.n: expected an object, found null\n"
         "f:7: error: Stores.MySQL.Clusters.l: expected an object, found a "
         "list\n"
         "f: 6 errors, 0 warnings\n");
}

static void
test_host_lists(void **state)
{
    (void)state;
    one_warning(CLUSTER("\"Port\": 1"),
                "f:3: warning: " C ": no hosts: checks answer 404\n");
    one_warning(CLUSTER("\"StaticHostsSettings\": {}"),
                "f:3: warning: " C ": no hosts: checks answer 404\n");
    one_error(CLUSTER("\n\"StaticHostsSettings\": {\n\"Hosts\": []}"),
              "f:5: error: " C ".StaticHostsSettings.Hosts: empty host list: "
              "expected at least one HOST or HOST:PORT\n");
    one_error(CLUSTER("\"StaticHostsSettings\": {\"Hosts\": [\"a\", 5]}"),
              "f:3: error: " C
              ".StaticHostsSettings.Hosts[1]: expected a string, "
              "found an integer\n");
    one_warning("{\"Stores\": {\"MySQL\": {\n\"Clusters\": {}}}}",
                "f:2: warning: Stores.MySQL.Clusters: no clusters: every check "
                "answers 404\n");
}

/* Two spellings of one host, by the port that the cluster inherits. */
static void
test_duplicate_hosts(void **state)
{
    (void)state;
    says("{\"Stores\": {\"MySQL\": {\"Port\": 3307, \"Clusters\": {\"c\": {\n"
         "\"StaticHostsSettings\": {\"Hosts\": [\"db1\", \"db2:3307\",\n"
         "\"db1:3307\", \"db1:3306\", \"db2\",\n"
         "\"fd00::1\", \"[fd00::1]\", \"[fd00::1]:3307\", \"fd00::2\",\n"
         "\"DB1\", \"\", \"[\"]}}}}}}",
         "f:3: warning: " C ".StaticHostsSettings.Hosts[2]: db1:3307 stands on "
         "line 2 already; it counts once\n"
         "f:3: warning: " C ".StaticHostsSettings.Hosts[4]: db2:3307 stands on "
         "line 2 already; it counts once\n"
         "f:4: warning: " C ".StaticHostsSettings.Hosts[6]: [fd00::1]:3307 "
         "stands on line 4 already; it counts once\n"
         "f:4: warning: " C ".StaticHostsSettings.Hosts[7]: [fd00::1]:3307 "
         "stands on line 4 already; it counts once\n"
         "f: 0 errors, 4 warnings\n");
}

static void
test_state_file(void **state)
{
    static const char bad[] = "f:2: error: StateFile: expected a path without "
                              "control characters\n";

    (void)state;
    one_error(TOP("\"StateFile\": \"\""), bad);
    one_error(TOP("\"StateFile\": \"/a\\nb\""), bad);
    one_warning(TOP("\"StateFile\": \"run/state\""),
                "f:2: warning: StateFile: a relative path: nginx looks for it "
                "elsewhere than this program\n");
}

static void
test_metric_query(void **state)
{
    static const char text[] =
        ".MetricQuery: expected a query that begins with SELECT or SHOW "
        "GLOBAL, or \"\" for the replica status: every check will answer 500, "
        "Unsupported metrics query type\n";
    char want[512];

    (void)state;
    snprintf(want, sizeof(want), "f:2: warning: Stores.MySQL%s", text);
    one_warning(GLOBAL("\"MetricQuery\": \" select 1\""), want);
    one_warning(GLOBAL("\"MetricQuery\": \"with x as (select 1) select 1\""),
                want);
    one_warning(GLOBAL("\"MetricQuery\": \"show slave status\""), want);
    snprintf(want, sizeof(want), "f:3: warning: " C "%s", text);
    one_warning(CLUSTER("\"MetricQuery\": \"(select 1)\", " HOSTS), want);
    says(GLOBAL("\"MetricQuery\": \"SELECT 1\""), NOTHING);
    says(GLOBAL("\"MetricQuery\": \"Show Global status like 'x'\""), NOTHING);
    says(GLOBAL("\"MetricQuery\": \"\""), NOTHING);
}

static void
test_tls_files(void **state)
{
    (void)state;
    one_error(
        GLOBAL("\"UseTLS\": true, \"TLSCAFile\": \"/nonexistent/ca\""),
        "f:2: error: Stores.MySQL.TLSCAFile: cannot read /nonexistent/ca: No "
        "such file or directory\n");
    one_error(
        GLOBAL("\"UseTLS\": true, \"TLSCAFile\": \"/\""),
        "f:2: error: Stores.MySQL.TLSCAFile: cannot read /: Is a directory\n");
    one_error(
        GLOBAL("\"UseTLS\": true, \"TLSCertFile\": \"/dev/null\""),
        "f:2: error: Stores.MySQL.TLSCertFile: TLSKeyFile must be set when "
        "TLSCertFile is specified\n");
    one_error(
        GLOBAL("\"UseTLS\": true, \"TLSKeyFile\": \"/dev/null\""),
        "f:2: error: Stores.MySQL.TLSKeyFile: TLSCertFile must be set when "
        "TLSKeyFile is specified\n");
    one_warning(
        GLOBAL("\"TLSCAFile\": \"/dev/null\""),
        "f:2: warning: Stores.MySQL.TLSCAFile: has no effect: UseTLS is not "
        "set, connections are plain\n");
    says(GLOBAL("\"UseTLS\": true, \"TLSCAFile\": \"/dev/null\", "
                "\"TLSCertFile\": \"/dev/null\", "
                "\"TLSKeyFile\": \"/dev/null\""),
         NOTHING);
    /* a cluster that says no to TLS has nothing to be warned of */
    says("{\"Stores\": {\"MySQL\": {\"UseTLS\": true, \"TLSCAFile\": "
         "\"/dev/null\", \"Clusters\": {\"c\": {\"UseTLS\": false, " HOSTS
         "}}}}}",
         NOTHING);
}

/* A mistake in Stores.MySQL is one, however many clusters inherit it. */
static void
test_inherited_problem_once(void **state)
{
    (void)state;
    one_error(
        "{\"Stores\": {\"MySQL\": {\"UseTLS\": true,\n"
        "\"TLSCertFile\": \"/dev/null\",\n\"Clusters\": {"
        "\"a\": {" HOSTS "}, \"b\": {" HOSTS "}, \"c\": {" HOSTS "}}}}}",
        "f:2: error: Stores.MySQL.TLSCertFile: TLSKeyFile must be set when "
        "TLSCertFile is specified\n");
}

/* A pipe in the place of a file is not waited for. */
static void
test_tls_file_is_a_pipe(void **state)
{
    char dir[] = "/tmp/test_conf.XXXXXX", json[512], fifo[64];

    (void)state;
    assert_non_null(mkdtemp(dir));
    snprintf(fifo, sizeof(fifo), "%s/fifo", dir);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    snprintf(json, sizeof(json),
             GLOBAL("\"UseTLS\": true, \"TLSCAFile\": \"%s\""), fifo);
    says(json, NOTHING);
    unlink(fifo);
    rmdir(dir);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_syntax),
        cmocka_unit_test(test_syntax_keeps_secrets),
        cmocka_unit_test(test_not_an_object),
        cmocka_unit_test(test_tolerated_syntax),
        cmocka_unit_test(test_wrong_types),
        cmocka_unit_test(test_wrong_type_of_objects),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_unknown_keys),
        cmocka_unit_test(test_duplicate_keys),
        cmocka_unit_test(test_duplicate_clusters),
        cmocka_unit_test(test_cluster_names),
        cmocka_unit_test(test_host_lists),
        cmocka_unit_test(test_duplicate_hosts),
        cmocka_unit_test(test_state_file),
        cmocka_unit_test(test_metric_query),
        cmocka_unit_test(test_tls_files),
        cmocka_unit_test(test_inherited_problem_once),
        cmocka_unit_test(test_tls_file_is_a_pipe),
    };

    return cmocka_run_group_tests_name("conf_problems", tests, NULL, NULL);
}
