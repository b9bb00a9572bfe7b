/*
 * The state file: two slots and a generation for each part, written by one
 * process and read by any number, without locks.
 *
 * The writer fills the slot that is not current with release stores, word by
 * word, then stores the new generation. A reader loads the generation, copies
 * its slot with acquire loads, and loads the generation again: the same, and
 * the copy is whole. That needs no fence: a slot is rewritten only after the
 * generation moved on, so a reader that meets a new word has acquired its
 * store, which comes after that of the new generation, and the second load
 * must see it. A writer killed anywhere leaves the generation on a finished
 * slot: there is nothing to repair.
 *
 * Every word that may change is accessed atomically: a memcpy of it would be
 * a data race whatever the hardware does, and fences could not be checked by
 * ThreadSanitizer. Readers only load (their map is read-only), and a live
 * file is never truncated (that would be SIGBUS in every reader): another
 * size is another file, renamed over the old one.
 */
#include "sluice_state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <sys/mman.h>
#include <sys/stat.h>

#include "sluice_file.h"

#define STATE_ATTEMPTS 8
#define STATE_FUTURE_MS 1000 /* how far ahead a sane heartbeat can be */

/* A lock hidden in libatomic would be this process's own. */
_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "64-bit atomics must be lock-free");
_Static_assert(sizeof(_Atomic uint64_t) == 8, "an atomic word is a word");

static uint64_t
word_load(const void *word)
{
    return atomic_load_explicit((const _Atomic uint64_t *)word,
                                memory_order_acquire);
}

static void
word_store(void *word, uint64_t value)
{
    atomic_store_explicit((_Atomic uint64_t *)word, value,
                          memory_order_release);
}

/* ---- the writer's half ------------------------------------------------ */

static void
slot_write(unsigned char *slot, const unsigned char *image, size_t size)
{
    uint64_t word;

    for (size_t i = 0; i < size; i += sizeof(word)) {
        memcpy(&word, image + i, sizeof(word));
        word_store(slot + i, word);
    }
}

int
sluice_file_publish(unsigned char *base,
                    uint32_t kind,
                    const void *image,
                    size_t size)
{
    struct sluice_part *part;
    struct sluice_image head;
    uint64_t generation;

    if (kind < 1 || kind > SLUICE_PART_KINDS)
        return -1;
    part = (struct sluice_part *)(base + sizeof(struct sluice_header)) +
           (kind - 1);
    if (size < sizeof(head) || size % 8 != 0 || size > part->slot_size)
        return -1;
    memcpy(&head, image, sizeof(head));
    if (head.size != size)
        return -1;
    generation = word_load(&part->generation) + 1;
    slot_write(base + part->offset + (generation & 1) * part->slot_size, image,
               size);
    word_store(&part->generation, generation);
    return 0;
}

void
sluice_file_beat(unsigned char *base, uint64_t now_mono_ms)
{
    word_store(base + offsetof(struct sluice_header, heartbeat_mono_ms),
               now_mono_ms);
}

uint64_t
sluice_file_heartbeat(const unsigned char *base)
{
    return word_load(base + offsetof(struct sluice_header, heartbeat_mono_ms));
}

__attribute__((format(printf, 3, 4))) static int
fail(char *err, size_t err_size, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(err, err_size, format, args);
    va_end(args);
    return -1;
}

/* ---- reader: opening -------------------------------------------------- */

