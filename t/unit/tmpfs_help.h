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

static int tmpfs_errno = EPERM; /* 0: may mount */

/* Mounts are of this process alone from now on. Before its first thread:
 * threads that are there already would not see them. */
static inline void
tmpfs_begin(void)
{
    tmpfs_errno = 0;
    if (unshare(CLONE_NEWNS) != 0 ||
        mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
        tmpfs_errno = errno;
}

/* tempdir/tmpfs, of that size. NULL, and says so, where that is not allowed:
 * then the test returns (for prove a test that cmocka calls skipped has
 * failed). */
static inline const char *
tmpfs_mount(const char *size)
{
    static char path[512], options[64];

    snprintf(path, sizeof(path), "%s", tempdir_path("tmpfs"));
    snprintf(options, sizeof(options), "mode=0700,size=%s", size);
    if (tmpfs_errno == 0 &&
        (mkdir(path, 0700) != 0 || mount("tmpfs", path, "tmpfs", 0, options)))
        tmpfs_errno = errno;
    if (tmpfs_errno == 0)
        return path;
    print_message("# skipped: cannot mount a tmpfs: %s\n",
                  strerror(tmpfs_errno));
    rmdir(path);
    return NULL;
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
    fd = open(name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    while (write(fd, page, sizeof(page)) > 0)
        ;
    assert_int_equal(errno, ENOSPC);
    close(fd);
}

#endif
