/* A writer of a small state file in a directory of its own, and a reader. */
#ifndef STATE_HELP_H
#define STATE_HELP_H

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

static const struct sluice_capacity small = {.clusters = 4,
                                             .hosts = 8,
                                             .throttles = 6};
static char err[1024];

static inline int
setup(void **state)
{
    (void)state;
    tempdir_make();
    err[0] = '\0';
    return 0;
}

static inline int
teardown(void **state)
{
    (void)state;
    tempdir_remove();
    return 0;
}

static inline const char *
path(void)
{
    return tempdir_path("state");
}

static inline int
exists(const char *name)
{
    struct stat st;

    return lstat(tempdir_path(name), &st) == 0;
}

static inline void
make_file(const char *name)
{
    int fd = open(tempdir_path(name), O_WRONLY | O_CREAT, 0600);

    assert_true(fd >= 0);
    close(fd);
}

/* An image of the part with `count` records, the mark in its time. */
static inline size_t
make_image(void *buf, uint32_t kind, uint32_t count, uint64_t mark)
{
    static const struct sluice_section sections[SLUICE_PART_KINDS] = {
        {.kind = SLUICE_SECTION_CLUSTERS,
         .stride = sizeof(struct sluice_cluster)},
        {.kind = SLUICE_SECTION_HOSTS, .stride = sizeof(struct sluice_host)},
        {.kind = SLUICE_SECTION_THROTTLES,
         .stride = sizeof(struct sluice_throttle)},
        {.kind = SLUICE_SECTION_ROUTES, .stride = sizeof(struct sluice_route)},
    };
    struct sluice_section section = sections[kind - 1];

    section.count = count;
    return sluice_image_begin(buf, mark, 1, &section);
}

static uint64_t images[4096]; /* 8-byte aligned, room enough for `small` */

static inline int
publish(struct sluice_writer *w, uint32_t kind, uint64_t mark)
{
    size_t size = make_image(images, kind, 1, mark);

    return sluice_writer_publish(w, kind, images, size);
}

static inline struct sluice_writer *
created(void)
{
    struct sluice_writer *w =
        sluice_writer_create(path(), small, err, sizeof(err));

    if (!w)
        fail_msg("create: %s", err);
    return w;
}

static inline void
commit(struct sluice_writer *w)
{
    if (sluice_writer_commit(w, err, sizeof(err)) != 0)
        fail_msg("commit: %s", err);
}

static inline struct sluice_writer *
committed(void)
{
    struct sluice_writer *w = created();

    assert_int_equal(publish(w, SLUICE_PART_VERDICTS, 1), 0);
    assert_int_equal(publish(w, SLUICE_PART_DETAIL, 1), 0);
    commit(w);
    return w;
}

static inline struct sluice_map
opened(void)
{
    struct sluice_map m = {0};

    if (sluice_map_open(&m, path(), err, sizeof(err)) != 0)
        fail_msg("open: %s", err);
    return m;
}

/* The mark of the image that a reader sees now; 0: none. */
static inline uint64_t
seen(const struct sluice_map *m, uint32_t kind)
{
    size_t size = sluice_map_slot_size(m, kind);
    struct sluice_image *image = aligned_alloc(64, size);
    uint64_t mark = 0;

    assert_non_null(image);
    if (sluice_map_snapshot(m, kind, image) != 0)
        mark = image->published_mono_ms;
    free(image);
    return mark;
}

/* What a reader that comes now finds. */
static inline uint64_t
found(uint32_t kind)
{
    struct sluice_map m = opened();
    uint64_t mark = seen(&m, kind);

    sluice_map_close(&m);
    return mark;
}

#endif
