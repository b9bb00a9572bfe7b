/* How two nodes of a raft cluster meet: who says what, and what it proves. */
#include "consensus/handshake_private.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#define LENGTH_SIZE 4
#define KIND_AT LENGTH_SIZE

enum message_kind {
    MESSAGE_HELLO = 1,
    MESSAGE_CHALLENGE,
    MESSAGE_PROOF,
    MESSAGE_WELCOME,
    MESSAGE_REFUSE
};

/* What the next message must be. */
enum { WAIT_HELLO, WAIT_CHALLENGE, WAIT_PROOF, WAIT_WELCOME, OVER };

const char *
handshake_refusal_text(enum handshake_refusal why)
{
    switch (why) {
    case HANDSHAKE_ACCEPTED:
        return "nothing is wrong";
    case HANDSHAKE_NO_SLUICE:
        return "not the handshake of a sluiced";
    case HANDSHAKE_VERSION_DIFFERS:
        return "another version of the handshake";
    case HANDSHAKE_SECRET_DIFFERS:
        return "another secret";
    case HANDSHAKE_DOMAIN_DIFFERS:
        return "another domain";
    case HANDSHAKE_STORE_DIFFERS:
        return "member of another cluster, with facts of its own";
    case HANDSHAKE_DUPLICATE_ID:
        return "the same node id: itself, or a copied data directory";
    case HANDSHAKE_LOOPBACK_ONLY:
        return "without a secret only nodes on one machine may meet";
    }
    return "no reason known";
}

/* ---- messages --------------------------------------------------------- */

static int
unpacked_all(const struct unpack *u)
{
    return !u->failed && u->at == u->len;
}

static void
unpack_into(struct unpack *u, unsigned char *bytes, size_t len)
{
    const void *from = unpack_bytes(u, len);

    if (from)
        memcpy(bytes, from, len);
}

/* A message is written behind its length, which is known at the end. */
static struct pack
message_begin(struct handshake *h, enum message_kind kind)
{
    struct pack p;
    size_t at = h->out_len + LENGTH_SIZE;

    if (at > sizeof(h->out))
        abort();
    pack_init(&p, h->out + at, sizeof(h->out) - at);
    pack_u8(&p, kind);
    return p;
}

static void
message_end(struct handshake *h, const struct pack *message)
{
    struct pack length;

    if (message->failed || message->len > HANDSHAKE_MESSAGE_MAX)
        abort();
    pack_init(&length, h->out + h->out_len, LENGTH_SIZE);
    pack_u32(&length, (uint32_t)message->len);
    h->out_len += LENGTH_SIZE + message->len;
}

static int
same_mac(const unsigned char *a, const unsigned char *b)
{
    return CRYPTO_memcmp(a, b, HANDSHAKE_MAC_SIZE) == 0;
}

/* ---- ends ------------------------------------------------------------- */

/* What only who knows the secret may learn of this node. */
static int
for_the_proven(enum handshake_refusal why)
{
    return why == HANDSHAKE_DOMAIN_DIFFERS || why == HANDSHAKE_STORE_DIFFERS ||
           why == HANDSHAKE_DUPLICATE_ID;
}

/* What the other side says of itself stays only if it is proven. */
static enum handshake_step
fail(struct handshake *h, enum handshake_refusal why)
{
    h->state = OVER;
    h->why = why;
    if (!for_the_proven(why) || h->told)
        memset(&h->other, 0, sizeof(h->other));
    return HANDSHAKE_FAILED;
}

/* The server says why, the client just goes. */
static enum handshake_step
refuse(struct handshake *h, enum handshake_refusal why)
{
    unsigned char mac[HANDSHAKE_MAC_SIZE];
    struct pack p;

    if (h->server) {
        p = message_begin(h, MESSAGE_REFUSE);
        pack_u8(&p, why);
        if (for_the_proven(why)) {
            handshake_refusal_mac(h, why, mac);
            pack_bytes(&p, mac, sizeof(mac));
        }
        message_end(h, &p);
    }
    return fail(h, why);
}

/* Whether the two, each proven to the other, belong together. */
static enum handshake_refusal
difference(const struct handshake_self *self,
           const struct handshake_self *other)
{
    if (strcmp(self->domain, other->domain) != 0)
        return HANDSHAKE_DOMAIN_DIFFERS;
    if (self->store_id[0] && other->store_id[0] &&
        strcmp(self->store_id, other->store_id) != 0)
        return HANDSHAKE_STORE_DIFFERS;
    if (self->id == other->id)
        return HANDSHAKE_DUPLICATE_ID;
    return HANDSHAKE_ACCEPTED;
}

/* ---- the server ------------------------------------------------------- */

static void
say_challenge(struct handshake *h)
{
    struct pack p = message_begin(h, MESSAGE_CHALLENGE);

    pack_u16(&p, HANDSHAKE_VERSION);
    pack_u64(&p, h->self.id);
    pack_bytes(&p, h->server_nonce, sizeof(h->server_nonce));
    message_end(h, &p);
}

