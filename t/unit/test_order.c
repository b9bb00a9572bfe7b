/* Orders as messages: there and back again, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sluice_throttle.h"

#define STORE "6f1c9a52e07b4d"

static const struct sluice_order throttle = {.kind = SLUICE_ORDER_THROTTLE,
                                             .revision = 47,
                                             .store_id = STORE,
                                             .key = "archiver/main1",
                                             .ratio = 0.5,
                                             .remaining_ms = 60000};

static void
assert_written(const struct sluice_order *order, const char *expected)
{
    char buf[SLUICE_ORDER_TEXT_MAX + 1];
    size_t len = sluice_order_write(order, buf, sizeof(buf) - 1);

    buf[len] = '\0';
    assert_string_equal(buf, expected);
}

/* From memory of its own: ASan watches both ends. */
static int
read_bytes(const char *bytes,
           size_t len,
           struct sluice_order *order,
           char *err,
           size_t err_size)
{
    char *copy = malloc(len);
    int rc;

    memcpy(copy, bytes, len);
    rc = sluice_order_read(copy, len, order, err, err_size);
    free(copy);
    return rc;
}

static void
assert_same(const struct sluice_order *a, const struct sluice_order *b)
{
    assert_int_equal(a->kind, b->kind);
    assert_true(a->revision == b->revision);
    assert_memory_equal(a->store_id, b->store_id, sizeof(a->store_id));
    assert_memory_equal(a->key, b->key, sizeof(a->key));
    assert_true(a->ratio == b->ratio);
    assert_true(a->remaining_ms == b->remaining_ms);
}

static void
assert_read(const char *text, const struct sluice_order *expected)
{
    struct sluice_order order;
    char err[128] = "";

    memset(&order, 0xff, sizeof(order));
    if (read_bytes(text, strlen(text), &order, err, sizeof(err)) != 0)
        fail_msg("%s: %s", text, err);
    assert_same(&order, expected);
}

static void
assert_bytes_refused(const char *bytes, size_t len, const char *reason)
{
    struct sluice_order order = throttle;
    char err[128] = "";

    assert_int_equal(read_bytes(bytes, len, &order, err, sizeof(err)), -1);
    assert_string_equal(err, reason);
    assert_same(&order, &throttle);
}

static void
assert_refused(const char *text, const char *reason)
{
    assert_bytes_refused(text, strlen(text), reason);
}

static void
assert_not_written(struct sluice_order order)
{
    char buf[SLUICE_ORDER_TEXT_MAX];

    memset(buf, '#', sizeof(buf));
    assert_int_equal(sluice_order_write(&order, buf, sizeof(buf)), 0);
    assert_int_equal(buf[0], '#');
}

/* ---- there and back --------------------------------------------------- */

static void
test_each_kind_goes_there_and_back(void **state)
{
    (void)state;
    const struct {
        const char *text;
        struct sluice_order order;
    } all[] = {
        {"sluice1 " STORE " 47 throttle 0.5 60000 archiver/main1", throttle},
        {"sluice1 " STORE " 48 throttle 1 0 archiver",
         {.kind = SLUICE_ORDER_THROTTLE,
          .revision = 48,
          .store_id = STORE,
          .key = "archiver",
          .ratio = 1}},
        {"sluice1 " STORE " 49 throttle 0 1 archiver",
         {.kind = SLUICE_ORDER_THROTTLE,
          .revision = 49,
          .store_id = STORE,
          .key = "archiver",
          .remaining_ms = 1}},
        {"sluice1 " STORE " 50 unthrottle 0 0 archiver",
         {.kind = SLUICE_ORDER_UNTHROTTLE,
          .revision = 50,
          .store_id = STORE,
          .key = "archiver"}},
        {"sluice1 " STORE " 51 skip 0 3600000 db1",
         {.kind = SLUICE_ORDER_SKIP,
          .revision = 51,
          .store_id = STORE,
          .key = "db1",
          .remaining_ms = 3600000}},
        {"sluice1 " STORE " 52 recover 0 0 db1",
         {.kind = SLUICE_ORDER_RECOVER,
          .revision = 52,
          .store_id = STORE,
          .key = "db1"}},
        {"sluice1 " STORE " 52 beat 0 0 ",
         {.kind = SLUICE_ORDER_BEAT, .revision = 52, .store_id = STORE}},
        {"sluice1 " STORE " 53 hint 0 0 ",
         {.kind = SLUICE_ORDER_HINT, .revision = 53, .store_id = STORE}},
        /* a store that has neither id nor revisions */
        {"sluice1 - 0 unthrottle 0 0 archiver",
         {.kind = SLUICE_ORDER_UNTHROTTLE, .key = "archiver"}},
    };

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        assert_written(&all[i].order, all[i].text);
        assert_read(all[i].text, &all[i].order);
    }
}

