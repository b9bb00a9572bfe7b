/* A connection to Redis, against peers that answer well, badly, late or in
 * another language: what is said of them, and that nobody is harmed. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/redis.h"

#define CHANNEL "sluice:test"
#define CONFIRMED "*3\r\n$9\r\nsubscribe\r\n$11\r\n" CHANNEL "\r\n:1\r\n"
#define MESSAGE(len, text) \
    "*3\r\n$7\r\nmessage\r\n$11\r\n" CHANNEL "\r\n$" len "\r\n" text "\r\n"

/* ---- a peer ----------------------------------------------------------- */

/* Says its greeting to everyone who connects and its answer to the first
 * bytes that come; closes after either when asked to. */
struct peer {
    const char *greeting, *answer;
    size_t answer_len; /* 0: a string */
    int closes, closes_after_answer;
    unsigned accepted;
    char heard[4096];
    size_t heard_len;

    uv_tcp_t listener;
    uv_tcp_t *client; /* the last one */
    int answered;
};

struct scene {
    struct loop loop;
    struct peer peer;
    struct redis_target target;
    struct redis *redis;
    int up, down;
    int closes_when_up, closes_when_down, closes_on_message;
    char why[256];
    char messages[1024]; /* each ends with '|' */
};

static void
free_handle(uv_handle_t *handle)
{
    free(handle);
}

static void
drop_client(struct peer *p)
{
    if (p->client)
        uv_close((uv_handle_t *)p->client, free_handle);
    p->client = NULL;
}

static void
say(struct peer *p, const char *text, size_t len)
{
    while (len > 0) {
        uv_buf_t buf = uv_buf_init((char *)text, (unsigned)len);
        int n = uv_try_write((uv_stream_t *)p->client, &buf, 1);

        if (n < 0 && n != UV_EAGAIN)
            return;
        text += n > 0 ? n : 0;
        len -= n > 0 ? (size_t)n : 0;
        if (n == UV_EAGAIN)
            return; /* it was more than enough */
    }
}

static void
room(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    static char bytes[4096];

    (void)handle;
    (void)suggested;
    *buf = uv_buf_init(bytes, sizeof(bytes));
}

static void
on_heard(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct peer *p = stream->data;

    if (n < 0) {
        if ((uv_stream_t *)p->client == stream)
            drop_client(p);
        return;
    }
    if (p->heard_len + (size_t)n < sizeof(p->heard)) {
        memcpy(p->heard + p->heard_len, buf->base, (size_t)n);
        p->heard_len += (size_t)n;
        p->heard[p->heard_len] = '\0';
    }
    if (p->answer && !p->answered)
        say(p, p->answer, p->answer_len ? p->answer_len : strlen(p->answer));
    p->answered = 1;
    if (p->closes_after_answer)
        drop_client(p);
}

static void
on_connection(uv_stream_t *listener, int status)
{
    struct peer *p = listener->data;

    assert_int_equal(status, 0);
    drop_client(p);
    p->accepted++;
    p->client = calloc(1, sizeof(*p->client));
    uv_tcp_init(listener->loop, p->client);
    p->client->data = p;
    uv_accept(listener, (uv_stream_t *)p->client);
    p->answered = 0;
    if (p->greeting)
        say(p, p->greeting, strlen(p->greeting));
    if (p->closes)
        drop_client(p);
    else
        uv_read_start((uv_stream_t *)p->client, room, on_heard);
}

static uint16_t
peer_listen(struct peer *p, uv_loop_t *loop)
{
    struct sockaddr_in addr;
    int len = sizeof(addr);

    uv_ip4_addr("127.0.0.1", 0, &addr);
    uv_tcp_init(loop, &p->listener);
    p->listener.data = p;
    assert_int_equal(
        uv_tcp_bind(&p->listener, (const struct sockaddr *)&addr, 0), 0);
    assert_int_equal(uv_listen((uv_stream_t *)&p->listener, 16, on_connection),
                     0);
    uv_tcp_getsockname(&p->listener, (struct sockaddr *)&addr, &len);
    return ntohs(addr.sin_port);
}

/* ---- a scene ---------------------------------------------------------- */

static void
close_redis(struct scene *s)
{
    redis_close(s->redis);
    s->redis = NULL;
}

static void
on_up(void *data)
{
    struct scene *s = data;

    s->up++;
    if (s->closes_when_up)
        close_redis(s);
}

static void
on_down(void *data, const char *why)
{
    struct scene *s = data;

    s->down++;
    snprintf(s->why, sizeof(s->why), "%s", why);
    if (s->closes_when_down)
        close_redis(s);
}

