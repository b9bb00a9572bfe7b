/* Words become changes: freno's defaults, and what freno let through. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "api/words.h"

#define MINUTE_MS 60000

typedef int (*make_fn)(const struct words *w,
                       struct consensus_change *out,
                       char *err,
                       size_t err_size);

static struct consensus_change
made(make_fn make, struct words w)
{
    struct consensus_change change;
    char err[256] = "";

    memset(&change, 0xa5, sizeof(change));
    if (make(&w, &change, err, sizeof(err)) != 0)
        fail_msg("%s", err);
    return change;
}

static void
refused(make_fn make, struct words w, const char *want)
{
    struct consensus_change change;
    char err[256] = "";

    assert_int_equal(make(&w, &change, err, sizeof(err)), -1);
    assert_string_equal(err, want);
}

#define throttle(...) made(words_throttle, (struct words){__VA_ARGS__})
#define no_throttle(want, ...) \
    refused(words_throttle, (struct words){__VA_ARGS__}, want)
#define skipped(...) made(words_skip, (struct words){__VA_ARGS__})
#define no_skip(want, ...) \
    refused(words_skip, (struct words){__VA_ARGS__}, want)

/* ---- throttle --------------------------------------------------------- */

static void
test_throttle(void **state)
{
    struct consensus_change c = throttle(.name = "app");

    (void)state;
    assert_int_equal(c.kind, CHANGE_THROTTLE);
    assert_string_equal(c.key, "app");
    assert_true(c.ratio == CHANGE_RATIO_KEEP);
    assert_true(c.ttl_ms == FACT_NEVER);
    assert_string_equal(c.owner, "");
    assert_string_equal(c.reason, "");

    c = throttle(.name = "app", .store = "main1", .ttl = "5", .ratio = ".5",
                 .owner = "me", .reason = "a copy");
    assert_string_equal(c.key, "app/main1");
    assert_true(c.ratio == 0.5);
    assert_true(c.ttl_ms == 5 * MINUTE_MS);
    assert_string_equal(c.owner, "me");
    assert_string_equal(c.reason, "a copy");

    c = throttle(.name = "app", .store = "");
    assert_string_equal(c.key, "app");
}

static void
test_ttl(void **state)
{
    (void)state;
    assert_true(throttle(.name = "a", .ttl = "0").ttl_ms == FACT_NEVER);
    assert_true(throttle(.name = "a", .ttl = "-0").ttl_ms == FACT_NEVER);
    assert_true(throttle(.name = "a", .ttl = "+1").ttl_ms == MINUTE_MS);
    assert_true(throttle(.name = "a", .ttl = "153722867").ttl_ms ==
                153722867 * INT64_C(60000));
    no_throttle("strconv.ParseInt: parsing \"abc\": invalid syntax",
                .name = "a", .ttl = "abc");
    no_throttle("strconv.ParseInt: parsing \"\": invalid syntax", .name = "a",
                .ttl = "");
    no_throttle("strconv.ParseInt: parsing \"99999999999999999999\": value "
                "out of range",
                .name = "a", .ttl = "99999999999999999999");
}

/* freno answered 200 to these and throttled nobody. */
static void
test_ttl_overflow(void **state)
{
    (void)state;
    no_throttle("ttl must be at most 153722867 minutes, or 0 for no end; got "
                "153722868",
                .name = "a", .ttl = "153722868");
    no_throttle("ttl must be at most 153722867 minutes, or 0 for no end; got "
                "600000000",
                .name = "a", .ttl = "600000000");
    no_throttle("ttl must be at most 153722867 minutes, or 0 for no end; got "
                "9223372036854775807",
                .name = "a", .ttl = "9223372036854775807");
    no_skip("ttl must be at most 153722867 minutes, or 0 for no end; got "
            "9999999999",
            .name = "a", .ttl = "9999999999");
}

/* freno stored a throttle without end. */
static void
test_ttl_negative(void **state)
{
    struct consensus_change c =
        throttle(.name = "app", .store = "main1", .ttl = "-5", .ratio = "0.5",
                 .owner = "me");

    (void)state;
    assert_int_equal(c.kind, CHANGE_UNTHROTTLE);
    assert_string_equal(c.key, "app/main1");
    assert_string_equal(c.owner, "me");
    c = throttle(.name = "app", .ttl = "-9223372036854775808");
    assert_int_equal(c.kind, CHANGE_UNTHROTTLE);
    no_throttle("ratio must be in [0..1] range; got 2", .name = "app",
                .ttl = "-5", .ratio = "2");
}

static void
test_ratio(void **state)
{
    struct consensus_change c = throttle(.name = "a", .ratio = "-0");

    (void)state;
    assert_true(c.ratio == 0 && !__builtin_signbit(c.ratio));
    assert_true(throttle(.name = "a", .ratio = "1").ratio == 1);
    assert_true(throttle(.name = "a", .ratio = "0x1p-2").ratio == 0.25);
    assert_true(throttle(.name = "a", .ratio = "1e-400").ratio == 0);
    no_throttle("ratio must be in [0..1] range; got 2", .name = "a",
                .ratio = "2");
    no_throttle("ratio must be in [0..1] range; got -0.1", .name = "a",
                .ratio = "-0.1");
    no_throttle("ratio must be in [0..1] range; got 1.0001", .name = "a",
                .ratio = "1.0001");
    no_throttle("ratio must be in [0..1] range; got -1", .name = "a",
                .ratio = "-1");
    no_throttle("ratio must be in [0..1] range; got +Inf", .name = "a",
                .ratio = "inf");
    no_throttle("strconv.ParseFloat: parsing \"abc\": invalid syntax",
                .name = "a", .ratio = "abc");
    no_throttle("strconv.ParseFloat: parsing \"1e999\": value out of range",
                .name = "a", .ratio = "1e999");
}

