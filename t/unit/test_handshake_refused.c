/* Who is refused by the handshake of raft nodes, and what strangers and the
 * proven are told. */
#include "handshake_help.h"

#include <openssl/hmac.h>

#include "consensus/pack.h"

/* ---- refusals --------------------------------------------------------- */

static void
test_secret_differs(void **state)
{
    struct pair p;

    (void)state;
    meet(&p, &node_a, SECRET ".", &node_b, SECRET);
    assert_refused(&p, HANDSHAKE_SECRET_DIFFERS);
    assert_true(p.server.other.id == 0);
}

/* Told to the proven only, who they are is known then. */
static void
test_differences(void **state)
{
    struct handshake_self b = node_b;
    struct pair p;

    (void)state;
    strcpy(b.domain, "dc2:production");
    meet(&p, &node_a, SECRET, &b, SECRET);
    assert_refused(&p, HANDSHAKE_DOMAIN_DIFFERS);
    assert_self(&p.server.other, &node_a);
    b = node_b;
    strcpy(b.store_id, "6f1c9a53");
    meet(&p, &node_a, SECRET, &b, SECRET);
    assert_refused(&p, HANDSHAKE_STORE_DIFFERS);
    assert_self(&p.server.other, &node_a);
    b = node_b;
    b.id = node_a.id;
    meet(&p, &node_a, SECRET, &b, SECRET);
    assert_refused(&p, HANDSHAKE_DUPLICATE_ID);
    assert_self(&p.server.other, &node_a);
    strcpy(b.domain, "dc2:production");
    meet(&p, &node_a, SECRET ".", &b, SECRET);
    assert_refused(&p, HANDSHAKE_SECRET_DIFFERS);
}

/* ---- a server of our own: it checks nothing, but knows the secret ----- */

static void
pack_about(struct pack *p, const struct handshake_self *self)
{
    pack_text(p, self->address);
    pack_text(p, self->domain);
    pack_text(p, self->store_id);
    pack_u64(p, self->nodes);
    pack_u8(p, (uint8_t)(self->fresh | self->observer << 1));
}

/* Over all that was said up to the client's proof, and what follows it. */
static void
mac_of(const struct handshake *client,
       const char *purpose,
       const struct handshake_self *server,
       int why,
       unsigned char *mac)
{
    unsigned char bytes[2048];
    struct pack p;

    pack_init(&p, bytes, sizeof(bytes));
    pack_text(&p, purpose);
    pack_u16(&p, HANDSHAKE_VERSION);
    pack_u8(&p, client->role);
    pack_u64(&p, client->self.id);
    pack_u64(&p, server->id);
    pack_u16(&p, HANDSHAKE_NONCE_SIZE);
    pack_bytes(&p, client->client_nonce, HANDSHAKE_NONCE_SIZE);
    pack_u16(&p, HANDSHAKE_NONCE_SIZE);
    pack_bytes(&p, client->server_nonce, HANDSHAKE_NONCE_SIZE);
    pack_about(&p, &client->self);
    pack_u16(&p, HANDSHAKE_MAC_SIZE);
    pack_bytes(&p, client->proof, HANDSHAKE_MAC_SIZE);
    if (why >= 0)
        pack_u8(&p, (uint8_t)why);
    else
        pack_about(&p, server);
    assert_false(p.failed);
    HMAC(EVP_sha256(), client->secret, (int)client->secret_len, bytes, p.len,
         mac, NULL);
}

/* The client takes LEN bytes of a message as the answer to its proof. */
static void
answer_proof(struct pair *p,
             const struct handshake_self *server,
             const unsigned char *message,
             size_t len)
{
    unsigned char length[4] = {(unsigned char)len, (unsigned char)(len >> 8)};
    size_t used;

    assert_true(p->client.other_id == server->id);
    p->client_step = handshake_feed(&p->client, length, 4, &used);
    assert_int_equal(p->client_step, HANDSHAKE_MORE);
    p->client_step = handshake_feed(&p->client, message, len, &used);
}

static enum handshake_refusal
welcomed_by(const struct handshake_self *server)
{
    unsigned char mac[HANDSHAKE_MAC_SIZE], message[1024];
    struct pair p;
    struct pack m;

    up_to_proof(&p, server);
    mac_of(&p.client, "server", server, -1, mac);
    pack_init(&m, message, sizeof(message));
    pack_u8(&m, 4);
    pack_bytes(&m, mac, sizeof(mac));
    pack_about(&m, server);
    answer_proof(&p, server, message, m.len);
    assert_int_equal(p.client_step, p.client.why == HANDSHAKE_ACCEPTED
                                        ? HANDSHAKE_DONE
                                        : HANDSHAKE_FAILED);
    assert_int_equal(p.client.told, 0);
    assert_self(&p.client.other, server);
    return p.client.why;
}

