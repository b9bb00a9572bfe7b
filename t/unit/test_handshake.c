/* The handshake of raft nodes: they meet, and no byte of it can be changed,
 * left out, moved or said again. */
#include "handshake_help.h"

/* ---- meeting ---------------------------------------------------------- */

static void
test_meet(void **state)
{
    struct pair p;

    (void)state;
    meet(&p, &node_a, SECRET, &node_b, SECRET);
    assert_met(&p);
    assert_int_equal(p.server.role, HANDSHAKE_LINK);
    assert_self(&p.server.other, &node_a);
    assert_self(&p.client.other, &node_b);
}

static void
test_observer(void **state)
{
    struct handshake_self observer = {.id = 5, .domain = "dc1:production"};
    struct pair p;

    (void)state;
    observer.observer = 1;
    meet(&p, &observer, SECRET, &node_a, SECRET);
    assert_met(&p);
    assert_self(&p.server.other, &observer);
}

/* Everything as long as it may be. */
static void
test_longest(void **state)
{
    struct handshake_self a, b;
    char secret[CONF_RAFT_SECRET_MAX + 1] = "";
    struct pair p;

    (void)state;
    memset(secret, 's', sizeof(secret) - 1);
    memset(&a, 'x', sizeof(a));
    a.address[sizeof(a.address) - 1] = a.domain[sizeof(a.domain) - 1] =
        a.store_id[sizeof(a.store_id) - 1] = '\0';
    a.fresh = a.observer = 1;
    b = a;
    b.id = 1;
    meet(&p, &a, secret, &b, secret);
    assert_met(&p);
    assert_self(&p.server.other, &a);
    assert_self(&p.client.other, &b);
}

static void
test_empty_secret(void **state)
{
    struct pair p;

    (void)state;
    meet(&p, &node_a, "", &node_b, "");
    assert_met(&p);
    meet(&p, &node_a, "", &node_b, SECRET);
    assert_refused(&p, HANDSHAKE_SECRET_DIFFERS);
    meet(&p, &node_a, SECRET, &node_b, "");
    assert_refused(&p, HANDSHAKE_SECRET_DIFFERS);
}

static void
test_slices(void **state)
{
    struct pair p;

    (void)state;
    for (size_t slice = 1; slice < 80; slice++) {
        pair_begin(&p, &node_a, SECRET, &node_b, SECRET);
        p.slice = slice;
        pair_run(&p);
        assert_met(&p);
    }
}

/* What follows the handshake is not the handshake's. */
static void
test_extra(void **state)
{
    unsigned char bytes[2048];
    struct pair p;
    size_t used, proof;

    (void)state;
    pair_begin(&p, &node_a, SECRET, &node_b, SECRET);
    carry(&p, 1);
    carry(&p, 0);
    proof = p.client.out_len;
    memcpy(bytes, p.client.out, proof);
    memcpy(bytes + proof, "a question", 10);
    assert_int_equal(handshake_feed(&p.server, bytes, proof + 10, &used),
                     HANDSHAKE_DONE);
    assert_int_equal(used, proof);
    memcpy(bytes, p.server.out, p.server.out_len);
    bytes[p.server.out_len] = '!';
    assert_int_equal(
        handshake_feed(&p.client, bytes, p.server.out_len + 1, &used),
        HANDSHAKE_DONE);
    assert_int_equal(used, p.server.out_len);
}

static void
test_nothing(void **state)
{
    struct pair p;
    size_t used = 1;

    (void)state;
    pair_begin(&p, &node_a, SECRET, &node_b, SECRET);
    assert_int_equal(handshake_feed(&p.server, "", 0, &used), HANDSHAKE_MORE);
    assert_int_equal(used, 0);
    assert_int_equal(p.server.out_len, 0);
}

static void
test_clear(void **state)
{
    static const unsigned char nothing[CONF_RAFT_SECRET_MAX + 1];
    struct pair p;
    size_t used;

    (void)state;
    meet(&p, &node_a, SECRET, &node_b, SECRET);
    handshake_clear(&p.server);
    assert_memory_equal(p.server.secret, nothing, sizeof(nothing));
    assert_self(&p.server.other, &node_a);
    assert_int_equal(handshake_feed(&p.server, "x", 1, &used),
                     HANDSHAKE_FAILED);
}

/* ---- attacks ---------------------------------------------------------- */

