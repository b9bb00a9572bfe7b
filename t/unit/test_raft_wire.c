/* A link's stream: frames both ways, and each way it ends. */
#include "raft_frame_help.h"
#include "raft_port_help.h"

#include <signal.h>

#include "consensus/raft_wire.h"

/* ---- a wire and its peer ---------------------------------------------- */

/* What a wire told. */
struct end_of {
    struct wire *wire; /* NULL: gone, or closed */
    int frames;
    struct frame last; /* without bytes and members */
    size_t last_len;
    int in_order;  /* frames of all kinds came one after another */
    int closes_at; /* that frame; 0: at none */
    int answers;   /* every frame with the same one */
    int gone;
    char why[256];
};

struct wires {
    struct scene s;
    struct end_of a; /* of a wire */
    int fd;          /* the other side of it */
};

static void
on_frame(void *data, const struct frame *f)
{
    struct end_of *e = data;
    struct frame want = full_frame((enum frame_kind)(e->frames % KINDS + 1));

    assert_int_equal(e->gone, 0);
    e->frames++;
    e->in_order = (e->frames == 1 || e->in_order) && same_frame(f, &want);
    e->last = *f;
    e->last_len = f->len;
    if (e->answers)
        wire_send(e->wire, f);
    if (e->frames == e->closes_at) {
        wire_close(e->wire);
        e->wire = NULL;
    }
}

static void
on_gone(void *data, const char *why)
{
    struct end_of *e = data;

    e->gone++;
    snprintf(e->why, sizeof(e->why), "%s", why);
    wire_close(e->wire); /* is harmless here */
    e->wire = NULL;
}

static uv_tcp_t *
stream_of(struct loop *l, int fd)
{
    uv_tcp_t *stream = malloc(sizeof(*stream));

    assert_int_equal(uv_tcp_init(&l->uv, stream), 0);
    assert_int_equal(uv_tcp_open(stream, fd), 0);
    return stream;
}

static void
wire_begin_with(struct wires *w,
                const void *extra,
                size_t extra_len,
                size_t most)
{
    struct wire_events events = {
        .data = &w->a, .frame = on_frame, .gone = on_gone};
    int fds[2];

    memset(w, 0, sizeof(*w));
    begin(&w->s);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds),
                     0);
    w->fd = fds[1];
    w->a.wire = wire_new(stream_of(&w->s.loop, fds[0]), extra, extra_len, most,
                         &events);
    assert_int_equal(w->a.frames + w->a.gone, 0);
}

static void
wire_begin(struct wires *w)
{
    wire_begin_with(w, NULL, 0, FRAME_MAX);
}

/* Nothing is left open, and nothing came after the end. */
static void
wire_end(struct wires *w)
{
    int gone = w->a.gone, frames = w->a.frames;

    wire_close(w->a.wire);
    if (w->fd >= 0)
        close(w->fd);
    run_until(&w->s.loop, count_fds() == w->s.fds);
    run_for(&w->s.loop, 5);
    assert_int_equal(w->a.gone, gone);
    assert_int_equal(w->a.frames, frames);
    end(&w->s);
}

static void
assert_gone(struct wires *w, const char *why)
{
    run_until(&w->s.loop, w->a.gone);
    assert_string_equal(w->a.why, why);
    run_for(&w->s.loop, 5);
    assert_int_equal(w->a.gone, 1);
    assert_null(w->a.wire);
}

static void
peer_says(struct wires *w, const void *bytes, size_t len)
{
    assert_int_equal(send(w->fd, bytes, len, MSG_NOSIGNAL), len);
}

/* Frames of all kinds, from FIRST to LAST. */
static size_t
frames_of(unsigned char *bytes, int first, int last)
{
    size_t len = 0, n;

    for (int kind = first; kind <= last; kind++) {
        struct frame f = full_frame((enum frame_kind)kind);
        void *one = frame_encode(&f, &n);

        memcpy(bytes + len, one, n);
        len += n;
        free(one);
    }
    return len;
}

static unsigned char all[16384];

/* ---- frames ----------------------------------------------------------- */

static void
test_frames_come(void **state)
{
    struct wires w;
    size_t len = frames_of(all, 1, KINDS);

    (void)state;
    wire_begin(&w);
    peer_says(&w, all, len);
    run_until(&w.s.loop, w.a.frames == KINDS);
    assert_true(w.a.in_order);
    for (size_t at = 0; at < len; at += 97) { /* in pieces */
        peer_says(&w, all + at, len - at < 97 ? len - at : 97);
        run_for(&w.s.loop, 1);
    }
    run_until(&w.s.loop, w.a.frames == 2 * KINDS);
    assert_true(w.a.in_order);
    assert_int_equal(w.a.gone, 0);
    wire_end(&w);
}

