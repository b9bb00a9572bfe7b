/* The words for failures: freno's, that is Go's; one line, cut in whole
 * characters. */
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <uv.h>

#include "base/mysql_failure.h"

static void
want(const struct mysql_failure *f, int dial, const char *text)
{
    assert_string_equal(f->text, text);
    assert_int_equal(f->dial, dial);
    assert_int_equal(dial, strncmp(text, "dial ", 5) == 0);
}

static void
test_dial(void **state)
{
    struct mysql_failure f;

    (void)state;
    mysql_failure_dial(&f, "127.0.0.1", 24399, ECONNREFUSED);
    want(&f, 1, "dial tcp 127.0.0.1:24399: connect: connection refused");
    mysql_failure_dial(&f, "::1", 3306, EHOSTUNREACH);
    want(&f, 1, "dial tcp [::1]:3306: connect: no route to host");
    mysql_failure_dial(&f, "10.0.0.1", 3306, ETIMEDOUT);
    want(&f, 1, "dial tcp 10.0.0.1:3306: i/o timeout");
    mysql_failure_dial(&f, "/run/mysqld.sock", 0, ENOENT);
    want(&f, 1,
         "dial unix /run/mysqld.sock: connect: no such file or "
         "directory");
    mysql_failure_dial(&f, "/run/mysqld.sock", 0, ETIMEDOUT);
    want(&f, 1, "dial unix /run/mysqld.sock: i/o timeout");
}

static void
test_lookup(void **state)
{
    struct mysql_failure f;

    (void)state;
    mysql_failure_lookup(&f, "db1", UV_EAI_NONAME);
    want(&f, 1, "dial tcp: lookup db1: no such host");
    mysql_failure_lookup(&f, "db1", UV_EAI_NODATA);
    want(&f, 1, "dial tcp: lookup db1: no such host");
    mysql_failure_lookup(&f, "db1", UV_ETIMEDOUT);
    want(&f, 1, "dial tcp: lookup db1: i/o timeout");
    mysql_failure_lookup(&f, "db1", UV_EAI_AGAIN);
    want(&f, 1, "dial tcp: lookup db1: temporary failure");
}

/* The host is there and says nothing: ignoring dial errors must not hide it. */
static void
test_handshake(void **state)
{
    struct mysql_failure f;

    (void)state;
    mysql_failure_handshake(&f, "10.0.0.1", 3306, 1000);
    want(&f, 0, "no handshake from 10.0.0.1:3306 within 1000 ms");
    mysql_failure_handshake(&f, "::1", 3306, 1000);
    want(&f, 0, "no handshake from [::1]:3306 within 1000 ms");
}

static void
test_libmariadb(void **state)
{
    struct mysql_failure f;

    (void)state;
    mysql_failure_mysql(&f, "10.0.0.1", 3306, 2002,
                        "Can't connect to server on '10.0.0.1' (111)");
    want(&f, 1, "dial tcp 10.0.0.1:3306: connect: connection refused");
    mysql_failure_mysql(&f, "10.0.0.1", 3306, 2003,
                        "Can't connect to server on '10.0.0.1' (110)");
    want(&f, 1, "dial tcp 10.0.0.1:3306: i/o timeout");
    mysql_failure_mysql(&f, "10.0.0.1", 3306, 2002, "no number here");
    want(&f, 1, "dial tcp 10.0.0.1:3306: connect: connection refused");
    mysql_failure_mysql(&f, "db1", 3306, 2005,
                        "Unknown server host 'db1' (-2)");
    want(&f, 1, "dial tcp: lookup db1: no such host");
    mysql_failure_mysql(&f, "10.0.0.1", 3306, 2013, "Lost connection");
    want(&f, 0, "EOF: Lost connection");
    mysql_failure_mysql(&f, "10.0.0.1", 3306, 1045, "Access denied for user");
    want(&f, 0, "Error 1045: Access denied for user");
    assert_int_equal(f.code, 1045);
}

static void
test_from_server(void **state)
{
    const unsigned server[] = {1045, 1146, 1927, 3159, 4031};
    const unsigned client[] = {0, 2000, 2013, 2026, 5010};
    struct mysql_failure f;

    (void)state;
    for (size_t i = 0; i < 5; i++) {
        mysql_failure_mysql(&f, "h", 1, server[i], "x");
        assert_true(mysql_failure_from_server(&f));
        mysql_failure_mysql(&f, "h", 1, client[i], "x");
        assert_false(mysql_failure_from_server(&f));
    }
}

static void
test_lost_and_say(void **state)
{
    struct mysql_failure f;

    (void)state;
    mysql_failure_lost(&f, "127.0.0.1 closed the connection");
    want(&f, 0, "EOF: 127.0.0.1 closed the connection");
    mysql_failure_say(&f, "no answer within %u ms", 300u);
    want(&f, 0, "no answer within 300 ms");
    assert_int_equal(f.code, 0);
}

static void
test_one_line(void **state)
{
    struct mysql_failure f;

    (void)state;
    mysql_failure_mysql(&f, "h", 1, 1064, "near 'a\nb\tc\x7f' at line 2");
    want(&f, 0, "Error 1064: near 'a b c ' at line 2");
}

/* Whatever byte the cut falls on, no half character is left. */
static void
test_cut_in_characters(void **state)
{
    struct mysql_failure f;
    char words[400];

    (void)state;
    for (size_t ascii = 230; ascii < 260; ascii++) {
        size_t len;

        memset(words, 'a', ascii);
        strcpy(words + ascii, "\xe2\x82\xac\xe2\x82\xac\xf0\x9f\x98\x80zzzzzzz"
                              "zzzzzzzzzzzzzzzzzzzz");
        mysql_failure_say(&f, "%s", words);
        len = strlen(f.text);
        assert_memory_equal(f.text, words, len);
        assert_true(len < sizeof(f.text));
        assert_int_not_equal((unsigned char)words[len] & 0xc0, 0x80);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dial),
        cmocka_unit_test(test_lookup),
        cmocka_unit_test(test_handshake),
        cmocka_unit_test(test_libmariadb),
        cmocka_unit_test(test_from_server),
        cmocka_unit_test(test_lost_and_say),
        cmocka_unit_test(test_one_line),
        cmocka_unit_test(test_cut_in_characters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
