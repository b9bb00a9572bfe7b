/*
 * Minor 0 of the state file, frozen: its structs, a reader and a writer that
 * share nothing with sluice_*.c. nginx keeps an old module through reloads, so
 * what is written here must work with every later minor of major 1, for ever.
 * This file is never brought up to date.
 *
 * The writer also makes files as minors to come may make them: m0_shape says
 * how they differ from minor 0.
 */
#ifndef MINOR0_H
#define MINOR0_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct m0_header {
    char magic[8];
    uint16_t major, minor;
    uint32_t header_size, nparts, part_stride;
    uint64_t file_size, born_real_ms;
    uint32_t pid, cluster_capacity, host_capacity, pad0;
    uint64_t reserved0, heartbeat_mono_ms;
    uint8_t reserved1[56];
};

struct m0_part {
    uint32_t kind, pad0;
    uint64_t offset, slot_size;
    uint8_t reserved0[40];
    uint64_t generation;
    uint8_t reserved1[56];
};

struct m0_image {
    uint64_t published_mono_ms, size;
    uint32_t nsections, section_stride;
    uint64_t reserved0;
};

struct m0_section {
    uint32_t kind, count, stride, offset;
};

struct m0_node {
    uint64_t leader_until_boot_ms;
    uint32_t flags, pad0;
};

struct m0_cluster {
    char name[64];
    double value, threshold;
    uint64_t sampled_mono_ms, valid_until_mono_ms;
    uint64_t healthy_mono_ms, healthy_real_ms;
    uint32_t status, pad0;
    char error[256];
};

struct m0_host {
    char cluster[64], name[256], address[48];
    double value;
    uint64_t sampled_mono_ms;
    uint32_t took_us, status;
    uint16_t port;
    uint8_t pad0[6];
    char text[256];
};

_Static_assert(sizeof(struct m0_header) == 128, "minor 0 is frozen");
_Static_assert(sizeof(struct m0_part) == 128, "minor 0 is frozen");
_Static_assert(sizeof(struct m0_image) == 32, "minor 0 is frozen");
_Static_assert(sizeof(struct m0_section) == 16, "minor 0 is frozen");
_Static_assert(sizeof(struct m0_node) == 16, "minor 0 is frozen");
_Static_assert(sizeof(struct m0_cluster) == 376, "minor 0 is frozen");
_Static_assert(sizeof(struct m0_host) == 656, "minor 0 is frozen");

/* What a file says, written or read. */
#define M0_MAX 8
struct m0_content {
    uint64_t heartbeat_mono_ms;
    uint64_t generation[2]; /* of parts 1 and 2 */
    struct m0_node node;
    uint32_t nclusters, nhosts;
    struct m0_cluster clusters[M0_MAX];
    struct m0_host hosts[M0_MAX];
};

/* ---- reader ----------------------------------------------------------- */

static inline void
m0_copy(void *to, size_t size, const unsigned char *from, uint32_t stride)
{
    memset(to, 0, size);
    memcpy(to, from, stride < size ? stride : size);
}

static inline int
m0_read_section(const unsigned char *image,
                const struct m0_section *s,
                struct m0_content *c)
{
    const unsigned char *record = image + s->offset;

    for (uint32_t i = 0; i < s->count; i++, record += s->stride) {
        if (i >= M0_MAX)
            return -1;
        if (s->kind == 1)
            m0_copy(&c->node, sizeof(c->node), record, s->stride);
        else if (s->kind == 2)
            m0_copy(&c->clusters[i], sizeof(c->clusters[i]), record, s->stride);
        else if (s->kind == 3)
            m0_copy(&c->hosts[i], sizeof(c->hosts[i]), record, s->stride);
    }
    if (s->kind == 2)
        c->nclusters = s->count;
    else if (s->kind == 3)
        c->nhosts = s->count;
    return 0;
}

static inline int
m0_read_image(const unsigned char *image, struct m0_content *c)
{
    struct m0_image head;
    struct m0_section s;

    memcpy(&head, image, sizeof(head));
    for (uint32_t i = 0; i < head.nsections; i++) {
        memcpy(&s, image + sizeof(head) + (size_t)i * head.section_stride,
               sizeof(s));
        if (s.kind >= 1 && s.kind <= 3 && m0_read_section(image, &s, c) != 0)
            return -1;
    }
    return 0;
}

/* A whole file in memory -> content. -1: not for this reader. */
static inline int
m0_read(const unsigned char *file, size_t size, struct m0_content *c)
{
    struct m0_header h;
    struct m0_part p;

    memset(c, 0, sizeof(*c));
    if (size < sizeof(h))
        return -1;
    memcpy(&h, file, sizeof(h));
    if (memcmp(h.magic, "SLUICE\0\1", 8) != 0 || h.major != 1 ||
        h.file_size > size)
        return -1;
    c->heartbeat_mono_ms = h.heartbeat_mono_ms;
    for (uint32_t i = 0; i < h.nparts; i++) {
        memcpy(&p, file + h.header_size + (size_t)i * h.part_stride, sizeof(p));
        if (p.kind < 1 || p.kind > 2 || p.generation == 0)
            continue;
        c->generation[p.kind - 1] = p.generation;
        if (m0_read_image(file + p.offset + (p.generation & 1) * p.slot_size,
                          c) != 0)
            return -1;
    }
    return 0;
}