static void
on_message(void *data, const char *text, size_t len)
{
    struct scene *s = data;
    size_t used = strlen(s->messages);

    snprintf(s->messages + used, sizeof(s->messages) - used, "%.*s|", (int)len,
             text);
    if (s->closes_on_message)
        close_redis(s);
}

static size_t
on_beat(void *data, char *buf, size_t size)
{
    (void)data;
    return (size_t)snprintf(buf, size, "beat");
}

static const struct redis_events events = {on_up, on_down, on_message, on_beat};

static void
begin(struct scene *s)
{
    assert_int_equal(loop_init(&s->loop), 0);
    strcpy(s->target.address.host, "127.0.0.1");
    s->target.address.port = peer_listen(&s->peer, &s->loop.uv);
}

static void
start(struct scene *s, enum redis_role role)
{
    s->redis = redis_new(&s->loop, &s->target, role, CHANNEL, &events, s);
}

static void
end(struct scene *s)
{
    redis_close(s->redis);
    drop_client(&s->peer);
    uv_close((uv_handle_t *)&s->peer.listener, NULL);
    loop_close(&s->loop);
}

/* Until the condition holds; fails after 15 s. */
#define run_until(s, condition)                                  \
    do {                                                         \
        uint64_t end_ms = clock_mono_ms() + 15000;               \
                                                                 \
        while (!(condition) && clock_mono_ms() < end_ms)         \
            uv_run(&(s)->loop.uv, UV_RUN_ONCE);                  \
        if (!(condition))                                        \
            fail_msg("not: %s (why: %s)", #condition, (s)->why); \
    } while (0)

/* ---- peers that are no Redis, or refuse ------------------------------- */

struct bad {
    const char *greeting, *answer, *why;
    int closes;
};

static const struct bad bad_peers[] = {
    {NULL, "-NOAUTH Authentication required.\r\n",
     " says: NOAUTH Authentication required.", 0},
    {NULL, "-WRONGPASS invalid username-password pair\r\n",
     " says: WRONGPASS invalid username-password pair", 0},
    {NULL, "-NOPERM this user has no permissions\r\n",
     " says: NOPERM this user has no permissions", 0},
    {NULL, "-LOADING Redis is loading the dataset in memory\r\n",
     " says: LOADING Redis is loading the dataset in memory", 0},
    {"-ERR max number of clients reached\r\n", NULL,
     " says: ERR max number of clients reached", 1},
    {NULL, NULL, " closed the connection without an answer", 1},
    {NULL, "HTTP/1.1 400 Bad Request\r\n\r\n",
     " does not speak Redis' protocol: Protocol error, got \"H\" as reply type "
     "byte",
     0},
    {"J\001\001\001\0125.5.5-10.11.6-MariaDB", NULL,
     " does not speak Redis' protocol: Protocol error, got \"J\" as reply type "
     "byte",
     0},
    {"SSH-2.0-OpenSSH_9.2\r\n", NULL, " does not speak Redis' protocol: ", 0},
    {"220 smtp.example ESMTP\r\n", NULL,
     " does not speak Redis' protocol: ", 0},
    /* What aborts a process in hiredis' asynchronous interface: */
    {"+OK POP3 ready\r\n", NULL, " answers otherwise than Redis does", 0},
    {NULL, "+OK\r\n+OK\r\n+OK\r\n", " answers otherwise than Redis does", 0},
    {NULL, "*1\r\n:1\r\n", " answers otherwise than Redis does", 0},
    {NULL, "*0\r\n", " answers otherwise than Redis does", 0},
    {NULL, "*-1\r\n", " answers otherwise than Redis does", 0},
    {NULL, "$-1\r\n", " answers otherwise than Redis does", 0},
    {NULL, "*3\r\n*0\r\n*0\r\n*0\r\n", " answers otherwise than Redis does", 0},
    {NULL, "*3\r\n$4\r\npong\r\n$11\r\n" CHANNEL "\r\n:1\r\n",
     " answers otherwise than Redis does", 0},
    {NULL, "*3\r\n$9\r\nsubscribe\r\n$1\r\nx\r\n:1\r\n",
     " answers otherwise than Redis does", 0},
    {NULL, MESSAGE("1", "x"), " answers otherwise than Redis does", 0},
};

static void
test_bad_peers(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2 * sizeof(bad_peers) / sizeof(*bad_peers); i++) {
        const struct bad *bad = &bad_peers[i / 2];
        struct scene s = {.peer = {.greeting = bad->greeting,
                                   .answer = bad->answer,
                                   .closes = bad->closes},
                          .closes_when_down = i % 4 / 2};
        char where[64];

        begin(&s);
        start(&s, i % 2 ? REDIS_SUBSCRIBER : REDIS_PUBLISHER);
        run_until(&s, s.down == 1);
        snprintf(where, sizeof(where), "127.0.0.1:%u", s.target.address.port);
        assert_int_equal(strncmp(s.why, where, strlen(where)), 0);
        /* Who closes may be noticed in the middle of our words. */
        if (!strstr(s.why, bad->why) &&
            !(bad->closes && strstr(s.why, "reset")))
            fail_msg("%s: expected %s", s.why, bad->why);
        assert_int_equal(s.up, 0);
        assert_string_equal(s.messages, "");
        end(&s);
    }
}

