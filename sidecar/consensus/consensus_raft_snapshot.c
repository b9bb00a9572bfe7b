/* Whether libraft's newest snapshot is whole. */
#include "consensus/consensus_raft_snapshot.h"

#include <dirent.h>
#include <endian.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define META ".meta"

/* ---- which one -------------------------------------------------------- */

struct snapshot {
    unsigned long long term, index, timestamp;
};

/* Only what has its meta file beside it counts, as for libraft. */
static int
parse(const char *name, struct snapshot *s)
{
    int end = 0;

    return sscanf(name, "snapshot-%llu-%llu-%llu" META "%n", &s->term,
                  &s->index, &s->timestamp, &end) == 3 &&
           end > 0 && name[end] == '\0';
}

static int
is_newer(const struct snapshot *a, const struct snapshot *b)
{
    if (a->term != b->term)
        return a->term > b->term;
    if (a->index != b->index)
        return a->index > b->index;
    return a->timestamp > b->timestamp;
}

/* A meta file alone is of a snapshot that was never finished. */
static FILE *
open_data(const char *dir, const char *name)
{
    char path[2048];

    snprintf(path, sizeof(path), "%s/%s", dir, name);
    return fopen(path, "re");
}

static int
has_data(const char *dir, const char *name)
{
    FILE *file = open_data(dir, name);
    int found = file && fgetc(file) != EOF;

    if (file)
        fclose(file);
    return found;
}

void
raft_snapshot_newest(const char *dir, char name[SNAPSHOT_NAME_SIZE])
{
    struct snapshot s, newest = {0};
    char data[SNAPSHOT_NAME_SIZE];
    struct dirent *entry;
    DIR *d = opendir(dir);

    name[0] = '\0';
    while (d && (entry = readdir(d))) {
        if (!parse(entry->d_name, &s) || (name[0] && !is_newer(&s, &newest)))
            continue;
        snprintf(data, sizeof(data), "%.*s",
                 (int)(strlen(entry->d_name) - strlen(META)), entry->d_name);
        if (!has_data(dir, data))
            continue;
        newest = s;
        strcpy(name, data);
    }
    if (d)
        closedir(d);
}

/* ---- whether it is whole ---------------------------------------------- */

/* A frame of LZ4: magic, flags, block size, and by the flags the size of the
 * content and an id of 4 bytes, a check byte; blocks behind their sizes, up to
 * a size of 0; the sum of the content. */
#define LZ4_MAGIC 0x184d2204u
#define LZ4_BLOCK_SUMS 0x10
#define LZ4_CONTENT_SIZE 0x08
#define LZ4_CONTENT_SUM 0x04
#define LZ4_DICTIONARY 0x01
#define LZ4_UNCOMPRESSED 0x80000000u

static int
read_u32(FILE *file, uint32_t *value)
{
    if (fread(value, sizeof(*value), 1, file) != 1)
        return -1;
    *value = le32toh(*value);
    return 0;
}

/* To there in the file, which has so many bytes. */
static int
pass(FILE *file, size_t count, size_t size)
{
    long at = ftell(file);

    if (at < 0 || (size_t)at > size || count > size - (size_t)at)
        return -1;
    return fseek(file, (long)count, SEEK_CUR);
}

static int
pass_blocks(FILE *file, int flags, size_t size)
{
    uint32_t block;

    for (;;) {
        if (read_u32(file, &block) != 0)
            return -1;
        if (block == 0)
            return 0;
        if (pass(file,
                 (block & ~LZ4_UNCOMPRESSED) +
                     (flags & LZ4_BLOCK_SUMS ? (size_t)4 : 0),
                 size) != 0)
            return -1;
    }
}

/* What is no frame is looked at as it is, later. */
static int
is_whole(FILE *file, size_t size)
{
    size_t head = 2;
    uint32_t magic;
    int flags;

    if (read_u32(file, &magic) != 0 || magic != LZ4_MAGIC)
        return 1;
    flags = fgetc(file);
    if (flags == EOF)
        return 0;
    head += flags & LZ4_CONTENT_SIZE ? 8 : 0;
    head += flags & LZ4_DICTIONARY ? 4 : 0;
    return pass(file, head, size) == 0 && pass_blocks(file, flags, size) == 0 &&
           pass(file, flags & LZ4_CONTENT_SUM ? 4 : 0, size) == 0;
}

static int
check(FILE *file)
{
    long size;

    if (fseek(file, 0, SEEK_END) != 0 || (size = ftell(file)) < 0 ||
        fseek(file, 0, SEEK_SET) != 0)
        return 0;
    return is_whole(file, (size_t)size);
}

int
raft_snapshot_check(const char *dir, char *err, size_t err_size)
{
    char name[SNAPSHOT_NAME_SIZE];
    FILE *file;
    int whole;

    raft_snapshot_newest(dir, name);
    if (name[0] == '\0')
        return 0;
    file = open_data(dir, name);
    if (!file) {
        snprintf(err, err_size, "%s/%s: %s", dir, name, strerror(errno));
        return -1;
    }
    whole = check(file);
    fclose(file);
    if (whole)
        return 0;
    snprintf(err, err_size, "%s/%s: is cut short or damaged", dir, name);
    return -1;
}
