/* Numbers and strings to bytes and back, and neither end runs over. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "consensus/pack.h"

static void
test_bytes_are_little_endian(void **state)
{
    static const unsigned char expected[] = {
        0x01, 0x03, 0x02, 0x07, 0x06, 0x05, 0x04, 0x0f, 0x0e, 0x0d, 0x0c,
        0x0b, 0x0a, 0x09, 0x08, 0,    0,    0,    0,    0,    0,    0xf0,
        0x3f, 0x02, 0,    'a',  'b',  'x',  'y',  'z',  0,    0,
    };
    unsigned char bytes[64];
    struct pack p;

    (void)state;
    memset(bytes, '#', sizeof(bytes));
    pack_init(&p, bytes, sizeof(bytes));
    pack_u8(&p, 0x01);
    pack_u16(&p, 0x0203);
    pack_u32(&p, 0x04050607);
    pack_u64(&p, 0x08090a0b0c0d0e0f);
    pack_double(&p, 1.0);
    pack_text(&p, "ab");
    pack_bytes(&p, "xyz", 3);
    pack_bytes(&p, NULL, 0);
    pack_pad8(&p);
    pack_pad8(&p); /* is a multiple already */
    assert_int_equal(p.failed, 0);
    assert_int_equal(p.len, sizeof(expected));
    assert_memory_equal(bytes, expected, sizeof(expected));
    assert_int_equal(bytes[p.len], '#');
}

/* Everything once; what it comes to is multiples of eight in all. */
static void
pack_everything(struct pack *p, double ratio)
{
    pack_u8(p, 0xff);
    pack_u16(p, 0xfffe);
    pack_u32(p, 0xfffffffd);
    pack_u64(p, 0xfffffffffffffffc);
    pack_double(p, ratio);
    pack_text(p, "");
    pack_text(p, "app/cluster1");
    pack_bytes(p, "\0\xff", 2);
    pack_pad8(p);
}

static double
unpack_everything(struct unpack *u, char *text, size_t size)
{
    double ratio;

    unpack_u8(u);
    unpack_u16(u);
    unpack_u32(u);
    unpack_u64(u);
    ratio = unpack_double(u);
    unpack_text(u, text, size);
    unpack_text(u, text, size);
    unpack_bytes(u, 2);
    unpack_pad8(u);
    return ratio;
}

static void
test_there_and_back(void **state)
{
    unsigned char bytes[64];
    char text[13];
    struct pack p;
    struct unpack u;

    (void)state;
    pack_init(&p, bytes, sizeof(bytes));
    pack_everything(&p, 0.1);
    unpack_init(&u, bytes, p.len);
    assert_int_equal(unpack_u8(&u), 0xff);
    assert_int_equal(unpack_u16(&u), 0xfffe);
    assert_int_equal(unpack_u32(&u), 0xfffffffd);
    assert_true(unpack_u64(&u) == 0xfffffffffffffffc);
    assert_true(unpack_double(&u) == 0.1);
    unpack_text(&u, text, 1);
    assert_string_equal(text, "");
    unpack_text(&u, text, sizeof(text));
    assert_string_equal(text, "app/cluster1");
    assert_memory_equal(unpack_bytes(&u, 2), "\0\xff", 2);
    assert_int_equal(unpack_ended(&u), 0);
    unpack_pad8(&u);
    assert_int_equal(unpack_ended(&u), 1);
    assert_int_equal(p.len % 8, 0);
}

static void
test_doubles_keep_every_bit(void **state)
{
    static const double values[] = {0.0, -0.0,     1e-320, 1.0 / 3,
                                    -1,  INFINITY, NAN};
    unsigned char bytes[64];
    char text[13];
    struct pack p;
    struct unpack u;
    double back;

    (void)state;
    for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
        pack_init(&p, bytes, sizeof(bytes));
        pack_everything(&p, values[i]);
        unpack_init(&u, bytes, p.len);
        back = unpack_everything(&u, text, sizeof(text));
        assert_memory_equal(&back, &values[i], sizeof(back));
    }
}

/* At every size that is too small; each in memory of just that size, so that
 * the sanitizer sees the first byte beyond. */
static void
test_a_writer_without_room(void **state)
{
    unsigned char whole[64], *some;
    struct pack p;
    size_t len;

    (void)state;
    pack_init(&p, whole, sizeof(whole));
    pack_everything(&p, 0.5);
    len = p.len;
    for (size_t size = 0; size < len; size++) {
        some = malloc(size + 1);
        some[size] = '#';
        pack_init(&p, some, size);
        pack_everything(&p, 0.5);
        assert_int_equal(p.failed, 1);
        assert_true(p.len <= size);
        assert_memory_equal(some, whole, p.len);
        assert_int_equal(some[size], '#');
        free(some);
    }
    pack_init(&p, whole, len);
    pack_everything(&p, 0.5);
    assert_int_equal(p.failed, 0);
}

/* What would fit after what did not must not stand in its place. */
static void
test_nothing_follows_what_did_not_fit(void **state)
{
    unsigned char bytes[8];
    struct pack p;

    (void)state;
    pack_init(&p, bytes, 3);
    pack_u32(&p, 1);
    pack_u8(&p, 2);
    pack_bytes(&p, "a", 1);
    pack_text(&p, "");
    pack_pad8(&p);
    assert_int_equal(p.failed, 1);
    assert_int_equal(p.len, 0);
    pack_init(&p, NULL, 0);
    assert_int_equal(p.failed, 0);
    pack_u8(&p, 0);
    assert_int_equal(p.failed, 1);
}

