/* What a running freno lists, and what is no such list. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/http_escape.h"
#include "base/http_fetch.h"
#include "ctl/freno_list.h"

#define NOW_MS 1795239618000 /* 2026-11-21T05:40:18Z */

static void
throttles(const char *json, struct freno_list *list)
{
    char err[512] = "";

    if (freno_throttles(json, strlen(json), NOW_MS, list, err, sizeof(err)))
        fail_msg("%s", err);
}

static int64_t
minutes(const char *expiry)
{
    struct freno_list list;
    char json[256], err[512] = "";
    int64_t left;

    snprintf(json, sizeof(json), "{\"h\":\"%s\"}", expiry);
    if (freno_skips(json, strlen(json), NOW_MS, &list, err, sizeof(err)) != 0)
        return -1;
    assert_int_equal(list.count, 1);
    left = list.entries[0].minutes;
    freno_list_free(&list);
    return left;
}

/* The answers of a freno. */
static void
test_transcript(void **state)
{
    struct freno_list list;
    char err[512];
    static const char skipped[] =
        "{\"db2.example.com\":\"2026-11-21T05:45:19.228412192Z\",\"db3.example."
        "com:3306\":\"2026-11-21T05:45:19.241964956Z\",\"db4\":\"2026-11-21T06:"
        "40:19.254822203Z\"}\n";

    (void)state;
    throttles("{\"abusing-app\":{\"ExpireAt\":\"2036-11-18T05:38:05.553776892Z"
              "\",\"Ratio\":1},\"tapp\":{\"ExpireAt\":\"2026-11-21T05:50:18."
              "422218409Z\",\"Ratio\":0.5},\"tapp/local\":{\"ExpireAt\":"
              "\"0001-01-01T00:00:00Z\",\"Ratio\":0}}\n",
              &list);
    assert_int_equal(list.count, 3);
    assert_string_equal(list.entries[0].name, "abusing-app");
    assert_int_equal(list.entries[0].minutes, 5255998);
    assert_string_equal(list.entries[1].name, "tapp");
    assert_null(list.entries[1].store);
    assert_true(list.entries[1].ratio == 0.5);
    assert_int_equal(list.entries[1].minutes, 11);
    assert_string_equal(list.entries[2].name, "tapp");
    assert_string_equal(list.entries[2].store, "local");
    assert_true(list.entries[2].minutes == FRENO_NEVER);
    assert_null(list.entries[2].owner);
    freno_list_free(&list);
    assert_int_equal(
        freno_skips(skipped, strlen(skipped), NOW_MS, &list, err, sizeof(err)),
        0);
    assert_int_equal(list.count, 3);
    assert_string_equal(list.entries[1].name, "db3.example.com:3306");
    assert_int_equal(list.entries[1].minutes, 6);
    freno_list_free(&list);
}

/* A sluiced says more. */
static void
test_notes(void **state)
{
    struct freno_list list;

    (void)state;
    throttles("{\"a/b/c\":{\"ExpireAt\":\"2026-11-21T05:40:19Z\",\"Ratio\":1,"
              "\"Owner\":\"me\",\"Reason\":\"x\"},\"b\":{\"ExpireAt\":"
              "\"2026-11-21T05:40:18Z\",\"Ratio\":1,\"Owner\":\"\"}}",
              &list);
    assert_string_equal(list.entries[0].store, "b/c");
    assert_string_equal(list.entries[0].owner, "me");
    assert_string_equal(list.entries[0].reason, "x");
    assert_int_equal(list.entries[0].minutes, 1);
    assert_int_equal(list.entries[1].minutes, 0);
    assert_null(list.entries[1].owner);
    freno_list_free(&list);
    throttles("{}\n", &list);
    assert_int_equal(list.count, 0);
    freno_list_free(&list);
}

