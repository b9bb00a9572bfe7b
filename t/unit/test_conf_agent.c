/* The configuration of sluice-agent: what it takes over from
 * galera-healthcheck's file, its defaults, and every problem it tells. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/conf_agent.h"
#include "base/conf_print.h"

static char said[65536];

static struct conf_agent *
parse(const char *json)
{
    struct conf_report report;
    struct conf_agent *c = conf_agent_parse(json, strlen(json), &report);
    FILE *out = fmemopen(said, sizeof(said), "w");

    conf_print_report(out, "f", &report);
    fclose(out);
    assert_int_equal(c == NULL, report.errors > 0);
    conf_report_free(&report);
    return c;
}

static void
says(const char *json, const char *want)
{
    conf_agent_free(parse(json));
    assert_string_equal(said, want);
}

#define NOTHING "f: 0 errors, 0 warnings\n"
#define ONE_ERROR "f: 1 error, 0 warnings\n"
#define ONE_WARNING "f: 0 errors, 1 warning\n"
#define DB "\"DB\": {\"User\": \"u\"}"

static void
test_defaults(void **state)
{
    struct conf_agent *c = parse("{" DB "}");

    (void)state;
    assert_string_equal(said, NOTHING);
    assert_string_equal(c->host, "0.0.0.0");
    assert_int_equal(c->port, 8080);
    assert_string_equal(c->db_host, "127.0.0.1");
    assert_int_equal(c->db_port, 3306);
    assert_string_equal(c->db_user, "u");
    assert_string_equal(c->db_password, "");
    assert_int_equal(c->available_when_donor, 1);
    assert_int_equal(c->available_when_read_only, 0);
    assert_string_equal(c->maintenance_file, "");
    assert_int_equal(c->query_timeout_ms, 1000);
    assert_string_equal(c->username, "");
    conf_agent_free(c);
}

static void
test_everything(void **state)
{
    struct conf_agent *c;

    (void)state;
    setenv("SECRET", "geheim", 1);
    c = parse("{\"host\": \"::\", \"PORT\": 9200, \"DB\": {\"Host\": "
              "\"[::1]\", \"Port\": 3307, \"User\": \"u\", \"Password\": "
              "\"${SECRET}\"}, \"AvailableWhenDonor\": false, "
              "\"AvailableWhenReadOnly\": true, \"MaintenanceFile\": \"/m\", "
              "\"QueryTimeoutMillis\": 250, \"SidecarEndpoint\": {"
              "\"Username\": \"n\", \"Password\": \"${SECRET}\", "
              "\"ProtectStatus\": true}}");
    assert_string_equal(said, NOTHING);
    assert_string_equal(c->host, "::");
    assert_int_equal(c->port, 9200);
    assert_string_equal(c->db_host, "::1");
    assert_int_equal(c->db_port, 3307);
    assert_string_equal(c->db_password, "geheim");
    assert_int_equal(c->available_when_donor, 0);
    assert_int_equal(c->available_when_read_only, 1);
    assert_string_equal(c->maintenance_file, "/m");
    assert_int_equal(c->query_timeout_ms, 250);
    assert_string_equal(c->username, "n");
    assert_string_equal(c->password, "geheim");
    conf_agent_free(c);
}

/* As cf-mysql writes it. */
static void
test_galera_healthcheck(void **state)
{
    struct conf_agent *c;

    (void)state;
    c = parse("{\"DB\": {\"Socket\": \"/s\", \"User\": \"u\",\n"
              "\"Password\": \"p\"}, \"Host\": \"0.0.0.0\", \"Port\": 9200,\n"
              "\"Monit\": {\"Host\": \"127.0.0.1\", \"Port\": \"2822\"},\n"
              "\"MysqldPath\": \"/b\", \"MyCnfPath\": \"/c\",\n"
              "\"SidecarEndpoint\": {\"Username\": \"n\",\n"
              "\"Password\": \"p\"}}");
    assert_string_equal(
        said,
        "f:3: note: Monit: not used: sluice-agent neither starts nor stops "
        "mysqld\n"
        "f:4: note: MyCnfPath: not used: sluice-agent neither starts nor "
        "stops mysqld\n"
        "f:4: note: MysqldPath: not used: sluice-agent neither starts nor "
        "stops mysqld\n"
        "f:5: warning: SidecarEndpoint.Username: not asked for: whoever asks "
        "is told the health, as by galera-healthcheck; \"ProtectStatus\": "
        "true changes that\n" ONE_WARNING);
    assert_string_equal(c->db_host, "/s");
    assert_string_equal(c->username, "");
    assert_string_equal(c->password, "");
    conf_agent_free(c);
}

