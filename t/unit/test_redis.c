/* Redis without Redis: addresses, and how long to wait for the next attempt.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/redis.h"

static void
tcp(const char *text, const char *host, unsigned port)
{
    struct redis_address a;
    char err[256] = "";

    assert_int_equal(redis_address_parse(text, &a, err, sizeof(err)), 0);
    assert_string_equal(a.host, host);
    assert_int_equal(a.port, port);
    assert_string_equal(a.path, "");
    assert_string_equal(err, "");
}

static void
test_tcp(void **state)
{
    (void)state;
    tcp("127.0.0.1:6380", "127.0.0.1", 6380);
    tcp("127.0.0.1", "127.0.0.1", 6379);
    tcp("redis.example:1", "redis.example", 1);
    tcp("my_redis-1:65535", "my_redis-1", 65535);
    tcp("[::1]:6380", "::1", 6380);
    tcp("[::1]", "::1", 6379);
    tcp("::1", "::1", 6379);
    tcp("[fe80::1%eth0]:6380", "fe80::1%eth0", 6380);
    tcp("[::ffff:10.0.0.1]:7", "::ffff:10.0.0.1", 7);
}

static void
test_unix(void **state)
{
    char text[5 + REDIS_PATH_SIZE + 1], err[256];
    struct redis_address a;

    (void)state;
    assert_int_equal(
        redis_address_parse("unix:/run/redis.sock", &a, err, sizeof(err)), 0);
    assert_string_equal(a.path, "/run/redis.sock");
    assert_string_equal(a.host, "");
    memset(text, 'x', sizeof(text));
    memcpy(text, "unix:/", 6);
    text[5 + REDIS_PATH_SIZE - 1] = '\0';
    assert_int_equal(redis_address_parse(text, &a, err, sizeof(err)), 0);
    assert_int_equal(strlen(a.path), REDIS_PATH_SIZE - 1);
    text[5 + REDIS_PATH_SIZE - 1] = 'x';
    text[5 + REDIS_PATH_SIZE] = '\0';
    assert_int_equal(redis_address_parse(text, &a, err, sizeof(err)), -1);
    assert_string_equal(err, "the path of a unix socket has at most 107 bytes");
}

static void
test_not_addresses(void **state)
{
    static const char *const wrong[] = {
        "",
        ":6379",
        "h:",
        "h:0",
        "h:65536",
        "h:-1",
        "h:+1",
        "h:1x",
        "h:1:2",
        "h:999999999999999999999",
        "[::1",
        "[::1]6379",
        "[::1]:",
        "[h]:6379",
        "[]:6379",
        "::1]:6379",
        "redis://h:1",
        "a b:1",
        "h:1 ",
        " h:1",
        "h/0:1",
        "h\n:1",
        "user@h:1",
        "unix:",
        "unix:r.sock",
        "unix:/a\nb",
        "unix:/a b",
    };
    char longest[300], err[256];
    struct redis_address a;

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        err[0] = '\0';
        if (redis_address_parse(wrong[i], &a, err, sizeof(err)) == 0)
            fail_msg("\"%s\" is taken", wrong[i]);
        assert_int_equal(strncmp(err, "expected ", 9), 0);
    }
    memset(longest, 'x', sizeof(longest));
    longest[sizeof(longest) - 1] = '\0';
    assert_int_equal(redis_address_parse(longest, &a, err, sizeof(err)), -1);
}

static void
test_backoff(void **state)
{
    static const unsigned middle_ms[] = {100,  200,  400,  800, 1600,
                                         3200, 5000, 5000, 5000};

    (void)state;
    for (unsigned i = 0; i < sizeof(middle_ms) / sizeof(*middle_ms); i++) {
        unsigned low = redis_backoff_ms(i + 1, 0);
        unsigned high = redis_backoff_ms(i + 1, 1 - 1e-12);

        assert_int_equal(low, middle_ms[i] * 8 / 10);
        assert_in_range(high, middle_ms[i] * 12 / 10 - 1,
                        middle_ms[i] * 12 / 10);
        assert_in_range(redis_backoff_ms(i + 1, 0.5), middle_ms[i] - 1,
                        middle_ms[i]);
    }
    assert_int_equal(redis_backoff_ms(UINT32_MAX, 0), 4000);
    assert_int_equal(redis_backoff_ms(0, 0), 80);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tcp),
        cmocka_unit_test(test_unix),
        cmocka_unit_test(test_not_addresses),
        cmocka_unit_test(test_backoff),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
