/*
 * Finding records by name: for arrays of records of one size that begin with
 * their name, NUL-terminated. Pure. An index begins zeroed.
 */
#ifndef SLUICE_INDEX_H
#define SLUICE_INDEX_H

#include <stddef.h>
#include <stdint.h>

struct sluice_index {
    uint32_t *slots; /* open addressing, 0 is empty, else record + 1 */
    uint32_t size;
};

struct sluice_records {
    const void *first; /* NULL: none */
    size_t size;       /* of each */
};

/* Room for `count` records. -1: too many, or no memory for them. */
int sluice_index_allocate(struct sluice_index *index, uint32_t count);

/* Enters record i, of those the index was allocated for. -1: its name is
 * taken. */
int sluice_index_add(struct sluice_index *index,
                     struct sluice_records records,
                     uint32_t i);

/* NULL: nothing has that name. name need not be terminated. */
const void *sluice_index_find(const struct sluice_index *index,
                              struct sluice_records records,
                              const char *name,
                              size_t len);

/* Frees what the index owns and zeroes it. */
void sluice_index_free(struct sluice_index *index);

#endif
