/* Opening a state file: everything that may be wrong with one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include <sys/stat.h>

#include "sluice_state.h"

#include "tempdir.h"

/* A good file of small size, whose bytes a test may spoil. */
static union {
    unsigned char bytes[1024];
    struct {
        struct sluice_header header;
        struct sluice_part parts[2];
        struct sluice_image slots[2][2]; /* padded to 64 each */
    } at;
} file;

#define SLOTS_AT 384u

static int
setup(void **state)
{
    (void)state;
    struct sluice_header *h = &file.at.header;

    tempdir_make();
    memset(&file, 0, sizeof(file));
    memcpy(h->magic, SLUICE_MAGIC, SLUICE_MAGIC_SIZE);
    h->major = SLUICE_MAJOR;
    h->header_size = sizeof(*h);
    h->nparts = 2;
    h->part_stride = sizeof(struct sluice_part);
    h->file_size = sizeof(file);
    for (uint32_t i = 0; i < 2; i++) {
        file.at.parts[i].kind = i + 1;
        file.at.parts[i].offset = SLOTS_AT + i * 128;
        file.at.parts[i].slot_size = 64;
    }
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    tempdir_remove();
    return 0;
}

static void
write_bytes(const void *bytes, size_t size)
{
    int fd = open(tempdir_path("state"), O_WRONLY | O_CREAT | O_TRUNC, 0644);

    assert_int_equal(write(fd, bytes, size), size);
    close(fd);
}

static int
open_file(struct sluice_map *m, char *err, size_t err_size)
{
    write_bytes(&file, sizeof(file));
    memset(m, 0, sizeof(*m));
    return sluice_map_open(m, tempdir_path("state"), err, err_size);
}

static void
assert_opens(void)
{
    struct sluice_map m;
    char err[256] = "";

    if (open_file(&m, err, sizeof(err)) != 0)
        fail_msg("refused: %s", err);
    sluice_map_close(&m);
}

/* The map is left closed, as if it had never been open. */
static void
assert_closed(const struct sluice_map *m)
{
    assert_null(m->base);
    assert_int_equal(m->size, 0);
    assert_true(sluice_map_generation(m, SLUICE_PART_VERDICTS) == 0);
    assert_true(sluice_map_heartbeat(m) == 0);
    assert_int_equal(sluice_map_slot_size(m, SLUICE_PART_VERDICTS), 0);
    assert_true(sluice_map_snapshot(m, SLUICE_PART_VERDICTS, NULL) == 0);
    assert_null(sluice_map_header(m));
    assert_true(sluice_map_moved(m, tempdir_path("state")));
}

static void
assert_path_refused(const char *path, int error, const char *reason)
{
    struct sluice_map m = {0};
    char err[256] = "";

    errno = 0;
    assert_int_equal(sluice_map_open(&m, path, err, sizeof(err)), -1);
    assert_int_equal(errno, error);
    assert_string_equal(err, reason);
    assert_closed(&m);
}

static void
assert_refused(const char *reason)
{
    write_bytes(&file, sizeof(file));
    assert_path_refused(tempdir_path("state"), EINVAL, reason);
}

/* ---- no file to speak of ---------------------------------------------- */

static void
test_a_missing_file_is_enoent(void **state)
{
    (void)state;
    assert_path_refused(tempdir_path("none"), ENOENT, "no such file");
    assert_path_refused(tempdir_path("no/dir"), ENOENT, "no such file");
    assert_path_refused("", ENOENT, "no such file");
}

static void
test_what_cannot_be_opened_is_not_enoent(void **state)
{
    (void)state;
    write_bytes("x", 1);
    assert_path_refused(tempdir_path("state/state"), ENOTDIR,
                        "cannot open: Not a directory");
    assert_int_equal(symlink("loop", tempdir_path("loop")), 0);
    assert_path_refused(tempdir_path("loop"), ELOOP,
                        "cannot open: Too many levels of symbolic links");
}