static void
test_the_longest_order_fits(void **state)
{
    (void)state;
    struct sluice_order longest = {.kind = SLUICE_ORDER_THROTTLE,
                                   .revision = UINT64_MAX,
                                   .ratio = 0x1.23456789abcdep-1022,
                                   .remaining_ms = UINT64_MAX};
    char buf[SLUICE_ORDER_TEXT_MAX + 1];
    size_t len;

    memset(longest.store_id, 'i', sizeof(longest.store_id) - 1);
    memset(longest.key, 'k', SLUICE_ORDER_KEY_MAX);
    len = sluice_order_write(&longest, buf, SLUICE_ORDER_TEXT_MAX);
    assert_in_range(len, 200, SLUICE_ORDER_TEXT_MAX);
    buf[len] = '\0';
    assert_read(buf, &longest);
    for (size_t size = 0; size < len; size++)
        assert_int_equal(sluice_order_write(&longest, buf, size), 0);
    assert_int_equal(sluice_order_write(&longest, buf, len), len);
}

static void
test_a_key_may_have_blanks_and_utf8(void **state)
{
    (void)state;
    struct sluice_order o = throttle;

    strcpy(o.key, " my caf\xc3\xa9  app/ma:in% 1 ");
    assert_written(&o, "sluice1 " STORE
                       " 47 throttle 0.5 60000  my caf\xc3\xa9  app/ma:in% 1 ");
    assert_read("sluice1 " STORE
                " 47 throttle 0.5 60000  my caf\xc3\xa9  app/ma:in% 1 ",
                &o);
}

/* ---- what is not written ---------------------------------------------- */

static struct sluice_order
with_kind(unsigned kind)
{
    struct sluice_order o = throttle;

    o.kind = kind;
    return o;
}

static struct sluice_order
with_key(const char *key)
{
    struct sluice_order o = throttle;

    snprintf(o.key, sizeof(o.key), "%s", key);
    return o;
}

static struct sluice_order
with_store(const char *id)
{
    struct sluice_order o = throttle;

    snprintf(o.store_id, sizeof(o.store_id), "%s", id);
    return o;
}

static struct sluice_order
with_ratio(double ratio)
{
    struct sluice_order o = throttle;

    o.ratio = ratio;
    return o;
}

static void
test_what_could_not_be_read_is_not_written(void **state)
{
    (void)state;
    struct sluice_order o;

    assert_not_written(with_kind(SLUICE_ORDER_MAX));
    assert_not_written(with_kind(UINT32_MAX));
    assert_not_written(with_kind(SLUICE_ORDER_UNTHROTTLE)); /* with a ratio */
    assert_not_written(with_kind(SLUICE_ORDER_SKIP));
    assert_not_written(with_kind(SLUICE_ORDER_BEAT)); /* with a key */
    assert_not_written(with_key(""));
    assert_not_written(with_key("two\nlines"));
    assert_not_written(with_key("\x7f"));
    assert_not_written(with_store("two words"));
    assert_not_written(with_store("-"));
    assert_not_written(with_store("caf\xc3\xa9"));
    assert_not_written(with_ratio(NAN));
    assert_not_written(with_ratio(INFINITY));
    assert_not_written(with_ratio(1.0001));
    assert_not_written(with_ratio(-0.1));

    o = throttle; /* a key and an id that nobody terminated */
    memset(o.key, 'k', sizeof(o.key));
    assert_not_written(o);
    memset(o.key + SLUICE_ORDER_KEY_MAX + 1, 0, 1);
    assert_not_written(o);
    o = throttle;
    memset(o.store_id, 'i', sizeof(o.store_id));
    assert_not_written(o);
    o = throttle;
    o.kind = SLUICE_ORDER_RECOVER; /* with a time */
    o.ratio = 0;
    assert_not_written(o);
}

