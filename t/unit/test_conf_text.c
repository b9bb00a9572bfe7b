/* Lines, members and items over JSON text. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/conf_text.h"

static struct conf_text text;
static struct conf_report report;

static void
open_text(const char *json)
{
    memset(&report, 0, sizeof(report));
    assert_int_equal(conf_text_open(&text, json, strlen(json), &report), 0);
}

static void
close_text(void)
{
    conf_text_close(&text);
    conf_report_free(&report);
}

/* "KEY@LINE=VALUE " of each member. */
static const char *
members(const struct conf_spot *spot)
{
    static char out[4096];
    size_t count, len = 0;
    struct conf_member *m = conf_text_members(spot, &count);

    out[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        char *value =
            json_dumps(m[i].spot.value, JSON_ENCODE_ANY | JSON_COMPACT);

        len += (size_t)snprintf(out + len, sizeof(out) - len, "%s@%d=%s ",
                                m[i].key, m[i].line, value);
        free(value);
    }
    conf_text_members_free(m, count);
    return out;
}

static void
test_members(void **state)
{
    (void)state;
    open_text("\n{\"a\": 1,\n\n \"b\"\n:\n[1,\n{\"x\":2}], \"c\":{\n},\n"
              "\"d\": \"}\\\"]\\\\\",\"e\":true\n,\"f\":-1.5e3}");
    assert_int_equal(text.root.line, 2);
    assert_string_equal(members(&text.root),
                        "a@2=1 b@4=[1,{\"x\":2}] c@7={} d@9=\"}\\\"]\\\\\" "
                        "e@9=true f@10=-1500.0 ");
    close_text();
}

static void
test_no_members(void **state)
{
    (void)state;
    open_text(" {\n\n } ");
    assert_string_equal(members(&text.root), "");
    close_text();
}

static void
test_escaped_keys(void **state)
{
    (void)state;
    open_text("{\"a\\\"b\": 1, \"\\u0041\": 2, \"\": 3, \"\\n\": 4}");
    assert_string_equal(members(&text.root), "a\"b@1=1 A@1=2 @1=3 \n@1=4 ");
    close_text();
}

/* The later value is all that jansson keeps; each has its own line. */
static void
test_duplicates(void **state)
{
    (void)state;
    open_text("{\"a\": 1,\n\"A\": 2,\n\"a\": [3]}");
    assert_string_equal(members(&text.root), "a@1=[3] A@2=2 a@3=[3] ");
    close_text();
}

static void
test_nested(void **state)
{
    struct conf_member *m;
    size_t count;

    (void)state;
    open_text("{\"skip\": {\"deep\": [[[{\n\"x\": \"\\\\\"}]]]},\n"
              "\"o\":\n{\"p\": {\n\"q\": 1}}}");
    m = conf_text_members(&text.root, &count);
    assert_int_equal(count, 2);
    assert_int_equal(m[1].line, 3);
    assert_int_equal(m[1].spot.line, 4);
    assert_string_equal(members(&m[1].spot), "p@4={\"q\":1} ");
    conf_text_members_free(m, count);
    close_text();
}

static void
test_lines_of_items(void **state)
{
    int *lines;

    (void)state;
    open_text("[1, \"]\",\n[\n2], {\n\"a\": [3]}\n,\ntrue]");
    lines = conf_text_lines(&text.root);
    assert_int_equal(json_array_size(text.root.value), 5);
    assert_int_equal(lines[0], 1);
    assert_int_equal(lines[1], 1);
    assert_int_equal(lines[2], 2);
    assert_int_equal(lines[3], 3);
    assert_int_equal(lines[4], 6);
    free(lines);
    close_text();
    open_text("[\n]");
    lines = conf_text_lines(&text.root);
    assert_non_null(lines);
    free(lines);
    close_text();
}

static void
test_commas(void **state)
{
    (void)state;
    open_text("{\"a\": [1,2,],\n\"b\": \",}\",\n\"c\": {\"d\": [],\t\n},}");
    assert_string_equal(members(&text.root),
                        "a@1=[1,2] b@2=\",}\" c@3={\"d\":[]} ");
    assert_int_equal(report.count, 3);
    assert_int_equal(report.warnings, 3);
    assert_int_equal(report.problems[0].line, 1);
    assert_int_equal(report.problems[1].line, 3);
    assert_int_equal(report.problems[2].line, 4);
    close_text();
}

static void
test_rest(void **state)
{
    (void)state;
    open_text("{}\n \n{\"a\",} [,]");
    assert_int_equal(report.count, 1); /* its commas are not ours */
    assert_int_equal(report.problems[0].line, 3);
    close_text();
    open_text("{}\n \n");
    assert_int_equal(report.count, 0);
    close_text();
}

static void
refuse(const char *json, size_t len)
{
    memset(&report, 0, sizeof(report));
    assert_int_equal(conf_text_open(&text, json, len, &report), -1);
    assert_int_equal(report.errors, 1);
    close_text();
}

static void
test_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "{",
        "}",
        "{,}",
        "[,]",
        "{\"a\"}",
        "[1,,]",
        "{\"a\",}",
        "{\"a\":,}",
        "{\"a\":1 2}",
        "[1 2,]",
        "\"",
        "\"\\",
        "[\"a,]",
        "nul",
        "{'a':1}",
        "[\x01]",
        "\xef\xbb\xbf{}",
        "[\"\\u0000\"]",
        "{\"\\u0000\":1}",
        "//\n{}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        refuse(bad[i], strlen(bad[i]));
    refuse("{\0}", 3);
    refuse("\0", 1);
}

/* jansson's limit of 2048 levels is an error, not the end of the stack. */
static void
test_depth(void **state)
{
    char *json = malloc(200001);

    (void)state;
    memset(json, '[', 100000);
    memset(json + 100000, ']', 100000);
    refuse(json, 200000);
    free(json);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_members),
        cmocka_unit_test(test_no_members),
        cmocka_unit_test(test_escaped_keys),
        cmocka_unit_test(test_duplicates),
        cmocka_unit_test(test_nested),
        cmocka_unit_test(test_lines_of_items),
        cmocka_unit_test(test_commas),
        cmocka_unit_test(test_rest),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_depth),
    };

    return cmocka_run_group_tests_name("conf_text", tests, NULL, NULL);
}