/* freno took it, and its list was empty from then on. */
static void
test_ratio_nan(void **state)
{
    (void)state;
    no_throttle("ratio must be in [0..1] range; got NaN", .name = "a",
                .ratio = "NaN");
    no_throttle("ratio must be in [0..1] range; got NaN", .name = "a",
                .ratio = "nan");
}

/* The ttl is looked at first, as freno does. */
static void
test_order(void **state)
{
    (void)state;
    no_throttle("strconv.ParseInt: parsing \"x\": invalid syntax", .name = "",
                .ttl = "x", .ratio = "y");
    no_throttle("strconv.ParseFloat: parsing \"y\": invalid syntax", .name = "",
                .ttl = "1", .ratio = "y");
}

static void
test_unthrottle(void **state)
{
    struct consensus_change c =
        made(words_unthrottle, (struct words){.name = "app",
                                              .store = "main1",
                                              .ttl = "ignored",
                                              .reason = "done"});

    (void)state;
    assert_int_equal(c.kind, CHANGE_UNTHROTTLE);
    assert_string_equal(c.key, "app/main1");
    assert_string_equal(c.reason, "done");
    refused(words_unthrottle, (struct words){.name = ""},
            "app must not be empty");
}

/* ---- skip ------------------------------------------------------------- */

static void
test_skip(void **state)
{
    struct consensus_change c = skipped(.name = "db1", .owner = "me");

    (void)state;
    assert_int_equal(c.kind, CHANGE_SKIP);
    assert_string_equal(c.key, "db1");
    assert_true(c.ttl_ms == 60 * MINUTE_MS);
    assert_string_equal(c.owner, "me");
    assert_true(skipped(.name = "db1", .ttl = "0").ttl_ms == 60 * MINUTE_MS);
    assert_true(skipped(.name = "db1", .ttl = "5").ttl_ms == 5 * MINUTE_MS);
    assert_int_equal(skipped(.name = "db1", .ttl = "-1").kind, CHANGE_RECOVER);
    no_skip("strconv.ParseInt: parsing \"abc\": invalid syntax", .name = "db1",
            .ttl = "abc");
    no_skip("host must not be empty", .name = "");
}

static void
test_recover(void **state)
{
    struct consensus_change c =
        made(words_recover, (struct words){.name = "db1"});

    (void)state;
    assert_int_equal(c.kind, CHANGE_RECOVER);
    assert_string_equal(c.key, "db1");
    refused(words_recover, (struct words){.name = ""},
            "host must not be empty");
}

/* ---- names ------------------------------------------------------------ */

static const char *
long_text(size_t len)
{
    static char texts[2][512];
    static unsigned turn;
    char *text = texts[turn++ % 2];

    memset(text, 'x', len);
    text[len] = '\0';
    return text;
}

static void
test_length(void **state)
{
    (void)state;
    assert_int_equal(strlen(throttle(.name = long_text(128)).key), 128);
    no_throttle("app may have at most 128 bytes; got 129",
                .name = long_text(129));
    assert_int_equal(
        strlen(throttle(.name = long_text(100), .store = long_text(27)).key),
        128);
    no_throttle(
        "app and store_name may have at most 127 bytes together; got 128",
        .name = long_text(100), .store = long_text(28));
    no_throttle(
        "app and store_name may have at most 127 bytes together; got 129",
        .name = long_text(128), .store = "m");
    no_skip("host may have at most 128 bytes; got 129", .name = long_text(129));
    assert_int_equal(
        strlen(throttle(.name = "a", .owner = long_text(128)).owner), 128);
    no_throttle("owner may have at most 128 bytes; got 129", .name = "a",
                .owner = long_text(129));
    assert_int_equal(
        strlen(throttle(.name = "a", .reason = long_text(256)).reason), 256);
    no_throttle("reason may have at most 256 bytes; got 257", .name = "a",
                .reason = long_text(257));
}

/* Bytes, not characters. */
static void
test_length_in_bytes(void **state)
{
    char name[200] = "";

    (void)state;
    for (int i = 0; i < 64; i++)
        strcat(name, "ü");
    assert_string_equal(throttle(.name = name).key, name);
    strcat(name, "ü");
    no_throttle("app may have at most 128 bytes; got 130", .name = name);
}

static void
test_characters(void **state)
{
    (void)state;
    assert_string_equal(throttle(.name = "a b:c grün €𝄞 \xef\xbf\xbd").key,
                        "a b:c grün €𝄞 \xef\xbf\xbd");
    no_throttle("app must be UTF-8 without control characters", .name = "a\nb");
    no_throttle("app must be UTF-8 without control characters",
                .name = "a\x7f");
    no_throttle("app must be UTF-8 without control characters",
                .name = "\\\xff");
    no_throttle("app must be UTF-8 without control characters",
                .name = "\xed\xa0\x80");
    no_throttle("store_name must be UTF-8 without control characters",
                .name = "a", .store = "b\t");
    no_throttle("owner must be UTF-8 without control characters", .name = "a",
                .owner = "\x01");
    no_skip("reason must be UTF-8 without control characters", .name = "a",
            .reason = "\xc3");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_throttle),
        cmocka_unit_test(test_ttl),
        cmocka_unit_test(test_ttl_overflow),
        cmocka_unit_test(test_ttl_negative),
        cmocka_unit_test(test_ratio),
        cmocka_unit_test(test_ratio_nan),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_unthrottle),
        cmocka_unit_test(test_skip),
        cmocka_unit_test(test_recover),
        cmocka_unit_test(test_length),
        cmocka_unit_test(test_length_in_bytes),
        cmocka_unit_test(test_characters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
