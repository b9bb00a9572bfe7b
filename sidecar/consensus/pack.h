/*
 * Numbers and strings to bytes and back, little-endian, for what raft nodes
 * write to disk and tell each other. Neither end runs over: a writer without
 * room and a reader past the end remember it, and whoever uses them asks once,
 * at the end. Pure.
 */
#ifndef CONSENSUS_PACK_H
#define CONSENSUS_PACK_H

#include <stddef.h>
#include <stdint.h>

struct pack {
    unsigned char *bytes;
    size_t size;
    size_t len;
    int failed; /* there was no room */
};

void pack_init(struct pack *p, void *bytes, size_t size);
void pack_u8(struct pack *p, uint8_t value);
void pack_u16(struct pack *p, uint16_t value);
void pack_u32(struct pack *p, uint32_t value);
void pack_u64(struct pack *p, uint64_t value);
void pack_double(struct pack *p, double value);

/* A length of 16 bits, then the bytes. A text longer than 65535 bytes fails.
 * As with all of these: what does not fit whole leaves out the rest too. */
void pack_text(struct pack *p, const char *text);

/* As they are. Of no bytes, NULL will do. */
void pack_bytes(struct pack *p, const void *bytes, size_t len);

/* Zeroes up to a multiple of eight, counted from the first byte. */
void pack_pad8(struct pack *p);

struct unpack {
    const unsigned char *bytes;
    size_t len;
    size_t at;
    int failed; /* the end came too soon, or what is there is not it */
};

/* Each gives 0, "" or NULL once it failed. No bytes at all may be NULL. */
void unpack_init(struct unpack *u, const void *bytes, size_t len);
uint8_t unpack_u8(struct unpack *u);
uint16_t unpack_u16(struct unpack *u);
uint32_t unpack_u32(struct unpack *u);
uint64_t unpack_u64(struct unpack *u);
double unpack_double(struct unpack *u);

/* Into text[size], terminated; a text that does not fit, or has a NUL within,
 * fails. */
void unpack_text(struct unpack *u, char *text, size_t size);

/* Where the next len bytes are, or NULL. */
const void *unpack_bytes(struct unpack *u, size_t len);

/* Passes what pack_pad8 wrote; anything but zeroes fails. */
void unpack_pad8(struct unpack *u);

/* Whether nothing failed and nothing is left. */
int unpack_ended(const struct unpack *u);

#endif
