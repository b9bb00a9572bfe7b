/* Arrays of structs that begin with their name, sorted by it. */
#include "consensus/records.h"

#include <stdlib.h>
#include <string.h>

size_t
records_place(const void *records, size_t count, size_t size, const char *name)
{
    size_t low = 0, high = count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (strcmp((const char *)records + middle * size, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void *
records_find(const void *records, size_t count, size_t size, const char *name)
{
    size_t at = records_place(records, count, size, name);
    char *record;

    if (at == count)
        return NULL;
    record = (char *)records + at * size;
    return strcmp(record, name) == 0 ? record : NULL;
}

void *
records_copy(const void *records, size_t count, size_t size)
{
    size_t room = 1;
    void *copied;

    while (room < count)
        room *= 2;
    copied = malloc(room * size);
    if (!copied)
        abort();
    if (count > 0)
        memcpy(copied, records, count * size);
    return copied;
}

void *
records_insert(void *records, size_t *count, size_t size, size_t at)
{
    char *record;

    /* The room is always the next power of two, at least: also after some
     * went, since nothing is given back then. */
    if ((*count & (*count - 1)) == 0)
        records = realloc(records, (*count ? *count * 2 : 1) * size);
    if (!records)
        abort();
    record = (char *)records + at * size;
    memmove(record + size, record, (*count - at) * size);
    memset(record, 0, size);
    ++*count;
    return records;
}

void
records_remove(void *records, size_t *count, size_t size, const char *name)
{
    char *record = records_find(records, *count, size, name);
    char *end = record ? (char *)records + *count * size : NULL;

    if (!record)
        return;
    memmove(record, record + size, (size_t)(end - record) - size);
    --*count;
}
