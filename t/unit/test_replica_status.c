/* Replica status: one and several channels, both spellings, what is missing. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "probe/replica_status.h"

static const char *const mariadb[] = {"Connection_name", "Slave_IO_Running",
                                      "Slave_SQL_Running",
                                      "Seconds_Behind_Master"};
static const char *const mysql84[] = {
    "Seconds_Behind_Source", "Replica_IO_Running", "Replica_SQL_Running"};

static struct replica_status
begun(const char *const *names, unsigned columns)
{
    struct replica_status s;

    replica_status_begin(&s, names, columns);
    return s;
}

static void
add(struct replica_status *s, const char *io, const char *sql, const char *lag)
{
    const char *const row[] = {"channel", io, sql, lag};

    replica_status_row(s, row);
}

static void
want_lag(const struct replica_status *s, double expected)
{
    double lag_s = -1;

    assert_int_equal(replica_status_end(s, &lag_s), 0);
    assert_true(lag_s == expected);
}

static void
want_error(const struct replica_status *s, const char *text)
{
    double lag_s;

    assert_int_equal(replica_status_end(s, &lag_s), -1);
    assert_string_equal(s->err, text);
}

static void
test_statement(void **state)
{
    (void)state;
    assert_string_equal(replica_status_statement(1, 101119),
                        "SHOW ALL SLAVES STATUS");
    assert_string_equal(replica_status_statement(0, 50744),
                        "SHOW SLAVE STATUS");
    assert_string_equal(replica_status_statement(0, 80021),
                        "SHOW SLAVE STATUS");
    assert_string_equal(replica_status_statement(0, 80022),
                        "SHOW REPLICA STATUS");
    assert_string_equal(replica_status_statement(0, 80403),
                        "SHOW REPLICA STATUS");
}

static void
test_one_channel(void **state)
{
    struct replica_status s = begun(mariadb, 4);

    (void)state;
    add(&s, "Yes", "Yes", "3");
    want_lag(&s, 3);
}

static void
test_mysql_spelling(void **state)
{
    struct replica_status s = begun(mysql84, 3);

    (void)state;
    replica_status_row(&s, (const char *[]){"12", "Yes", "Yes"});
    want_lag(&s, 12);
    s = begun(mysql84, 3);
    replica_status_row(&s, (const char *[]){NULL, "No", "Yes"});
    want_error(&s, "replication not running; Slave_IO_Running=No, "
                   "Slave_SQL_Running=Yes");
}

static void
test_largest_lag_counts(void **state)
{
    struct replica_status s = begun(mariadb, 4);

    (void)state;
    add(&s, "Yes", "Yes", "3");
    add(&s, "Yes", "Yes", "10");
    add(&s, "Yes", "Yes", "0");
    want_lag(&s, 10);
}

static void
test_any_stopped_channel_counts(void **state)
{
    struct replica_status s = begun(mariadb, 4);

    (void)state;
    add(&s, "Yes", "Yes", "1");
    add(&s, "No", "No", NULL);
    add(&s, "Connecting", "Yes", NULL);
    add(&s, "Yes", "Yes", "2");
    want_error(&s, "replication not running; Slave_IO_Running=No, "
                   "Slave_SQL_Running=No");
}

static void
test_lag_is_an_integer(void **state)
{
    const char *const bad[] = {"", "NULL", "1.5", "1 s"};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct replica_status s = begun(mariadb, 4);

        add(&s, "Yes", "Yes", bad[i]);
        want_error(&s, "replication not running; Slave_IO_Running=Yes, "
                       "Slave_SQL_Running=Yes");
    }
}

static void
test_no_channel(void **state)
{
    struct replica_status s = begun(mariadb, 4);
    double lag_s;

    (void)state;
    assert_int_equal(replica_status_end(&s, &lag_s), 1);
}

/* A server without the columns we know is an error, not lag 0. */
static void
test_unknown_columns(void **state)
{
    const char *const names[] = {"a", "b", "c", "d"};
    struct replica_status s = begun(names, 4);

    (void)state;
    add(&s, "Yes", "Yes", "0");
    want_error(&s, "replication not running; Slave_IO_Running=, "
                   "Slave_SQL_Running=");
}

static void
test_long_words(void **state)
{
    struct replica_status s = begun(mariadb, 4);
    char word[1000];

    (void)state;
    memset(word, 'x', sizeof(word) - 1);
    word[sizeof(word) - 1] = '\0';
    add(&s, word, word, word);
    assert_true(strlen(s.err) < sizeof(s.err));
}

static void
test_read_only(void **state)
{
    (void)state;
    assert_string_equal(replica_status_read_only_statement,
                        "SELECT @@global.read_only");
    assert_false(replica_status_is_read_only("0"));
    assert_false(replica_status_is_read_only("OFF"));
    assert_true(replica_status_is_read_only("1"));
    assert_true(replica_status_is_read_only("ON"));
    assert_true(replica_status_is_read_only("NO_LOCK_NO_ADMIN"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_statement),
        cmocka_unit_test(test_one_channel),
        cmocka_unit_test(test_mysql_spelling),
        cmocka_unit_test(test_largest_lag_counts),
        cmocka_unit_test(test_any_stopped_channel_counts),
        cmocka_unit_test(test_lag_is_an_integer),
        cmocka_unit_test(test_no_channel),
        cmocka_unit_test(test_unknown_columns),
        cmocka_unit_test(test_long_words),
        cmocka_unit_test(test_read_only),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