/* ---- writer ----------------------------------------------------------- */

/* Zeros: as minor 0 does it. */
struct m0_shape {
    uint16_t major, minor;
    uint32_t header_size;    /* 0: 128 */
    uint32_t part_stride;    /* 0: 128 */
    uint32_t section_stride; /* 0: 16 */
    uint32_t node_stride, cluster_stride, host_stride;
    uint32_t extra_parts;    /* of unknown kinds, before the known ones */
    uint32_t extra_sections; /* likewise, in each image */
};

#define M0_FILL 0xa5 /* what stands where minor 0 knows nothing */

struct m0_builder {
    struct m0_shape shape;
    unsigned char *file;
    size_t size;
};

static inline uint32_t
m0_or(uint32_t value, size_t otherwise)
{
    return value ? value : (uint32_t)otherwise;
}

/* `count` records of `size` bytes as records of `stride` bytes at `to`. */
static inline unsigned char *
m0_put_records(unsigned char *to,
               const void *records,
               size_t size,
               uint32_t count,
               uint32_t stride)
{
    for (uint32_t i = 0; i < count; i++, to += stride) {
        memset(to, M0_FILL, stride);
        memcpy(to, (const unsigned char *)records + i * size,
               stride < size ? stride : size);
    }
    return to;
}

/* One image with the sections that belong to the part; returns its size. */
static inline size_t
m0_put_image(const struct m0_builder *b,
             unsigned char *image,
             uint32_t kind,
             const struct m0_content *c)
{
    const struct m0_shape *shape = &b->shape;
    const struct {
        const void *records;
        size_t size;
        struct m0_section section;
    } all[] = {
        {&c->node, sizeof(c->node), {1, 1, shape->node_stride, 0}},
        {c->clusters,
         sizeof(c->clusters[0]),
         {2, c->nclusters, shape->cluster_stride, 0}},
        {c->hosts, sizeof(c->hosts[0]), {3, c->nhosts, shape->host_stride, 0}},
    };
    uint32_t first = kind == 1 ? 0 : 2, count = kind == 1 ? 2 : 1;
    struct m0_image head = {.published_mono_ms = 4711,
                            .nsections = count + shape->extra_sections,
                            .section_stride = m0_or(shape->section_stride, 16)};
    unsigned char *descriptor = image + sizeof(head);
    unsigned char *at =
        descriptor + (size_t)head.nsections * head.section_stride;
    struct m0_section s;

    memset(descriptor, M0_FILL, (size_t)(at - descriptor));
    for (uint32_t i = 0; i < head.nsections; i++) {
        if (i < shape->extra_sections) {
            s = (struct m0_section){100 + i, 3, 24, (uint32_t)(at - image)};
            memset(at, M0_FILL, 72);
            at += 72;
        } else {
            uint32_t n = first + i - shape->extra_sections;

            s = all[n].section;
            s.stride = m0_or(s.stride, all[n].size);
            s.offset = (uint32_t)(at - image);
            at = m0_put_records(at, all[n].records, all[n].size, s.count,
                                s.stride);
        }
        memcpy(descriptor, &s, sizeof(s));
        descriptor += head.section_stride;
    }
    head.size = (size_t)(at - image);
    memcpy(image, &head, sizeof(head));
    return head.size;
}

/* A whole file in memory; the caller frees it. */
static inline unsigned char *
m0_write(struct m0_shape shape, const struct m0_content *c, size_t *size)
{
    struct m0_header h = {.magic = "SLUICE\0\1", /* the last NUL is cut off */
                          .major = (uint16_t)m0_or(shape.major, 1),
                          .minor = shape.minor,
                          .header_size = m0_or(shape.header_size, 128),
                          .nparts = 2 + shape.extra_parts,
                          .part_stride = m0_or(shape.part_stride, 128),
                          .born_real_ms = 1700000000000,
                          .pid = 4242,
                          .cluster_capacity = M0_MAX,
                          .host_capacity = M0_MAX,
                          .heartbeat_mono_ms = c->heartbeat_mono_ms};
    const size_t slot = 16384;
    struct m0_builder b = {.shape = shape};
    size_t at = h.header_size + (size_t)h.nparts * h.part_stride;

    h.file_size = at + h.nparts * 2 * slot;
    b.size = *size = h.file_size;
    b.file = malloc(b.size);
    if (!b.file)
        abort();
    memset(b.file, M0_FILL, b.size);
    memcpy(b.file, &h, sizeof(h));
    for (uint32_t i = 0; i < h.nparts; i++, at += 2 * slot) {
        uint32_t known = i >= shape.extra_parts;
        struct m0_part p = {
            .kind = known ? 1 + i - shape.extra_parts : 200 + i,
            .offset = at,
            .slot_size = slot,
        };

        if (known)
            p.generation = c->generation[p.kind - 1];
        memcpy(b.file + h.header_size + (size_t)i * h.part_stride, &p,
               sizeof(p));
        if (known && p.generation)
            m0_put_image(&b, b.file + at + (p.generation & 1) * slot, p.kind,
                         c);
    }
    return b.file;
}

#endif