static void
test_only_regular_files_are_mapped(void **state)
{
    (void)state;
    assert_path_refused(tempdir, EINVAL, "not a regular file");
    assert_path_refused("/dev/null", EINVAL, "not a regular file");
    assert_int_equal(mkfifo(tempdir_path("fifo"), 0644), 0);
    alarm(5); /* a FIFO would hang an ordinary open for ever */
    assert_path_refused(tempdir_path("fifo"), EINVAL, "not a regular file");
    alarm(0);
}

static void
test_a_short_file_is_refused(void **state)
{
    (void)state;
    write_bytes("", 0);
    assert_path_refused(tempdir_path("state"), EINVAL,
                        "too short: 0 bytes, the header alone has 128");
    write_bytes(&file, 127);
    assert_path_refused(tempdir_path("state"), EINVAL,
                        "too short: 127 bytes, the header alone has 128");
    write_bytes(&file, sizeof(file) - 1);
    assert_path_refused(tempdir_path("state"), EINVAL,
                        "truncated: 1023 bytes, expected 1024");
    write_bytes(&file, 128);
    assert_path_refused(tempdir_path("state"), EINVAL,
                        "truncated: 128 bytes, expected 1024");
}

/* ---- a file that is not ours ------------------------------------------ */

static void
test_a_foreign_file_is_refused(void **state)
{
    (void)state;
    file.at.header.magic[7] = 2;
    assert_refused("not a state file: it does not begin with SLUICE");
    memset(&file, 0, sizeof(file));
    assert_refused("not a state file: it does not begin with SLUICE");
    memset(&file, 'x', sizeof(file));
    assert_refused("not a state file: it does not begin with SLUICE");
}

static void
test_another_major_is_refused_any_minor_taken(void **state)
{
    (void)state;
    file.at.header.minor = 77;
    assert_opens();
    file.at.header.major = 2;
    assert_refused("version 2.77, this reader knows 1.x");
    file.at.header.major = 0;
    assert_refused("version 0.77, this reader knows 1.x");
    file.at.header.major = 256; /* 1 in the other byte order */
    assert_refused("version 256.77, this reader knows 1.x");
}

/* ---- a file that contradicts itself ----------------------------------- */

static void
test_a_header_must_make_sense(void **state)
{
    (void)state;
    struct sluice_header *h = &file.at.header;

    h->header_size = 64;
    assert_refused("header of 64 bytes, expected a multiple of 64, at least "
                   "128");
    h->header_size = 136;
    assert_refused("header of 136 bytes, expected a multiple of 64, at least "
                   "128");
    h->header_size = 128;
    h->part_stride = 64;
    assert_refused("parts of 64 bytes, expected a multiple of 64, at least "
                   "128");
    h->part_stride = 129;
    assert_refused("parts of 129 bytes, expected a multiple of 64, at least "
                   "128");
    h->part_stride = 128;
    h->file_size = 1025;
    assert_refused("truncated: 1024 bytes, expected 1025");
    h->file_size = UINT64_MAX;
    assert_refused("truncated: 1024 bytes, expected 18446744073709551615");
}

static void
test_the_parts_must_be_in_the_file(void **state)
{
    (void)state;
    struct sluice_header *h = &file.at.header;

    h->nparts = 8;
    assert_refused("8 parts of 128 bytes do not fit the file of 1024 bytes");
    h->nparts = UINT32_MAX;
    assert_refused("4294967295 parts of 128 bytes do not fit the file of 1024 "
                   "bytes");
    h->nparts = 2;
    h->header_size = 960;
    assert_refused("2 parts of 128 bytes do not fit the file of 1024 bytes");
    h->header_size = 128;
    h->file_size = 320;
    assert_refused("2 parts of 128 bytes do not fit the file of 320 bytes");
    h->file_size = 0;
    assert_refused("2 parts of 128 bytes do not fit the file of 0 bytes");
}

