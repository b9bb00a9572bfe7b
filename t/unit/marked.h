/* Images that show whether they are whole: every word says the same mark, and
 * their length follows from it. */
#ifndef MARKED_H
#define MARKED_H

#include <stdint.h>
#include <string.h>

#include "sluice_state.h"

#define MARKED_CLUSTERS 64

static const struct sluice_capacity marked_capacity = {
    .clusters = MARKED_CLUSTERS,
    .hosts = 1,
};

static inline struct sluice_section
marked_section(uint64_t mark)
{
    return (struct sluice_section){
        .kind = SLUICE_SECTION_CLUSTERS,
        .count = (uint32_t)(MARKED_CLUSTERS - mark % 32),
        .stride = sizeof(struct sluice_cluster),
    };
}

static inline size_t
marked_fill(void *buf, uint64_t mark)
{
    struct sluice_section section = marked_section(mark);
    size_t size = sluice_image_begin(buf, mark, 1, &section);
    size_t words = (size_t)section.count * section.stride / 8;
    uint64_t *at = sluice_image_records(buf, section.kind);

    for (size_t i = 0; i < words; i++)
        at[i] = mark;
    return size;
}

static inline int
marked_publish(struct sluice_writer *w, void *buf, uint64_t mark)
{
    size_t size = marked_fill(buf, mark);

    return sluice_writer_publish(w, SLUICE_PART_VERDICTS, buf, size);
}

/* The mark of a whole image; 0: it is torn. */
static inline uint64_t
marked_read(const void *buf)
{
    const struct sluice_image *head = buf;
    uint64_t mark = head->published_mono_ms;
    struct sluice_section section = marked_section(mark), there;
    const uint64_t *at;

    memcpy(&there, head + 1, sizeof(there));
    if (head->size != sluice_image_size(1, &section) || head->nsections != 1 ||
        there.count != section.count || there.stride != section.stride)
        return 0;
    at = (const uint64_t *)((const char *)buf + there.offset);
    for (size_t i = 0; i < (size_t)section.count * section.stride / 8; i++)
        if (at[i] != mark)
            return 0;
    return mark;
}

#endif
