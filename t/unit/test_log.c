/* Log lines, as they arrive on stderr. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/log.h"

/* stderr is a datagram socket while a test logs: one write, one datagram. */
static int heard = -1;
static int saved = -1;

static int
listen_to_stderr(void **state)
{
    int pair[2];

    (void)state;
    if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, pair) != 0)
        return -1;
    saved = dup(STDERR_FILENO);
    dup2(pair[1], STDERR_FILENO);
    close(pair[1]);
    heard = pair[0];
    return 0;
}

static int
restore_stderr(void **state)
{
    (void)state;
    dup2(saved, STDERR_FILENO);
    close(saved);
    close(heard);
    log_setup(LOG_LEVEL_INFO, LOG_FORMAT_LOGFMT);
    return 0;
}

/* The next line without its newline, or NULL: nothing was written. */
static const char *
line(void)
{
    static char buf[65536];
    ssize_t n = recv(heard, buf, sizeof(buf) - 1, 0);

    if (n < 0) {
        assert_int_equal(errno, EAGAIN);
        return NULL;
    }
    assert_true(n > 0 && buf[n - 1] == '\n');
    buf[n - 1] = '\0';
    assert_null(strchr(buf, '\n'));
    return buf;
}

/* What stands behind the time stamp, whose form is checked. */
static const char *
body(void)
{
    const char *text = line();
    int n = 0;

    assert_non_null(text);
    sscanf(text, "ts=20%*2d-%*2d-%*2dT%*2d:%*2d:%*2d.%*3dZ %n", &n);
    assert_int_equal(n, 28);
    return text + n;
}

static void
test_fields(void **state)
{
    (void)state;
    log_info("probe_failed", log_str("host", "db1"), log_int("port", 3306),
             log_num("value", 0.25));
    assert_string_equal(
        body(), "level=info event=probe_failed host=db1 port=3306 value=0.25");
    log_error("started");
    assert_string_equal(body(), "level=error event=started");
    log_write(LOG_LEVEL_WARN, "bare", NULL);
    assert_string_equal(body(), "level=warn event=bare");
    assert_null(line());
}

static void
test_levels(void **state)
{
    (void)state;
    log_debug("hidden");
    assert_null(line());
    log_setup(LOG_LEVEL_DEBUG, LOG_FORMAT_LOGFMT);
    log_debug("shown");
    assert_string_equal(body(), "level=debug event=shown");
    log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_LOGFMT);
    log_warn("hidden");
    assert_null(line());
    log_error("shown");
    assert_string_equal(body(), "level=error event=shown");
}

static void
quoted(const char *value, const char *want)
{
    char text[512];

    log_info("e", log_str("k", value));
    snprintf(text, sizeof(text), "level=info event=e k=%s", want);
    assert_string_equal(body(), text);
}

static void
test_quoting(void **state)
{
    (void)state;
    quoted("plain-word_1.2:3306/x", "plain-word_1.2:3306/x");
    quoted("", "\"\"");
    quoted(NULL, "\"\"");
    quoted("two words", "\"two words\"");
    quoted("a=b", "\"a=b\"");
    quoted("say \"x\"", "\"say \\\"x\\\"\"");
    quoted("c:\\dir", "\"c:\\\\dir\"");
    quoted("a\nb\rc\td", "\"a\\nb\\rc\\td\"");
    quoted("\x1b[31m\x7f", "\"\\u001b[31m\\u007f\"");
    quoted("gr\xc3\xbc\xc3\x9f"
           "e",
           "gr\xc3\xbc\xc3\x9f"
           "e");
    quoted("bad\xff\xc3", "bad??");
}

static void
test_numbers(void **state)
{
    (void)state;
    log_info("n", log_int("a", INT64_MIN), log_int("b", INT64_MAX),
             log_num("c", 1e300), log_num("d", 0.1), log_num("e", NAN),
             log_num("f", -INFINITY), log_num("g", 123456789.5));
    assert_string_equal(body(),
                        "level=info event=n a=-9223372036854775808 "
                        "b=9223372036854775807 c=1e+300 d=0.1 e=nan f=-inf "
                        "g=123456789.5");
}

/* A line longer than any buffer of ours still is one write. */
static void
test_long_value(void **state)
{
    char *value = malloc(40001);
    const char *text;

    (void)state;
    memset(value, 'x', 40000);
    value[40000] = '\0';
    log_info("long", log_str("v", value));
    text = body();
    assert_int_equal(strlen(text), strlen("level=info event=long v=") + 40000);
    free(value);
}

static void
test_json(void **state)
{
    json_t *got;
    json_error_t error;
    const char *text;

    (void)state;
    log_setup(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
    log_warn("e v", log_str("s", "a \"b\"\n\xff"), log_int("i", -5),
             log_num("n", 0.1), log_num("x", INFINITY), log_str("z", NULL));
    text = line();
    assert_non_null(strstr(text, "Z\",\"level\":\"warn\",\"event\":\"e v\","
                                 "\"s\":\"a \\\"b\\\"\\n?\",\"i\":-5,"
                                 "\"n\":0.1,\"x\":\"inf\",\"z\":\"\"}"));
    got = json_loads(text, 0, &error);
    assert_non_null(got);
    assert_int_equal(strlen(json_string_value(json_object_get(got, "ts"))), 24);
    json_decref(got);
}

/* Nobody listens any more: the caller does not notice. */
static void
test_stderr_gone(void **state)
{
    (void)state;
    close(STDERR_FILENO);
    log_error("lost");
    assert_null(line());
}

static void
test_names(void **state)
{
    enum log_level level = LOG_LEVEL_INFO;
    enum log_format format = LOG_FORMAT_LOGFMT;

    (void)state;
    assert_int_equal(log_level_parse("debug", &level), 0);
    assert_int_equal(level, LOG_LEVEL_DEBUG);
    assert_int_equal(log_level_parse("warning", &level), 0);
    assert_int_equal(level, LOG_LEVEL_WARN);
    assert_int_equal(log_level_parse("error", &level), 0);
    assert_int_equal(level, LOG_LEVEL_ERROR);
    assert_int_equal(log_level_parse("info", &level), 0);
    assert_int_equal(level, LOG_LEVEL_INFO);
    assert_int_equal(log_level_parse("INFO ", &level), -1);
    assert_int_equal(log_level_parse("", &level), -1);
    assert_int_equal(log_format_parse("json", &format), 0);
    assert_int_equal(format, LOG_FORMAT_JSON);
    assert_int_equal(log_format_parse("logfmt", &format), 0);
    assert_int_equal(format, LOG_FORMAT_LOGFMT);
    assert_int_equal(log_format_parse("xml", &format), -1);
}

#define heard_test(f) \
    cmocka_unit_test_setup_teardown(f, listen_to_stderr, restore_stderr)

static void
test_again(void **state)
{
    uint64_t said_ms = 0;

    (void)state;
    assert_true(log_again(&said_ms, 5));
    assert_int_equal(said_ms, 5);
    assert_false(log_again(&said_ms, 5));
    assert_false(log_again(&said_ms, 4 + LOG_AGAIN_MS));
    assert_int_equal(said_ms, 5);
    assert_true(log_again(&said_ms, 5 + LOG_AGAIN_MS));
    assert_int_equal(said_ms, 5 + LOG_AGAIN_MS);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        heard_test(test_fields),      heard_test(test_levels),
        heard_test(test_quoting),     heard_test(test_numbers),
        heard_test(test_long_value),  heard_test(test_json),
        heard_test(test_stderr_gone), cmocka_unit_test(test_names),
        cmocka_unit_test(test_again),
    };

    return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