/* ---- garbage ---------------------------------------------------------- */

#define NUMBER "ratio: expected a number in [0..1]"
#define KEY "key: expected up to 128 bytes without control characters"

static void
test_each_garbage_is_named(void **state)
{
    (void)state;
    assert_refused("", "no version");
    assert_refused(" ", "no version");
    assert_refused("sluice1", "no version");
    assert_refused("hello world", "another version, this reader knows sluice1");
    assert_refused("sluice2 s 1 beat 0 0 ",
                   "another version, this reader knows sluice1");
    assert_refused("sluice s 1 beat 0 0 ",
                   "another version, this reader knows sluice1");
    assert_refused("sluice10 s 1 beat 0 0 ",
                   "another version, this reader knows sluice1");
    assert_refused("sluice1 ", "no store id");
    assert_refused("sluice1  1 beat 0 0 ", "no store id");
    assert_refused("sluice1 0123456789012345678901234567890123456789 1 beat "
                   "0 0 ",
                   "store id: expected up to 39 visible ASCII characters");
    assert_refused("sluice1 a\tb 1 beat 0 0 ",
                   "store id: expected up to 39 visible ASCII characters");
    assert_refused("sluice1 s", "no store id");
    assert_refused("sluice1 s x beat 0 0 ", "revision: expected an integer");
    assert_refused("sluice1 s -1 beat 0 0 ", "revision: expected an integer");
    assert_refused("sluice1 s 1.0 beat 0 0 ", "revision: expected an integer");
    assert_refused("sluice1 s 18446744073709551616 beat 0 0 ",
                   "revision: expected an integer");
    assert_refused("sluice1 s 99999999999999999999 beat 0 0 ",
                   "revision: expected an integer");
    assert_refused("sluice1 s 1", "no revision");
    assert_refused("sluice1 s 1 stop 0 0 a", "unknown kind");
    assert_refused("sluice1 s 1 Beat 0 0 ", "unknown kind");
    assert_refused("sluice1 s 1 throttles 0 0 a", "unknown kind");
    assert_refused("sluice1 s 1 beat", "no kind");
    assert_refused("sluice1 s 1 throttle x 0 a", NUMBER);
    assert_refused("sluice1 s 1 throttle 1.0001 0 a", NUMBER);
    assert_refused("sluice1 s 1 throttle -0.1 0 a", NUMBER);
    assert_refused("sluice1 s 1 throttle nan 0 a", NUMBER);
    assert_refused("sluice1 s 1 throttle inf 0 a", NUMBER);
    assert_refused("sluice1 s 1 throttle 1e999 0 a", NUMBER);
    assert_refused("sluice1 s 1 throttle 1", "no ratio");
    assert_refused("sluice1 s 1 throttle 1 x a",
                   "remaining time: expected an integer");
    assert_refused("sluice1 s 1 throttle 1 -5 a",
                   "remaining time: expected an integer");
    assert_refused("sluice1 s 1 throttle 1 18446744073709551616 a",
                   "remaining time: expected an integer");
    assert_refused("sluice1 s 1 throttle 1 0", "no remaining time");
    assert_refused("sluice1 s 1 throttle 1 0 ", "throttle without a key");
    assert_refused("sluice1 s 1 unthrottle 0 0 ", "unthrottle without a key");
    assert_refused("sluice1 s 1 skip 0 0 ", "skip without a key");
    assert_refused("sluice1 s 1 beat 0 0 a", "beat with a key");
    assert_refused("sluice1 s 1 hint 0 0 a", "hint with a key");
    assert_refused("sluice1 s 1 unthrottle 1 0 a", "unthrottle with a ratio");
    assert_refused("sluice1 s 1 unthrottle 0 1 a", "unthrottle with a time");
    assert_refused("sluice1 s 1 beat 0 5 ", "beat with a time");
    assert_refused("sluice1 s 1 throttle 1 0 a\n", KEY);
    assert_refused("sluice1 s 1 throttle 1 0 \x1b[31m", KEY);
    assert_bytes_refused("sluice1 s 1 throttle 1 0 a\0b", 28, KEY);
    assert_bytes_refused("sluice1 s 1 throttle 1 0 a\0", 27, KEY);
    assert_bytes_refused("sluice1\0s 1 throttle 1 0 a", 26,
                         "another version, this reader knows sluice1");
    assert_bytes_refused("sluice1 s\0 1 beat 0 0 ", 22,
                         "store id: expected up to 39 visible ASCII "
                         "characters");
}

