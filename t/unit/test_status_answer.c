/* A galera-healthcheck's answers, good, odd and broken. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "probe/status_answer.h"

static struct status_answer got;

/* From memory that ends where the body does. */
static void
json_bytes(unsigned status, const char *body, size_t len)
{
    char *exact = malloc(len ? len : 1);

    memcpy(exact, body, len);
    memset(&got, 0xff, sizeof(got));
    status_answer_json(status, exact, len, &got);
    free(exact);
}

static void
json(unsigned status, const char *body)
{
    json_bytes(status, body, strlen(body));
}

static void
healthy(const char *body, uint64_t index)
{
    json(200, body);
    assert_int_equal(got.healthy, 1);
    assert_int_equal(got.index, index);
    assert_string_equal(got.text, "");
}

static void
unhealthy(unsigned status, const char *body, const char *text)
{
    json(status, body);
    assert_int_equal(got.healthy, 0);
    assert_int_equal(got.index, STATUS_ANSWER_NO_INDEX);
    assert_string_equal(got.text, text);
}

#define STATE(n, comment, index, word)                                       \
    "{\"wsrep_local_state\":" #n ",\"wsrep_local_state_comment\":\"" comment \
    "\",\"wsrep_local_index\":" #index ",\"healthy\":" word "}\n"

/* Switchboard's table, row by row. */
static void
test_the_table(void **state)
{
    (void)state;
    healthy(STATE(4, "Synced", 0, "true"), 0);
    healthy(STATE(4, "Synced", 7, "true"), 7);
    unhealthy(200, STATE(4, "Synced", 0, "false"), "it says unhealthy: Synced");
    unhealthy(503, "", "it answered 503");
    unhealthy(404, "404 page not found\n",
              "it answered 404: 404 page not found");
    unhealthy(201, STATE(4, "Synced", 0, "true"), "it answered 201");
    unhealthy(302, "", "it answered 302");
    unhealthy(200, "OK", "its answer is no object of JSON");
    unhealthy(200, "{\"healthy\":tr", "its answer is no object of JSON");
    unhealthy(200, "{}", "it does not say \"healthy\"");
    healthy("{\"healthy\":true}", STATUS_ANSWER_NO_INDEX);
    healthy("{\"healthy\":true,\"wsrep_local_index\":\"0\"}",
            STATUS_ANSWER_NO_INDEX);
    healthy("{\"healthy\":true,\"wsrep_local_index\":-1}",
            STATUS_ANSWER_NO_INDEX);
    unhealthy(200, "{\"healthy\":1}", "\"healthy\" is neither true nor false");
    healthy("{\"HEALTHY\":true,\"Wsrep_Local_Index\":3}", 3);
    healthy(STATE(2, "Donor/Desynced", 1, "true"), 1);
}

/* galera-healthcheck's own words when it is not. */
static void
test_other_statuses(void **state)
{
    (void)state;
    unhealthy(500, "Error 1047: WSREP has not yet prepared node\n",
              "it answered 500: Error 1047: WSREP has not yet prepared node");
    unhealthy(503, STATE(2, "Donor/Desynced", 1, "false"),
              "it says unhealthy: Donor/Desynced");
    unhealthy(503, "{\"healthy\":true}", "it answered 503");
    unhealthy(503, "[1]", "it answered 503: [1]");
    unhealthy(503, "\x1b[2Jgone", "it answered 503");
    unhealthy(503,
              "a\x01"
              "b",
              "it answered 503: a");
    unhealthy(0, "", "it answered 0");
}

static void
test_indices(void **state)
{
    (void)state;
    healthy("{\"healthy\":true,\"wsrep_local_index\":4294967295}", 4294967295);
    unhealthy(200, "{\"healthy\":true,\"wsrep_local_index\":4294967296}",
              "wsrep_local_index is undefined");
    unhealthy(200, STATE(0, "Initialized", 18446744073709551615, "true"),
              "wsrep_local_index is undefined");
    unhealthy(200, STATE(0, "Initialized", 18446744073709551615, "false"),
              "it says unhealthy: Initialized");
    unhealthy(200, "{\"healthy\":true,\"wsrep_local_index\":1e300}",
              "wsrep_local_index is undefined");
    unhealthy(200, "{\"healthy\":true,\"wsrep_local_index\":1e999}",
              "its answer is no object of JSON");
    healthy("{\"healthy\":true,\"wsrep_local_index\":1.0}", 1);
    healthy("{\"healthy\":true,\"wsrep_local_index\":1.5}",
            STATUS_ANSWER_NO_INDEX);
    healthy("{\"healthy\":true,\"wsrep_local_index\":-1e300}",
            STATUS_ANSWER_NO_INDEX);
    healthy("{\"healthy\":true,\"wsrep_local_index\":null}",
            STATUS_ANSWER_NO_INDEX);
    healthy("{\"healthy\":true,\"wsrep_local_index\":{}}",
            STATUS_ANSWER_NO_INDEX);
}