/* Every bit of every byte that either says. */
static void
test_flipped_bits(void **state)
{
    struct pair good, p;

    (void)state;
    meet(&good, &node_a, SECRET, &node_b, SECRET);
    for (int to_server = 0; to_server < 2; to_server++) {
        size_t n = to_server ? good.to_server_len : good.to_client_len;

        for (size_t i = 0; i < 8 * n; i++) {
            pair_begin(&p, &node_a, SECRET, &node_b, SECRET);
            *(to_server ? &p.flip_to_server : &p.flip_to_client) = i / 8;
            p.bit = (int)(i % 8);
            pair_run(&p);
            assert_int_not_equal(p.client_step, HANDSHAKE_DONE);
            if (to_server)
                assert_int_not_equal(p.server_step, HANDSHAKE_DONE);
        }
    }
}

/* A conversation that ends early is none. */
static void
test_truncated(void **state)
{
    struct pair good, p;
    size_t used;

    (void)state;
    meet(&good, &node_a, SECRET, &node_b, SECRET);
    for (size_t n = 0; n < good.to_server_len; n++) {
        pair_begin(&p, &node_a, SECRET, &node_b, SECRET);
        assert_int_equal(handshake_feed(&p.server, good.to_server, n, &used),
                         HANDSHAKE_MORE);
        assert_int_equal(used, n);
    }
    for (size_t n = 0; n < good.to_client_len; n++) {
        pair_begin(&p, &node_a, SECRET, &node_b, SECRET);
        assert_int_equal(handshake_feed(&p.client, good.to_client, n, &used),
                         HANDSHAKE_MORE);
        assert_int_equal(used, n);
    }
}

/* Either side recorded and said again to another nonce. */
static void
test_replay(void **state)
{
    struct pair good;
    struct handshake h;
    size_t used;

    (void)state;
    meet(&good, &node_a, SECRET, &node_b, SECRET);
    handshake_server(&h, &node_b, SECRET, nonce_c);
    assert_int_equal(
        handshake_feed(&h, good.to_server, good.to_server_len, &used),
        HANDSHAKE_FAILED);
    assert_int_equal(h.why, HANDSHAKE_SECRET_DIFFERS);
    handshake_client(&h, &node_a, SECRET, HANDSHAKE_LINK, nonce_c);
    assert_int_equal(
        handshake_feed(&h, good.to_client, good.to_client_len, &used),
        HANDSHAKE_FAILED);
    assert_int_equal(h.why, HANDSHAKE_SECRET_DIFFERS);
}

/* A client told to be a raft's by somebody on the way. */
static void
test_role_is_proven(void **state)
{
    struct pair p;

    (void)state;
    pair_begin(&p, &node_a, SECRET, &node_b, SECRET);
    assert_int_equal(p.client.out[7], HANDSHAKE_LINK);
    p.client.out[7] = HANDSHAKE_RAFT;
    pair_run(&p);
    assert_refused(&p, HANDSHAKE_SECRET_DIFFERS);
}

/* Who has no secret says to the client what the client said: neither its
 * proof nor its hello is an answer. */
static void
test_reflected(void **state)
{
    struct pair p;
    unsigned char message[1024];
    size_t used, len;

    (void)state;
    up_to_proof(&p, &node_b);
    len = p.client.out_len;
    memcpy(message, p.client.out, len);
    assert_int_equal(handshake_feed(&p.client, message, len, &used),
                     HANDSHAKE_FAILED);
    up_to_proof(&p, &node_b);
    message[4] = 4; /* as a WELCOME */
    assert_int_equal(handshake_feed(&p.client, message, len, &used),
                     HANDSHAKE_FAILED);
    assert_int_equal(p.client.why, HANDSHAKE_SECRET_DIFFERS);
}

/* A byte moved from the end of one text to the beginning of the next. */
static void
test_moved_byte(void **state)
{
    struct pair p;
    unsigned char *text;
    size_t len = strlen(node_a.address);

    (void)state;
    up_to_proof(&p, &node_b);
    text = p.client.out + 4 + 1 + HANDSHAKE_MAC_SIZE;
    assert_int_equal(text[0], len);
    text[0]--;
    text[2 + len - 1] = (unsigned char)(strlen(node_a.domain) + 1);
    text[2 + len] = 0;
    text[2 + len + 1] = node_a.address[len - 1];
    pair_run(&p);
    assert_refused(&p, HANDSHAKE_SECRET_DIFFERS);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_meet),
        cmocka_unit_test(test_observer),
        cmocka_unit_test(test_longest),
        cmocka_unit_test(test_empty_secret),
        cmocka_unit_test(test_slices),
        cmocka_unit_test(test_extra),
        cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_clear),
        cmocka_unit_test(test_flipped_bits),
        cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_replay),
        cmocka_unit_test(test_role_is_proven),
        cmocka_unit_test(test_reflected),
        cmocka_unit_test(test_moved_byte),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
