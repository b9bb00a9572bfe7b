/* Dials of the raft port that lead nowhere, say why, and are given up. */
#include "raft_port_help.h"

/* ---- leading nowhere -------------------------------------------------- */

static void
fails(const char *address, const char *text)
{
    struct scene s;

    begin_open(&s);
    dial_and_wait(&s, address, HANDSHAKE_RAFT);
    assert_refused(&s, HANDSHAKE_ACCEPTED, text);
    end(&s);
}

static void
test_nobody_there(void **state)
{
    char address[64];

    (void)state;
    snprintf(address, sizeof(address), "127.0.0.1:%u", free_port());
    fails(address, "connection refused");
    snprintf(address, sizeof(address), "two:%u", free_port());
    fails(address, "connection refused");
}

static void
test_bad_name(void **state)
{
    (void)state;
    fails("nowhere:10008", "cannot look nowhere up: unknown node or service");
    fails("nowhere", "not HOST:PORT or [IPv6]:PORT");
    fails("", "not HOST:PORT or [IPv6]:PORT");
}

/* In the look-up, connecting (the listener cannot take any more), shaking hands
 * with a server that stands still. */
static void
test_no_answer(void **state)
{
    char frozen[64], full[64];
    int listener, full_listener, fill[3];
    struct node slow, other;
    struct scene s;

    (void)state;
    listener = raw_listen(frozen, sizeof(frozen), 8);
    full_listener = raw_listen_full(full, sizeof(full), fill);
    begin_open(&s);
    node_init(&slow, &s.loop, 0xc);
    node_open(&slow);
    node_dial(&slow, "slow:10008", HANDSHAKE_RAFT);
    node_init(&other, &s.loop, 0xd);
    node_open(&other);
    node_dial(&other, full, HANDSHAKE_RAFT);
    dial_and_wait(&s, frozen, HANDSHAKE_RAFT);
    assert_refused(&s, HANDSHAKE_ACCEPTED,
                   "took the connection, but no answer within 1000 ms");
    run_until(&s.loop, other.dialled && slow.dialled);
    assert_string_equal(other.text, "no answer within 1000 ms");
    assert_string_equal(slow.text,
                        "no answer to the look-up of slow within 1000 ms");
    node_close(&other);
    node_close(&slow);
    sem_post(&go_on);
    run_until(&s.loop, other.closed && slow.closed);
    end(&s);
    raw_close_full(full_listener, fill);
    close(listener);
}

/* The time that we stood still is not counted, neither for a server nor for a
 * stranger. */
static void
test_stall(void **state)
{
    char frozen[64], byte;
    struct scene s;
    uint64_t begun_ms;
    int listener, stranger;

    (void)state;
    listener = raw_listen(frozen, sizeof(frozen), 8);
    begin_open(&s);
    stranger = raw_connect(s.a.address);
    node_dial(&s.b, frozen, HANDSHAKE_RAFT);
    run_for(&s.loop, 700);
    usleep(400000);
    begun_ms = clock_mono_ms();
    run_until(&s.loop, s.b.dialled);
    assert_in_range(clock_mono_ms() - begun_ms, 900, 4000);
    assert_int_equal(s.b.status, -1);
    run_until(&s.loop, recv(stranger, &byte, 1, 0) >= 0 || errno != EAGAIN);
    assert_in_range(clock_mono_ms() - begun_ms, 900, 4000);
    close(stranger);
    end(&s);
    close(listener);
}

/* Hangs up in the middle, or is something else. */
static void
test_no_sluice(void **state)
{
    char address[64];
    struct scene s;
    int listener, fd;

    (void)state;
    listener = raw_listen(address, sizeof(address), 8);
    begin_open(&s);
    node_dial(&s.b, address, HANDSHAKE_RAFT);
    fd = raw_accept(&s.loop, listener);
    shutdown(fd, SHUT_WR);
    run_until(&s.loop, s.b.dialled == 1);
    assert_refused(&s, HANDSHAKE_ACCEPTED,
                   "hung up in the middle of the handshake");
    close(fd);
    node_dial(&s.b, address, HANDSHAKE_RAFT);
    fd = raw_accept(&s.loop, listener);
    assert_int_equal(send(fd, "SSH-2.0-OpenSSH", 15, 0), 15);
    run_until(&s.loop, s.b.dialled == 2);
    assert_refused(&s, HANDSHAKE_NO_SLUICE,
                   "refused: not the handshake of a sluiced");
    close(fd);
    end(&s);
    close(listener);
}

