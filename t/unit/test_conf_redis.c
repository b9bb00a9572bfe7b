/* The keys of Redis: addresses, users and password files, right and wrong. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/redis_password.h"
#include "conf_help.h"
#include "tempdir.h"

static const char *
file(const char *name, const char *text, size_t len)
{
    const char *path = tempdir_path(name);
    FILE *out = fopen(path, "w");

    assert_non_null(out);
    assert_int_equal(fwrite(text, 1, len, out), len);
    fclose(out);
    return path;
}

/* %s in either is the path. */
static void
with_file(const char *members,
          const char *path,
          const char *problem,
          const char *counts)
{
    char json[4096], want[4096], one[2048];
    size_t len;

    snprintf(one, sizeof(one), members, path);
    snprintf(json, sizeof(json), TOP("%s"), one);
    len = (size_t)snprintf(want, sizeof(want), problem, path);
    snprintf(want + len, sizeof(want) - len, "%s", counts);
    says(json, want);
}

#define ONE_ERROR "f: 1 error, 0 warnings\n"
#define ONE_WARNING "f: 0 errors, 1 warning\n"
#define AT "\"RedisAddress\": \"127.0.0.1:6379\", "

static void
test_used(void **state)
{
    char json[1024];
    const char *path = file("secret", "s3cret\n", 7);
    struct conf *c;

    (void)state;
    with_file(AT "\"RedisPasswordFile\": \"%s\"", path, "", NOTHING);
    snprintf(json, sizeof(json),
             TOP("\"RedisAddress\": \"unix:/run/r.sock\", \"RedisUser\": "
                 "\"sluice\", \"RedisPasswordFile\": \"%s\""),
             path);
    c = parse(json);
    assert_string_equal(c->redis_address, "unix:/run/r.sock");
    assert_string_equal(c->redis_user, "sluice");
    assert_string_equal(c->redis_password_file, path);
    conf_free(c);
    c = parse(TOP("\"ListenPort\": 8087"));
    assert_string_equal(c->redis_address, "");
    assert_string_equal(c->redis_user, "");
    assert_string_equal(c->redis_password_file, "");
    conf_free(c);
}

static void
test_wrong(void **state)
{
    (void)state;
    with_file("\"RedisAddress\": \"%s:0\"", "redis",
              "f:2: error: RedisAddress: expected HOST, HOST:PORT with a port "
              "from 1 to 65535, [IPV6]:PORT or unix:/PATH\n",
              ONE_ERROR);
    with_file("\"RedisAddress\": \"unix:%s\"", "redis.sock",
              "f:2: error: RedisAddress: expected an absolute path after "
              "\"unix:\"\n",
              ONE_ERROR);
    with_file(AT "\"RedisUser\": \"%s\"", "u",
              "f:2: error: RedisUser: RedisPasswordFile must be set when "
              "RedisUser is specified\n",
              ONE_ERROR);
    with_file("\"RedisPasswordFile\": \"%s\"", file("p", "p", 1),
              "f:2: warning: RedisPasswordFile: has no effect: RedisAddress is "
              "not set\n",
              ONE_WARNING);
}

static void
test_password_file(void **state)
{
    static const char nul[] = "a\0b";
    char longest[REDIS_PASSWORD_SIZE + 1];

    (void)state;
    memset(longest, 'x', sizeof(longest));
#define BAD(path, text)                                 \
    with_file(AT "\"RedisPasswordFile\": \"%s\"", path, \
              "f:2: error: RedisPasswordFile: " text, ONE_ERROR)
    BAD("/no/such/file", "cannot read %s: No such file or directory\n");
    BAD(tempdir, "cannot read %s: Is a directory\n");
    BAD(file("empty", "", 0),
        "%s is empty: expected one line with the password\n");
    BAD(file("newline", "\n", 1),
        "%s is empty: expected one line with the password\n");
    BAD(file("two", "a\nb\n", 4),
        "%s has more than one line: expected one with the password\n");
    BAD(file("nul", nul, sizeof(nul)),
        "%s has more than one line: expected one with the password\n");
    BAD(file("long", longest, sizeof(longest)),
        "%s is too long: expected one line with the password\n");
    BAD(file("full", longest, sizeof(longest) - 1),
        "%s is too long: expected one line with the password\n");
}

static void
test_password(void **state)
{
    char longest[REDIS_PASSWORD_SIZE - 1], password[REDIS_PASSWORD_SIZE],
        err[64];

    (void)state;
    memset(longest, 'x', sizeof(longest));
    longest[sizeof(longest) - 1] = '\n';
    assert_int_equal(redis_password_read(file("a", "s3 cret", 7), password, err,
                                         sizeof(err)),
                     0);
    assert_string_equal(password, "s3 cret");
    assert_int_equal(
        redis_password_read(file("b", "x\r\n", 3), password, err, sizeof(err)),
        0);
    assert_string_equal(password, "x");
    assert_int_equal(redis_password_read(file("c", longest, sizeof(longest)),
                                         password, err, sizeof(err)),
                     0);
    assert_int_equal(strlen(password), sizeof(longest) - 1);
    assert_int_equal(
        redis_password_read("/dev/zero", password, err, sizeof(err)), -1);
    assert_int_equal(password[0], '\0');
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_used),
        cmocka_unit_test(test_wrong),
        cmocka_unit_test(test_password_file),
        cmocka_unit_test(test_password),
    };
    int rc;

    tempdir_make();
    rc = cmocka_run_group_tests(tests, NULL, NULL);
    tempdir_remove();
    return rc;
}
