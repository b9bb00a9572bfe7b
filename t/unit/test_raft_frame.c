/* Frames: to bytes and back, whatever is wrong with them, and as they come. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "raft_frame_help.h"

#define FIELDS 9 /* of what follows the length: kind and seq are before */

/* What follows the length of the kind's full frame; the caller frees. */
static unsigned char *
full_bytes(enum frame_kind kind, size_t *len)
{
    struct frame f = full_frame(kind);
    unsigned char *bytes = frame_encode(&f, len), *rest;

    assert_non_null(bytes);
    *len -= 4;
    rest = malloc(*len);
    memcpy(rest, bytes + 4, *len);
    free(bytes);
    return rest;
}

/* From a block of just that length, so that reading past its end is seen. */
static int
decode_copy(struct frame *f, const void *bytes, size_t len)
{
    void *copy = malloc(len ? len : 1);
    int rc;

    memcpy(copy, bytes, len);
    rc = frame_decode(f, len ? copy : NULL, len);
    if (rc == 0)
        f->bytes = NULL; /* was in the copy */
    free(copy);
    return rc;
}

static void
assert_refused(const void *bytes, size_t len)
{
    struct frame f;

    assert_int_equal(decode_copy(&f, bytes, len), -1);
    assert_null(f.members);
    assert_int_equal(f.nmembers, 0);
}

/* The kind's full frame, with another byte there. */
static void
refuses_byte(enum frame_kind kind, size_t at, unsigned char byte)
{
    size_t len;
    unsigned char *bytes = full_bytes(kind, &len);

    assert_true(at < len);
    assert_int_not_equal(bytes[at], byte);
    bytes[at] = byte;
    assert_refused(bytes, len);
    free(bytes);
}

/* ---- to bytes and back ------------------------------------------------ */

static void
round_trip(const struct frame *f)
{
    struct frame back;
    size_t len, len_again;
    unsigned char *bytes = frame_encode(f, &len), *again;

    assert_non_null(bytes);
    assert_true(len >= 4 + FIELDS);
    assert_int_equal(bytes[0] | bytes[1] << 8 | bytes[2] << 16 | bytes[3] << 24,
                     len - 4);
    memset(&back, '#', sizeof(back));
    assert_int_equal(frame_decode(&back, bytes + 4, len - 4), 0);
    assert_true(same_frame(f, &back));
    again = frame_encode(&back, &len_again);
    assert_int_equal(len_again, len);
    assert_memory_equal(again, bytes, len);
    frame_clear(&back);
    assert_null(back.members);
    frame_clear(&back);
    free(bytes);
    free(again);
}

static void
test_every_kind(void **state)
{
    (void)state;
    for (int kind = 1; kind <= KINDS; kind++) {
        struct frame full = full_frame(kind), empty = {.kind = kind};

        round_trip(&full);
        round_trip(&empty);
    }
}

static void
test_bytes_as_they_are(void **state)
{
    static const unsigned char ask[] = {9, 0, 0, 0, 1, 7, 0, 0, 0, 0, 0, 0, 0},
                               outcome[] = {14, 0, 0, 0, 8, 9, 0, 0,   0,
                                            0,  0, 0, 0, 1, 2, 0, 'n', 'o'};
    struct frame f = {.kind = FRAME_ASK, .seq = 7};
    void *bytes;
    size_t len;

    (void)state;
    bytes = frame_encode(&f, &len);
    assert_int_equal(len, sizeof(ask));
    assert_memory_equal(bytes, ask, len);
    free(bytes);
    f = (struct frame){.kind = FRAME_MEMBER_OUTCOME,
                       .seq = 9,
                       .outcome = CONSENSUS_REFUSED,
                       .text = "no"};
    bytes = frame_encode(&f, &len);
    assert_int_equal(len, sizeof(outcome));
    assert_memory_equal(bytes, outcome, len);
    free(bytes);
}

/* Bytes belong to two kinds only, members to one. */
static void
test_fields_of_other_kinds(void **state)
{
    struct frame f = {.kind = FRAME_ASK, .bytes = "x", .len = 1, .index = 3};
    size_t len;
    void *bytes;

    (void)state;
    fill_text(f.text);
    bytes = frame_encode(&f, &len);
    assert_int_equal(len, 4 + FIELDS);
    free(bytes);
}

static void
test_any_flag_is_one(void **state)
{
    struct frame f;
    size_t len;
    unsigned char *bytes = full_bytes(FRAME_ANSWER, &len);

    (void)state;
    bytes[FIELDS] = 255;
    assert_int_equal(frame_decode(&f, bytes, len), 0);
    assert_int_equal(f.acts, 1);
    frame_clear(&f);
    free(bytes);
}