static void
test_endless_answer(void **state)
{
    static char endless[80000];
    struct scene s = {
        .peer = {.answer = endless, .answer_len = sizeof(endless)}};

    (void)state;
    memset(endless, 'x', sizeof(endless));
    memcpy(endless, "$900000000\r\n", 12);
    begin(&s);
    start(&s, REDIS_SUBSCRIBER);
    run_until(&s, s.down == 1);
    assert_non_null(strstr(s.why, " answers with more than 65536 bytes"));
    end(&s);
}

static void
test_nobody_there(void **state)
{
    struct scene s = {0};

    (void)state;
    begin(&s);
    s.target.address.port = 1;
    start(&s, REDIS_PUBLISHER);
    run_until(&s, s.down == 1);
    assert_string_equal(s.why,
                        "cannot connect to 127.0.0.1:1: Connection refused");
    redis_close(s.redis);
    strcpy(s.target.address.host, "no-such-host.invalid");
    start(&s, REDIS_PUBLISHER);
    run_until(&s, s.down == 2);
    assert_int_equal(
        strncmp(s.why, "cannot look no-such-host.invalid up: ", 37), 0);
    redis_close(s.redis);
    strcpy(s.target.address.path, "/no/such/socket");
    start(&s, REDIS_PUBLISHER);
    run_until(&s, s.down == 3);
    assert_string_equal(
        s.why, "cannot connect to /no/such/socket: No such file or directory");
    end(&s);
}

static void
test_no_password_file(void **state)
{
    struct scene s = {.target = {.user = "u", .password_file = "/no/file"}};

    (void)state;
    begin(&s);
    start(&s, REDIS_SUBSCRIBER);
    run_until(&s, s.down == 1);
    assert_string_equal(s.why, "RedisPasswordFile: cannot read /no/file: No "
                               "such file or directory");
    assert_int_equal(s.peer.heard_len, 0);
    end(&s);
}

/* Takes the connection and says nothing, ever. */
static void
test_silent_peer(void **state)
{
    struct scene s = {0};
    uint64_t began_ms = clock_mono_ms();

    (void)state;
    begin(&s);
    start(&s, REDIS_PUBLISHER);
    run_until(&s, s.down == 1);
    assert_non_null(strstr(s.why, " took the connection but said nothing "
                                  "within 2000 ms"));
    assert_true(clock_mono_ms() - began_ms >= REDIS_DEADLINE_MS - 10);
    end(&s);
}

/* Each wait is longer than the one before. */
static void
test_backs_off(void **state)
{
    struct scene s = {.peer = {.closes = 1}};
    uint64_t began_ms = clock_mono_ms();

    (void)state;
    begin(&s);
    start(&s, REDIS_SUBSCRIBER);
    run_until(&s, s.peer.accepted == 4);
    assert_true(clock_mono_ms() - began_ms >= (100 + 200 + 400) * 8 / 10);
    end(&s);
}

/* ---- peers that answer well ------------------------------------------- */

static void
test_listens(void **state)
{
    struct scene s = {
        .peer = {.answer = CONFIRMED MESSAGE("5", "hello") MESSAGE("0", "")}};

    (void)state;
    begin(&s);
    start(&s, REDIS_SUBSCRIBER);
    run_until(&s, s.messages[0]);
    assert_string_equal(s.messages, "hello||");
    assert_int_equal(s.up, 1);
    assert_int_equal(s.down, 0);
    assert_string_equal(s.peer.heard,
                        "*2\r\n$9\r\nSUBSCRIBE\r\n$11\r\n" CHANNEL "\r\n");
    /* The peer goes, and comes again. */
    drop_client(&s.peer);
    run_until(&s, s.up == 2);
    assert_int_equal(s.down, 1);
    assert_non_null(strstr(s.why, " closed the connection"));
    assert_null(strstr(s.why, "without an answer"));
    run_until(&s, strcmp(s.messages, "hello||hello||") == 0);
    end(&s);
}

