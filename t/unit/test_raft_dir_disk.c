/* A voter's data directory: what is in the way of using it, and disks. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/resource.h>

#include "raft_dir_help.h"
#include "tmpfs_help.h"

/* What goes to stderr until it ends. */
static int real_stderr;

static void
log_begin(void)
{
    int fd =
        open(tempdir_path("log"), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    real_stderr = dup(2);
    dup2(fd, 2);
    close(fd);
}

static const char *
log_end(void)
{
    dup2(real_stderr, 2);
    close(real_stderr);
    return read_text(tempdir_path("log"));
}

static int
lines_with(const char *text, const char *word)
{
    int count = 0;

    for (; (text = strstr(text, word)); text++)
        count++;
    return count;
}

/* ---- what is in the way ----------------------------------------------- */

static void
test_not_a_directory(void **state)
{
    (void)state;
    write_text(base, "");
    refuses("", "is not a directory");
    unlink(base);
    mkdir(base, 0700);
    write_text(in_base("/sluice"), "");
    refuses("/sluice", "is not a directory");
    unlink(in_base("/sluice"));
    mkdir(in_base("/sluice"), 0700);
    write_text(in_base("/sluice/raft"), "");
    refuses("/sluice/raft", "is not a directory");
    assert_string_equal(read_text(in_base("/sluice/raft")), "");
}

static void
test_below_a_file(void **state)
{
    char dir[600];

    (void)state;
    write_text(base, "");
    snprintf(dir, sizeof(dir), "%s/data", base);
    refuses_at(dir, "d", "", "Not a directory");
    snprintf(dir, sizeof(dir), "%s/missing/data", tempdir);
    refuses_at(dir, "d", "", "No such file or directory");
}

static void
test_lock_is_a_directory(void **state)
{
    (void)state;
    mkdir(base, 0700);
    mkdir(in_base("/sluice"), 0700);
    mkdir(in_base("/sluice/lock"), 0700);
    refuses("/sluice/lock", "Is a directory");
}

/* A path of that length; "" when it is shorter than the directory of tests.
 * All of it but the last name is there. */
static const char *
path_of(size_t len)
{
    static char path[RAFT_DIR_PATH_SIZE * 2];
    size_t at = (size_t)snprintf(path, sizeof(path), "%s", base);

    mkdir(path, 0700);
    while (at + 1 < len) {
        size_t n = len - at - 1 > 250 ? 200 : len - at - 1;

        path[at++] = '/';
        memset(path + at, 'p', n);
        at += n;
        path[at] = '\0';
        if (at < len)
            mkdir(path, 0700);
    }
    assert_int_equal(strlen(path), len);
    return path;
}

/* Either every file in it has a path, or it says so, and makes nothing. */
static void
test_a_long_path(void **state)
{
    (void)state;
    for (size_t len = RAFT_DIR_PATH_SIZE - 40; len < RAFT_DIR_PATH_SIZE + 40;
         len++) {
        const char *path = path_of(len);
        struct raft_dir d;

        if (open_as(&d, path, "d") == 0) {
            assert_int_equal(raft_dir_save(&d, err, sizeof(err)), 0);
            raft_dir_close(&d);
        } else {
            assert_non_null(strstr(err, ": the path is too long"));
            assert_int_equal(access(path, F_OK), -1);
        }
    }
}

static void
test_domain_is_no_text(void **state)
{
    (void)state;
    refuses_at(base, "\xff", "/sluice", "Domain is no UTF-8");
    assert_missing("/sluice/node.json");
}

/* ---- disks ------------------------------------------------------------ */

static void
test_read_only(void **state)
{
    const char *disk = tmpfs_mount("16m");
    struct raft_dir d;

    (void)state;
    if (!disk)
        return;
    assert_int_equal(open_as(&d, disk, "d"), 0);
    raft_dir_close(&d);
    tmpfs_read_only(disk);
    refuses_at(disk, "d", "/sluice/lock",
               "the disk is read-only: raft must write there");
    tmpfs_unmount();
    tmpfs_mount("1m");
    tmpfs_read_only(disk);
    refuses_at(disk, "d", "/sluice",
               "the disk is read-only: raft must write there");
    tmpfs_unmount();
}

static void
test_no_room(void **state)
{
    const char *disk = tmpfs_mount("1m");
    char path[600];

    (void)state;
    if (!disk)
        return;
    refuses_at(disk, "d", "/sluice",
               "no room left: raft needs 24 MiB there, and more as it grows");
    snprintf(path, sizeof(path), "%s/sluice/node.json", disk);
    assert_int_equal(access(path, F_OK), -1);
    snprintf(path, sizeof(path), "%s/sluice/probe", disk);
    assert_int_equal(access(path, F_OK), -1);
    tmpfs_unmount();
}

/* What was there stays. */
static void
test_no_room_to_save(void **state)
{
    const char *disk = tmpfs_mount("12m");
    char path[600], before[4096], want[1024];
    struct raft_dir d;

    (void)state;
    if (!disk)
        return;
    assert_int_equal(open_as(&d, disk, "d"), 0);
    snprintf(path, sizeof(path), "%s/sluice/node.json", disk);
    strcpy(before, read_text(path));
    tmpfs_fill(disk);
    d.alone = 1;
    assert_int_equal(raft_dir_save(&d, err, sizeof(err)), -1);
    snprintf(want, sizeof(want),
             "%s: no room left: raft needs 24 MiB there, and more as it grows",
             path);
    assert_string_equal(err, want);
    assert_string_equal(read_text(path), before);
    snprintf(path, sizeof(path), "%s/filler", disk);
    unlink(path);
    assert_int_equal(raft_dir_save(&d, err, sizeof(err)), 0);
    raft_dir_close(&d);
    snprintf(path, sizeof(path), "%s/sluice/raft/open-1", disk);
    write_text(path, "");
    assert_int_equal(open_as(&d, disk, "d"), 0);
    assert_int_equal(d.alone, 1);
    raft_dir_close(&d);
    tmpfs_unmount();
}

static void
test_in_memory(void **state)
{
    const char *disk = tmpfs_mount("16m"), *said;
    struct raft_dir d;

    (void)state;
    if (!disk)
        return;
    log_begin();
    assert_int_equal(open_as(&d, disk, "d"), 0);
    said = log_end();
    assert_int_equal(lines_with(said, "\n"), 1);
    assert_int_equal(lines_with(said, "is in memory"), 1);
    raft_dir_close(&d);
    tmpfs_unmount();
}

/* Whether a replaced node.json was complete cannot be seen without pulling
 * the plug; that it is a new file, and the old one whole until then, can. */
static void
test_save_replaces(void **state)
{
    char old[4096];
    struct raft_dir d;
    FILE *f;

    (void)state;
    opens(&d);
    strcpy(old, read_text(in_base("/sluice/node.json")));
    f = fopen(in_base("/sluice/node.json"), "r");
    d.anew = 1;
    assert_int_equal(raft_dir_save(&d, err, sizeof(err)), 0);
    {
        char still[4096] = "";

        assert_int_equal(fread(still, 1, sizeof(still), f), strlen(old));
        assert_string_equal(still, old);
    }
    fclose(f);
    assert_string_not_equal(read_text(in_base("/sluice/node.json")), old);
    raft_dir_close(&d);
}

static void
test_save_fails_whole(void **state)
{
    char old[4096];
    struct raft_dir d;

    (void)state;
    opens(&d);
    strcpy(old, read_text(in_base("/sluice/node.json")));
    mkdir(in_base("/sluice/node.json.new"), 0700);
    d.anew = 1;
    assert_int_equal(raft_dir_save(&d, err, sizeof(err)), -1);
    assert_non_null(strstr(err, "/sluice/node.json: Is a directory"));
    assert_string_equal(read_text(in_base("/sluice/node.json")), old);
    raft_dir_close(&d);
}

/* The system may write a part, and say nothing. */
static void
test_a_part_is_written(void **state)
{
    struct rlimit before, little;
    char old[4096];
    struct raft_dir d;
    int rc;

    (void)state;
    opens(&d);
    strcpy(old, read_text(in_base("/sluice/node.json")));
    getrlimit(RLIMIT_FSIZE, &before);
    little = before;
    little.rlim_cur = 40;
    setrlimit(RLIMIT_FSIZE, &little);
    errno = EINTR;
    rc = raft_dir_save(&d, err, sizeof(err));
    setrlimit(RLIMIT_FSIZE, &before);
    assert_int_equal(rc, -1);
    assert_non_null(strstr(err, "/sluice/node.json: no room left: "));
    assert_string_equal(read_text(in_base("/sluice/node.json")), old);
    raft_dir_close(&d);
}

/* ---- freno's ---------------------------------------------------------- */

static void
test_freno_is_left_alone(void **state)
{
    const char *said;
    struct stat before, after;
    struct raft_dir d;

    (void)state;
    mkdir(base, 0700);
    write_text(in_base("/freno-raft.db"), "bolt");
    mkdir(in_base("/snapshots"), 0700);
    stat(in_base("/freno-raft.db"), &before);
    for (int i = 0; i < 2; i++) {
        log_begin();
        opens(&d);
        said = log_end();
        assert_int_equal(lines_with(said, "event=freno_files"), 1);
        assert_int_equal(lines_with(said, "freno-raft.db"), 1);
        raft_dir_close(&d);
    }
    stat(in_base("/freno-raft.db"), &after);
    assert_string_equal(read_text(in_base("/freno-raft.db")), "bolt");
    assert_memory_equal(&before.st_mtim, &after.st_mtim,
                        sizeof(before.st_mtim));
    assert_memory_equal(&before.st_ctim, &after.st_ctim,
                        sizeof(before.st_ctim));
    assert_int_equal(before.st_ino, after.st_ino);
}

static void
test_no_freno(void **state)
{
    struct raft_dir d;

    (void)state;
    log_begin();
    opens(&d);
    assert_int_equal(lines_with(log_end(), "freno_files"), 0);
    raft_dir_close(&d);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        test(test_not_a_directory),
        test(test_below_a_file),
        test(test_lock_is_a_directory),
        test(test_a_long_path),
        test(test_domain_is_no_text),
        test(test_read_only),
        test(test_no_room),
        test(test_no_room_to_save),
        test(test_in_memory),
        test(test_save_replaces),
        test(test_save_fails_whole),
        test(test_a_part_is_written),
        test(test_freno_is_left_alone),
        test(test_no_freno),
    };
    int rc;

    tempdir_make();
    tmpfs_begin();
    rc = cmocka_run_group_tests(tests, NULL, NULL);
    tempdir_remove();
    return rc;
}