static void
test_wrong_types(void **state)
{
    (void)state;
    unhealthy(200, "", "its answer is no object of JSON");
    unhealthy(200, "true", "its answer is no object of JSON");
    unhealthy(200, "[{\"healthy\":true}]", "its answer is no object of JSON");
    unhealthy(200, "{\"healthy\":\"true\"}",
              "\"healthy\" is neither true nor false");
    unhealthy(200, "{\"healthy\":null}",
              "\"healthy\" is neither true nor false");
    unhealthy(200, "{\"status\":{\"healthy\":true}}",
              "it does not say \"healthy\"");
    unhealthy(200, "{\"healthy\":false,\"wsrep_local_state_comment\":4}",
              "it says unhealthy");
    unhealthy(200,
              "{\"healthy\":false,\"wsrep_local_state_comment\":\"a\\nb\"}",
              "it says unhealthy: a");
}

/* One word of a host's that it must not is enough. */
static void
test_two_spellings(void **state)
{
    (void)state;
    unhealthy(200, "{\"healthy\":true,\"Healthy\":false}", "it says unhealthy");
    unhealthy(200, "{\"Healthy\":false,\"healthy\":true}", "it says unhealthy");
    unhealthy(200, "{\"healthy\":true,\"Healthy\":1}",
              "\"healthy\" is neither true nor false");
}

static void
test_what_follows_the_object_does_not_matter(void **state)
{
    (void)state;
    healthy("{\"healthy\":true,\"wsrep_local_index\":2}\n{\"healthy\":false}",
            2);
    healthy("{\"healthy\":true}<html>", STATUS_ANSWER_NO_INDEX);
    json_bytes(200, "{\"healthy\":true}\0x", 18);
    assert_int_equal(got.healthy, 1);
    json_bytes(200, "{\"healthy\"\0:true}", 17);
    assert_int_equal(got.healthy, 0);
}

static void
test_large_ones(void **state)
{
    char *body = malloc(70000);
    size_t len;

    (void)state;
    memset(body, 'x', 65536);
    json_bytes(503, body, 65536);
    assert_int_equal(strlen(got.text), strlen("it answered 503: ") + 80);
    memset(body, '[', 65536);
    json_bytes(200, body, 65536);
    assert_string_equal(got.text, "its answer is no object of JSON");
    len = (size_t)sprintf(body,
                          "{\"healthy\":false,"
                          "\"wsrep_local_state_comment\":\"%060000d\"}",
                          0);
    json_bytes(200, body, len);
    assert_int_equal(strlen(got.text), strlen("it says unhealthy: ") + 80);
    free(body);
}

static void
test_every_cut_is_unhealthy(void **state)
{
    static const char whole[] = "{\"wsrep_local_index\":1,\"healthy\":true}";

    (void)state;
    for (size_t len = 0; len < strlen(whole); len++) {
        json_bytes(200, whole, len);
        assert_int_equal(got.healthy, 0);
    }
    healthy(whole, 1);
}

static void
code(unsigned status, const char *body, int wanted, const char *text)
{
    memset(&got, 0xff, sizeof(got));
    status_answer_code(status, body, strlen(body), &got);
    assert_int_equal(got.healthy, wanted);
    assert_int_equal(got.index, STATUS_ANSWER_NO_INDEX);
    assert_string_equal(got.text, text);
}

static void
test_the_code_alone(void **state)
{
    (void)state;
    code(200, "synced", 1, "");
    code(200, "", 1, "");
    code(200, STATE(4, "Synced", 0, "false"), 1, "");
    code(201, "", 0, "it answered 201");
    code(204, "", 0, "it answered 204");
    code(302, "", 0, "it answered 302");
    code(503, "joining", 0, "it answered 503: joining");
    code(401, "Not Authorized\n", 0, "it answered 401: Not Authorized");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_table),
        cmocka_unit_test(test_other_statuses),
        cmocka_unit_test(test_indices),
        cmocka_unit_test(test_wrong_types),
        cmocka_unit_test(test_two_spellings),
        cmocka_unit_test(test_what_follows_the_object_does_not_matter),
        cmocka_unit_test(test_large_ones),
        cmocka_unit_test(test_every_cut_is_unhealthy),
        cmocka_unit_test(test_the_code_alone),
    };

    return cmocka_run_group_tests_name("status answers", tests, NULL, NULL);
}