static void
test_most_members(void **state)
{
    struct consensus_member *members =
        calloc(FRAME_MEMBERS_MAX, sizeof(*members));
    struct frame f = {.kind = FRAME_MEMBER_LIST,
                      .members = members,
                      .nmembers = FRAME_MEMBERS_MAX};

    (void)state;
    for (size_t i = 0; i < f.nmembers; i++) {
        fill_text(members[i].id);
        fill_text(members[i].address);
        members[i].behind = i;
    }
    fill_text(f.text);
    round_trip(&f);
    free(members);
}

static void
test_a_large_state(void **state)
{
    static const size_t most = FRAME_MAX - 64 * 1024;
    unsigned char *large = calloc(1, most);
    struct frame f = {.kind = FRAME_STATE, .bytes = large, .len = most};
    struct frame back;
    unsigned char *bytes;
    size_t len;

    (void)state;
    large[most - 1] = 1;
    bytes = frame_encode(&f, &len);
    assert_int_equal(len, 4 + FIELDS + most);
    assert_int_equal(frame_decode(&back, bytes + 4, len - 4), 0);
    assert_int_equal(back.len, most);
    assert_int_equal(((const unsigned char *)back.bytes)[most - 1], 1);
    free(bytes);
    f.len = FRAME_MAX + 1; /* is not read */
    assert_null(frame_encode(&f, &len));
    f.len = SIZE_MAX - 16;
    assert_null(frame_encode(&f, &len));
    free(large);
}

/* ---- what is none ----------------------------------------------------- */

/* How short a frame may be: bytes at its end may be none. */
static size_t
least(enum frame_kind kind, size_t len)
{
    if (kind == FRAME_STATE)
        return FIELDS;
    return kind == FRAME_COMMAND ? FIELDS + 8 : len;
}

static void
test_truncated(void **state)
{
    (void)state;
    for (int kind = 1; kind <= KINDS; kind++) {
        size_t len;
        unsigned char *bytes = full_bytes(kind, &len);

        for (size_t n = 0; n < least(kind, len); n++)
            assert_refused(bytes, n);
        free(bytes);
    }
}

static void
test_trailing(void **state)
{
    struct frame f;

    (void)state;
    for (int kind = 1; kind <= KINDS; kind++) {
        size_t len;
        unsigned char *bytes = full_bytes(kind, &len);
        int is_open = kind == FRAME_STATE || kind == FRAME_COMMAND;

        bytes = realloc(bytes, len + 1);
        bytes[len] = 0;
        assert_int_equal(decode_copy(&f, bytes, len + 1), is_open ? 0 : -1);
        free(bytes);
    }
}

static void
test_no_such_kind(void **state)
{
    (void)state;
    for (int kind = 0; kind <= 255; kind++)
        if (kind < 1 || kind > KINDS)
            for (size_t len = 1; len <= 64; len++) {
                unsigned char bytes[64] = {(unsigned char)kind};

                assert_refused(bytes, len);
            }
}

static void
test_out_of_range(void **state)
{
    static const struct {
        enum frame_kind kind;
        size_t at;
        unsigned char most;
    } enums[] = {
        {FRAME_CHANGE, FIELDS, CHANGE_SET},
        {FRAME_OUTCOME, FIELDS, CONSENSUS_UNKNOWN},
        {FRAME_OUTCOME, FIELDS + 9, CHANGE_SET},
        {FRAME_MEMBER_LIST, FIELDS, CONSENSUS_UNKNOWN},
        {FRAME_MEMBER_LIST,
         FIELDS + 1 + 2 + FRAME_TEXT_SIZE - 1 + 4 + 2 + MEMBER_ID_SIZE - 1 + 2 +
             MEMBER_ADDRESS_SIZE - 1,
         MEMBER_OBSERVER},
        {FRAME_MEMBER_CHANGE, FIELDS, MEMBER_REPLACE},
        {FRAME_MEMBER_OUTCOME, FIELDS, CONSENSUS_UNKNOWN},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(enums) / sizeof(*enums); i++)
        for (int byte = enums[i].most + 1; byte <= 255; byte++)
            refuses_byte(enums[i].kind, enums[i].at, (unsigned char)byte);
}

/* A list that says how many, and has none. */
static void
refuses_count(uint32_t count)
{
    unsigned char bytes[FIELDS + 3 + 4] = {FRAME_MEMBER_LIST};

    for (int i = 0; i < 4; i++)
        bytes[FIELDS + 3 + i] = (unsigned char)(count >> 8 * i);
    assert_refused(bytes, sizeof(bytes));
}

