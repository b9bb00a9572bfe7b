/* The state file: images, its writer, and what readers see of it. */
#include "state_help.h"

#include <signal.h>

#include <sys/inotify.h>
#include <sys/resource.h>

/* ---- images ----------------------------------------------------------- */

static void
test_an_image_has_room_for_each_section(void **state)
{
    (void)state;
    const struct sluice_section sections[] = {
        {.kind = 7, .count = 3, .stride = 12}, /* 36, rounded up to 40 */
        {.kind = 8, .count = 0, .stride = 64},
        {.kind = 9, .count = 2, .stride = 16},
    };
    struct sluice_image *image = (void *)images;
    const struct sluice_section *s = (void *)(image + 1);

    assert_int_equal(sluice_image_size(0, NULL), 32);
    assert_int_equal(sluice_image_size(3, sections), 32 + 48 + 40 + 32);
    memset(images, 0xff, sizeof(images));
    assert_int_equal(sluice_image_begin(images, 77, 3, sections), 152);
    assert_true(image->published_mono_ms == 77);
    assert_true(image->size == 152);
    assert_int_equal(image->nsections, 3);
    assert_int_equal(image->section_stride, 16);
    assert_int_equal(s[0].offset, 80);
    assert_int_equal(s[1].offset, 120);
    assert_int_equal(s[2].offset, 120);
    assert_int_equal(s[2].kind, 9);
    assert_int_equal(s[2].count, 2);
    assert_int_equal(s[2].stride, 16);
    for (size_t i = 80; i < 152; i++)
        assert_int_equal(((char *)images)[i], 0);
    assert_int_equal(((unsigned char *)images)[152], 0xff);
    assert_ptr_equal(sluice_image_records(images, 7), (char *)images + 80);
    assert_ptr_equal(sluice_image_records(images, 9), (char *)images + 120);
    assert_null(sluice_image_records(images, 1));
}

/* ---- create and commit ------------------------------------------------ */

static void
test_readers_find_the_file_after_commit(void **state)
{
    (void)state;
    struct sluice_writer *w = created();
    struct sluice_map m = {0};

    assert_int_equal(publish(w, SLUICE_PART_VERDICTS, 11), 0);
    assert_int_equal(publish(w, SLUICE_PART_DETAIL, 12), 0);
    assert_int_equal(publish(w, SLUICE_PART_RULES, 13), 0);
    sluice_writer_heartbeat(w, 5000);
    assert_false(exists("state"));
    assert_int_equal(sluice_map_open(&m, path(), err, sizeof(err)), -1);
    assert_null(m.base);
    commit(w);
    m = opened();
    assert_true(seen(&m, SLUICE_PART_VERDICTS) == 11);
    assert_true(seen(&m, SLUICE_PART_DETAIL) == 12);
    assert_true(seen(&m, SLUICE_PART_RULES) == 13);
    assert_true(sluice_map_heartbeat(&m) == 5000);
    assert_int_equal(sluice_map_header(&m)->pid, getpid());
    assert_int_equal(sluice_map_header(&m)->major, SLUICE_MAJOR);
    assert_int_equal(sluice_map_header(&m)->minor, SLUICE_MINOR);
    assert_int_equal(sluice_map_header(&m)->cluster_capacity, 4);
    assert_int_equal(sluice_map_header(&m)->host_capacity, 8);
    assert_int_equal(sluice_map_header(&m)->throttle_capacity, 6);
    assert_true(sluice_map_header(&m)->born_real_ms > 1600000000000);
    sluice_map_close(&m);
    sluice_writer_close(w);
    assert_true(found(SLUICE_PART_VERDICTS) == 11); /* it stays */
}

