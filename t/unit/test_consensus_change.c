/* What a change becomes in the store, statement by statement; the tables; the
 * queue of changes. */
#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mysql_target.h"
#include "consensus/consensus_mysql_change.h"
#include "consensus/consensus_mysql_queue.h"

static const struct schema all = {(1u << SCHEMA_TABLES) - 1, 1, 1};
static const struct schema not_null = {(1u << SCHEMA_TABLES) - 1, 1, 0};
static const struct schema two = {
    1u << SCHEMA_SERVICE_ELECTION | 1u << SCHEMA_THROTTLED_APPS, 1, 0};

static struct consensus_change
change(enum consensus_change_kind kind, double ratio, int64_t ttl_ms)
{
    struct consensus_change c = {
        .kind = kind, .key = "a'b\\c", .ratio = ratio, .ttl_ms = ttl_ms};

    return c;
}

static void
row_is(struct consensus_change c, const struct schema *s, const char *want)
{
    struct sql q = {0};

    change_prepare(&c, s);
    change_row_sql(&q, &c, s);
    assert_string_equal(q.text, want);
    assert_int_equal(q.len, strlen(want));
    sql_free(&q);
}

#define KEY "'a\\'b\\\\c'"

static void
test_throttles(void **state)
{
    static const char unthrottle[] =
        "update throttled_apps set expires_at = now() - interval 1 second "
        "where app_name = " KEY;

    (void)state;
    row_is(change(CHANGE_THROTTLE, 0.5, 60000), &all,
           "replace into throttled_apps (app_name, throttled_at, expires_at, "
           "ratio) values (" KEY ", now(), least(now() + interval 60 second, "
           "from_unixtime(2147483647)), 0.5)");
    row_is(change(CHANGE_THROTTLE, 0, 1001), &not_null,
           "replace into throttled_apps (app_name, throttled_at, expires_at, "
           "ratio) values (" KEY ", now(), least(now() + interval 2 second, "
           "from_unixtime(2147483647)), 0)");
    row_is(change(CHANGE_THROTTLE, 1, FACT_NEVER), &all,
           "insert into throttled_apps (app_name, throttled_at, expires_at, "
           "ratio) values (" KEY ", now(), null, 1) on duplicate key update "
           "ratio=values(ratio), expires_at=null");
    row_is(change(CHANGE_THROTTLE, 1, FACT_NEVER), &not_null,
           "insert into throttled_apps (app_name, throttled_at, expires_at, "
           "ratio) values (" KEY ", now(), from_unixtime(2147483647), 1) on "
           "duplicate key update ratio=values(ratio), "
           "expires_at=values(expires_at)");
    row_is(change(CHANGE_UNTHROTTLE, 0, 0), &all, unthrottle);
    /* freno stored these as endless. */
    row_is(change(CHANGE_THROTTLE, 1, -1), &all, unthrottle);
    row_is(change(CHANGE_THROTTLE, 1, INT64_MIN), &all, unthrottle);
    row_is(change(CHANGE_THROTTLE, 1, 0), &all, unthrottle);
}

static void
test_skips(void **state)
{
    static const char recover[] =
        "update skipped_hosts set expires_at = now() - interval 1 second "
        "where host_name = " KEY;

    (void)state;
    row_is(change(CHANGE_SKIP, 0, 3600000), &all,
           "replace into skipped_hosts (host_name, skipped_at, expires_at) "
           "values (" KEY ", now(), least(now() + interval 3600 second, "
           "from_unixtime(2147483647)))");
    row_is(change(CHANGE_SKIP, 0, FACT_NEVER), &all,
           "replace into skipped_hosts (host_name, skipped_at, expires_at) "
           "values (" KEY ", now(), from_unixtime(2147483647))");
    row_is(change(CHANGE_RECOVER, 0, 0), &all, recover);
    row_is(change(CHANGE_SKIP, 0, -60000), &all, recover);
}

/* freno lost these in an overflow. */
static void
test_too_far_is_never(void **state)
{
    struct consensus_change c = change(CHANGE_THROTTLE, 1, 600000000LL * 60000);

    (void)state;
    change_prepare(&c, &all);
    assert_int_equal(c.kind, CHANGE_THROTTLE);
    assert_true(c.ttl_ms == FACT_NEVER);
    c.ttl_ms = FACT_NEVER - 1;
    change_prepare(&c, &all);
    assert_true(c.ttl_ms == FACT_NEVER);
    c.ttl_ms = 1000000000LL * 1000;
    change_prepare(&c, &all);
    assert_true(c.ttl_ms == 1000000000LL * 1000);
}

