/* Two nodes that meet, for the tests of the handshake: all they say is kept,
 * and can be cut or damaged on the way. */
#ifndef HANDSHAKE_HELP_H
#define HANDSHAKE_HELP_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "consensus/handshake.h"

#define SECRET "correct horse battery"

static const unsigned char nonce_a[HANDSHAKE_NONCE_SIZE] = "nonce of a";
static const unsigned char nonce_b[HANDSHAKE_NONCE_SIZE] = "nonce of b";
static const unsigned char nonce_c[HANDSHAKE_NONCE_SIZE] = "another nonce";

static const struct handshake_self node_a = {
    .id = 0xa1,
    .address = "db1:10008",
    .domain = "dc1:production",
    .store_id = "6f1c9a52",
    .nodes = 77,
};
static const struct handshake_self node_b = {
    .id = UINT64_MAX,
    .address = "[2001:db8::2]:10008",
    .domain = "dc1:production",
    .nodes = 78,
    .fresh = 1,
};

/* Two who meet, and every byte that each sent. */
struct pair {
    struct handshake client, server;
    enum handshake_step client_step, server_step;
    unsigned char to_server[4096], to_client[4096];
    size_t to_server_len, to_client_len;
    size_t slice; /* bytes at once; 0: all */

    /* Damage: this bit of this byte of what the client (server) sends. */
    size_t flip_to_server, flip_to_client; /* SIZE_MAX: none */
    int bit;
};

static inline void
pair_begin(struct pair *p,
           const struct handshake_self *client,
           const char *client_secret,
           const struct handshake_self *server,
           const char *server_secret)
{
    memset(p, 0, sizeof(*p));
    p->flip_to_server = p->flip_to_client = SIZE_MAX;
    handshake_client(&p->client, client, client_secret, HANDSHAKE_LINK,
                     nonce_a);
    handshake_server(&p->server, server, server_secret, nonce_b);
}

/* Moves what FROM has to say to the one that hears it. 1: something was. */
static inline int
carry(struct pair *p, int to_server)
{
    struct handshake *from = to_server ? &p->client : &p->server;
    struct handshake *to = to_server ? &p->server : &p->client;
    enum handshake_step *step = to_server ? &p->server_step : &p->client_step;
    unsigned char *all = to_server ? p->to_server : p->to_client;
    size_t *len = to_server ? &p->to_server_len : &p->to_client_len;
    size_t flip = to_server ? p->flip_to_server : p->flip_to_client;
    size_t at = *len, end = *len + from->out_len;

    if (from->out_len == 0)
        return 0;
    memcpy(all + at, from->out, from->out_len);
    from->out_len = 0;
    *len = end;
    if (flip >= at && flip < end)
        all[flip] ^= (unsigned char)(1 << p->bit);
    while (at < end && *step == HANDSHAKE_MORE) {
        size_t n = p->slice ? p->slice : end - at, used = 0;

        n = n > end - at ? end - at : n;
        *step = handshake_feed(to, all + at, n, &used);
        assert_int_equal(used, n);
        at += used;
    }
    return 1;
}

static inline void
pair_run(struct pair *p)
{
    while (carry(p, 1) || carry(p, 0))
        ;
}

static inline void
meet(struct pair *p,
     const struct handshake_self *client,
     const char *client_secret,
     const struct handshake_self *server,
     const char *server_secret)
{
    pair_begin(p, client, client_secret, server, server_secret);
    pair_run(p);
}

static inline void
assert_self(const struct handshake_self *seen,
            const struct handshake_self *self)
{
    assert_true(seen->id == self->id);
    assert_string_equal(seen->address, self->address);
    assert_string_equal(seen->domain, self->domain);
    assert_string_equal(seen->store_id, self->store_id);
    assert_true(seen->nodes == self->nodes);
    assert_int_equal(seen->fresh, self->fresh);
    assert_int_equal(seen->observer, self->observer);
}

static inline void
assert_met(const struct pair *p)
{
    assert_int_equal(p->client_step, HANDSHAKE_DONE);
    assert_int_equal(p->server_step, HANDSHAKE_DONE);
    assert_int_equal(p->client.why, HANDSHAKE_ACCEPTED);
    assert_int_equal(p->server.why, HANDSHAKE_ACCEPTED);
}

/* Both know; of nobody who is not proven something is believed. */
static inline void
assert_refused(const struct pair *p, enum handshake_refusal why)
{
    assert_int_equal(p->server_step, HANDSHAKE_FAILED);
    assert_int_equal(p->server.why, why);
    assert_int_equal(p->server.told, 0);
    assert_int_equal(p->client_step, HANDSHAKE_FAILED);
    assert_int_equal(p->client.why, why);
    assert_int_equal(p->client.told, 1);
    assert_true(p->client.other.id == 0);
}

/* The client has its proof in out. */
static inline void
up_to_proof(struct pair *p, const struct handshake_self *server)
{
    pair_begin(p, &node_a, SECRET, server, SECRET);
    carry(p, 1);
    carry(p, 0);
    assert_int_equal(p->client_step, HANDSHAKE_MORE);
}

#endif