static void
say_welcome(struct handshake *h)
{
    unsigned char mac[HANDSHAKE_MAC_SIZE];
    struct pack p = message_begin(h, MESSAGE_WELCOME);

    handshake_server_mac(h, mac);
    pack_bytes(&p, mac, sizeof(mac));
    handshake_pack_self(&p, &h->self);
    message_end(h, &p);
}

/* The version stands first in every version there will be; what follows it
 * is only then looked at. */
static enum handshake_step
hear_hello(struct handshake *h, struct unpack *u)
{
    uint16_t version = unpack_u16(u);
    uint8_t role;

    if (!u->failed && version != HANDSHAKE_VERSION)
        return refuse(h, HANDSHAKE_VERSION_DIFFERS);
    role = unpack_u8(u);
    h->other_id = unpack_u64(u);
    unpack_into(u, h->client_nonce, sizeof(h->client_nonce));
    if (!unpacked_all(u) || h->other_id == 0 ||
        (role != HANDSHAKE_RAFT && role != HANDSHAKE_LINK))
        return refuse(h, HANDSHAKE_NO_SLUICE);
    h->role = role;
    say_challenge(h);
    h->state = WAIT_PROOF;
    return HANDSHAKE_MORE;
}

static enum handshake_step
hear_proof(struct handshake *h, struct unpack *u)
{
    unsigned char expected[HANDSHAKE_MAC_SIZE];
    enum handshake_refusal why;

    unpack_into(u, h->proof, sizeof(h->proof));
    h->other.id = h->other_id;
    handshake_unpack_self(u, &h->other);
    if (!unpacked_all(u))
        return refuse(h, HANDSHAKE_NO_SLUICE);
    handshake_client_mac(h, expected);
    if (!same_mac(expected, h->proof))
        return refuse(h, HANDSHAKE_SECRET_DIFFERS);
    why = difference(&h->self, &h->other);
    if (why != HANDSHAKE_ACCEPTED)
        return refuse(h, why);
    say_welcome(h);
    h->state = OVER;
    return HANDSHAKE_DONE;
}

/* ---- the client ------------------------------------------------------- */

static void
say_hello(struct handshake *h)
{
    struct pack p = message_begin(h, MESSAGE_HELLO);

    pack_u16(&p, HANDSHAKE_VERSION);
    pack_u8(&p, h->role);
    pack_u64(&p, h->self.id);
    pack_bytes(&p, h->client_nonce, sizeof(h->client_nonce));
    message_end(h, &p);
}

static void
say_proof(struct handshake *h)
{
    struct pack p = message_begin(h, MESSAGE_PROOF);

    handshake_client_mac(h, h->proof);
    pack_bytes(&p, h->proof, sizeof(h->proof));
    handshake_pack_self(&p, &h->self);
    message_end(h, &p);
}

static enum handshake_step
hear_challenge(struct handshake *h, struct unpack *u)
{
    uint16_t version = unpack_u16(u);

    if (!u->failed && version != HANDSHAKE_VERSION)
        return refuse(h, HANDSHAKE_VERSION_DIFFERS);
    h->other_id = unpack_u64(u);
    unpack_into(u, h->server_nonce, sizeof(h->server_nonce));
    if (!unpacked_all(u) || h->other_id == 0)
        return refuse(h, HANDSHAKE_NO_SLUICE);
    say_proof(h);
    h->state = WAIT_WELCOME;
    return HANDSHAKE_MORE;
}

static enum handshake_step
hear_welcome(struct handshake *h, struct unpack *u)
{
    unsigned char said[HANDSHAKE_MAC_SIZE] = {0};
    unsigned char expected[HANDSHAKE_MAC_SIZE];
    enum handshake_refusal why;

    unpack_into(u, said, sizeof(said));
    h->other.id = h->other_id;
    handshake_unpack_self(u, &h->other);
    if (!unpacked_all(u))
        return refuse(h, HANDSHAKE_NO_SLUICE);
    handshake_server_mac(h, expected);
    if (!same_mac(expected, said))
        return refuse(h, HANDSHAKE_SECRET_DIFFERS);
    why = difference(&h->self, &h->other);
    if (why != HANDSHAKE_ACCEPTED)
        return refuse(h, why);
    h->state = OVER;
    return HANDSHAKE_DONE;
}

/* What is told only to the proven must itself be proven. */
static enum handshake_step
hear_refuse(struct handshake *h, struct unpack *u)
{
    unsigned char said[HANDSHAKE_MAC_SIZE] = {0};
    unsigned char expected[HANDSHAKE_MAC_SIZE];
    uint8_t why = unpack_u8(u);
    int proven = for_the_proven(why);

    if (proven)
        unpack_into(u, said, sizeof(said));
    if (!unpacked_all(u) || why == HANDSHAKE_ACCEPTED ||
        why > HANDSHAKE_LOOPBACK_ONLY || (proven && h->state != WAIT_WELCOME))
        return fail(h, HANDSHAKE_NO_SLUICE);
    if (proven) {
        handshake_refusal_mac(h, why, expected);
        if (!same_mac(expected, said))
            return fail(h, HANDSHAKE_SECRET_DIFFERS);
    }
    h->told = 1;
    return fail(h, why);
}

