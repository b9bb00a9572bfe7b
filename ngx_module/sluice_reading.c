/* An image being read: its head, its sections, their records. */
#include "sluice_reading.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int
sluice_reading_refuse(const struct sluice_reading *r, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(r->err, r->err_size, format, args);
    va_end(args);
    return -1;
}

int
sluice_reading_begin(struct sluice_reading *r, const void *image, size_t size)
{
    struct sluice_image *head = &r->head;

    if (size < sizeof(*head))
        return sluice_reading_refuse(r,
                                     "image of %zu bytes, expected at least "
                                     "%zu",
                                     size, sizeof(*head));
    r->image = image;
    memcpy(head, image, sizeof(*head));
    if (head->size < sizeof(*head) || head->size > size || head->size % 8 != 0)
        return sluice_reading_refuse(
            r,
            "image says it has %llu bytes, expected a multiple of 8 "
            "from %zu to %zu",
            (unsigned long long)head->size, sizeof(*head), size);
    if (head->section_stride < sizeof(struct sluice_section) &&
        head->nsections > 0)
        return sluice_reading_refuse(
            r, "section descriptors of %u bytes, expected %zu",
            head->section_stride, sizeof(struct sluice_section));
    if ((uint64_t)head->nsections * head->section_stride >
        head->size - sizeof(*head))
        return sluice_reading_refuse(
            r, "%u section descriptors do not fit the image", head->nsections);
    return 0;
}

static int
check_section(const struct sluice_reading *r, const struct sluice_section *s)
{
    uint64_t begin =
        sizeof(r->head) + (uint64_t)r->head.nsections * r->head.section_stride;

    if (s->count > 0 && (s->stride == 0 || s->stride % 8 != 0))
        return sluice_reading_refuse(
            r, "section %u: stride %u, expected a multiple of 8", s->kind,
            s->stride);
    if (s->offset < begin || s->offset > r->head.size ||
        (uint64_t)s->count * s->stride > r->head.size - s->offset)
        return sluice_reading_refuse(
            r,
            "section %u: %u records of %u bytes at %u are outside "
            "the image of %llu bytes",
            s->kind, s->count, s->stride, s->offset,
            (unsigned long long)r->head.size);
    return 0;
}

/* 1 and *out; 0 with *out empty: the image has none; -1: a broken one. Kinds
 * nobody asks for are never looked at: a newer minor may have them. */
static int
find_section(const struct sluice_reading *r,
             uint32_t kind,
             struct sluice_section *out)
{
    struct sluice_section s;
    int found = 0;

    memset(out, 0, sizeof(*out));
    for (uint32_t i = 0; i < r->head.nsections; i++) {
        memcpy(&s,
               r->image + sizeof(r->head) + (size_t)i * r->head.section_stride,
               sizeof(s));
        if (s.kind != kind)
            continue;
        if (found)
            return sluice_reading_refuse(
                r, "section %u stands in the image twice", kind);
        if (check_section(r, &s) != 0)
            return -1;
        *out = s;
        found = 1;
    }
    return found;
}

/* A record in this build's size: what the writer knew, else zeros. */
static void
read_record(const struct sluice_reading *r,
            const struct sluice_section *s,
            uint32_t i,
            void *record,
            size_t size)
{
    size_t known = s->stride < size ? s->stride : size;

    memcpy(record, r->image + s->offset + (size_t)i * s->stride, known);
    memset((char *)record + known, 0, size - known);
}

int
sluice_reading_one(const struct sluice_reading *r,
                   uint32_t kind,
                   void *record,
                   size_t size,
                   const char *what)
{
    struct sluice_section s;
    int found = find_section(r, kind, &s);

    if (found <= 0)
        return found;
    if (s.count != 1)
        return sluice_reading_refuse(r, "%u %s, expected one", s.count, what);
    read_record(r, &s, 0, record, size);
    return 0;
}

int
sluice_reading_all(const struct sluice_reading *r,
                   uint32_t kind,
                   size_t size,
                   void **records,
                   uint32_t *count)
{
    struct sluice_section s;
    char *room;

    *records = NULL;
    *count = 0;
    if (find_section(r, kind, &s) < 0)
        return -1;
    if (s.count == 0)
        return 0;
    room = calloc(s.count, size);
    if (!room)
        return sluice_reading_refuse(r, "no memory for %u records", s.count);
    for (uint32_t i = 0; i < s.count; i++)
        read_record(r, &s, i, room + i * size, size);
    *records = room;
    *count = s.count;
    return 0;
}

int
sluice_reading_index(const struct sluice_reading *r,
                     struct sluice_index *index,
                     uint32_t kind,
                     uint32_t count)
{
    if (sluice_index_allocate(index, count) != 0)
        return sluice_reading_refuse(
            r, "section %u: no memory to find %u records by name", kind, count);
    return 0;
}