/* A server that overlooks it: the client does not. */
static void
test_client_sees_differences(void **state)
{
    struct handshake_self b = node_b;

    (void)state;
    assert_int_equal(welcomed_by(&b), HANDSHAKE_ACCEPTED);
    strcpy(b.domain, "");
    assert_int_equal(welcomed_by(&b), HANDSHAKE_DOMAIN_DIFFERS);
    b = node_b;
    strcpy(b.store_id, "6f1c9a5");
    assert_int_equal(welcomed_by(&b), HANDSHAKE_STORE_DIFFERS);
    b = node_b;
    b.id = node_a.id;
    assert_int_equal(welcomed_by(&b), HANDSHAKE_DUPLICATE_ID);
}

/* With the MAC of another purpose, or of another reason, or none. */
static enum handshake_refusal
refused_with(enum handshake_refusal why,
             const char *purpose,
             int mac_why,
             size_t mac_len)
{
    unsigned char message[2 + HANDSHAKE_MAC_SIZE] = {5, (unsigned char)why};
    struct pair p;

    up_to_proof(&p, &node_b);
    mac_of(&p.client, purpose, &node_b, mac_why, message + 2);
    answer_proof(&p, &node_b, message, 2 + mac_len);
    assert_int_equal(p.client_step, HANDSHAKE_FAILED);
    assert_int_equal(p.client.told, p.client.why == why);
    return p.client.why;
}

static void
test_forged_refusals(void **state)
{
    const enum handshake_refusal why = HANDSHAKE_DOMAIN_DIFFERS;

    (void)state;
    assert_int_equal(refused_with(why, "refuse", why, 32), why);
    assert_int_equal(refused_with(why, "refuse", why, 31), HANDSHAKE_NO_SLUICE);
    assert_int_equal(refused_with(why, "refuse", why, 0), HANDSHAKE_NO_SLUICE);
    assert_int_equal(refused_with(why, "server", why, 32),
                     HANDSHAKE_SECRET_DIFFERS);
    assert_int_equal(refused_with(why, "refuse", HANDSHAKE_DUPLICATE_ID, 32),
                     HANDSHAKE_SECRET_DIFFERS);
    assert_int_equal(refused_with(HANDSHAKE_LOOPBACK_ONLY, "", 0, 0),
                     HANDSHAKE_LOOPBACK_ONLY);
    assert_int_equal(refused_with(HANDSHAKE_LOOPBACK_ONLY, "", 0, 1),
                     HANDSHAKE_NO_SLUICE);
    assert_int_equal(refused_with(HANDSHAKE_ACCEPTED, "", 0, 0),
                     HANDSHAKE_NO_SLUICE);
    assert_int_equal(refused_with((enum handshake_refusal)99, "", 0, 0),
                     HANDSHAKE_NO_SLUICE);
}

/* ---- before anything is proven ---------------------------------------- */

static void
test_turned_away(void **state)
{
    struct pair p;

    (void)state;
    pair_begin(&p, &node_a, SECRET, &node_b, SECRET);
    handshake_refuse(&p.server, HANDSHAKE_LOOPBACK_ONLY);
    p.server_step = HANDSHAKE_FAILED;
    carry(&p, 0);
    assert_refused(&p, HANDSHAKE_LOOPBACK_ONLY);
}

/* What the server answers to BYTES, fed one by one and all at once. */
static enum handshake_refusal
server_says(const void *bytes, size_t len)
{
    enum handshake_step step = HANDSHAKE_MORE;
    struct pair p;
    size_t used;

    pair_begin(&p, &node_a, SECRET, &node_b, SECRET);
    for (size_t i = 0; i < len && step == HANDSHAKE_MORE; i++)
        step = handshake_feed(&p.server, (const char *)bytes + i, 1, &used);
    assert_int_equal(step, HANDSHAKE_FAILED);
    pair_begin(&p, &node_a, SECRET, &node_b, SECRET);
    p.server_step = handshake_feed(&p.server, bytes, len, &used);
    assert_int_equal(p.server_step, HANDSHAKE_FAILED);
    assert_int_equal(used, len);
    assert_true(p.server.out_len <= 6 || p.server.out[4] == 2);
    carry(&p, 0);
    return p.server.why;
}

static enum handshake_refusal
server_says_to_hello(unsigned version, unsigned role, uint64_t id, size_t len)
{
    unsigned char message[256] = {0};
    struct pack p;

    pack_init(&p, message, sizeof(message));
    pack_u32(&p, (uint32_t)len);
    pack_u8(&p, 1);
    pack_u16(&p, (uint16_t)version);
    pack_u8(&p, (uint8_t)role);
    pack_u64(&p, id);
    return server_says(message, 4 + len);
}

