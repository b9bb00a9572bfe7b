/* An index of names: a hash table of record numbers, at most half full. */
#include "sluice_index.h"

#include <stdlib.h>
#include <string.h>

static uint32_t
hash_name(const char *name, size_t len)
{
    uint32_t hash = 2166136261u; /* FNV-1a */

    for (size_t i = 0; i < len; i++)
        hash = (hash ^ (unsigned char)name[i]) * 16777619u;
    return hash;
}

static const char *
record(struct sluice_records records, uint32_t i)
{
    return (const char *)records.first + i * records.size;
}

/* The place of this name: taken by it, or empty. */
static uint32_t *
slot_of(const struct sluice_index *index,
        struct sluice_records records,
        const char *name,
        size_t len)
{
    uint32_t mask = index->size - 1;
    uint32_t at = hash_name(name, len) & mask;
    const char *there;

    for (;; at = (at + 1) & mask) {
        if (index->slots[at] == 0)
            return &index->slots[at];
        there = record(records, index->slots[at] - 1);
        if (strlen(there) == len && memcmp(there, name, len) == 0)
            return &index->slots[at];
    }
}

int
sluice_index_allocate(struct sluice_index *index, uint32_t count)
{
    uint32_t size = 8;

    if (count > UINT32_MAX / 4)
        return -1;
    while (size / 2 < count)
        size *= 2;
    index->slots = calloc(size, sizeof(*index->slots));
    if (!index->slots)
        return -1;
    index->size = size;
    return 0;
}

int
sluice_index_add(struct sluice_index *index,
                 struct sluice_records records,
                 uint32_t i)
{
    const char *name = record(records, i);
    uint32_t *slot = slot_of(index, records, name, strlen(name));

    if (*slot != 0)
        return -1;
    *slot = i + 1;
    return 0;
}

const void *
sluice_index_find(const struct sluice_index *index,
                  struct sluice_records records,
                  const char *name,
                  size_t len)
{
    uint32_t at;

    if (index->size == 0)
        return NULL;
    at = *slot_of(index, records, name, len);
    return at ? record(records, at - 1) : NULL;
}

void
sluice_index_free(struct sluice_index *index)
{
    free(index->slots);
    memset(index, 0, sizeof(*index));
}