static void
test_notes(void **state)
{
    struct consensus_change c = change(CHANGE_THROTTLE, 1, FACT_NEVER);
    struct sql q = {0};

    (void)state;
    change_note_sql(&q, &c);
    assert_string_equal(q.text, "delete from sluice_notes where kind = "
                                "'throttle' and name = " KEY);
    strcpy(c.owner, "o\"\n");
    change_note_sql(&q, &c);
    assert_string_equal(q.text,
                        "replace into sluice_notes (kind, name, owner, reason) "
                        "values ('throttle', " KEY ", 'o\\\"\\n', '')");
    c.kind = CHANGE_SKIP;
    change_note_sql(&q, &c);
    assert_non_null(strstr(q.text, "('skip', "));
    c.kind = CHANGE_RECOVER;
    change_note_sql(&q, &c);
    assert_string_equal(q.text, "delete from sluice_notes where kind = 'skip' "
                                "and name = " KEY);
    /* What cannot be kept is not said to be. */
    c.kind = CHANGE_THROTTLE;
    change_prepare(&c, &two);
    assert_string_equal(c.owner, "");
    change_old_sql(&q, &c);
    assert_non_null(strstr(q.text, "where app_name = " KEY " for update"));
    sql_free(&q);
}

static void
test_store(void **state)
{
    static const char before[] = "insert ignore into sluice_revision (id, "
                                 "store_id, revision) values (1, '";
    struct sql a = {0}, b = {0};

    (void)state;
    change_store_sql(&a);
    change_store_sql(&b);
    assert_memory_equal(a.text, before, strlen(before));
    assert_int_equal(strspn(a.text + strlen(before), "0123456789abcdef"), 32);
    assert_string_equal(a.text + strlen(before) + 32, "', 1)");
    assert_string_not_equal(a.text, b.text);
    sql_free(&a);
    sql_free(&b);
}

static void
judged(struct consensus_change c, const struct schema *s, const char *want)
{
    char why[2048];

    change_judge(&c, s, why, sizeof(why));
    assert_string_equal(why, want);
}

static void
test_judged(void **state)
{
    struct consensus_change c = change(CHANGE_THROTTLE, 1, 1);

    (void)state;
    judged(change(CHANGE_THROTTLE, 0, 1), &all, "");
    judged(change(CHANGE_THROTTLE, 1, 1), &two, "");
    judged(change(CHANGE_THROTTLE, CHANGE_RATIO_KEEP, 1), &all, "");
    judged(change(CHANGE_THROTTLE, 1.0001, 1), &all,
           "ratio must be in [0..1] range; got 1.0001");
    judged(change(CHANGE_THROTTLE, -0.1, 1), &all,
           "ratio must be in [0..1] range; got -0.1");
    judged(change(CHANGE_THROTTLE, (double)NAN, 1), &all,
           "ratio must be in [0..1] range; got nan");
    judged(change(CHANGE_THROTTLE, (double)INFINITY, 1), &all,
           "ratio must be in [0..1] range; got inf");
    judged(change(CHANGE_SKIP, (double)NAN, 1), &all, "");
    judged(change(CHANGE_RECOVER, 0, 0), &two,
           "the backend has no table skipped_hosts, or this account no "
           "privilege on it: CREATE TABLE IF NOT EXISTS skipped_hosts ("
           "host_name varchar(128) NOT NULL, skipped_at timestamp NOT NULL "
           "DEFAULT CURRENT_TIMESTAMP, expires_at timestamp NULL DEFAULT "
           "NULL, PRIMARY KEY (host_name)) ENGINE=InnoDB DEFAULT "
           "CHARSET=utf8mb4 COLLATE=utf8mb4_bin");
    memset(c.key, 'x', sizeof(c.key));
    judged(c, &all, "the name is longer than 128 bytes");
    c.key[128] = '\0';
    judged(c, &all, "");
    c.key[0] = '\0';
    judged(c, &all, "the name is empty");
}

static void
test_settings(void **state)
{
    struct consensus_change c = change(CHANGE_SET, 0, 0);
    struct schema without = all;
    struct sql q = {0};
    char why[2048];

    (void)state;
    row_is(c, &all, "delete from sluice_settings where name = " KEY);
    strcpy(c.value, "it's \xc3\xa9\\\n");
    row_is(c, &all,
           "replace into sluice_settings (name, value) values (" KEY
           ", 'it\\'s \xc3\xa9\\\\\\n')");
    change_old_sql(&q, &c);
    assert_string_equal(q.text, "select value from sluice_settings where name "
                                "= " KEY " for update");
    sql_free(&q);
    judged(c, &all, "");
    without.tables &= ~(1u << SCHEMA_SLUICE_SETTINGS);
    change_judge(&c, &without, why, sizeof(why));
    assert_non_null(strstr(why, "the backend has no table sluice_settings"));
    assert_non_null(strstr(why, "CREATE TABLE IF NOT EXISTS sluice_settings"));
    judged(change(CHANGE_THROTTLE, 1, 1), &without, "");
    judged(change(CHANGE_SKIP, 1, 1), &without, "");
    /* Who asks does not say that it was lost. */
    c.lost = 1;
    change_prepare(&c, &all);
    assert_int_equal(c.lost, 0);
    memset(c.value, 'v', sizeof(c.value));
    judged(c, &all, "the value is longer than 1024 bytes");
    c.value[sizeof(c.value) - 1] = '\0';
    judged(c, &all, "");
}

