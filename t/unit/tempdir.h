/* A directory for one test program's files. */
#ifndef TEMPDIR_H
#define TEMPDIR_H

#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char tempdir[256];

static inline int
tempdir_remove_one(const char *path,
                   const struct stat *st,
                   int type,
                   struct FTW *where)
{
    (void)st;
    (void)type;
    (void)where;
    return remove(path);
}

static inline void
tempdir_remove(void)
{
    nftw(tempdir, tempdir_remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static inline void
tempdir_make(void)
{
    const char *base = getenv("TMPDIR");

    int len = snprintf(tempdir, sizeof(tempdir), "%s/sluice-unit-XXXXXX",
                       base && base[0] ? base : "/tmp");

    if (len >= (int)sizeof(tempdir) || !mkdtemp(tempdir)) {
        perror(tempdir);
        exit(1);
    }
}

/* tempdir/NAME, in one of a few buffers that take turns. */
static inline const char *
tempdir_path(const char *name)
{
    static char paths[4][PATH_MAX];
    static unsigned turn;
    char *path = paths[turn++ % 4];

    if (snprintf(path, PATH_MAX, "%s/%s", tempdir, name) >= PATH_MAX)
        abort();
    return path;
}

#endif