static int
check_header(const struct sluice_header *h,
             uint64_t there,
             char *err,
             size_t err_size)
{
    if (memcmp(h->magic, SLUICE_MAGIC, SLUICE_MAGIC_SIZE) != 0)
        return fail(err, err_size,
                    "not a state file: it does not begin with SLUICE");
    if (h->major != SLUICE_MAJOR)
        return fail(err, err_size, "version %u.%u, this reader knows %d.x",
                    h->major, h->minor, SLUICE_MAJOR);
    if (h->file_size > there || (size_t)h->file_size != h->file_size)
        return fail(err, err_size, "truncated: %llu bytes, expected %llu",
                    (unsigned long long)there,
                    (unsigned long long)h->file_size);
    if (h->header_size < sizeof(*h) || h->header_size % SLUICE_FILE_ALIGN != 0)
        return fail(err, err_size,
                    "header of %u bytes, expected a multiple of %d, at least "
                    "%zu",
                    h->header_size, SLUICE_FILE_ALIGN, sizeof(*h));
    if (h->part_stride < sizeof(struct sluice_part) ||
        h->part_stride % SLUICE_FILE_ALIGN != 0)
        return fail(err, err_size,
                    "parts of %u bytes, expected a multiple of %d, at least "
                    "%zu",
                    h->part_stride, SLUICE_FILE_ALIGN,
                    sizeof(struct sluice_part));
    if (h->header_size + (uint64_t)h->nparts * h->part_stride > h->file_size)
        return fail(err, err_size,
                    "%u parts of %u bytes do not fit the file of %llu bytes",
                    h->nparts, h->part_stride,
                    (unsigned long long)h->file_size);
    return 0;
}

static int
check_part(const struct sluice_header *h,
           const struct sluice_part *p,
           char *err,
           size_t err_size)
{
    if (p->slot_size == 0 || p->slot_size % SLUICE_FILE_ALIGN != 0)
        return fail(err, err_size,
                    "part %u: slots of %llu bytes, expected a multiple of %d",
                    p->kind, (unsigned long long)p->slot_size,
                    SLUICE_FILE_ALIGN);
    if (p->offset % SLUICE_FILE_ALIGN != 0)
        return fail(err, err_size,
                    "part %u: slots at %llu, expected a multiple of %d",
                    p->kind, (unsigned long long)p->offset, SLUICE_FILE_ALIGN);
    if (p->offset < h->header_size + (uint64_t)h->nparts * h->part_stride)
        return fail(err, err_size, "part %u: slots at %llu overlap the header",
                    p->kind, (unsigned long long)p->offset);
    if (p->offset > h->file_size ||
        p->slot_size > (h->file_size - p->offset) / 2)
        return fail(err, err_size,
                    "part %u: two slots of %llu bytes at %llu do not fit the "
                    "file of %llu bytes",
                    p->kind, (unsigned long long)p->slot_size,
                    (unsigned long long)p->offset,
                    (unsigned long long)h->file_size);
    return 0;
}

/* Notes the parts of known kinds; the others are a newer minor's. */
static int
map_parts(struct sluice_map *m,
          const struct sluice_header *h,
          char *err,
          size_t err_size)
{
    struct sluice_map_part *known;
    struct sluice_part part;
    uint64_t at = h->header_size;

    for (uint32_t i = 0; i < h->nparts; i++, at += h->part_stride) {
        memcpy(&part, m->base + at, offsetof(struct sluice_part, generation));
        if (part.kind < 1 || part.kind > SLUICE_PART_KINDS)
            continue;
        known = &m->parts[part.kind - 1];
        if (known->descriptor)
            return fail(err, err_size, "part %u stands in the file twice",
                        part.kind);
        if (check_part(h, &part, err, err_size) != 0)
            return -1;
        known->descriptor = at;
        known->offset = part.offset;
        known->slot_size = part.slot_size;
    }
    return 0;
}

static int
map_fd(struct sluice_map *m, int fd, char *err, size_t err_size)
{
    struct sluice_header h;
    struct stat st;
    ssize_t n;
    void *base;

    if (fstat(fd, &st) != 0)
        return fail(err, err_size, "cannot stat: %s", strerror(errno));
    if (!S_ISREG(st.st_mode))
        return fail(err, err_size, "not a regular file");
    n = pread(fd, &h, sizeof(h), 0);
    if (n < 0)
        return fail(err, err_size, "cannot read: %s", strerror(errno));
    if ((size_t)n < sizeof(h))
        return fail(err, err_size,
                    "too short: %zd bytes, the header alone has %zu", n,
                    sizeof(h));
    if (check_header(&h, (uint64_t)st.st_size, err, err_size) != 0)
        return -1;
    base = mmap(NULL, h.file_size, PROT_READ, MAP_SHARED, fd, 0);
    if (base == MAP_FAILED)
        return fail(err, err_size, "cannot map %llu bytes: %s",
                    (unsigned long long)h.file_size, strerror(errno));
    m->base = base;
    m->size = h.file_size;
    m->dev = st.st_dev;
    m->ino = st.st_ino;
    return map_parts(m, &h, err, err_size);
}

