/* The raft port and those who are no nodes of its cluster: they are bounded
 * in time and number, and the log is not theirs to fill. */
#include "raft_port_help.h"

/* ---- the log ---------------------------------------------------------- */

static FILE *log_file;
static int saved_stderr;

static void
log_begin(void)
{
    log_file = tmpfile();
    assert_non_null(log_file);
    fflush(stderr);
    saved_stderr = dup(STDERR_FILENO);
    dup2(fileno(log_file), STDERR_FILENO);
}

/* How many lines there were; the last. */
static int
log_end(char *last, size_t size)
{
    int lines = 0;

    dup2(saved_stderr, STDERR_FILENO);
    close(saved_stderr);
    rewind(log_file);
    last[0] = '\0';
    while (fgets(last, (int)size, log_file))
        lines++;
    fclose(log_file);
    return lines;
}

/* ---- few -------------------------------------------------------------- */

static void
test_garbage(void **state)
{
    static const char *const words[] = {"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
                                        "\26\3\1\2\1\1\1", "\1\1\1\1"};
    unsigned char bytes[RAW_SIZE];
    struct scene s;
    size_t len;

    (void)state;
    begin_open(&s);
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
        int fd = raw_connect(s.a.address);

        uv_run(&s.loop.uv, UV_RUN_NOWAIT);
        assert_int_equal(send(fd, words[i], strlen(words[i]), 0),
                         strlen(words[i]));
        assert_int_equal(raw_read(&s.loop, fd, bytes, &len, 64), 1);
        assert_int_equal(len, 6);
        assert_memory_equal(bytes, "\2\0\0\0\5\1", 6);
        close(fd);
    }
    run_for(&s.loop, 20);
    assert_int_equal(s.a.accepted, 0);
    end(&s);
}

/* Who does not hang up when turned away is cut, the sooner the more it
 * talks. */
static void
test_talks_on(void **state)
{
    static const char words[65536];
    struct scene s;
    int fd, fds;

    (void)state;
    begin_open(&s);
    fd = raw_connect(s.a.address);
    fds = count_fds();
    run_until(&s.loop, count_fds() == fds + 1);
    assert_true(send(fd, words, sizeof(words), MSG_NOSIGNAL) > 20000);
    run_for(&s.loop, 50);
    assert_int_equal(count_fds(), fds);
    close(fd);
    end(&s);
}

/* A byte now and then, and nothing at all: both are cut in time, and it does
 * not matter to who knows the secret. */
static void
test_slow(void **state)
{
    static const unsigned char nonce[HANDSHAKE_NONCE_SIZE];
    struct handshake h;
    struct scene s;
    uint64_t begun_ms;
    int slow, silent, sent = 0;
    char byte;

    (void)state;
    begin_open(&s);
    handshake_client(&h, &s.b.self, SECRET, HANDSHAKE_RAFT, nonce);
    begun_ms = clock_mono_ms();
    slow = raw_connect(s.a.address);
    silent = raw_connect(s.a.address);
    for (; clock_mono_ms() - begun_ms < 850; sent++) {
        assert_int_equal(send(slow, h.out + sent, 1, 0), 1);
        run_for(&s.loop, 100);
        assert_int_equal(recv(slow, &byte, 1, 0), -1);
        assert_int_equal(errno, EAGAIN);
    }
    dial_and_wait(&s, s.a.address, HANDSHAKE_RAFT);
    assert_int_equal(s.b.status, 0);
    run_until(&s.loop, recv(slow, &byte, 1, 0) >= 0 || errno != EAGAIN);
    run_until(&s.loop, recv(silent, &byte, 1, 0) >= 0 || errno != EAGAIN);
    assert_in_range(clock_mono_ms() - begun_ms, 990, 4000);
    assert_int_equal(s.a.accepted, 1);
    close(slow);
    close(silent);
    end(&s);
}

/* What follows the proof is a link's question; of raft's it is wrong: nobody
 * is handed out, nobody is welcomed. */
static void
test_extra(void **state)
{
    static const unsigned char nonce[HANDSHAKE_NONCE_SIZE];
    struct handshake h;
    struct scene s;

    (void)state;
    begin_open(&s);
    for (int role = HANDSHAKE_RAFT; role <= HANDSHAKE_LINK; role++) {
        int fd = raw_connect(s.a.address);

        handshake_client(&h, &s.b.self, SECRET, (enum handshake_role)role,
                         nonce);
        uv_run(&s.loop.uv, UV_RUN_NOWAIT);
        raw_say(fd, &h, "");
        assert_int_equal(raw_hear(&s.loop, fd, &h), HANDSHAKE_MORE);
        raw_say(fd, &h, "who leads?");
        assert_int_equal(raw_hear(&s.loop, fd, &h), role == HANDSHAKE_LINK
                                                        ? HANDSHAKE_DONE
                                                        : HANDSHAKE_MORE);
        assert_int_equal(s.a.accepted, role == HANDSHAKE_LINK);
        close(fd);
    }
    assert_string_equal(s.a.extra, "who leads?");
    assert_true(s.a.proven.other.id == s.b.self.id);
    end(&s);
}

