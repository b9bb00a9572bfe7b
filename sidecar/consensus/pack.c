/* Numbers and strings to bytes and back, little-endian. */
#include "consensus/pack.h"

#include <string.h>

#define TEXT_MAX 65535

/* ---- to bytes --------------------------------------------------------- */

void
pack_init(struct pack *p, void *bytes, size_t size)
{
    *p = (struct pack){.bytes = bytes, .size = size};
}

/* Where the next len bytes go, or NULL. Nothing goes in any more after what
 * did not: the bytes would be read as something else. */
static unsigned char *
room(struct pack *p, size_t len)
{
    if (p->failed || len > p->size - p->len) {
        p->failed = 1;
        return NULL;
    }
    p->len += len;
    return p->bytes + p->len - len;
}

static void
pack_number(struct pack *p, uint64_t value, size_t len)
{
    unsigned char *to = room(p, len);

    for (size_t i = 0; to && i < len; i++)
        to[i] = (unsigned char)(value >> (8 * i));
}

void
pack_u8(struct pack *p, uint8_t value)
{
    pack_number(p, value, 1);
}

void
pack_u16(struct pack *p, uint16_t value)
{
    pack_number(p, value, 2);
}

void
pack_u32(struct pack *p, uint32_t value)
{
    pack_number(p, value, 4);
}

void
pack_u64(struct pack *p, uint64_t value)
{
    pack_number(p, value, 8);
}

void
pack_double(struct pack *p, double value)
{
    uint64_t bits;

    _Static_assert(sizeof(bits) == sizeof(value), "a double has 64 bits");
    memcpy(&bits, &value, sizeof(bits));
    pack_u64(p, bits);
}

void
pack_text(struct pack *p, const char *text)
{
    size_t len = strlen(text);

    if (len > TEXT_MAX) {
        p->failed = 1;
        return;
    }
    pack_u16(p, (uint16_t)len);
    pack_bytes(p, text, len);
}

void
pack_bytes(struct pack *p, const void *bytes, size_t len)
{
    unsigned char *to = len ? room(p, len) : NULL;

    if (to)
        memcpy(to, bytes, len);
}

void
pack_pad8(struct pack *p)
{
    while (!p->failed && p->len % 8 != 0)
        pack_u8(p, 0);
}

/* ---- and back --------------------------------------------------------- */

void
unpack_init(struct unpack *u, const void *bytes, size_t len)
{
    *u = (struct unpack){.bytes = bytes ? bytes : "", .len = bytes ? len : 0};
}

const void *
unpack_bytes(struct unpack *u, size_t len)
{
    if (u->failed || len > u->len - u->at) {
        u->failed = 1;
        return NULL;
    }
    u->at += len;
    return u->bytes + u->at - len;
}

static uint64_t
unpack_number(struct unpack *u, size_t len)
{
    const unsigned char *from = unpack_bytes(u, len);
    uint64_t value = 0;

    for (size_t i = 0; from && i < len; i++)
        value |= (uint64_t)from[i] << (8 * i);
    return value;
}

uint8_t
unpack_u8(struct unpack *u)
{
    return (uint8_t)unpack_number(u, 1);
}

uint16_t
unpack_u16(struct unpack *u)
{
    return (uint16_t)unpack_number(u, 2);
}

uint32_t
unpack_u32(struct unpack *u)
{
    return (uint32_t)unpack_number(u, 4);
}

uint64_t
unpack_u64(struct unpack *u)
{
    return unpack_number(u, 8);
}

double
unpack_double(struct unpack *u)
{
    uint64_t bits = unpack_u64(u);
    double value;

    memcpy(&value, &bits, sizeof(value));
    return value;
}

void
unpack_text(struct unpack *u, char *text, size_t size)
{
    size_t len = unpack_u16(u);
    const char *from = unpack_bytes(u, len);

    if (!from || len >= size || memchr(from, '\0', len)) {
        u->failed = 1;
        len = 0;
    }
    if (len > 0)
        memcpy(text, from, len);
    if (size > 0)
        text[len] = '\0';
}

void
unpack_pad8(struct unpack *u)
{
    while (!u->failed && u->at % 8 != 0)
        if (unpack_u8(u) != 0)
            u->failed = 1;
}

int
unpack_ended(const struct unpack *u)
{
    return !u->failed && u->at == u->len;
}