static void
test_slots_must_be_whole_lines(void **state)
{
    (void)state;
    struct sluice_part *p = &file.at.parts[1];

    p->slot_size = 0;
    assert_refused("part 2: slots of 0 bytes, expected a multiple of 64");
    p->slot_size = 72;
    assert_refused("part 2: slots of 72 bytes, expected a multiple of 64");
    p->slot_size = 64;
    p->offset += 8;
    assert_refused("part 2: slots at 520, expected a multiple of 64");
}

static void
test_slots_must_be_in_the_file_behind_the_parts(void **state)
{
    (void)state;
    struct sluice_part *p = &file.at.parts[0];

    p->offset = 0;
    assert_refused("part 1: slots at 0 overlap the header");
    p->offset = SLOTS_AT - 64;
    assert_refused("part 1: slots at 320 overlap the header");
    p->offset = 960;
    assert_refused("part 1: two slots of 64 bytes at 960 do not fit the file "
                   "of 1024 bytes");
    p->offset = 896;
    assert_opens(); /* to the last byte */
    p->offset = UINT64_MAX - 63;
    assert_refused("part 1: two slots of 64 bytes at 18446744073709551552 do "
                   "not fit the file of 1024 bytes");
    p->offset = SLOTS_AT;
    p->slot_size = UINT64_MAX - 63;
    assert_refused("part 1: two slots of 18446744073709551552 bytes at 384 do "
                   "not fit the file of 1024 bytes");
    p->slot_size = 1ull << 63;
    assert_refused("part 1: two slots of 9223372036854775808 bytes at 384 do "
                   "not fit the file of 1024 bytes");
}

static void
test_a_part_twice_is_refused(void **state)
{
    (void)state;
    file.at.parts[1].kind = 1;
    assert_refused("part 1 stands in the file twice");
}

static void
test_parts_of_unknown_kinds_are_not_looked_at(void **state)
{
    (void)state;
    struct sluice_map m;
    char err[256];

    memset(&file.at.parts[1], 0xff, sizeof(file.at.parts[1]));
    assert_int_equal(open_file(&m, err, sizeof(err)), 0);
    assert_int_equal(sluice_map_slot_size(&m, 1), 64);
    assert_int_equal(sluice_map_slot_size(&m, 2), 0);
    assert_int_equal(sluice_map_slot_size(&m, 0), 0);
    assert_int_equal(sluice_map_slot_size(&m, UINT32_MAX), 0);
    assert_true(sluice_map_generation(&m, 2) == 0);
    assert_true(sluice_map_snapshot(&m, 2, NULL) == 0);
    sluice_map_close(&m);
}

static void
test_a_file_without_parts_says_nothing(void **state)
{
    (void)state;
    struct sluice_map m;
    char err[256];

    file.at.header.nparts = 0;
    file.at.header.heartbeat_mono_ms = 7;
    assert_int_equal(open_file(&m, err, sizeof(err)), 0);
    assert_true(sluice_map_generation(&m, 1) == 0);
    assert_true(sluice_map_heartbeat(&m) == 7);
    sluice_map_close(&m);
}

static void
test_the_error_is_cut_to_its_buffer(void **state)
{
    (void)state;
    struct sluice_map m;
    char err[8] = "#######";

    file.at.header.major = 9;
    assert_int_equal(open_file(&m, err, sizeof(err)), -1);
    assert_string_equal(err, "version");
}

/* ---- an open map ------------------------------------------------------ */

/* Neither the size an image claims nor what the header says later leads
 * outside: ASan watches the copy, the kernel the map. */
