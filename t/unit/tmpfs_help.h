/* Small and read-only filesystems, where the test may mount. Comes after
 * cmocka.h; needs tempdir.h. */
#ifndef TMPFS_HELP_H
#define TMPFS_HELP_H

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "tempdir.h"

static inline void
tmpfs_unmount(void)
{
    assert_int_equal(umount2(tempdir_path("tmpfs"), MNT_DETACH), 0);
    assert_int_equal(rmdir(tempdir_path("tmpfs")), 0);
}

/* tempdir/tmpfs, of that size, for this process alone. NULL, and
 * says so, where that is not allowed: then the test returns (for prove a test
 * that cmocka calls skipped has failed). */
static inline const char *
tmpfs_mount(const char *size)
{
    static int is_private;
    static char path[512], options[64];

    snprintf(path, sizeof(path), "%s", tempdir_path("tmpfs"));
    snprintf(options, sizeof(options), "mode=0700,size=%s", size);
    if ((!is_private &&
         (unshare(CLONE_NEWNS) != 0 ||
          mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL))) ||
        (mkdir(path, 0700) != 0 && errno != EEXIST) ||
        mount("tmpfs", path, "tmpfs", 0, options) != 0) {
        print_message("# skipped: cannot mount a tmpfs: %s\n", strerror(errno));
        rmdir(path);
        return NULL;
    }
    is_private = 1;
    return path;
}

static inline void
tmpfs_read_only(const char *path)
{
    assert_int_equal(mount(NULL, path, NULL, MS_REMOUNT | MS_RDONLY, NULL), 0);
}

/* Takes all the room that is left. */
static inline void
tmpfs_fill(const char *path)
{
    static const char page[4096];
    char name[600];
    int fd;

    snprintf(name, sizeof(name), "%s/filler", path);
    fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    while (write(fd, page, sizeof(page)) > 0)
        ;
    assert_int_equal(errno, ENOSPC);
    close(fd);
}

#endif