/* ---- what is said of them --------------------------------------------- */

/* A node that is set up wrongly and tries again and again: one line. */
static void
test_log_names_nodes(void **state)
{
    char line[1024];
    struct scene s;

    (void)state;
    log_begin();
    begin(&s);
    node_open(&s.a);
    assert_int_equal(node_open_as(&s.b, "", "the wrong secret", 0), 0);
    for (int i = 0; i < 5; i++)
        dial_and_wait(&s, s.a.address, HANDSHAKE_RAFT);
    end(&s);
    assert_int_equal(log_end(line, sizeof(line)), 1);
    assert_non_null(strstr(line, "level=warn event=raft_port_refused "
                                 "peer=127.0.0.1:"));
    assert_non_null(strstr(line, " reason=\"another secret\" count=1"));
}

/* One line of strangers; none of who says nothing. */
static void
test_log_counts_strangers(void **state)
{
    char line[1024];
    struct scene s;

    (void)state;
    log_begin();
    begin_open(&s);
    for (int i = 0; i < 5; i++) {
        int fd = raw_connect(s.a.address);

        run_for(&s.loop, 10);
        if (i > 1)
            assert_int_equal(send(fd, "hello", 5, 0), 5);
        run_for(&s.loop, 10);
        close(fd);
    }
    run_for(&s.loop, 10);
    end(&s);
    assert_int_equal(log_end(line, sizeof(line)), 1);
    assert_non_null(strstr(line, " event=raft_port_stranger "));
    assert_non_null(
        strstr(line, " reason=\"not the handshake of a sluiced\" count=1"));
}

/* ---- many ------------------------------------------------------------- */

#define MANY 2000
#define AT_ONCE 200

/* They come and stay; a node gets through at any time. */
static void
test_many(void **state)
{
    int fds[AT_ONCE], before, most = 0;
    char line[1024];
    struct scene s;

    (void)state;
    log_begin();
    begin_open(&s);
    before = count_fds();
    for (int i = 0; i < MANY; i++) {
        if (i >= AT_ONCE)
            close(fds[i % AT_ONCE]);
        fds[i % AT_ONCE] = raw_connect(s.a.address);
        if (i % 2)
            send(fds[i % AT_ONCE], "\56\0\0\0\1", 5, MSG_NOSIGNAL);
        if (i % 50 == 49)
            uv_run(&s.loop.uv, UV_RUN_NOWAIT);
        if (i % 100 == 99) {
            dial_and_wait(&s, s.a.address, HANDSHAKE_RAFT);
            assert_string_equal(s.b.text, "");
        }
        if (count_fds() > most)
            most = count_fds();
    }
    assert_int_equal(s.b.dialled, MANY / 100);
    assert_in_range(most, before, before + AT_ONCE + PORT_STRANGERS_MAX + 60);
    for (int i = 0; i < AT_ONCE; i++)
        close(fds[i]);
    node_hang_up(&s.a);
    node_hang_up(&s.b);
    run_until(&s.loop, count_fds() == before);
    end(&s);
    assert_int_equal(log_end(line, sizeof(line)), 1);
}

/* The port is closed while they are there, and one is turned away. */
static void
test_close(void **state)
{
    struct scene s;
    int fds[20];

    (void)state;
    begin_open(&s);
    for (int i = 0; i < 20; i++) {
        fds[i] = raw_connect(s.a.address);
        run_for(&s.loop, 1);
        if (i % 3 == 0)
            assert_int_equal(send(fds[i], "hello", i % 6, 0), i % 6);
    }
    run_for(&s.loop, 10);
    node_close(&s.a);
    run_until(&s.loop, s.a.closed);
    for (int i = 0; i < 20; i++)
        close(fds[i]);
    end(&s);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_garbage),
        cmocka_unit_test(test_talks_on),
        cmocka_unit_test(test_slow),
        cmocka_unit_test(test_extra),
        cmocka_unit_test(test_log_names_nodes),
        cmocka_unit_test(test_log_counts_strangers),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_close),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