static void
test_frames_go(void **state)
{
    static unsigned char heard[sizeof(all)];
    struct wires w;
    size_t len = frames_of(all, 1, KINDS), got = 0;

    (void)state;
    wire_begin(&w);
    for (int kind = 1; kind <= KINDS; kind++) {
        struct frame f = full_frame((enum frame_kind)kind);

        wire_send(w.a.wire, &f);
    }
    while (got < len) {
        ssize_t n = read(w.fd, heard + got, sizeof(heard) - got);

        if (n > 0)
            got += (size_t)n;
        else
            uv_run(&w.s.loop.uv, UV_RUN_ONCE);
    }
    assert_int_equal(got, len);
    assert_memory_equal(heard, all, len);
    wire_end(&w);
}

static void
test_answers_from_within(void **state)
{
    static unsigned char heard[sizeof(all)];
    struct wires w;
    size_t len = frames_of(all, 1, KINDS);
    ssize_t n;

    (void)state;
    wire_begin(&w);
    w.a.answers = 1;
    peer_says(&w, all, len);
    run_until(&w.s.loop, w.a.frames == KINDS);
    run_for(&w.s.loop, 5);
    n = recv(w.fd, heard, sizeof(heard), MSG_WAITALL);
    assert_int_equal(n, len);
    assert_memory_equal(heard, all, len);
    wire_end(&w);
}

/* What came with the handshake is first, whole frames or not. */
static void
test_extra(void **state)
{
    struct wires w;
    size_t len = frames_of(all, 1, KINDS);

    (void)state;
    for (size_t extra = 0; extra <= len; extra += extra < 40 ? 1 : 331) {
        unsigned char *copy = malloc(extra + 1);

        memcpy(copy, all, extra);
        wire_begin_with(&w, extra ? copy : NULL, extra, FRAME_MAX);
        memset(copy, '#', extra);
        free(copy);
        peer_says(&w, all + extra, len - extra);
        run_until(&w.s.loop, w.a.frames == KINDS);
        assert_true(w.a.in_order);
        wire_end(&w);
    }
}

/* Large ones, over TCP, from one wire to another and back. */
static void
test_both_ways_over_tcp(void **state)
{
    static unsigned char large[3 * 1024 * 1024];
    struct wire_events events = {.frame = on_frame, .gone = on_gone};
    struct frame f = {
        .kind = FRAME_STATE, .bytes = large, .len = sizeof(large)};
    struct end_of a = {0}, b = {.answers = 1};
    char address[64];
    struct scene s;
    int listener, fd;

    (void)state;
    begin(&s);
    listener = raw_listen(address, sizeof(address), 1);
    fd = raw_connect(address);
    events.data = &a;
    a.wire = wire_new(stream_of(&s.loop, fd), NULL, 0, FRAME_MAX, &events);
    fd = raw_accept(&s.loop, listener);
    events.data = &b;
    b.wire = wire_new(stream_of(&s.loop, fd), NULL, 0, FRAME_MAX, &events);
    close(listener);
    wire_send(a.wire, &f);
    wire_send(a.wire, &f);
    run_until(&s.loop, a.frames == 2);
    assert_int_equal(b.frames, 2);
    assert_int_equal(a.last_len, sizeof(large));
    wire_close(a.wire);
    run_until(&s.loop, b.gone);
    assert_string_equal(b.why, "the other side hung up");
    assert_int_equal(a.gone, 0);
    end(&s);
}

/* ---- the end ---------------------------------------------------------- */

static void
test_hung_up(void **state)
{
    struct wires w;
    size_t len = frames_of(all, 1, 3);

    (void)state;
    wire_begin(&w);
    peer_says(&w, all, len - 1);
    close(w.fd);
    w.fd = -1;
    assert_gone(&w, "the other side hung up");
    assert_int_equal(w.a.frames, 2); /* what was whole came before */
    wire_end(&w);
}

static void
test_hung_up_at_once(void **state)
{
    struct wires w;

    (void)state;
    wire_begin(&w);
    close(w.fd);
    w.fd = -1;
    assert_gone(&w, "the other side hung up");
    wire_end(&w);
}

static void
test_reset(void **state)
{
    struct frame f = full_frame(FRAME_OUTCOME);
    struct wires w;

    (void)state;
    wire_begin(&w);
    run_for(&w.s.loop, 2);
    close(w.fd);
    w.fd = -1;
    for (int i = 0; i < 3; i++) /* to nobody */
        wire_send(w.a.wire, &f);
    run_until(&w.s.loop, w.a.gone);
    assert_true(*w.a.why);
    wire_end(&w);
}

static void
breaks(const void *bytes, size_t len, size_t most, const char *why)
{
    struct wires w;

    wire_begin_with(&w, NULL, 0, most);
    peer_says(&w, bytes, len);
    assert_gone(&w, why);
    assert_int_equal(w.a.frames, 0);
    wire_end(&w);
    /* The same with the handshake. */
    wire_begin_with(&w, bytes, len, most);
    assert_gone(&w, why);
    assert_int_equal(w.a.frames, 0);
    wire_end(&w);
}

