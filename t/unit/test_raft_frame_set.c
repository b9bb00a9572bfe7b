/* Frames with the change of a setting, which has fields of its own. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "raft_frame_help.h"

static const enum frame_kind kinds[] = {FRAME_CHANGE, FRAME_OUTCOME};

#define NKINDS (sizeof(kinds) / sizeof(*kinds))

static struct frame
full_set(enum frame_kind kind)
{
    struct frame f = full_frame(kind);

    f.change.kind = CHANGE_SET;
    f.change.compares = 1;
    f.change.expected = UINT64_MAX;
    f.change.lost = 1;
    fill_text(f.change.value);
    return f;
}

static void
test_there_and_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < NKINDS; i++) {
        struct frame f = full_set(kinds[i]), back;
        size_t len;
        unsigned char *bytes = frame_encode(&f, &len);

        memset(&back, '#', sizeof(back));
        assert_int_equal(frame_decode(&back, bytes + 4, len - 4), 0);
        assert_true(same_frame(&f, &back));
        frame_clear(&back);
        free(bytes);
    }
}

/* From blocks of just that length, so that reading past their end is seen. */
static void
test_cut_short(void **state)
{
    (void)state;
    for (size_t i = 0; i < NKINDS; i++) {
        struct frame f = full_set(kinds[i]), back;
        size_t len;
        unsigned char *bytes = frame_encode(&f, &len);

        for (size_t n = 1; n < len - 4; n++) {
            void *copy = malloc(n);

            memcpy(copy, bytes + 4, n);
            assert_int_equal(frame_decode(&back, copy, n), -1);
            free(copy);
        }
        free(bytes);
    }
}

/* Else it would be made whatever is there. */
static void
test_any_number_but_0_compares(void **state)
{
    (void)state;
    for (size_t i = 0; i < NKINDS; i++) {
        struct frame f = full_set(kinds[i]), back;
        unsigned char *bytes;
        size_t len;

        f.change.compares = f.change.lost = 256;
        bytes = frame_encode(&f, &len);
        assert_int_equal(frame_decode(&back, bytes + 4, len - 4), 0);
        assert_int_equal(back.change.compares, 1);
        assert_int_equal(back.change.lost, 1);
        frame_clear(&back);
        free(bytes);
    }
}

/* A server takes no more than 8192 bytes of a client. */
static void
test_the_longest_is_short(void **state)
{
    struct frame f = full_set(FRAME_CHANGE);
    size_t len;

    (void)state;
    free(frame_encode(&f, &len));
    assert_true(len < 4096);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_there_and_back),
        cmocka_unit_test(test_cut_short),
        cmocka_unit_test(test_any_number_but_0_compares),
        cmocka_unit_test(test_the_longest_is_short),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
