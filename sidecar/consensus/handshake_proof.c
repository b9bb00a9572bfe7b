/* What the nodes say of themselves, and the MACs that prove it. */
#include "consensus/handshake_private.h"

#include <stdlib.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

enum { FLAG_FRESH = 1, FLAG_OBSERVER = 2 };

void
handshake_pack_self(struct pack *p, const struct handshake_self *self)
{
    pack_text(p, self->address);
    pack_text(p, self->domain);
    pack_text(p, self->store_id);
    pack_u64(p, self->nodes);
    pack_u8(p, (self->fresh ? FLAG_FRESH : 0) |
                   (self->observer ? FLAG_OBSERVER : 0));
}

void
handshake_unpack_self(struct unpack *u, struct handshake_self *self)
{
    uint8_t flags;

    unpack_text(u, self->address, sizeof(self->address));
    unpack_text(u, self->domain, sizeof(self->domain));
    unpack_text(u, self->store_id, sizeof(self->store_id));
    self->nodes = unpack_u64(u);
    flags = unpack_u8(u);
    self->fresh = (flags & FLAG_FRESH) != 0;
    self->observer = (flags & FLAG_OBSERVER) != 0;
    if (flags & ~(FLAG_FRESH | FLAG_OBSERVER))
        u->failed = 1;
}

/* ---- MACs ------------------------------------------------------------- */

static void
pack_sized(struct pack *p, const void *bytes, size_t len)
{
    pack_u16(p, (uint16_t)len);
    pack_bytes(p, bytes, len);
}

/*
 * Every MAC begins with its purpose, so that none can be shown for another,
 * and covers all that was said before it. Of what varies in length each piece
 * has its length before it: nothing can be moved from one to the next.
 */
static void
transcript_begin(const struct handshake *h, struct pack *p, const char *purpose)
{
    const struct handshake_self *client = h->server ? &h->other : &h->self;

    pack_text(p, purpose);
    pack_u16(p, HANDSHAKE_VERSION);
    pack_u8(p, h->role);
    pack_u64(p, h->server ? h->other_id : h->self.id);
    pack_u64(p, h->server ? h->self.id : h->other_id);
    pack_sized(p, h->client_nonce, sizeof(h->client_nonce));
    pack_sized(p, h->server_nonce, sizeof(h->server_nonce));
    handshake_pack_self(p, client);
}

static void
transcript_mac(const struct handshake *h,
               const struct pack *p,
               unsigned char *mac)
{
    unsigned len = 0;

    if (p->failed ||
        !HMAC(EVP_sha256(), h->secret, (int)h->secret_len, p->bytes, p->len,
              mac, &len) ||
        len != HANDSHAKE_MAC_SIZE)
        abort();
}

void
handshake_client_mac(const struct handshake *h, unsigned char *mac)
{
    unsigned char bytes[2 * HANDSHAKE_MESSAGE_MAX];
    struct pack p;

    pack_init(&p, bytes, sizeof(bytes));
    transcript_begin(h, &p, "client");
    transcript_mac(h, &p, mac);
}

void
handshake_server_mac(const struct handshake *h, unsigned char *mac)
{
    const struct handshake_self *server = h->server ? &h->self : &h->other;
    unsigned char bytes[2 * HANDSHAKE_MESSAGE_MAX];
    struct pack p;

    pack_init(&p, bytes, sizeof(bytes));
    transcript_begin(h, &p, "server");
    pack_sized(&p, h->proof, sizeof(h->proof));
    handshake_pack_self(&p, server);
    transcript_mac(h, &p, mac);
}

void
handshake_refusal_mac(const struct handshake *h,
                      enum handshake_refusal why,
                      unsigned char *mac)
{
    unsigned char bytes[2 * HANDSHAKE_MESSAGE_MAX];
    struct pack p;

    pack_init(&p, bytes, sizeof(bytes));
    transcript_begin(h, &p, "refuse");
    pack_sized(&p, h->proof, sizeof(h->proof));
    pack_u8(&p, why);
    transcript_mac(h, &p, mac);
}
