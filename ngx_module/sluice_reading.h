/*
 * An image that is being read: everything is checked before it is used. What
 * the files of the view share. Pure.
 *
 * Functions return 0, or -1 with a sentence in the reading's err.
 */
#ifndef SLUICE_READING_H
#define SLUICE_READING_H

#include "sluice_view.h"

struct sluice_reading {
    const unsigned char *image;
    struct sluice_image head;
    char *err;
    size_t err_size;
};

/* -1, with the sentence. */
__attribute__((format(printf, 2, 3))) int
sluice_reading_refuse(const struct sluice_reading *r, const char *format, ...);

int
sluice_reading_begin(struct sluice_reading *r, const void *image, size_t size);

/* The one record of a section, in this build's size; zeros when the image has
 * no such section. `what` is said of several. */
int sluice_reading_one(const struct sluice_reading *r,
                       uint32_t kind,
                       void *record,
                       size_t size,
                       const char *what);

/* All records of a section, each in this build's size: what its writer did
 * not know is zero. *records is to be freed by the caller, also after an
 * error; NULL when there are none. */
int sluice_reading_all(const struct sluice_reading *r,
                       uint32_t kind,
                       size_t size,
                       void **records,
                       uint32_t *count);

/* Room to find the section's records by name. */
int sluice_reading_index(const struct sluice_reading *r,
                         struct sluice_index *index,
                         uint32_t kind,
                         uint32_t count);

/* The sections since minor 2, in sluice_view_more.c. */
int sluice_view_read_metrics(const struct sluice_reading *r,
                             struct sluice_view *v);
int sluice_view_read_apps(const struct sluice_reading *r,
                          struct sluice_view *v);
int sluice_view_read_host_metrics(const struct sluice_reading *r,
                                  struct sluice_view *v);
int sluice_view_read_inventories(const struct sluice_reading *r,
                                 struct sluice_view *v);
int sluice_view_read_counters(const struct sluice_reading *r,
                              struct sluice_view *v);

/* Those since minor 3, in sluice_view_routes.c. */
int sluice_view_read_routes(const struct sluice_reading *r,
                            struct sluice_view *v);

#define SLUICE_TERMINATE(text) ((text)[sizeof(text) - 1] = '\0')

#endif