static void
test_a_message_has_bounds(void **state)
{
    (void)state;
    char text[SLUICE_ORDER_TEXT_MAX + 2];
    int at = snprintf(text, sizeof(text), "sluice1 s 1 throttle 1 0 ");
    struct sluice_order order;
    char err[128];

    memset(text + at, 'k', sizeof(text) - (size_t)at);
    assert_int_equal(
        sluice_order_read(text, (size_t)at + 128, &order, err, sizeof(err)), 0);
    assert_bytes_refused(text, (size_t)at + 129, KEY);
    assert_bytes_refused(text, SLUICE_ORDER_TEXT_MAX, KEY);
    assert_bytes_refused(text, SLUICE_ORDER_TEXT_MAX + 1,
                         "513 bytes, expected at most 512");
}

/* Whatever is accepted can be written, and is then read as the same. */
static void
assert_consistent(const char *bytes, size_t len)
{
    char buf[SLUICE_ORDER_TEXT_MAX], err[128];
    struct sluice_order order, again;

    memset(err, '#', sizeof(err));
    if (read_bytes(bytes, len, &order, err, sizeof(err)) != 0) {
        assert_non_null(memchr(err, '\0', sizeof(err)));
        return;
    }
    len = sluice_order_write(&order, buf, sizeof(buf));
    assert_true(len > 0);
    assert_int_equal(read_bytes(buf, len, &again, err, sizeof(err)), 0);
    assert_same(&again, &order);
}

static void
test_no_spoilt_byte_does_harm(void **state)
{
    (void)state;
    char good[SLUICE_ORDER_TEXT_MAX], bytes[SLUICE_ORDER_TEXT_MAX];
    size_t len = sluice_order_write(&throttle, good, sizeof(good));

    for (size_t cut = 0; cut <= len; cut++)
        assert_consistent(good, cut);
    for (size_t at = 0; at < len; at++)
        for (unsigned value = 0; value < 256; value++) {
            memcpy(bytes, good, len);
            bytes[at] = (char)value;
            assert_consistent(bytes, len);
            memmove(bytes + at + 1, good + at, len - at);
            assert_consistent(bytes, len + 1);
        }
}

static void
test_the_error_is_cut_to_its_buffer(void **state)
{
    (void)state;
    struct sluice_order order;
    char err[8] = "#######";

    assert_int_equal(sluice_order_read("x y", 3, &order, err, sizeof(err)), -1);
    assert_string_equal(err, "another");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_kind_goes_there_and_back),
        cmocka_unit_test(test_the_longest_order_fits),
        cmocka_unit_test(test_a_key_may_have_blanks_and_utf8),
        cmocka_unit_test(test_what_could_not_be_read_is_not_written),
        cmocka_unit_test(test_each_garbage_is_named),
        cmocka_unit_test(test_a_message_has_bounds),
        cmocka_unit_test(test_no_spoilt_byte_does_harm),
        cmocka_unit_test(test_the_error_is_cut_to_its_buffer),
    };

    return cmocka_run_group_tests_name("order", tests, NULL, NULL);
}