static void
test_garbage(void **state)
{
    (void)state;
    breaks("\0\0\0\0", 4, 64, "sent what is no frame");
    breaks("\1\0\0\0\1", 5, 64, "sent what is no frame");
    breaks("\11\0\0\0\77\0\0\0\0\0\0\0\0", 13, 64, "sent what is no frame");
}

static void
test_too_long(void **state)
{
    size_t len = frames_of(all, FRAME_OUTCOME, FRAME_OUTCOME);

    (void)state;
    breaks("GET / HTTP/1.1\r\n\r\n", 18, FRAME_MAX, "sent too long a frame");
    breaks("\101\0\0\0", 4, 64, "sent too long a frame");
    breaks(all, len, len - 5, "sent too long a frame");
}

/* What is behind garbage is not looked at. */
static void
test_garbage_in_the_midst(void **state)
{
    struct wires w;
    size_t len = frames_of(all, 1, 2);

    (void)state;
    memset(all + len, 0, 4);
    memcpy(all + len + 4, all, 13);
    wire_begin(&w);
    peer_says(&w, all, len + 4 + 13);
    assert_gone(&w, "sent what is no frame");
    assert_int_equal(w.a.frames, 2);
    wire_end(&w);
}

static void
test_close_silences(void **state)
{
    struct wires w;
    size_t len = frames_of(all, 1, KINDS);

    (void)state;
    wire_close(NULL);
    for (int turns = 0; turns < 3; turns++) {
        struct frame f = full_frame(FRAME_ASK);
        struct wire *closed;

        wire_begin_with(&w, all, len, FRAME_MAX);
        if (turns > 0)
            run_for(&w.s.loop, (unsigned)turns);
        peer_says(&w, all, len);
        closed = w.a.wire;
        w.a.wire = NULL;
        wire_close(closed);
        wire_close(closed); /* until the loop goes on */
        wire_send(closed, &f);
        run_for(&w.s.loop, 5);
        assert_int_equal(w.a.frames, turns ? KINDS : 0);
        assert_int_equal(w.a.gone, 0);
        wire_end(&w);
    }
}

static void
test_close_from_within(void **state)
{
    struct wires w;
    size_t len = frames_of(all, 1, KINDS);

    (void)state;
    for (int at = 1; at <= KINDS; at++)
        for (int extra = 0; extra <= 1; extra++) {
            wire_begin_with(&w, all, extra ? len : 0, FRAME_MAX);
            w.a.closes_at = at;
            w.a.answers = 1; /* a write is under way */
            if (!extra)
                peer_says(&w, all, len);
            run_until(&w.s.loop, !w.a.wire);
            run_for(&w.s.loop, 2);
            assert_int_equal(w.a.frames, at);
            assert_int_equal(w.a.gone, 0);
            wire_end(&w);
        }
}

/* ---- whom nobody reads ------------------------------------------------ */

static void
test_queue_has_a_bound(void **state)
{
    static unsigned char piece[1024 * 1024];
    struct frame f = {
        .kind = FRAME_STATE, .bytes = piece, .len = sizeof(piece)};
    struct wires w;
    unsigned sent = 0;

    (void)state;
    wire_begin(&w);
    while (w.a.gone == 0 && sent < 200) {
        wire_send(w.a.wire, &f);
        assert_int_equal(w.a.gone, 0); /* never from within */
        sent++;
        if (sent % 8 == 0)
            uv_run(&w.s.loop.uv, UV_RUN_NOWAIT);
    }
    assert_gone(&w, "does not take what it is sent");
    assert_in_range(sent, WIRE_QUEUE_MAX / sizeof(piece),
                    WIRE_QUEUE_MAX / sizeof(piece) + 16);
    wire_end(&w);
}

static void
test_what_is_too_long_to_send(void **state)
{
    struct frame f = {.kind = FRAME_STATE, .bytes = "", .len = FRAME_MAX + 1};
    struct wires w;

    (void)state;
    wire_begin(&w);
    wire_send(w.a.wire, &f);
    assert_gone(&w, "does not take what it is sent");
    wire_end(&w);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_frames_come),
        cmocka_unit_test(test_frames_go),
        cmocka_unit_test(test_answers_from_within),
        cmocka_unit_test(test_extra),
        cmocka_unit_test(test_both_ways_over_tcp),
        cmocka_unit_test(test_hung_up),
        cmocka_unit_test(test_hung_up_at_once),
        cmocka_unit_test(test_reset),
        cmocka_unit_test(test_garbage),
        cmocka_unit_test(test_too_long),
        cmocka_unit_test(test_garbage_in_the_midst),
        cmocka_unit_test(test_close_silences),
        cmocka_unit_test(test_close_from_within),
        cmocka_unit_test(test_queue_has_a_bound),
        cmocka_unit_test(test_what_is_too_long_to_send),
    };

    signal(SIGPIPE, SIG_IGN); /* as sluiced does */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