static void
test_problems(void **state)
{
    (void)state;
    says("[]", "f:1: error: expected an object, found a list\n" ONE_ERROR);
    says("{}", "f: error: DB.User: is required: an account of mysqld's, which "
               "needs no privileges\n" ONE_ERROR);
    says(
        "{\"DB\": {\n\"User\": 1}}",
        "f:2: error: DB.User: expected a string, found an integer\n" ONE_ERROR);
    says("{" DB ",\n\"Host\": \"db1\"}",
         "f:2: error: Host: expected an IP address to listen on (0.0.0.0, or "
         ":: with IPv6, is all of this host's)\n" ONE_ERROR);
    says("{" DB ",\n\"Port\": 0}", "f:2: error: Port: 0 is out of range: "
                                   "expected 1 to 65535\n" ONE_ERROR);
    says("{" DB ",\n\"MaintenanceFile\": \"m\"}",
         "f:2: error: MaintenanceFile: expected a path from the root: whoever "
         "starts us chooses the directory\n" ONE_ERROR);
    says("{\"DB\": {\"User\": \"u\",\n\"Socket\": \"s\"}}",
         "f:2: error: DB.Socket: expected a path from the root\n" ONE_ERROR);
    says("{\"DB\": {\"User\": \"u\", \"Socket\": \"/s\",\n\"Host\": \"h\"}}",
         "f:2: warning: DB.Host: not used: Socket is the way\n" ONE_WARNING);
    says("{\"DB\": {\"User\": \"u\",\n\"Host\": \"h:3306\"}}",
         "f:2: error: DB.Host: expected a name or an IP address; the port is "
         "Port, and a unix socket is Socket\n" ONE_ERROR);
    says("{" DB ",\n\"AvailableWhenDonnor\": true}",
         "f:2: warning: AvailableWhenDonnor: unknown key, ignored; the "
         "nearest known one is AvailableWhenDonor\n" ONE_WARNING);
    says("{" DB ",\n\"Socket\": \"/s\"}",
         "f:2: warning: Socket: has no meaning here, ignored; it belongs to "
         "DB\n" ONE_WARNING);
}

static void
test_endpoint(void **state)
{
    (void)state;
    says("{" DB ", \"SidecarEndpoint\": {\n\"ProtectStatus\": true}}",
         "f: error: SidecarEndpoint.Username: is required by ProtectStatus\n"
         "f: error: SidecarEndpoint.Password: is required by ProtectStatus\n"
         "f: 2 errors, 0 warnings\n");
    says("{" DB ", \"SidecarEndpoint\": {\"ProtectStatus\": true,\n"
         "\"Password\": \"p\", \"Username\": \"a:b\"}}",
         "f:2: error: SidecarEndpoint.Username: no colon can be in it: basic "
         "authentication ends the name there\n" ONE_ERROR);
    says("{" DB ", \"SidecarEndpoint\": {\n\"TLS\": {\n\"Enabled\": true}}}",
         "f:3: error: SidecarEndpoint.TLS.Enabled: sluice-agent has no TLS: "
         "listen on 127.0.0.1, behind a server that has\n" ONE_ERROR);
    says("{" DB ", \"SidecarEndpoint\": {\"TLS\": {\"Enabled\": false, "
         "\"Certificate\": \"c\", \"PrivateKey\": \"k\"}}}",
         NOTHING);
}

/* One file's keys are strangers in the other. */
static void
test_not_sluiceds(void **state)
{
    struct conf_report report;
    const char *json = "{\"Stores\": {\"MySQL\": {}}, \"MysqldPath\": \"/b\"}";

    (void)state;
    says("{" DB ",\n\"Stores\": {}}",
         "f:2: warning: Stores: unknown key, ignored; the nearest known one is "
         "Port\n" ONE_WARNING);
    conf_free(conf_parse(json, strlen(json), NULL, &report));
    for (size_t i = 0; i < report.count; i++)
        assert_null(strstr(report.problems[i].text, "belongs to"));
    conf_report_free(&report);
}

static void
test_file(void **state)
{
    struct conf_report report;

    (void)state;
    assert_null(conf_agent_load("/no/such/file", &report));
    assert_int_equal(report.errors, 1);
    assert_string_equal(report.problems[0].text,
                        "cannot read: No such file or directory");
    conf_report_free(&report);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_everything),
        cmocka_unit_test(test_galera_healthcheck),
        cmocka_unit_test(test_problems),
        cmocka_unit_test(test_endpoint),
        cmocka_unit_test(test_not_sluiceds),
        cmocka_unit_test(test_file),
    };

    return cmocka_run_group_tests_name("conf_agent", tests, NULL, NULL);
}