/* Rounded up, whatever is left. */
static void
test_minutes(void **state)
{
    (void)state;
    assert_int_equal(minutes("2026-11-21T05:40:17Z"), 0);
    assert_int_equal(minutes("2026-11-21T05:40:18Z"), 0);
    assert_int_equal(minutes("2026-11-21T05:40:18.000000001Z"), 1);
    assert_int_equal(minutes("2026-11-21T05:41:18Z"), 1);
    assert_int_equal(minutes("2026-11-21T05:41:18.0Z"), 1);
    assert_int_equal(minutes("2026-11-21T05:41:18.001Z"), 2);
    assert_int_equal(minutes("2026-11-21T06:41:18+01:00"), 1);
    assert_int_equal(minutes("2026-11-21T05:11:18.000-00:30"), 1);
    assert_int_equal(minutes("2026-11-22T05:40:18Z"), 1440);
    assert_int_equal(minutes("0001-01-01T00:00:00Z"), FRENO_NEVER);
    assert_int_equal(minutes("9999-12-31T23:59:59Z"), FRENO_NEVER);
}

static void
test_no_times(void **state)
{
    static const char *const wrong[] = {
        "",
        "never",
        "2026-11-21",
        "2026-11-21T05:40:18",
        "2026-11-21T05:40:18.Z",
        "2026-11-21T05:40:18.5",
        "2026-11-21 05:40:18Z",
        "2026-11-21T05:40:18Zx",
        "2026-11-21T05:40:18+1:00",
        "2026-11-21T05:40:18+01:00x",
        "2026-1-21T05:40:18Z",
        "+026-11-21T05:40:18Z",
        "2026-11-21T05:40: 8Z",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
        if (minutes(wrong[i]) != -1)
            fail_msg("\"%s\" is taken for a time", wrong[i]);
}

static void
refused(const char *json, const char *why)
{
    struct freno_list list;
    char err[512] = "";

    assert_int_equal(
        freno_throttles(json, strlen(json), NOW_MS, &list, err, sizeof(err)),
        -1);
    if (!strstr(err, why))
        fail_msg("\"%s\" has no \"%s\"", err, why);
    assert_int_equal(list.count, 0);
    assert_null(list.entries);
}

static void
test_garbage(void **state)
{
    (void)state;
    refused("", "not JSON: line 1");
    refused("<html>\n<body>503</body>", "not JSON: line 1");
    refused("{\"a\":{\"ExpireAt\":\"0001-01-01T00:00:00Z\",\"Rat", "not JSON");
    refused("[]", "expected an object of names");
    refused("null", "not JSON");
    refused("{\"a\":1}", "a has no Ratio");
    refused("{\"a\":{\"Ratio\":1}}", "a has no time of expiry");
    refused("{\"a\":{\"Ratio\":\"1\",\"ExpireAt\":\"0001-01-01T00:00:00Z\"}}",
            "a has no Ratio");
    refused("{\"ok\":{\"Ratio\":1,\"ExpireAt\":\"0001-01-01T00:00:00Z\"},"
            "\"b\":{\"Ratio\":1,\"ExpireAt\":5}}",
            "b has no time of expiry");
    refused("{\"a\":1,\"a\":2}", "not JSON: line 1: duplicate object key");
    refused("{\"StatusCode\":500,\"Message\":\"x\"}", "has no Ratio");
}

static void
test_form(void **state)
{
    char *form = NULL;

    (void)state;
    http_escape_field(&form, "store_name", NULL);
    assert_null(form);
    http_escape_field(&form, "a", "x y&=%\xc3\xa4/");
    http_escape_field(&form, "b", "");
    http_escape_field(&form, "c", "Az09-._~");
    assert_string_equal(form, "a=x%20y%26%3D%25%C3%A4%2F&b=&c=Az09-._~");
    free(form);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_transcript), cmocka_unit_test(test_notes),
        cmocka_unit_test(test_minutes),    cmocka_unit_test(test_no_times),
        cmocka_unit_test(test_garbage),    cmocka_unit_test(test_form),
    };

    return cmocka_run_group_tests_name("freno_list", tests, NULL, NULL);
}
