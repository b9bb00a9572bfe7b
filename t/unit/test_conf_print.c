/* The report's order and its text, and the printed nginx.conf. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "conf_help.h"

static char out[65536];

static void
print_report(const struct conf_report *report)
{
    FILE *file = fmemopen(out, sizeof(out), "w");

    conf_print_report(file, "/etc/x.json", report);
    fclose(file);
}

static void
test_nothing(void **state)
{
    struct conf_report report = {0};

    (void)state;
    print_report(&report);
    assert_string_equal(out, "/etc/x.json: 0 errors, 0 warnings\n");
    conf_report_free(&report);
}

/* By line, and in the order of adding within one. */
static void
test_order(void **state)
{
    struct conf_report report = {0};

    (void)state;
    conf_report_add(&report, CONF_ERROR, 7, "A.b", "seven %d", 1);
    conf_report_add(&report, CONF_NOTE, 3, "C", "three");
    conf_report_add(&report, CONF_WARNING, 7, "D", "seven %s", "two");
    conf_report_add(&report, CONF_WARNING, 0, "", "whole");
    conf_report_add(&report, CONF_ERROR, 5, "", "five");
    conf_report_add(&report, CONF_ERROR, 3, "C", "three again");
    print_report(&report);
    assert_string_equal(out, "/etc/x.json: warning: whole\n"
                             "/etc/x.json:3: note: C: three\n"
                             "/etc/x.json:3: error: C: three again\n"
                             "/etc/x.json:5: error: five\n"
                             "/etc/x.json:7: error: A.b: seven 1\n"
                             "/etc/x.json:7: warning: D: seven two\n"
                             "/etc/x.json: 3 errors, 2 warnings\n");
    conf_report_free(&report);
    assert_int_equal(report.count, 0);
}

static void
test_once(void **state)
{
    struct conf_report report = {0};

    (void)state;
    for (int i = 0; i < 3; i++) {
        conf_report_add_once(&report, CONF_ERROR, 1, "A", "x%d", 1);
        conf_report_add_once(&report, CONF_ERROR, 1, "B", "x1");
        conf_report_add_once(&report, CONF_ERROR, 2, "A", "x1");
        conf_report_add_once(&report, CONF_WARNING, 1, "A", "x1");
        conf_report_add_once(&report, CONF_ERROR, 1, "A", "x2");
    }
    assert_int_equal(report.count, 5);
    assert_int_equal(report.errors, 4);
    assert_int_equal(report.warnings, 1);
    conf_report_free(&report);
}

static void
test_many(void **state)
{
    struct conf_report report = {0};

    (void)state;
    for (int i = 1000; i > 0; i--)
        conf_report_add(&report, CONF_NOTE, i, "", "%d", i);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(report.problems[i].line, i + 1);
    assert_int_equal(report.count, 1000);
    conf_report_free(&report);
}

/* Nothing that an operator wrote can begin a line of its own. */
static void
test_control_characters(void **state)
{
    struct conf_report report = {0};

    (void)state;
    conf_report_add(&report, CONF_NOTE, 1, "a\nb", "c\x1b[31m\r\x7f\xc3\xbc");
    print_report(&report);
    assert_string_equal(out, "/etc/x.json:1: note: a\\nb: c\\x1b[31m\\x0d\\x7f"
                             "\xc3\xbc\n"
                             "/etc/x.json: 0 errors, 0 warnings\n");
    conf_report_free(&report);
}

static void
print_nginx(const char *json)
{
    struct conf *c = parse(json);
    FILE *file = fmemopen(out, sizeof(out), "w");

    assert_non_null(c);
    conf_print_nginx(file, "/etc/x\n.json", c);
    fclose(file);
    conf_free(c);
}

static void
test_nginx(void **state)
{
    (void)state;
    print_nginx("{\"ListenPort\": 8099, \"StateFile\": \"/run/s/state\"}");
    assert_string_equal(out, "# Goes with /etc/x\\n.json.\n"
                             "\n"
                             "load_module modules/ngx_sluice_module.so;\n"
                             "\n"
                             "worker_processes auto;\n"
                             "\n"
                             "events { }\n"
                             "\n"
                             "sluice {\n"
                             "    state /run/s/state;\n"
                             "}\n"
                             "\n"
                             "http {\n"
                             "    upstream sluiced { server "
                             "unix:/run/s/control.sock; keepalive 8; }\n"
                             "\n"
                             "    server {\n"
                             "        listen 8099;\n"
                             "        include sluice/freno.conf;\n"
                             "    }\n"
                             "}\n");
}

static void
test_nginx_routes(void **state)
{
    (void)state;
    print_nginx("{\"RaftDataDir\": \"/tmp\", \"Stores\": {\"MySQL\": "
                "{\"Clusters\": {\"a\": {\"Routing\": {\"Eligible\": "
                "\"galera\"}}, \"b\": {}, \"c$\": {\"Routing\": "
                "{\"Eligible\": \"galera\"}}}}}}");
    assert_non_null(strstr(out, "load_module modules/ngx_stream_module.so;\n"
                                "load_module modules/ngx_sluice_module.so;\n"
                                "load_module "
                                "modules/ngx_stream_sluice_module.so;\n"));
    assert_non_null(strstr(out, "include sluice/freno.conf;\n"
                                "        include sluice/route.conf;\n"));
    assert_non_null(strstr(
        out, "    upstream a_3306 { sluice a; }\n"
             "    upstream a_3306_read { sluice a role=replica "
             "fallback=primary; }\n"
             "    server { listen 3306; proxy_pass a_3306; sluice_hold a 10s; "
             "}\n"
             "    server { listen 3307; proxy_pass a_3306_read; }\n"));
    assert_non_null(strstr(out, "    upstream c__3308 { sluice \"c$\"; }\n"));
}

static void
test_nginx_quotes(void **state)
{
    (void)state;
    print_nginx("{\"StateFile\": \"/a b;{}#$\"}");
    assert_non_null(strstr(out, "    state \"/a b;{}#$\";\n"));
    print_nginx("{\"StateFile\": \"/q\\\"\\\\'\"}");
    assert_non_null(strstr(out, "    state \"/q\\\"\\\\'\";\n"));
}

/* Of a password file that is none here only the name matters. */
static void
test_nginx_redis(void **state)
{
    struct conf *c = parse("{\"RedisAddress\": \"r:1\"}");
    FILE *file;

    (void)state;
    print_nginx("{\"RedisAddress\": \"127.0.0.1:6379\"}");
    assert_non_null(strstr(out, ";\n    redis 127.0.0.1:6379;\n}\n"));

    assert_non_null(c);
    free(c->redis_user);
    c->redis_user = strdup("a b");
    free(c->redis_password_file);
    c->redis_password_file = strdup("/etc/pw");
    file = fmemopen(out, sizeof(out), "w");
    conf_print_nginx(file, "/etc/x.json", c);
    fclose(file);
    conf_free(c);
    assert_non_null(
        strstr(out, "    redis r:1 \"user=a b\" password_file=/etc/pw;\n"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_once),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_control_characters),
        cmocka_unit_test(test_nginx),
        cmocka_unit_test(test_nginx_routes),
        cmocka_unit_test(test_nginx_quotes),
        cmocka_unit_test(test_nginx_redis),
    };

    return cmocka_run_group_tests_name("conf_print", tests, NULL, NULL);
}