static void
test_the_file_is_whole_and_for_all_to_read(void **state)
{
    (void)state;
    mode_t mask = umask(077);
    struct sluice_writer *w = committed();
    struct stat st;

    umask(mask);
    assert_int_equal(stat(path(), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0644);
    assert_true(st.st_blocks * 512 >= st.st_size); /* no hole: no SIGBUS */
    sluice_writer_close(w);
}

static void
test_nothing_is_left_of_a_file_never_committed(void **state)
{
    (void)state;
    struct sluice_writer *w = created();
    char name[64];

    snprintf(name, sizeof(name), "state.%ld.tmp", (long)getpid());
    assert_true(exists(name));
    sluice_writer_close(w);
    assert_false(exists(name));
    assert_false(exists("state"));
    sluice_writer_close(NULL);
}

static void
test_what_dead_writers_left_is_removed(void **state)
{
    (void)state;
    static const char *const theirs[] = {"state.abc.tmp", "state..tmp",
                                         "state.12.tmpx", "other.12.tmp",
                                         "state.12",      "statex.12.tmp"};
    struct sluice_writer *w;
    char own[64];

    snprintf(own, sizeof(own), "state.%ld.tmp", (long)getpid());
    make_file(own);
    make_file("state.12.tmp");
    make_file("state.999999.tmp");
    for (size_t i = 0; i < sizeof(theirs) / sizeof(theirs[0]); i++)
        make_file(theirs[i]);
    w = committed();
    assert_false(exists(own));
    assert_false(exists("state.12.tmp"));
    assert_false(exists("state.999999.tmp"));
    for (size_t i = 0; i < sizeof(theirs) / sizeof(theirs[0]); i++)
        assert_true(exists(theirs[i]));
    sluice_writer_close(w);
}

static void
test_a_relative_path_will_do(void **state)
{
    (void)state;
    struct sluice_writer *w;
    int cwd = open(".", O_RDONLY | O_DIRECTORY);

    make_file("state.12.tmp");
    assert_int_equal(chdir(tempdir), 0);
    w = sluice_writer_create("state", small, err, sizeof(err));
    assert_non_null(w);
    commit(w);
    sluice_writer_close(w);
    assert_int_equal(fchdir(cwd), 0);
    close(cwd);
    assert_true(exists("state"));
    assert_false(exists("state.12.tmp"));
}

static void
test_a_second_writer_is_told_who_the_first_is(void **state)
{
    (void)state;
    struct sluice_writer *w = committed(), *second;
    char expected[1024];

    second = sluice_writer_create(path(), small, err, sizeof(err));
    assert_null(second);
    snprintf(expected, sizeof(expected),
             "another writer, pid %ld, holds the lock %s.lock", (long)getpid(),
             path());
    assert_string_equal(err, expected);
    assert_int_equal(publish(w, SLUICE_PART_VERDICTS, 2), 0); /* undisturbed */
    assert_true(found(SLUICE_PART_VERDICTS) == 2);

    sluice_writer_close(w);
    second = created(); /* the lock went with the first */
    sluice_writer_close(second);
}

static void
test_what_create_cannot_do_it_says(void **state)
{
    (void)state;
    const struct sluice_capacity huge = {.clusters = 20000000, .hosts = 1};
    struct sluice_writer *w;
    char expected[1024];

    w = sluice_writer_create(tempdir_path("none/state"), small, err,
                             sizeof(err));
    assert_null(w);
    snprintf(expected, sizeof(expected),
             "cannot open the lock %s/none/state.lock: No such file or "
             "directory",
             tempdir);
    assert_string_equal(err, expected);

    w = sluice_writer_create(path(), huge, err, sizeof(err));
    assert_null(w);
    assert_string_equal(err, "no room for 20000000 clusters, 1 hosts and 0 "
                             "throttles in one state file");

    assert_int_equal(symlink("elsewhere", tempdir_path("state.lock")), 0);
    w = sluice_writer_create(path(), small, err, sizeof(err));
    assert_null(w);
    assert_non_null(strstr(err, "cannot open the lock"));
    assert_false(exists("elsewhere"));
}

/* A full file system, played by a limit on the size of files. */
static void
test_a_file_without_room_is_not_begun(void **state)
{
    (void)state;
    struct rlimit before, tight;
    struct sluice_writer *w;
    char name[64];

    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    tight = before;
    tight.rlim_cur = 4096;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
    w = sluice_writer_create(path(), small, err, sizeof(err));
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_null(w);
    assert_non_null(strstr(err, "cannot create"));
    assert_non_null(strstr(err, "bytes: File too large"));
    snprintf(name, sizeof(name), "state.%ld.tmp", (long)getpid());
    assert_false(exists(name));
}

static void
test_a_directory_in_the_place_is_an_error(void **state)
{
    (void)state;
    struct sluice_writer *w = created();

    assert_int_equal(mkdir(path(), 0755), 0);
    assert_int_equal(sluice_writer_commit(w, err, sizeof(err)), -1);
    assert_non_null(strstr(err, "cannot rename"));
    assert_non_null(strstr(err, "Is a directory"));
    assert_int_equal(publish(w, SLUICE_PART_VERDICTS, 1), -1); /* no file */
    assert_int_equal(sluice_writer_capacity(w).clusters, 0);
    assert_int_equal(sluice_writer_commit(w, err, sizeof(err)), -1);
    assert_string_equal(err, "no state file was prepared");
    sluice_writer_heartbeat(w, 1); /* harmless */
    sluice_writer_ring(w);
    sluice_writer_close(w);
}

/* ---- publish ---------------------------------------------------------- */

static void
test_each_publish_is_seen_at_once(void **state)
{
    (void)state;
    struct sluice_writer *w = created();
    struct sluice_map m;

    commit(w);
    m = opened();
    assert_true(sluice_map_generation(&m, SLUICE_PART_VERDICTS) == 0);
    assert_true(seen(&m, SLUICE_PART_VERDICTS) == 0);
    assert_true(sluice_map_heartbeat(&m) == 0);
    for (uint64_t i = 1; i < 10; i++) {
        assert_int_equal(publish(w, SLUICE_PART_VERDICTS, 100 + i), 0);
        assert_true(sluice_map_generation(&m, SLUICE_PART_VERDICTS) == i);
        assert_true(seen(&m, SLUICE_PART_VERDICTS) == 100 + i);
        sluice_writer_heartbeat(w, 1000 + i);
        assert_true(sluice_map_heartbeat(&m) == 1000 + i);
    }
    assert_true(sluice_map_generation(&m, SLUICE_PART_DETAIL) == 0);
    assert_true(sluice_map_generation(&m, SLUICE_PART_RULES) == 0);
    sluice_map_close(&m);
    sluice_writer_close(w);
}

static void
test_a_full_image_fits_to_the_last_byte(void **state)
{
    (void)state;
    struct sluice_writer *w = committed();
    struct sluice_map m = opened();
    size_t size = make_image(images, SLUICE_PART_DETAIL, small.hosts, 5);
    size_t slot = sluice_map_slot_size(&m, SLUICE_PART_DETAIL);
    unsigned char *copy = aligned_alloc(64, slot);

    for (size_t i = 48; i < size; i++)
        ((unsigned char *)images)[i] = (unsigned char)(i * 7);
    assert_int_equal(sluice_writer_publish(w, SLUICE_PART_DETAIL, images, size),
                     0);
    assert_true(sluice_map_snapshot(&m, SLUICE_PART_DETAIL, copy) == 2);
    assert_memory_equal(copy, images, size);
    free(copy);
    sluice_map_close(&m);
    sluice_writer_close(w);
}

/* All that the capacity promises, facts and throttles, and not one more. */
static void
test_rules_fit_as_many_as_promised(void **state)
{
    (void)state;
    struct sluice_section sections[] = {
        {SLUICE_SECTION_FACTS, 1, sizeof(struct sluice_facts), 0},
        {SLUICE_SECTION_THROTTLES, small.throttles,
         sizeof(struct sluice_throttle), 0},
    };
    struct sluice_writer *w = committed();
    size_t size = sluice_image_begin(images, 7, 2, sections);

    assert_int_equal(sluice_writer_capacity(w).throttles, small.throttles);
    assert_int_equal(sluice_writer_publish(w, SLUICE_PART_RULES, images, size),
                     0);
    assert_true(found(SLUICE_PART_RULES) == 7);
    sections[1].count++;
    size = sluice_image_begin(images, 8, 2, sections);
    assert_int_equal(sluice_writer_publish(w, SLUICE_PART_RULES, images, size),
                     -1);
    assert_true(found(SLUICE_PART_RULES) == 7);
    sluice_writer_close(w);
}

static void
test_what_does_not_fit_is_refused_and_nothing_changes(void **state)
{
    (void)state;
    struct sluice_writer *w = committed();
    size_t size = make_image(images, SLUICE_PART_VERDICTS, 6, 99);

    assert_int_equal(
        sluice_writer_publish(w, SLUICE_PART_VERDICTS, images, size), -1);
    size = make_image(images, SLUICE_PART_VERDICTS, 1, 99);
    assert_int_equal(sluice_writer_publish(w, 0, images, size), -1);
    assert_int_equal(
        sluice_writer_publish(w, SLUICE_PART_KINDS + 1, images, size), -1);
    assert_int_equal(
        sluice_writer_publish(w, SLUICE_PART_VERDICTS, images, size - 8), -1);
    assert_int_equal(sluice_writer_publish(w, SLUICE_PART_VERDICTS, images, 24),
                     -1);
    ((struct sluice_image *)images)->size = size - 4;
    assert_int_equal(
        sluice_writer_publish(w, SLUICE_PART_VERDICTS, images, size - 4), -1);
    assert_true(found(SLUICE_PART_VERDICTS) == 1);
    sluice_writer_close(w);
}

static void
test_the_bell_is_heard_in_the_directory(void **state)
{
    (void)state;
    struct sluice_writer *w = committed();
    char buf[1024] __attribute__((aligned(8)));
    const struct inotify_event *event = (void *)buf;
    int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

    assert_true(inotify_add_watch(fd, tempdir, IN_ATTRIB) >= 0);
    publish(w, SLUICE_PART_VERDICTS, 3);
    assert_int_equal(read(fd, buf, sizeof(buf)), -1); /* stores are silent */
    sluice_writer_ring(w);
    assert_true(read(fd, buf, sizeof(buf)) > 0);
    assert_string_equal(event->name, "state");
    assert_int_equal(event->mask, IN_ATTRIB);
    close(fd);
    sluice_writer_close(w);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_an_image_has_room_for_each_section),
        TEST(test_readers_find_the_file_after_commit),
        TEST(test_the_file_is_whole_and_for_all_to_read),
        TEST(test_nothing_is_left_of_a_file_never_committed),
        TEST(test_what_dead_writers_left_is_removed),
        TEST(test_a_relative_path_will_do),
        TEST(test_a_second_writer_is_told_who_the_first_is),
        TEST(test_what_create_cannot_do_it_says),
        TEST(test_a_file_without_room_is_not_begun),
        TEST(test_a_directory_in_the_place_is_an_error),
        TEST(test_each_publish_is_seen_at_once),
        TEST(test_a_full_image_fits_to_the_last_byte),
        TEST(test_rules_fit_as_many_as_promised),
        TEST(test_what_does_not_fit_is_refused_and_nothing_changes),
        TEST(test_the_bell_is_heard_in_the_directory),
    };

    return cmocka_run_group_tests_name("state", tests, NULL, NULL);
}
