/* Building an image: sections of equal records behind their descriptors. */
#include "sluice_state.h"

#include <string.h>

static size_t
section_size(const struct sluice_section *s)
{
    return ((size_t)s->count * s->stride + 7) / 8 * 8;
}

size_t
sluice_image_size(uint32_t nsections, const struct sluice_section *sections)
{
    size_t size = sizeof(struct sluice_image) +
                  (size_t)nsections * sizeof(struct sluice_section);

    for (uint32_t i = 0; i < nsections; i++)
        size += section_size(&sections[i]);
    return size;
}

size_t
sluice_image_begin(void *buf,
                   uint64_t now_mono_ms,
                   uint32_t nsections,
                   const struct sluice_section *sections)
{
    struct sluice_image *image = buf;
    struct sluice_section *s = (struct sluice_section *)(image + 1);
    size_t size = sluice_image_size(nsections, sections);
    size_t offset = sizeof(*image) + (size_t)nsections * sizeof(*s);

    memset(buf, 0, size);
    image->published_mono_ms = now_mono_ms;
    image->size = size;
    image->nsections = nsections;
    image->section_stride = sizeof(*s);
    for (uint32_t i = 0; i < nsections; i++, s++) {
        *s = sections[i];
        s->offset = (uint32_t)offset;
        offset += section_size(s);
    }
    return size;
}

void *
sluice_image_records(void *image, uint32_t kind)
{
    struct sluice_image *head = image;
    struct sluice_section *s = (struct sluice_section *)(head + 1);

    for (uint32_t i = 0; i < head->nsections; i++, s++)
        if (s->kind == kind)
            return (char *)image + s->offset;
    return NULL;
}