static void
test_values(void **state)
{
    struct sql q = {0};
    char big[2000];

    (void)state;
    sql_set(&q, "?n ?u ?r ?s", INT64_MIN, UINT64_MAX, 0.1, "");
    assert_string_equal(q.text, "-9223372036854775808 18446744073709551615 "
                                "0.10000000000000001 ''");
    sql_set(&q, "a ?s b ?s", "what?s", "x"); /* no mark in a value counts */
    assert_string_equal(q.text, "a 'what?s' b 'x'");
    sql_copy(&q, "as ?s it is");
    assert_string_equal(q.text, "as ?s it is");
    memset(big, '\'', sizeof(big));
    big[sizeof(big) - 1] = '\0';
    sql_set(&q, "?s", big);
    assert_int_equal(q.len, 2 * (sizeof(big) - 1) + 2);
    sql_set(&q, "?s", "\xc3\xa9 \xff");
    assert_string_equal(q.text, "'\xc3\xa9 \xff'");
    sql_free(&q);
    assert_null(q.text);
}

/* ---- tables ----------------------------------------------------------- */

static void
test_found(void **state)
{
    struct schema s = {0};

    (void)state;
    schema_found(&s, "SERVICE_ELECTION", "domain", "NO");
    assert_true(schema_has(&s, SCHEMA_SERVICE_ELECTION));
    assert_false(s.has_share);
    schema_found(&s, "service_election", "share_domain", "NO");
    assert_true(s.has_share);
    schema_found(&s, "throttled_apps", "expires_at", "NO");
    assert_true(schema_has(&s, SCHEMA_THROTTLED_APPS));
    assert_false(s.expires_null);
    schema_found(&s, "throttled_apps", "ratio", "YES");
    assert_false(s.expires_null);
    schema_found(&s, "throttled_apps", "expires_at", "YES");
    assert_true(s.expires_null);
    schema_found(&s, "something", "else", "NO");
    assert_false(schema_has(&s, SCHEMA_SLUICE_LEASE));
    for (int i = 0; i < SCHEMA_TABLES; i++) {
        assert_non_null(
            strstr(schema_question(), schema_name((enum schema_table)i)));
        assert_true(schema_loss((enum schema_table)i)[0] != '\0');
    }
}

static void
test_printed(void **state)
{
    static char text[16384];
    FILE *out = fmemopen(text, sizeof(text), "w");

    (void)state;
    schema_print(out, "a`b", "o'neil\\");
    fclose(out);
    for (int i = 0; i < SCHEMA_TABLES; i++) {
        char want[256];

        snprintf(want, sizeof(want), "\nCREATE TABLE IF NOT EXISTS %s (\n",
                 schema_name((enum schema_table)i));
        assert_non_null(strstr(text, want));
        snprintf(want, sizeof(want),
                 "\nGRANT SELECT, INSERT, UPDATE, DELETE ON `a``b`.%s TO "
                 "'o''neil\\\\'@'%%';\n",
                 schema_name((enum schema_table)i));
        assert_non_null(strstr(text, want));
    }
}

/* ---- the queue -------------------------------------------------------- */

static void
test_queue(void **state)
{
    struct item a = {0}, b = {0}, c = {0};
    struct queue q;

    (void)state;
    queue_init(&q);
    assert_null(queue_take(&q));
    queue_put_back(&q, &b);
    queue_add(&q, &c);
    queue_put_back(&q, &a);
    assert_int_equal(q.count, 3);
    assert_ptr_equal(queue_take(&q), &a);
    assert_ptr_equal(queue_take(&q), &b);
    assert_ptr_equal(queue_take(&q), &c);
    assert_null(queue_take(&q));
    assert_int_equal(q.count, 0);
    queue_add(&q, &a);
    queue_add(&q, &b);
    assert_ptr_equal(queue_take(&q), &a);
    assert_ptr_equal(queue_take(&q), &b);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_throttles),
        cmocka_unit_test(test_skips),
        cmocka_unit_test(test_too_far_is_never),
        cmocka_unit_test(test_notes),
        cmocka_unit_test(test_store),
        cmocka_unit_test(test_judged),
        cmocka_unit_test(test_settings),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_found),
        cmocka_unit_test(test_printed),
        cmocka_unit_test(test_queue),
    };

    mysql_target_library();
    return cmocka_run_group_tests_name("consensus_change", tests, NULL, NULL);
}
