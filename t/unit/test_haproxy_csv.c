/* HAProxy's statistics: payloads of every kind. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "inventory/haproxy_csv.h"

#define HEAD "# pxname,svname,status\n"

static char found[1024];
static char error[256];

static void
on_found(void *data, const char *server)
{
    (void)data;
    if (found[0] != '\0')
        strcat(found, " ");
    strcat(found, server);
}

static int
parse(const char *text)
{
    size_t len = strlen(text);
    char *exact = malloc(len + 1); /* not terminated: the sanitizer looks */
    int rc;

    memcpy(exact, text, len);
    exact = realloc(exact, len ? len : 1);
    found[0] = error[0] = '\0';
    rc = haproxy_csv_parse(exact, len, "mypool", on_found, NULL, error,
                           sizeof(error));
    free(exact);
    return rc;
}

static void
finds(const char *text, const char *want)
{
    int rc = parse(text);

    assert_string_equal(error, "");
    assert_int_equal(rc, 0);
    assert_string_equal(found, want);
}

static void
fails(const char *text, const char *want)
{
    assert_int_equal(parse(text), -1);
    assert_string_equal(error, want);
    assert_string_equal(found, "");
}

/* A pool with a server that is up, and one of that status. */
static void
status_is(const char *status, int used)
{
    char text[512];

    snprintf(text, sizeof(text), HEAD "mypool,a,UP\nmypool,b,%s\n", status);
    finds(text, used ? "a b" : "a");
}

static void
test_freno_s_example(void **state)
{
    (void)state;
    finds(HEAD "stats,FRONTEND,OPEN\nstats,BACKEND,UP\nmypool,FRONTEND,OPEN\n"
               "mypool,127.0.0.1,UP\nmypool,127.0.0.2,DOWN\n"
               "mypool,127.0.0.3,MAINT\nmypool,127.0.0.4,no check\n"
               "mypool,BACKEND,UP\n",
          "127.0.0.1 127.0.0.2 127.0.0.4");
}

static void
test_each_status(void **state)
{
    static const char *const used[] = {"UP",           "DOWN",     "DOWN 1/2",
                                       "DOWN (agent)", "no check", "UP (x)"};
    static const char *const unused[] = {
        "UP 1/2", "UP 1/3", "NOLB",   "NOLB 1/2",        "MAINT",
        "DRAIN",  "",       "OPEN",   "MAINT (via b/s)", "MAINT (resolution)",
        "up",     "UPPER",  "DOWNED", "DRAIN (agent)",   "no checks"};

    (void)state;
    for (size_t i = 0; i < sizeof(used) / sizeof(*used); i++)
        status_is(used[i], 1);
    for (size_t i = 0; i < sizeof(unused) / sizeof(*unused); i++)
        status_is(unused[i], 0);
}

static void
test_columns_are_found_by_name(void **state)
{
    (void)state;
    finds("# qcur,status,x,svname,pxname,\n1,UP,,db1,mypool,\n"
          "2,UP,,db2,other,\n",
          "db1");
    finds("pxname,svname,status\r\nmypool,db1,UP\r\nmypool,db2,DOWN\r\n",
          "db1 db2");
    finds("# pxname,svname,status\nmypool,db1,UP", "db1");
}

static void
test_fields_may_be_quoted(void **state)
{
    (void)state;
    finds("# pxname,svname,last,status\n"
          "mypool,db1,\"a, b\",UP\n"
          "\"mypool\",\"db\"\"2\",\"x\ny\",\"UP\"\n"
          "mypool,db3,,UP\n",
          "db1 db\"2 db3");
}

/* They crash freno. */
static void
test_short_rows_are_passed_over(void **state)
{
    (void)state;
    finds(HEAD "mypool,db1\nmypool\n\n,\nmypool,db2,UP\n", "db2");
    finds("# pxname,svname,status,more\nmypool,db1,UP\nmypool,db2,UP,1\n",
          "db1 db2");
    finds(HEAD "mypool,db1,UP\nmypool,db2,U", "db1");
}

static void
test_what_is_no_csv(void **state)
{
    (void)state;
    fails("", "Haproxy GET error: empty body");
    fails("<html>\n<body>\n", "Haproxy CSV parsing error: this is a page, no "
                              "CSV: expected the address of the statistics");
    fails("\n", "Haproxy CSV parsing error: no lines found with the columns "
                "pxname, svname and status");
    fails("a,b\nc,d\n", "Haproxy CSV parsing error: no lines found with the "
                        "columns pxname, svname and status");
    fails("# pxname,svname\nmypool,db1\n",
          "Haproxy CSV parsing error: no lines found with the columns pxname, "
          "svname and status");
    fails(HEAD, "Haproxy CSV parsing error: only got partial file");
    fails("# pxname,svname,status",
          "Haproxy CSV parsing error: only got partial file");
}

static void
test_a_pool_that_is_not_there(void **state)
{
    (void)state;
    fails(HEAD "other,db1,UP\n", "Haproxy CSV parsing: pool not found");
    fails(HEAD "mypool,BACKEND,UP\nmypool,FRONTEND,OPEN\n",
          "Haproxy CSV parsing: pool not found");
    fails(HEAD "mypool2,db1,UP\nMYPOOL,db1,UP\n",
          "Haproxy CSV parsing: pool not found");
}

static void
test_after_a_reload_nobody_is_believed(void **state)
{
    (void)state;
    fails(HEAD "mypool,db1,UP 1/3\nmypool,db2,DOWN 1/2\n",
          "Haproxy CSV parsing: all hosts are in transition");
    fails(HEAD "mypool,db1,UP 1/3\nmypool,db2,UP 1/3\nmypool,db3,DOWN\n",
          "Haproxy CSV parsing: all UP hosts are in transition");
    finds(HEAD "mypool,db1,UP 1/3\nmypool,db2,UP\n", "db2");
    finds(HEAD "mypool,db1,MAINT\n", "");
    finds(HEAD "mypool,db1,DOWN\nmypool,db2,DOWN\n", "db1 db2");
}

static void
test_long_fields_are_cut(void **state)
{
    char text[2048] = HEAD "mypool,";

    (void)state;
    memset(text + strlen(text), 'x', 1000);
    strcat(text, ",UP\n");
    assert_int_equal(parse(text), 0);
    assert_int_equal(strlen(found), 255);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_freno_s_example),
        cmocka_unit_test(test_each_status),
        cmocka_unit_test(test_columns_are_found_by_name),
        cmocka_unit_test(test_fields_may_be_quoted),
        cmocka_unit_test(test_short_rows_are_passed_over),
        cmocka_unit_test(test_what_is_no_csv),
        cmocka_unit_test(test_a_pool_that_is_not_there),
        cmocka_unit_test(test_after_a_reload_nobody_is_believed),
        cmocka_unit_test(test_long_fields_are_cut),
    };

    return cmocka_run_group_tests_name("HAProxy CSV", tests, NULL, NULL);
}