static void
test_hello(void **state)
{
    const size_t len = 1 + 2 + 1 + 8 + HANDSHAKE_NONCE_SIZE;

    (void)state;
    assert_int_equal(server_says_to_hello(2, 1, 7, len),
                     HANDSHAKE_VERSION_DIFFERS);
    assert_int_equal(server_says_to_hello(0, 9, 0, 3),
                     HANDSHAKE_VERSION_DIFFERS);
    assert_int_equal(server_says_to_hello(1, 1, 0, len), HANDSHAKE_NO_SLUICE);
    assert_int_equal(server_says_to_hello(1, 0, 7, len), HANDSHAKE_NO_SLUICE);
    assert_int_equal(server_says_to_hello(1, 3, 7, len), HANDSHAKE_NO_SLUICE);
    assert_int_equal(server_says_to_hello(1, 1, 7, len - 1),
                     HANDSHAKE_NO_SLUICE);
    assert_int_equal(server_says_to_hello(1, 1, 7, len + 1),
                     HANDSHAKE_NO_SLUICE);
    assert_int_equal(server_says_to_hello(2, 1, 7, 2), HANDSHAKE_NO_SLUICE);
    assert_int_equal(server_says_to_hello(1, 1, 7, 1), HANDSHAKE_NO_SLUICE);
}

static void
test_garbage(void **state)
{
    unsigned char message[HANDSHAKE_MESSAGE_MAX + 8] = {0, 4, 0, 0, 1, 1};

    (void)state;
    assert_int_equal(server_says("GET / HTTP/1.1\r\n", 16),
                     HANDSHAKE_NO_SLUICE);
    assert_int_equal(server_says("\26\3\1\2\0\1\0\1\374\3\3", 11),
                     HANDSHAKE_NO_SLUICE);
    assert_int_equal(server_says("\0\0\0\0\1", 5), HANDSHAKE_NO_SLUICE);
    assert_int_equal(server_says("\377\377\377\377\1", 5), HANDSHAKE_NO_SLUICE);
    assert_int_equal(server_says("\1\4\0\0\1", 5), HANDSHAKE_NO_SLUICE);
    assert_int_equal(server_says("\4\0\0\0\2", 5), HANDSHAKE_NO_SLUICE);
    assert_int_equal(server_says("\2\0\0\0\5\3", 6), HANDSHAKE_NO_SLUICE);
    /* As long as may be, but no HELLO. */
    assert_int_equal(server_says(message, 4 + HANDSHAKE_MESSAGE_MAX),
                     HANDSHAKE_NO_SLUICE);
}

static enum handshake_refusal
client_says(const void *bytes, size_t len)
{
    struct pair p;
    size_t used;

    pair_begin(&p, &node_a, SECRET, &node_b, SECRET);
    p.client.out_len = 0;
    assert_int_equal(handshake_feed(&p.client, bytes, len, &used),
                     HANDSHAKE_FAILED);
    assert_int_equal(p.client.out_len, 0);
    return p.client.why;
}

static void
test_client_hears_garbage(void **state)
{
    unsigned char challenge[4 + 43] = {43, 0, 0, 0, 2, 1, 0};

    (void)state;
    assert_int_equal(client_says("SSH-2.0-", 8), HANDSHAKE_NO_SLUICE);
    assert_int_equal(client_says("\112\0\0\0\12", 5), HANDSHAKE_NO_SLUICE);
    assert_int_equal(client_says("\112\0\0\0\4", 5), HANDSHAKE_NO_SLUICE);
    /* An id of 0, another version, not yet proven. */
    assert_int_equal(client_says(challenge, sizeof(challenge)),
                     HANDSHAKE_NO_SLUICE);
    challenge[5] = 2;
    assert_int_equal(client_says(challenge, sizeof(challenge)),
                     HANDSHAKE_VERSION_DIFFERS);
    assert_int_equal(client_says("\2\0\0\0\5\4", 6), HANDSHAKE_NO_SLUICE);
    assert_int_equal(client_says("\2\0\0\0\5\3", 6), HANDSHAKE_SECRET_DIFFERS);
}

static void
test_texts(void **state)
{
    (void)state;
    for (int why = HANDSHAKE_ACCEPTED; why <= HANDSHAKE_LOOPBACK_ONLY; why++)
        for (int other = HANDSHAKE_ACCEPTED; other < why; other++)
            assert_string_not_equal(
                handshake_refusal_text((enum handshake_refusal)why),
                handshake_refusal_text((enum handshake_refusal)other));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_secret_differs),
        cmocka_unit_test(test_differences),
        cmocka_unit_test(test_client_sees_differences),
        cmocka_unit_test(test_forged_refusals),
        cmocka_unit_test(test_turned_away),
        cmocka_unit_test(test_hello),
        cmocka_unit_test(test_garbage),
        cmocka_unit_test(test_client_hears_garbage),
        cmocka_unit_test(test_texts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