static void
test_a_text_has_a_longest(void **state)
{
    size_t size = 65536 + 8;
    unsigned char *bytes = malloc(size);
    char *text = malloc(65537), *back = malloc(65536);
    struct pack p;
    struct unpack u;

    (void)state;
    memset(text, 'x', 65536);
    text[65536] = '\0';
    pack_init(&p, bytes, size);
    pack_text(&p, text);
    assert_int_equal(p.failed, 1);
    text[65535] = '\0';
    pack_init(&p, bytes, size);
    pack_text(&p, text);
    assert_int_equal(p.failed, 0);
    unpack_init(&u, bytes, p.len);
    unpack_text(&u, back, 65536);
    assert_int_equal(unpack_ended(&u), 1);
    assert_string_equal(back, text);
    free(bytes);
    free(text);
    free(back);
}

static void
test_a_reader_past_the_end(void **state)
{
    unsigned char whole[64], *some;
    char text[13];
    struct pack p;
    struct unpack u;
    size_t len;

    (void)state;
    pack_init(&p, whole, sizeof(whole));
    pack_everything(&p, 0.5);
    len = p.len;
    for (size_t size = 0; size < len; size++) {
        some = malloc(size ? size : 1);
        memcpy(some, whole, size);
        unpack_init(&u, some, size);
        unpack_everything(&u, text, sizeof(text));
        assert_int_equal(u.failed, 1);
        assert_true(u.at <= size);
        assert_int_equal(unpack_ended(&u), 0);
        free(some);
    }
}

static void
assert_gives_nothing(struct unpack *u)
{
    char text[4] = "###";

    assert_int_equal(unpack_u8(u), 0);
    assert_int_equal(unpack_u16(u), 0);
    assert_int_equal(unpack_u32(u), 0);
    assert_true(unpack_u64(u) == 0);
    assert_true(unpack_double(u) == 0);
    unpack_text(u, text, sizeof(text));
    assert_string_equal(text, "");
    assert_null(unpack_bytes(u, 0));
    unpack_pad8(u);
    assert_int_equal(u->failed, 1);
}

static void
test_after_a_failure_there_is_nothing(void **state)
{
    struct unpack u;

    (void)state;
    unpack_init(&u, "\1\2\3\4\5\6\7", 7);
    assert_true(unpack_u64(&u) == 0);
    assert_gives_nothing(&u);
    unpack_init(&u, NULL, 0);
    assert_int_equal(unpack_ended(&u), 1);
    assert_non_null(unpack_bytes(&u, 0));
    unpack_u8(&u);
    assert_gives_nothing(&u);
    unpack_init(&u, NULL, 8); /* no bytes, whatever is said */
    assert_int_equal(unpack_u8(&u), 0);
    assert_gives_nothing(&u);
    unpack_init(&u, "ab", 2);
    assert_null(unpack_bytes(&u, SIZE_MAX));
    assert_gives_nothing(&u);
}

static void
test_texts_that_are_refused(void **state)
{
    static const struct {
        const char *bytes;
        size_t len, size;
        const char *text; /* NULL: refused */
    } rows[] = {
        {"\3\0abc", 5, 4, "abc"},
        {"\3\0abc", 5, 3, NULL}, /* the end of it would not fit */
        {"\3\0a\0c", 5, 4, NULL},
        {"\3\0ab\0", 5, 4, NULL},
        {"\4\0abc", 5, 8, NULL},
        {"\xff\xff"
         "abc",
         5, 8, NULL},
        {"\0\0", 2, 1, ""},
        {"\0\0", 2, 0, NULL},
        {"\0", 1, 4, NULL},
    };
    struct unpack u;
    char text[8];

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        memset(text, '#', sizeof(text));
        unpack_init(&u, rows[i].bytes, rows[i].len);
        unpack_text(&u, text, rows[i].size);
        assert_int_equal(u.failed, !rows[i].text);
        if (rows[i].size > 0)
            assert_string_equal(text, rows[i].text ? rows[i].text : "");
        else
            assert_int_equal(text[0], '#');
    }
}

static void
test_padding_is_zeroes(void **state)
{
    struct unpack u;

    (void)state;
    unpack_init(&u, "\1\0\0\0\0\0\0\0", 8);
    unpack_pad8(&u); /* at the begin there is none */
    assert_int_equal(u.at, 0);
    unpack_u8(&u);
    unpack_pad8(&u);
    assert_int_equal(unpack_ended(&u), 1);
    unpack_init(&u, "\1\0\0\0\0\0\0\1", 8);
    unpack_u8(&u);
    unpack_pad8(&u);
    assert_int_equal(u.failed, 1);
    unpack_init(&u, "\1\0\0\0\0\0\0", 7);
    unpack_u8(&u);
    unpack_pad8(&u);
    assert_int_equal(u.failed, 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes_are_little_endian),
        cmocka_unit_test(test_there_and_back),
        cmocka_unit_test(test_doubles_keep_every_bit),
        cmocka_unit_test(test_a_writer_without_room),
        cmocka_unit_test(test_nothing_follows_what_did_not_fit),
        cmocka_unit_test(test_a_text_has_a_longest),
        cmocka_unit_test(test_a_reader_past_the_end),
        cmocka_unit_test(test_after_a_failure_there_is_nothing),
        cmocka_unit_test(test_texts_that_are_refused),
        cmocka_unit_test(test_padding_is_zeroes),
    };

    return cmocka_run_group_tests_name("pack", tests, NULL, NULL);
}