/* What the server pushes with its last word is a link's; of raft's it is
 * wrong. */
static void
test_server_extra(void **state)
{
    static const unsigned char nonce[HANDSHAKE_NONCE_SIZE];
    char address[64];
    struct scene s;
    struct handshake h;
    int listener, fd;

    (void)state;
    listener = raw_listen(address, sizeof(address), 8);
    begin_open(&s);
    for (int role = HANDSHAKE_RAFT; role <= HANDSHAKE_LINK; role++) {
        node_dial(&s.b, address, (enum handshake_role)role);
        fd = raw_accept(&s.loop, listener);
        handshake_server(&h, &s.a.self, SECRET, nonce);
        assert_int_equal(raw_hear(&s.loop, fd, &h), HANDSHAKE_MORE);
        raw_say(fd, &h, "");
        assert_int_equal(raw_hear(&s.loop, fd, &h), HANDSHAKE_DONE);
        raw_say(fd, &h, "facts");
        run_until(&s.loop, s.b.dialled == role);
        if (role == HANDSHAKE_RAFT)
            assert_refused(&s, HANDSHAKE_NO_SLUICE,
                           "refused: talks where it should listen");
        close(fd);
    }
    assert_int_equal(s.b.status, 0);
    assert_string_equal(s.b.extra, "facts");
    end(&s);
    close(listener);
}

/* ---- giving up -------------------------------------------------------- */

/* At the beginning, in the look-up, connecting, shaking hands. */
static void
test_cancel(void **state)
{
    char frozen[64], full[64];
    const char *const addresses[] = {frozen, "slow:10008", full, frozen};
    int listener, full_listener, fill[3];
    struct scene s;

    (void)state;
    listener = raw_listen(frozen, sizeof(frozen), 64);
    full_listener = raw_listen_full(full, sizeof(full), fill);
    for (int closes = 0; closes < 2; closes++) {
        begin_open(&s);
        for (int i = 0; i < 4; i++) {
            node_dial(&s.b, addresses[i], HANDSHAKE_RAFT);
            if (i > 0)
                run_for(&s.loop, 60);
            if (!closes)
                raft_dial_cancel(s.b.dial);
        }
        raft_dial_cancel(NULL);
        if (closes)
            node_close(&s.b);
        sem_post(&go_on);
        run_for(&s.loop, 20);
        assert_int_equal(s.b.dialled, 0);
        assert_int_equal(s.b.closed, closes);
        end(&s);
    }
    raw_close_full(full_listener, fill);
    close(listener);
}

/* Callbacks that close the port, and one that dials again. */
static void
test_within_callbacks(void **state)
{
    struct scene s;

    (void)state;
    begin_open(&s);
    s.a.closes_when_accepted = s.b.closes_when_dialled = 1;
    dial_and_wait(&s, s.a.address, HANDSHAKE_RAFT);
    run_until(&s.loop, s.a.closed && s.b.closed);
    assert_met(&s);
    end(&s);

    begin_open(&s);
    s.b.closes_when_dialled = s.b.several = 1;
    node_dial(&s.b, "nowhere:1", HANDSHAKE_RAFT); /* the same look-up */
    dial_and_wait(&s, "nowhere:1", HANDSHAKE_RAFT);
    run_until(&s.loop, s.b.closed);
    assert_int_equal(s.b.dialled, 1);
    end(&s);

    begin_open(&s);
    s.b.dials_again = 2;
    strcpy(s.b.address, s.a.address);
    node_dial(&s.b, "nowhere:1", HANDSHAKE_RAFT);
    run_until(&s.loop, s.b.dialled == 3);
    assert_int_equal(s.b.status, 0);
    end(&s);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nobody_there),
        cmocka_unit_test(test_bad_name),
        cmocka_unit_test(test_no_answer),
        cmocka_unit_test(test_stall),
        cmocka_unit_test(test_no_sluice),
        cmocka_unit_test(test_server_extra),
        cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_within_callbacks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
