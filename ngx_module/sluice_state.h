/*
 * The state file as a file: create, publish, heartbeat, ring | open, snapshot.
 * One writer, any number of readers, no locks between them; the writer may be
 * killed at any instruction and the last published image stays whole.
 *
 * Functions that can fail return 0, or -1 with a sentence in err (NUL-
 * terminated, at most err_size bytes, without the path's context repeated by
 * the caller). Times are CLOCK_MONOTONIC milliseconds given by the caller.
 */
#ifndef SLUICE_STATE_H
#define SLUICE_STATE_H

#include <sys/types.h>

#include "sluice_abi.h"

/* ---- writer (sluiced) ------------------------------------------------- */

struct sluice_writer;

/* Records of each kind. */
struct sluice_capacity {
    uint32_t clusters;
    uint32_t hosts;
    uint32_t throttles;
    uint32_t metrics;
    uint32_t apps;
    uint32_t host_metrics;
    uint32_t inventories;
    uint32_t counters;
    uint32_t routes;
    uint32_t route_hosts;
};

/*
 * Takes the writer's lock (flock on PATH.lock, kept until close) and prepares
 * a new file beside PATH. Readers go on seeing the old file until
 * sluice_writer_commit. NULL on failure; when another writer holds the lock,
 * err names its pid.
 */
struct sluice_writer *sluice_writer_create(const char *path,
                                           struct sluice_capacity capacity,
                                           char *err,
                                           size_t err_size);

/* Renames the prepared file over PATH: readers find it. Call it after each
 * part has been published. On failure the prepared file is gone, and the one
 * before it, if any, is the writer's again. */
int sluice_writer_commit(struct sluice_writer *w, char *err, size_t err_size);

/*
 * Prepares a file of another capacity to replace the current one: like create,
 * under the lock already held (taken again if somebody removed the lock file).
 * The parts must be published again, then committed. On failure the old file
 * goes on being the writer's. A file prepared before and never committed is
 * dropped.
 */
int sluice_writer_resize(struct sluice_writer *w,
                         struct sluice_capacity capacity,
                         char *err,
                         size_t err_size);

/* What the file has room for that publish writes to: the prepared one until
 * its commit, then the one at PATH. */
struct sluice_capacity sluice_writer_capacity(const struct sluice_writer *w);

/* Publishes an image of `size` bytes (a multiple of 8, built with
 * sluice_image_*) as the current one of the part `kind`; -1 when it does not
 * fit the slot or the kind is unknown: the old image then stays. */
int sluice_writer_publish(struct sluice_writer *w,
                          uint32_t kind,
                          const void *image,
                          size_t size);

void sluice_writer_heartbeat(struct sluice_writer *w, uint64_t now_mono_ms);

/* The doorbell: readers with an inotify watch on the directory get IN_ATTRIB
 * for the file's name. */
void sluice_writer_ring(struct sluice_writer *w);

/* 1 when the file at PATH is not the one committed last: removed, or replaced
 * by somebody. sluice_writer_resize and commit put it back. */
int sluice_writer_lost(const struct sluice_writer *w);

/* Unmaps and unlocks. The file stays: readers see its heartbeat stop. NULL is
 * allowed. */
void sluice_writer_close(struct sluice_writer *w);

/* ---- building an image ------------------------------------------------ */

/*
 * Bytes that an image with the given sections needs: sizes are multiples of 8.
 * The builder writes into `buf` of that size: begin, then each section once,
 * in any order; it returns where the caller puts `count` records (zeroed).
 */
size_t sluice_image_size(uint32_t nsections,
                         const struct sluice_section *sections);

/* Fills in the head and the descriptors from kind, count and stride of
 * `sections`, computing the offsets; zeroes the records. Returns the image's
 * size. buf is 8-byte aligned and sluice_image_size() long. */
size_t sluice_image_begin(void *buf,
                          uint64_t now_mono_ms,
                          uint32_t nsections,
                          const struct sluice_section *sections);

/* The records of a section in an image made by sluice_image_begin, or NULL. */
void *sluice_image_records(void *image, uint32_t kind);

/* ---- reader ----------------------------------------------------------- */

/* A mapped file; zero it before the first open. Owned by the caller, closed
 * by sluice_map_close. Snapshots are copies, so closing is always safe. */
struct sluice_map {
    const unsigned char *base; /* NULL: not open */
    size_t size;
    dev_t dev;
    ino_t ino;

    /* private: the parts this reader knows, by kind - 1, as checked at open;
     * what the file says later cannot lead outside the map */
    struct sluice_map_part {
        uint64_t descriptor; /* offset of struct sluice_part; 0: none */
        uint64_t offset;
        uint64_t slot_size;
    } parts[SLUICE_PART_KINDS];
};

/* Opens and checks PATH: magic, major, sizes, parts within the file. The map
 * must not be open. On failure it is left closed and err says what is wrong
 * and what was expected ("not a state file", "version 2.x, this reader knows
 * 1.x", …); errno is ENOENT only when the file (or its directory) does not
 * exist. */
int sluice_map_open(struct sluice_map *m,
                    const char *path,
                    char *err,
                    size_t err_size);

/* 1 when PATH is now another file than the one mapped (or cannot be seen),
 * 0 when it is the same. */
int sluice_map_moved(const struct sluice_map *m, const char *path);

void sluice_map_close(struct sluice_map *m);

/* One atomic load each. 0 when nothing was published or no such part. */
uint64_t sluice_map_generation(const struct sluice_map *m, uint32_t kind);
uint64_t sluice_map_heartbeat(const struct sluice_map *m);

/* The fixed header, for display. The map must be open. */
const struct sluice_header *sluice_map_header(const struct sluice_map *m);

/* Bytes a snapshot of this part can need; 0: no such part. */
size_t sluice_map_slot_size(const struct sluice_map *m, uint32_t kind);

/*
 * Copies the current image of a part into buf (8-byte aligned, slot_size
 * bytes). Returns its generation, or 0 when nothing was published or the
 * writer was faster than 8 attempts: keep what you have and try again later.
 */
uint64_t
sluice_map_snapshot(const struct sluice_map *m, uint32_t kind, void *buf);

/* Milliseconds since the heartbeat; UINT64_MAX when it lies more than 1 s in
 * the future (another boot, another time namespace) or never was. */
uint64_t sluice_heartbeat_age(uint64_t heartbeat_mono_ms, uint64_t now_mono_ms);

#endif