/* ---- interface -------------------------------------------------------- */

static void
begin(struct handshake *h,
      const struct handshake_self *self,
      const char *secret,
      int server,
      int state)
{
    size_t len = strlen(secret);

    if (len > CONF_RAFT_SECRET_MAX)
        abort();
    memset(h, 0, sizeof(*h));
    h->self = *self;
    memcpy(h->secret, secret, len);
    h->secret_len = len;
    h->server = server;
    h->state = state;
}

void
handshake_client(struct handshake *h,
                 const struct handshake_self *self,
                 const char *secret,
                 enum handshake_role role,
                 const unsigned char *nonce)
{
    begin(h, self, secret, 0, WAIT_CHALLENGE);
    h->role = role;
    memcpy(h->client_nonce, nonce, sizeof(h->client_nonce));
    say_hello(h);
}

void
handshake_server(struct handshake *h,
                 const struct handshake_self *self,
                 const char *secret,
                 const unsigned char *nonce)
{
    begin(h, self, secret, 1, WAIT_HELLO);
    memcpy(h->server_nonce, nonce, sizeof(h->server_nonce));
}

void
handshake_refuse(struct handshake *h, enum handshake_refusal why)
{
    refuse(h, why);
}

/* Of the message under way, once it is there. */
static uint32_t
length_of(const struct handshake *h)
{
    struct unpack u;

    unpack_init(&u, h->in, LENGTH_SIZE);
    return unpack_u32(&u);
}

/* Known from the first five bytes: garbage is not waited for. */
static int
plausible(const struct handshake *h)
{
    static const unsigned char kinds[] = {
        [WAIT_HELLO] = MESSAGE_HELLO,
        [WAIT_CHALLENGE] = MESSAGE_CHALLENGE,
        [WAIT_PROOF] = MESSAGE_PROOF,
        [WAIT_WELCOME] = MESSAGE_WELCOME,
    };
    unsigned char kind = h->in[KIND_AT];

    if (h->in_len < LENGTH_SIZE)
        return 1;
    if (length_of(h) == 0 || length_of(h) > HANDSHAKE_MESSAGE_MAX)
        return 0;
    return h->in_len <= KIND_AT || kind == kinds[h->state] ||
           (kind == MESSAGE_REFUSE && !h->server);
}

/* Up to where something more can be said of the message. */
static size_t
wanted(const struct handshake *h)
{
    if (h->in_len < LENGTH_SIZE)
        return LENGTH_SIZE;
    return h->in_len <= KIND_AT ? KIND_AT + 1
                                : LENGTH_SIZE + (size_t)length_of(h);
}

static enum handshake_step
hear(struct handshake *h)
{
    struct unpack u;
    uint8_t kind;

    unpack_init(&u, h->in + LENGTH_SIZE, h->in_len - LENGTH_SIZE);
    h->in_len = 0;
    kind = unpack_u8(&u);
    if (kind == MESSAGE_REFUSE)
        return hear_refuse(h, &u);
    if (kind == MESSAGE_HELLO)
        return hear_hello(h, &u);
    if (kind == MESSAGE_CHALLENGE)
        return hear_challenge(h, &u);
    if (kind == MESSAGE_PROOF)
        return hear_proof(h, &u);
    return hear_welcome(h, &u);
}

static enum handshake_step
take(struct handshake *h, const unsigned char *bytes, size_t len, size_t *taken)
{
    size_t n = wanted(h) - h->in_len;

    if (n > len)
        n = len;
    memcpy(h->in + h->in_len, bytes, n);
    h->in_len += n;
    *taken = n;
    if (!plausible(h))
        return refuse(h, HANDSHAKE_NO_SLUICE);
    if (h->in_len > KIND_AT && h->in_len == wanted(h))
        return hear(h);
    return HANDSHAKE_MORE;
}

enum handshake_step
handshake_feed(struct handshake *h, const void *bytes, size_t len, size_t *used)
{
    const unsigned char *at = bytes;
    enum handshake_step step = HANDSHAKE_MORE;
    size_t taken;

    *used = 0;
    if (h->state == OVER)
        return HANDSHAKE_FAILED;
    while (*used < len && step == HANDSHAKE_MORE) {
        step = take(h, at + *used, len - *used, &taken);
        *used += taken;
    }
    if (step == HANDSHAKE_FAILED)
        *used = len;
    return step;
}

void
handshake_clear(struct handshake *h)
{
    h->state = OVER;
    OPENSSL_cleanse(h->secret, sizeof(h->secret));
    h->secret_len = 0;
}