static void
test_a_snapshot_stays_within_its_slot(void **state)
{
    (void)state;
    static const uint64_t sizes[] = {0,  8,  31, 32, 33,   56,
                                     63, 64, 65, 72, 4096, UINT64_MAX};
    struct sluice_map m;
    char err[256];
    void *copy = aligned_alloc(64, 64);
    int fd;

    file.at.parts[0].generation = 1;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        memcpy(file.bytes + SLOTS_AT + 64 + offsetof(struct sluice_image, size),
               &sizes[i], 8);
        assert_int_equal(open_file(&m, err, sizeof(err)), 0);
        assert_true(sluice_map_snapshot(&m, 1, copy) == 1);
        assert_memory_equal(copy, file.bytes + SLOTS_AT + 64, 32);
        if (sizes[i] >= 64)
            assert_memory_equal(copy, file.bytes + SLOTS_AT + 64, 64);
        sluice_map_close(&m);
    }

    assert_int_equal(open_file(&m, err, sizeof(err)), 0);
    memset(file.bytes, 0xff, SLOTS_AT); /* the file changes under the map */
    fd = open(tempdir_path("state"), O_WRONLY);
    assert_int_equal(pwrite(fd, &file, SLOTS_AT, 0), SLOTS_AT);
    close(fd);
    assert_true(sluice_map_snapshot(&m, 1, copy) == UINT64_MAX);
    assert_int_equal(sluice_map_slot_size(&m, 1), 64);
    sluice_map_close(&m);
    free(copy);
}

static void
test_a_map_notices_another_file_in_its_place(void **state)
{
    (void)state;
    const char *path = tempdir_path("state");
    struct sluice_map m;
    char err[256];

    assert_int_equal(open_file(&m, err, sizeof(err)), 0);
    assert_false(sluice_map_moved(&m, path));
    assert_int_equal(rename(path, tempdir_path("old")), 0);
    assert_true(sluice_map_moved(&m, path));
    write_bytes(&file, sizeof(file));
    assert_true(sluice_map_moved(&m, path));
    assert_false(sluice_map_moved(&m, tempdir_path("old")));
    sluice_map_close(&m);
    assert_closed(&m);
    sluice_map_close(&m); /* twice is harmless */
}

static void
test_the_age_of_a_heartbeat(void **state)
{
    (void)state;
    assert_true(sluice_heartbeat_age(1000, 1000) == 0);
    assert_true(sluice_heartbeat_age(1000, 1234) == 234);
    assert_true(sluice_heartbeat_age(1001, 1000) == 0);
    assert_true(sluice_heartbeat_age(2000, 1000) == 0);
    assert_true(sluice_heartbeat_age(2001, 1000) == UINT64_MAX);
    assert_true(sluice_heartbeat_age(UINT64_MAX, 1000) == UINT64_MAX);
    assert_true(sluice_heartbeat_age(0, 1000) == UINT64_MAX);
    assert_true(sluice_heartbeat_age(0, 0) == UINT64_MAX);
    assert_true(sluice_heartbeat_age(1, UINT64_MAX) == UINT64_MAX - 1);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_a_missing_file_is_enoent),
        TEST(test_what_cannot_be_opened_is_not_enoent),
        TEST(test_only_regular_files_are_mapped),
        TEST(test_a_short_file_is_refused),
        TEST(test_a_foreign_file_is_refused),
        TEST(test_another_major_is_refused_any_minor_taken),
        TEST(test_a_header_must_make_sense),
        TEST(test_the_parts_must_be_in_the_file),
        TEST(test_slots_must_be_whole_lines),
        TEST(test_slots_must_be_in_the_file_behind_the_parts),
        TEST(test_a_part_twice_is_refused),
        TEST(test_parts_of_unknown_kinds_are_not_looked_at),
        TEST(test_a_file_without_parts_says_nothing),
        TEST(test_the_error_is_cut_to_its_buffer),
        TEST(test_a_snapshot_stays_within_its_slot),
        TEST(test_a_map_notices_another_file_in_its_place),
        TEST(test_the_age_of_a_heartbeat),
    };

    return cmocka_run_group_tests_name("state open", tests, NULL, NULL);
}