static void
test_too_many_members(void **state)
{
    struct consensus_member *members =
        calloc(FRAME_MEMBERS_MAX + 1, sizeof(*members));
    struct frame f = {.kind = FRAME_MEMBER_LIST,
                      .members = members,
                      .nmembers = FRAME_MEMBERS_MAX + 1};
    size_t len;

    (void)state;
    refuses_count(1);
    refuses_count(FRAME_MEMBERS_MAX);
    refuses_count(FRAME_MEMBERS_MAX + 1);
    refuses_count(1u << 31);
    refuses_count(UINT32_MAX);
    /* Nor is written what nobody would take. */
    assert_null(frame_encode(&f, &len));
    free(members);
}

/* A text of LEN bytes in the only text of a frame. */
static int
decode_text(const void *text, size_t len)
{
    unsigned char bytes[1024] = {FRAME_MEMBER_OUTCOME};
    struct frame f;

    bytes[FIELDS + 1] = (unsigned char)len;
    bytes[FIELDS + 2] = (unsigned char)(len >> 8);
    memcpy(bytes + FIELDS + 3, text, len);
    return decode_copy(&f, bytes, FIELDS + 3 + len);
}

static void
test_texts(void **state)
{
    char text[FRAME_TEXT_SIZE + 1];

    (void)state;
    memset(text, 'x', sizeof(text));
    assert_int_equal(decode_text(text, FRAME_TEXT_SIZE - 1), 0);
    assert_int_equal(decode_text(text, FRAME_TEXT_SIZE), -1);
    assert_int_equal(decode_text(text, FRAME_TEXT_SIZE + 1), -1);
    assert_int_equal(decode_text("a\0b", 3), -1);
    assert_int_equal(decode_text("\0", 1), -1);
    assert_int_equal(decode_text("\xff\xfe", 2), 0);
}

/* One byte more than there is room for, in each of a change's texts. */
static void
test_texts_of_a_change(void **state)
{
    static const size_t sizes[] = {FACT_NAME_SIZE, FACT_NAME_SIZE,
                                   FACT_NOTE_SIZE};

    (void)state;
    for (size_t which = 0; which < 3; which++) {
        unsigned char bytes[1024] = {FRAME_CHANGE};
        size_t len = FIELDS + 1;
        struct frame f;

        for (size_t i = 0; i < 3; i++) {
            size_t n = i == which ? sizes[i] : 0;

            bytes[len] = (unsigned char)n;
            bytes[len + 1] = (unsigned char)(n >> 8);
            memset(bytes + len + 2, 'x', n);
            len += 2 + n + (i == 0 ? 16 : 0);
        }
        assert_int_equal(decode_copy(&f, bytes, len), -1);
    }
}

static void
test_nothing(void **state)
{
    struct frame f;

    (void)state;
    assert_int_equal(frame_decode(&f, NULL, 0), -1);
    assert_int_equal(frame_decode(&f, "", 0), -1);
    assert_null(f.members);
}

/* ---- as they come ----------------------------------------------------- */

/* Full frames of all kinds, one behind the other. */
static unsigned char *
all_frames(size_t *len)
{
    unsigned char *all = NULL;

    *len = 0;
    for (int kind = 1; kind <= KINDS; kind++) {
        struct frame f = full_frame(kind);
        size_t n;
        void *bytes = frame_encode(&f, &n);

        all = realloc(all, *len + n);
        memcpy(all + *len, bytes, n);
        *len += n;
        free(bytes);
    }
    return all;
}

static int
take_all(struct frame_reader *r, int next)
{
    const void *bytes;
    size_t len;

    while (frame_next(r, &bytes, &len)) {
        struct frame f, want = full_frame(next);

        assert_true(next <= KINDS);
        assert_int_equal(frame_decode(&f, bytes, len), 0);
        assert_true(same_frame(&f, &want));
        frame_clear(&f);
        next++;
    }
    return next;
}

static void
in_slices_of(size_t slice)
{
    struct frame_reader r = {0};
    size_t len;
    unsigned char *all = all_frames(&len);
    int next = 1;

    for (size_t at = 0; at < len; at += slice) {
        size_t n = len - at < slice ? len - at : slice;
        void *copy = malloc(n);

        memcpy(copy, all + at, n);
        assert_int_equal(frame_feed(&r, copy, n, FRAME_MAX), 0);
        free(copy);
        if (at % 3 == 0) /* sometimes late */
            assert_int_equal(frame_feed(&r, NULL, 0, FRAME_MAX), 0);
        next = take_all(&r, next);
    }
    assert_int_equal(next, KINDS + 1);
    frame_reader_free(&r);
    assert_null(r.bytes);
    frame_reader_free(&r);
    free(all);
}

