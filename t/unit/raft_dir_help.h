/* Data directories of voters: opened, refused. Comes after cmocka.h. */
#ifndef RAFT_DIR_HELP_H
#define RAFT_DIR_HELP_H

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "consensus/consensus_raft_dir.h"
#include "tempdir.h"

#define ERR_SIZE 2048

static char err[ERR_SIZE];
static char base[512]; /* RaftDataDir, fresh for each test */

static inline struct conf
conf_of(const char *dir, const char *domain)
{
    return (struct conf){
        .domain = (char *)domain,
        .raft = {.data_dir = (char *)dir, .self = (char *)"db1:10008"}};
}

static inline int
open_as(struct raft_dir *d, const char *dir, const char *domain)
{
    struct conf conf = conf_of(dir, domain);
    int rc;

    memset(d, '#', sizeof(*d));
    memset(err, '#', sizeof(err));
    err[0] = '\0';
    rc = raft_dir_open(d, &conf, err, sizeof(err));
    assert_int_equal(rc == 0, *err == '\0');
    assert_int_equal(rc == 0, d->lock >= 0);
    return rc;
}

static inline void
opens(struct raft_dir *d)
{
    if (open_as(d, base, "dc1:production") != 0)
        fail_msg("%s", err);
}

/* With a sentence about that file below DIR. */
static inline void
refuses_at(const char *dir,
           const char *domain,
           const char *file,
           const char *why)
{
    char want[ERR_SIZE];
    struct raft_dir d;

    assert_int_equal(open_as(&d, dir, domain), -1);
    snprintf(want, sizeof(want), "%s%s: %s", dir, file, why);
    assert_string_equal(err, want);
    raft_dir_close(&d); /* is harmless */
}

static inline void
refuses(const char *file, const char *why)
{
    refuses_at(base, "dc1:production", file, why);
}

/* ---- files ------------------------------------------------------------ */

static inline const char *
in_base(const char *file)
{
    static char path[1024];

    snprintf(path, sizeof(path), "%s%s", base, file);
    return path;
}

static inline void
write_text(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

/* "" when there is none. */
static inline const char *
read_text(const char *path)
{
    static char text[4096];
    FILE *f = fopen(path, "r");
    size_t len = f ? fread(text, 1, sizeof(text) - 1, f) : 0;

    if (f)
        fclose(f);
    text[len] = '\0';
    return text;
}

static inline void
assert_missing(const char *file)
{
    assert_int_equal(access(in_base(file), F_OK), -1);
    assert_int_equal(errno, ENOENT);
}

static inline int
setup(void **state)
{
    static unsigned n;
    char name[32];

    (void)state;
    snprintf(name, sizeof(name), "data%u", n++);
    snprintf(base, sizeof(base), "%s", tempdir_path(name));
    return 0;
}

#define test(name) cmocka_unit_test_setup(name, setup)

#endif
