/* Any bytes as a frame of a raft link, and as a stream of them: refused, or
 * taken, and then what is written of it says the same. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "consensus/raft_frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition)                                          \
    do {                                                         \
        if (!(condition)) {                                      \
            fprintf(stderr, "broken promise: %s\n", #condition); \
            abort();                                             \
        }                                                        \
    } while (0)

/* Streams may not have longer ones. */
#define MOST 512

static void
must_be_sound(const struct frame *f)
{
    MUST(f->kind >= FRAME_ASK && f->kind <= FRAME_COMMAND);
    MUST(f->nmembers <= FRAME_MEMBERS_MAX);
    MUST(f->outcome <= CONSENSUS_UNKNOWN);
    MUST(f->change.kind <= CHANGE_SET);
    MUST(f->change.compares == 0 || f->change.compares == 1);
    MUST(f->change.lost == 0 || f->change.lost == 1);
    MUST(f->members_change.kind <= MEMBER_REPLACE);
    MUST(f->acts == 0 || f->acts == 1);
    MUST(memchr(f->text, '\0', sizeof(f->text)));
    MUST(memchr(f->leader, '\0', sizeof(f->leader)));
    MUST(memchr(f->change.key, '\0', sizeof(f->change.key)));
    MUST(memchr(f->change.owner, '\0', sizeof(f->change.owner)));
    MUST(memchr(f->change.reason, '\0', sizeof(f->change.reason)));
    MUST(memchr(f->change.value, '\0', sizeof(f->change.value)));
    for (size_t i = 0; i < f->nmembers; i++) {
        MUST(f->members[i].role <= MEMBER_OBSERVER);
        MUST(memchr(f->members[i].id, '\0', MEMBER_ID_SIZE));
        MUST(memchr(f->members[i].address, '\0', MEMBER_ADDRESS_SIZE));
    }
}

/* Flags aside, which may be any number but 0, it is the same bytes again; and
 * those say the same. */
static void
must_come_back(const struct frame *f, size_t size)
{
    struct frame back;
    size_t len, again_len;
    unsigned char *bytes = frame_encode(f, &len), *again;

    MUST(bytes && len == size + 4);
    MUST(frame_decode(&back, bytes + 4, len - 4) == 0);
    must_be_sound(&back);
    again = frame_encode(&back, &again_len);
    MUST(again && again_len == len && memcmp(again, bytes, len) == 0);
    MUST(back.len == f->len && back.nmembers == f->nmembers);
    MUST(back.seq == f->seq && back.index == f->index);
    MUST(strcmp(back.text, f->text) == 0);
    frame_clear(&back);
    free(bytes);
    free(again);
}

static void
try_frame(const uint8_t *data, size_t size)
{
    struct frame f;

    memset(&f, '#', sizeof(f));
    if (frame_decode(&f, data, size) != 0) {
        MUST(!f.members && f.nmembers == 0);
        return;
    }
    must_be_sound(&f);
    must_come_back(&f, size);
    frame_clear(&f);
}

/* How many of the stream's bytes are whole frames; -1: one is too long. */
static long
whole(const uint8_t *data, size_t size)
{
    size_t at = 0;

    while (size - at >= 4) {
        size_t len = data[at] | (size_t)data[at + 1] << 8 |
                     (size_t)data[at + 2] << 16 | (size_t)data[at + 3] << 24;

        if (len > MOST)
            return -1;
        if (len > size - at - 4)
            break;
        at += 4 + len;
    }
    return (long)at;
}

/* In slices of one length; each is a block of its own, so that reading past
 * its end is seen. */
static void
try_stream(size_t slice, const uint8_t *data, size_t size)
{
    struct frame_reader r = {0};
    const void *bytes;
    size_t at = 0, n, len, taken = 0;
    int rc = 0;

    for (; at < size && rc == 0; at += n) {
        uint8_t *copy;

        n = size - at < slice ? size - at : slice;
        copy = malloc(n);
        MUST(copy);
        memcpy(copy, data + at, n);
        rc = frame_feed(&r, copy, n, MOST);
        free(copy);
        while (rc == 0 && frame_next(&r, &bytes, &len)) {
            MUST(len <= MOST && taken + 4 + len <= at + n);
            MUST(memcmp(bytes, data + taken + 4, len) == 0);
            try_frame(bytes, len);
            taken += 4 + len;
        }
    }
    MUST((rc != 0) == (whole(data, size) < 0));
    MUST(rc != 0 || taken == (size_t)whole(data, size));
    frame_reader_free(&r);
}

/* Byte 0: 0 for one frame, else the slices' length, 255 for all at once. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    if (data[0] == 0)
        try_frame(data + 1, size - 1);
    else
        try_stream(data[0] == 255 ? size : data[0], data + 1, size - 1);
    return 0;
}