static void
test_slices(void **state)
{
    static const size_t slices[] = {1, 2, 3, 4, 5, 7, 64, 1000, 65536};

    (void)state;
    for (size_t i = 0; i < sizeof(slices) / sizeof(*slices); i++)
        in_slices_of(slices[i]);
}

/* Frames that nobody takes wait, and stay in order. */
static void
test_fed_before_taken(void **state)
{
    struct frame_reader r = {0};
    const void *bytes;
    size_t len, at, all_len;
    unsigned char *all = all_frames(&all_len);

    (void)state;
    for (at = 0; at < all_len; at++)
        assert_int_equal(frame_feed(&r, all + at, 1, FRAME_MAX), 0);
    assert_int_equal(frame_next(&r, &bytes, &len), 1);
    assert_int_equal(((const unsigned char *)bytes)[0], 1);
    assert_int_equal(frame_feed(&r, all, 3, FRAME_MAX), 0);
    assert_int_equal(take_all(&r, 2), KINDS + 1);
    assert_int_equal(frame_feed(&r, all + 3, all_len - 3, FRAME_MAX), 0);
    assert_int_equal(take_all(&r, 1), KINDS + 1);
    frame_reader_free(&r);
    free(all);
}

static void
test_empty_feeds(void **state)
{
    struct frame_reader r = {0};
    const void *bytes;
    size_t len;

    (void)state;
    assert_int_equal(frame_next(&r, &bytes, &len), 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(frame_feed(&r, NULL, 0, 0), 0);
        assert_int_equal(frame_next(&r, &bytes, &len), 0);
    }
    frame_reader_free(&r);
}

/* A frame may be of no bytes: the reader does not know what is in it. */
static void
test_a_frame_of_nothing(void **state)
{
    struct frame_reader r = {0};
    const void *bytes;
    size_t len;

    (void)state;
    assert_int_equal(frame_feed(&r, "\0\0\0\0\1\0\0\0x", 9, 1), 0);
    assert_int_equal(frame_next(&r, &bytes, &len), 1);
    assert_int_equal(len, 0);
    assert_int_equal(frame_next(&r, &bytes, &len), 1);
    assert_int_equal(len, 1);
    assert_memory_equal(bytes, "x", 1);
    assert_int_equal(frame_next(&r, &bytes, &len), 0);
    frame_reader_free(&r);
}

static void
test_too_long(void **state)
{
    struct frame_reader r = {0};

    (void)state;
    assert_int_equal(frame_feed(&r, "\2\0\0", 3, 1), 0);
    assert_int_equal(frame_feed(&r, "\0", 1, 1), -1);
    assert_int_equal(frame_feed(&r, NULL, 0, 1), -1);
    frame_reader_free(&r);
    assert_int_equal(frame_feed(&r, "\2\0\0\0", 4, 2), 0);
    frame_reader_free(&r);
    assert_int_equal(frame_feed(&r, "\xff\xff\xff\xff", 4, FRAME_MAX), -1);
    frame_reader_free(&r);
}

/* It may come with others, whole or not. */
static void
test_too_long_behind_another(void **state)
{
    struct frame_reader r = {0};
    const void *bytes;
    size_t len;

    (void)state;
    assert_int_equal(frame_feed(&r, "\1\0\0\0x\2\0\0\0yz", 11, 1), -1);
    frame_reader_free(&r);
    assert_int_equal(frame_feed(&r, "\1\0\0\0x\2\0\0\0", 9, 1), -1);
    frame_reader_free(&r);
    assert_int_equal(frame_feed(&r, "\1\0\0\0x\2\0\0", 8, 1), 0);
    assert_int_equal(frame_next(&r, &bytes, &len), 1);
    assert_int_equal(frame_feed(&r, "\0", 1, 1), -1);
    frame_reader_free(&r);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_kind),
        cmocka_unit_test(test_bytes_as_they_are),
        cmocka_unit_test(test_fields_of_other_kinds),
        cmocka_unit_test(test_any_flag_is_one),
        cmocka_unit_test(test_most_members),
        cmocka_unit_test(test_a_large_state),
        cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_trailing),
        cmocka_unit_test(test_no_such_kind),
        cmocka_unit_test(test_out_of_range),
        cmocka_unit_test(test_too_many_members),
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_texts_of_a_change),
        cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_slices),
        cmocka_unit_test(test_fed_before_taken),
        cmocka_unit_test(test_empty_feeds),
        cmocka_unit_test(test_a_frame_of_nothing),
        cmocka_unit_test(test_too_long),
        cmocka_unit_test(test_too_long_behind_another),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