static void
test_closes_within(void **state)
{
    struct scene up = {.peer = {.answer = CONFIRMED MESSAGE("1", "a")},
                       .closes_when_up = 1};
    struct scene message = {
        .peer = {.answer = CONFIRMED MESSAGE("1", "a") MESSAGE("1", "b")},
        .closes_on_message = 1};

    (void)state;
    begin(&up);
    start(&up, REDIS_SUBSCRIBER);
    run_until(&up, up.up == 1);
    end(&up);
    assert_string_equal(up.messages, "");
    begin(&message);
    start(&message, REDIS_SUBSCRIBER);
    run_until(&message, message.messages[0]);
    end(&message);
    assert_string_equal(message.messages, "a|");
    assert_int_equal(up.down + message.down, 0);
}

static void
test_publishes(void **state)
{
    struct scene s = {.peer = {.answer = ":1\r\n"}};
    unsigned taken = 0;

    (void)state;
    begin(&s);
    start(&s, REDIS_PUBLISHER);
    assert_int_equal(redis_publish(s.redis, "early", 5), -1);
    run_until(&s, s.up == 1);
    assert_string_equal(s.peer.heard, "*3\r\n$7\r\nPUBLISH\r\n$11\r\n" CHANNEL
                                      "\r\n$4\r\nbeat\r\n");
    s.peer.heard_len = 0;
    assert_int_equal(redis_publish(s.redis, "a b\r\nc", 6), 0);
    run_until(&s, s.peer.heard_len > 0);
    assert_string_equal(s.peer.heard, "*3\r\n$7\r\nPUBLISH\r\n$11\r\n" CHANNEL
                                      "\r\n$6\r\na b\r\nc\r\n");
    /* Of a peer that does not answer no more than so much is asked. */
    while (redis_publish(s.redis, "x", 1) == 0)
        taken++;
    assert_int_equal(taken, REDIS_UNANSWERED_MAX - 1);
    end(&s);
}

static void
test_authenticates(void **state)
{
    char file[] = "/tmp/sluice-unit-XXXXXX";
    struct scene s = {.peer = {.answer = "+OK\r\n:0\r\n"},
                      .target = {.user = "u s", .password_file = file}};
    int fd = mkstemp(file);

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "s3cret\n", 7), 7);
    begin(&s);
    start(&s, REDIS_PUBLISHER);
    run_until(&s, s.up == 1);
    assert_string_equal(s.peer.heard,
                        "*3\r\n$4\r\nAUTH\r\n$3\r\nu s\r\n$6\r\ns3cret\r\n"
                        "*3\r\n$7\r\nPUBLISH\r\n$11\r\n" CHANNEL
                        "\r\n$4\r\nbeat\r\n");
    redis_close(s.redis);
    /* Without a user; and the file is read anew. */
    assert_int_equal(pwrite(fd, "S", 1, 0), 1);
    s.target.user = "";
    s.peer.heard_len = 0;
    start(&s, REDIS_PUBLISHER);
    run_until(&s, s.up == 2);
    assert_int_equal(
        strncmp(s.peer.heard, "*2\r\n$4\r\nAUTH\r\n$6\r\nS3cret\r\n", 26), 0);
    end(&s);
    close(fd);
    unlink(file);
}

/* Up, and then nothing more: both roles find out by themselves. */
static void
test_falls_silent(void **state)
{
    struct scene s[2] = {{.peer = {.answer = ":1\r\n"}},
                         {.peer = {.answer = CONFIRMED}}};

    (void)state;
    for (int i = 0; i < 2; i++) {
        begin(&s[i]);
        start(&s[i], i ? REDIS_SUBSCRIBER : REDIS_PUBLISHER);
        run_until(&s[i], s[i].up == 1);
        run_until(&s[i], s[i].down == 1);
        assert_non_null(strstr(s[i].why, " has not answered for 3000 ms"));
        end(&s[i]);
    }
}

/* We stood still, not the peer. */
static void
test_own_stall(void **state)
{
    struct scene s = {0};
    uint64_t began_ms;

    (void)state;
    begin(&s);
    start(&s, REDIS_PUBLISHER);
    run_until(&s, s.peer.accepted == 1);
    usleep((REDIS_DEADLINE_MS + 300) * 1000);
    began_ms = clock_mono_ms();
    run_until(&s, s.down == 1);
    assert_true(clock_mono_ms() - began_ms >= REDIS_DEADLINE_MS - 10);
    end(&s);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad_peers),
        cmocka_unit_test(test_endless_answer),
        cmocka_unit_test(test_nobody_there),
        cmocka_unit_test(test_no_password_file),
        cmocka_unit_test(test_silent_peer),
        cmocka_unit_test(test_backs_off),
        cmocka_unit_test(test_listens),
        cmocka_unit_test(test_closes_within),
        cmocka_unit_test(test_publishes),
        cmocka_unit_test(test_authenticates),
        cmocka_unit_test(test_falls_silent),
        cmocka_unit_test(test_own_stall),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
