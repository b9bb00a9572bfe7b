/* Any bytes to either end of a raft handshake, and any damage to a good one:
 * nobody is let in who has not the secret, and nobody hears other things than
 * were said. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "consensus/handshake.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition)                                          \
    do {                                                         \
        if (!(condition)) {                                      \
            fprintf(stderr, "broken promise: %s\n", #condition); \
            abort();                                             \
        }                                                        \
    } while (0)

static const unsigned char nonces[2][HANDSHAKE_NONCE_SIZE] = {"a", "b"};

static const struct handshake_self selves[2] = {
    {.id = 1, .address = "db1:10008", .domain = "dc1:production"},
    {.id = 2, .address = "db2:10008", .domain = "dc1:production"},
};

/* ---- bytes from nowhere ----------------------------------------------- */

static enum handshake_step
feed(struct handshake *h, const uint8_t *bytes, size_t len)
{
    enum handshake_step step;
    size_t used = len + 1;

    step = handshake_feed(h, bytes, len, &used);
    MUST(used == len || step == HANDSHAKE_DONE);
    MUST(h->out_len <= sizeof(h->out));
    MUST((step == HANDSHAKE_FAILED) == (h->why != HANDSHAKE_ACCEPTED));
    return step;
}

/* In slices of one length; each is a block of its own, so that reading past
 * its end is seen. */
static void
strange(struct handshake *h, size_t slice, const uint8_t *data, size_t size)
{
    enum handshake_step step = HANDSHAKE_MORE;

    while (size > 0 && step == HANDSHAKE_MORE) {
        size_t n = slice < size ? slice : size;
        uint8_t *copy = malloc(n);

        MUST(copy);
        memcpy(copy, data, n);
        step = feed(h, copy, n);
        free(copy);
        data += n;
        size -= n;
    }
    MUST(step != HANDSHAKE_DONE);
    MUST(h->other.id == 0 || step == HANDSHAKE_MORE);
}

/* ---- damage ----------------------------------------------------------- */

/* What one says to the other, with damage: three bytes each, where (two) and
 * what. 1: something else arrives than was said. */
static int
damage(unsigned char *bytes, size_t len, const uint8_t *data, size_t size)
{
    unsigned char said[sizeof(((struct handshake *)0)->out)];

    memcpy(said, bytes, len);
    for (; size >= 3 && len > 0; data += 3, size -= 3)
        bytes[(data[0] | data[1] << 8) % len] ^= data[2];
    return memcmp(said, bytes, len) != 0;
}

/* Client and server in turn; the input's parts are for each in turn. */
static void
damaged(const uint8_t *data, size_t size)
{
    struct handshake h[2];
    enum handshake_step step[2] = {HANDSHAKE_MORE, HANDSHAKE_MORE};
    int altered = 0;
    size_t part = size / 4;

    handshake_client(&h[0], &selves[0], "secret", HANDSHAKE_RAFT, nonces[0]);
    handshake_server(&h[1], &selves[1], "secret", nonces[1]);
    for (int turn = 0; turn < 4; turn++) {
        struct handshake *from = &h[turn % 2];
        int to = (turn + 1) % 2;

        if (from->out_len == 0 || step[to] != HANDSHAKE_MORE)
            break;
        altered |= damage(from->out, from->out_len, data, part);
        step[to] = feed(&h[to], from->out, from->out_len);
        from->out_len = 0;
        MUST(step[to] != HANDSHAKE_DONE || !altered);
        data += part;
    }
    MUST(altered || step[0] == HANDSHAKE_DONE);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct handshake h;
    size_t slice;

    if (size < 2)
        return 0;
    slice = data[1] ? data[1] : size;
    if (data[0] % 3 == 0) {
        damaged(data + 2, size - 2);
        return 0;
    }
    if (data[0] % 3 == 1)
        handshake_client(&h, &selves[0], "secret", HANDSHAKE_LINK, nonces[0]);
    else
        handshake_server(&h, &selves[1], "secret", nonces[1]);
    strange(&h, slice, data + 2, size - 2);
    handshake_clear(&h);
    return 0;
}
