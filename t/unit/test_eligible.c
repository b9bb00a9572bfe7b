/* What hosts are asked, and what their answers mean. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "watch_eligible.h"

static struct conf_routing galera = {.eligible = CONF_ELIGIBLE_GALERA};
static struct conf_routing replication = {.eligible =
                                              CONF_ELIGIBLE_REPLICATION};

static struct conf_routing http = {.eligible = CONF_ELIGIBLE_HTTP};

static void
answers(const struct conf_routing *routing,
        double value,
        enum health_kind kind,
        const char *text)
{
    const struct probe_result result = {.ok = 1, .value = value};
    struct eligible got;

    eligible_read(routing, &result, &got);
    assert_int_equal(got.kind, kind);
    assert_string_equal(got.text, text);
    if (kind == HEALTH_GOOD)
        assert_int_equal(got.index, (uint64_t)value);
    else
        assert_int_equal(got.index, ELIGIBLE_INDEX_UNSAID);
}

static void
test_answers(void **state)
{
    (void)state;
    answers(&galera, 0, HEALTH_GOOD, "Synced, index 0");
    answers(&galera, 2, HEALTH_GOOD, "Synced, index 2");
    answers(&galera, -1, HEALTH_BAD, "no Galera here: wsrep is off");
    answers(&galera, -2, HEALTH_BAD, "wsrep_ready is OFF");
    answers(&galera, -3, HEALTH_BAD, "not in the primary component");
    answers(&galera, -4, HEALTH_BAD, "wsrep_local_index is undefined");
    answers(&galera, -5, HEALTH_BAD, "Donor/Desynced");
    answers(&galera, -6, HEALTH_BAD, "read_only is ON");
    answers(&galera, -100, HEALTH_BAD, "wsrep_local_state is Initialized");
    answers(&galera, -101, HEALTH_BAD, "wsrep_local_state is Joining");
    answers(&galera, -103, HEALTH_BAD, "wsrep_local_state is Joined");
    answers(&galera, -177, HEALTH_BAD, "wsrep_local_state is unknown");
    answers(&galera, -50, HEALTH_BAD, "it answered -50");
    answers(&replication, 0, HEALTH_GOOD, "writable");
    answers(&replication, -6, HEALTH_BAD, "read_only is ON");
}

static void
test_answers_of_healthchecks(void **state)
{
    const struct probe_result none = {.ok = 1, .value = PROBE_NO_INDEX},
                              said = {.answered = 1, .text = "unhealthy"};
    struct eligible got;

    (void)state;
    answers(&http, 0, HEALTH_GOOD, "healthy, index 0");
    answers(&http, PROBE_NO_INDEX - 1, HEALTH_GOOD,
            "healthy, index 4294967295");
    eligible_read(&http, &none, &got);
    assert_int_equal(got.kind, HEALTH_GOOD);
    assert_true(got.index == ROUTE_NO_INDEX);
    assert_string_equal(got.text, "healthy");
    eligible_read(&http, &said, &got);
    assert_int_equal(got.kind, HEALTH_BAD);
    assert_true(got.index == ELIGIBLE_INDEX_UNSAID);
    assert_string_equal(got.text, "unhealthy");
}

static void
test_errors(void **state)
{
    struct probe_result result = {.text = "because"};
    struct eligible got;

    (void)state;
    eligible_read(&galera, &result, &got);
    assert_int_equal(got.kind, HEALTH_SILENT);
    assert_string_equal(got.text, "because");
    result.dial_error = 1; /* unreachable is not refused */
    eligible_read(&galera, &result, &got);
    assert_int_equal(got.kind, HEALTH_SILENT);
    result.refused = 1;
    eligible_read(&galera, &result, &got);
    assert_int_equal(got.kind, HEALTH_REFUSED);
    result = (struct probe_result){.answered = 1, .text = "Error 1045: no"};
    eligible_read(&galera, &result, &got);
    assert_int_equal(got.kind, HEALTH_BAD);
    assert_string_equal(got.text, "Error 1045: no");
}

static void
has(const struct conf_routing *routing, const char *text, int wanted)
{
    char *query = eligible_query(routing);

    assert_int_equal(strstr(query, text) != NULL, wanted);
    assert_null(strstr(query, "%%"));
    free(query);
}

static void
test_questions(void **state)
{
    struct conf_routing r = galera;

    (void)state;
    has(&r, "= 2 and @@global.wsrep_sst_method like 'rsync%' then -5", 1);
    has(&r, "when @@global.read_only not in ('0', 'OFF') then -6", 1);
    r.donor = CONF_DONOR_YES;
    has(&r, "= 2 and false then -5", 1);
    r.donor = CONF_DONOR_NO;
    has(&r, "= 2 and true then -5", 1);
    r.read_only_ok = 1;
    has(&r, "read_only", 0);
    has(&replication,
        "select if(@@global.read_only not in ('0', 'OFF'), -6, 0)", 1);
    has(&replication, "wsrep", 0);
    has(&http, "select", 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_answers_of_healthchecks),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_questions),
    };

    return cmocka_run_group_tests_name("eligible hosts", tests, NULL, NULL);
}