int
sluice_map_open(struct sluice_map *m,
                const char *path,
                char *err,
                size_t err_size)
{
    /* Not to hang on a FIFO. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    int rc, error;

    memset(m, 0, sizeof(*m));
    if (fd < 0) {
        error = errno;
        if (error == ENOENT)
            fail(err, err_size, "no such file");
        else
            fail(err, err_size, "cannot open: %s", strerror(error));
        errno = error;
        return -1;
    }
    rc = map_fd(m, fd, err, err_size);
    close(fd);
    if (rc != 0) {
        sluice_map_close(m);
        errno = EINVAL;
    }
    return rc;
}

int
sluice_map_moved(const struct sluice_map *m, const char *path)
{
    struct stat st;

    return !m->base || stat(path, &st) != 0 || st.st_ino != m->ino ||
           st.st_dev != m->dev;
}

void
sluice_map_close(struct sluice_map *m)
{
    if (m->base)
        munmap((void *)m->base, m->size);
    memset(m, 0, sizeof(*m));
}

/* ---- reader: reading -------------------------------------------------- */

static const struct sluice_map_part *
map_part(const struct sluice_map *m, uint32_t kind)
{
    if (!m->base || kind < 1 || kind > SLUICE_PART_KINDS ||
        m->parts[kind - 1].descriptor == 0)
        return NULL;
    return &m->parts[kind - 1];
}

static uint64_t
part_generation(const struct sluice_map *m, const struct sluice_map_part *p)
{
    return word_load(m->base + p->descriptor +
                     offsetof(struct sluice_part, generation));
}

uint64_t
sluice_map_generation(const struct sluice_map *m, uint32_t kind)
{
    const struct sluice_map_part *p = map_part(m, kind);

    return p ? part_generation(m, p) : 0;
}

uint64_t
sluice_map_heartbeat(const struct sluice_map *m)
{
    return m->base ? sluice_file_heartbeat(m->base) : 0;
}

const struct sluice_header *
sluice_map_header(const struct sluice_map *m)
{
    return (const struct sluice_header *)m->base;
}

size_t
sluice_map_slot_size(const struct sluice_map *m, uint32_t kind)
{
    const struct sluice_map_part *p = map_part(m, kind);

    return p ? p->slot_size : 0;
}

/* Copies an image out of a slot that may be overwritten meanwhile: only its
 * words, as many as it says it has. */
static void
slot_read(const unsigned char *slot, size_t room, unsigned char *buf)
{
    uint64_t word = word_load(slot + offsetof(struct sluice_image, size));
    size_t size = word < room ? word / 8 * 8 : room;

    if (size < sizeof(struct sluice_image))
        size = sizeof(struct sluice_image);
    for (size_t i = 0; i < size; i += sizeof(word)) {
        word = word_load(slot + i);
        memcpy(buf + i, &word, sizeof(word));
    }
}

uint64_t
sluice_map_snapshot(const struct sluice_map *m, uint32_t kind, void *buf)
{
    const struct sluice_map_part *p = map_part(m, kind);
    uint64_t generation;

    if (!p)
        return 0;
    for (int i = 0; i < STATE_ATTEMPTS; i++) {
        generation = part_generation(m, p);
        if (generation == 0)
            return 0;
        slot_read(m->base + p->offset + (generation & 1) * p->slot_size,
                  p->slot_size, buf);
        if (part_generation(m, p) == generation)
            return generation;
    }
    return 0;
}

uint64_t
sluice_heartbeat_age(uint64_t heartbeat_mono_ms, uint64_t now_mono_ms)
{
    if (heartbeat_mono_ms == 0 ||
        heartbeat_mono_ms > now_mono_ms + STATE_FUTURE_MS)
        return UINT64_MAX;
    return heartbeat_mono_ms > now_mono_ms ? 0
                                           : now_mono_ms - heartbeat_mono_ms;
}
