/* Clients that are slow, hang, or talk nonsense. */
#include "http_fixture.h"

/* ---- clients that waste time ------------------------------------------ */

static void
test_slow_request(void **state)
{
    struct fixture f;
    char got[1024];
    uint64_t begin_ms = clock_mono_ms();
    int silent, half;

    (void)state;
    open_with(&f, (struct http_options){.request_ms = 200});
    silent = connect_and_send(&f, "");
    half = connect_and_send(&f, "GET /now HTTP/1.1\r\nHo");
    assert_int_equal(http_help_read(&f.loop, silent, got, sizeof(got)), 0);
    assert_int_equal(http_help_read(&f.loop, half, got, sizeof(got)), 0);
    assert_true(clock_mono_ms() - begin_ms >= 200);
    close(silent);
    close(half);
    finish(&f);
}

/* A byte now and then does not buy time; neither does a body. */
static void
test_trickle(void **state)
{
    const char *begins[] = {
        "GET /now HTTP/1.1\r\nX: ",
        "POST /echo/x HTTP/1.1\r\nHost: t\r\nContent-Length: 9999\r\n\r\n"};
    struct fixture f;
    uint64_t end_ms;
    int fd, n;

    (void)state;
    open_with(&f, (struct http_options){.request_ms = 100});
    for (size_t i = 0; i < 2; i++) {
        fd = connect_and_send(&f, begins[i]);
        end_ms = clock_mono_ms() + HTTP_HELP_MS;
        for (n = 0; clock_mono_ms() < end_ms; n++) {
            if (send(fd, "x", 1, MSG_NOSIGNAL) < 0)
                break;
            for (int turn = 0; turn < 5; turn++)
                http_help_turn(&f.loop, -1);
        }
        assert_true(clock_mono_ms() < end_ms);
        assert_true(n > 0);
        close(fd);
    }
    finish(&f);
}

static void
test_idle_connection(void **state)
{
    struct fixture f;
    char got[1024];
    uint64_t begin_ms;
    int fd;

    (void)state;
    open_with(&f, (struct http_options){.request_ms = 5000, .idle_ms = 100});
    fd = connect_and_send(&f, "GET /now HTTP/1.1\r\nHost: t\r\n\r\n");
    assert_int_equal(
        http_help_read_until(&f.loop, fd, got, sizeof(got), "now\n"), 0);
    begin_ms = clock_mono_ms();
    assert_int_equal(http_help_read(&f.loop, fd, got, sizeof(got)), 0);
    assert_true(clock_mono_ms() - begin_ms < 5000);
    assert_string_equal(got, "");
    close(fd);
    finish(&f);
}

/* A handler's time is its own. */
static void
test_waiting_is_not_slow(void **state)
{
    struct fixture f;
    char got[1024];
    uint64_t end_ms;
    int fd;

    (void)state;
    open_with(&f, (struct http_options){.request_ms = 50, .idle_ms = 50});
    fd = connect_and_send(&f, "GET /later/0" LAST);
    wait_held(&f, 1);
    end_ms = clock_mono_ms() + 200;
    while (clock_mono_ms() < end_ms)
        http_help_turn(&f.loop, -1);
    answer_held(&f, 0);
    assert_int_equal(http_help_read(&f.loop, fd, got, sizeof(got)), 0);
    assert_string_equal(http_help_body(got), "answer 0\n");
    close(fd);
    finish(&f);
}

/* With room for one, a client that does not take its answer must go. */
static void
test_answer_not_taken(void **state)
{
    struct fixture f;
    int fd;

    (void)state;
    open_with(&f, (struct http_options){.request_ms = 100, .max_clients = 1});
    f.big = calloc(1, BIG_BYTES);
    fd = connect_and_send(&f, "GET /big" LAST);
    assert_begins(ask(&f, "GET /now" LAST), "HTTP/1.1 200 ");
    close(fd);
    finish(&f);
}

static void
count_turn(uv_prepare_t *prepare)
{
    ++*(unsigned *)prepare->data;
}

static void
stop_turning(uv_timer_t *timer)
{
    uv_stop(timer->loop);
}

/* Turns of the loop in a fifth of a second. */
static unsigned
turns(struct fixture *f)
{
    unsigned count = 0;
    uv_prepare_t prepare;
    uv_timer_t timer;

    uv_prepare_init(&f->loop.uv, &prepare);
    uv_timer_init(&f->loop.uv, &timer);
    prepare.data = &count;
    uv_prepare_start(&prepare, count_turn);
    uv_timer_start(&timer, stop_turning, 200, 0);
    uv_run(&f->loop.uv, UV_RUN_DEFAULT);
    uv_close((uv_handle_t *)&prepare, NULL);
    uv_close((uv_handle_t *)&timer, NULL);
    uv_run(&f->loop.uv, UV_RUN_NOWAIT);
    return count;
}

/* Whatever clients do not do, the loop sleeps meanwhile. */
static void
test_no_spinning(void **state)
{
    struct fixture f;
    int fds[6];

    (void)state;
    open_with(&f, (struct http_options){.max_clients = 5});
    fds[0] = connect_and_send(&f, "");
    fds[1] = connect_and_send(&f, "GET /now HTTP/1.1\r\nHo");
    fds[2] = connect_and_send(&f, "GET /later/0" LAST);
    fds[3] = connect_and_send(&f, "GET /later/1" LAST);
    wait_held(&f, 2);
    shutdown(fds[3], SHUT_WR);
    fds[4] = connect_and_send(&f, "GET /now HTTP/1.1\r\nHost: t\r\n\r\n");
    fds[5] = connect_and_send(&f, "GET /now" LAST); /* no room for it */
    assert_true(turns(&f) < 40);
    answer_held(&f, 0);
    answer_held(&f, 1);
    for (size_t i = 0; i < 6; i++)
        close(fds[i]);
    finish(&f);
}

/* ---- nonsense --------------------------------------------------------- */

static void
test_garbage(void **state)
{
    static const char *const bad[] = {
        "GET /now HTTP/1.1\r\n\r\n", /* no Host */
        "GET /no%zz" LAST,
        "GET /now?a=%" LAST,
        "GET /now%00" LAST,
    };
    static const char *const worse[] = {
        "\r\n\r\n\r\n\r\n",
        "\x16\x03\x01\x02\x00\x01\xfc\x03\x03",
        "GET\r\n\r\n",
        "GET /now HTTP/9.9\r\nHost: t\r\n\r\n",
        "   \n",
        "POST /echo/x HTTP/1.1\r\nHost: t\r\nContent-Length: -1\r\n\r\n",
        "POST /echo/x HTTP/1.1\r\nHost: t\r\nContent-Length: z\r\n\r\n",
        "POST /echo/x HTTP/1.1\r\nHost: t\r\n"
        "Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    };
    struct fixture f;

    (void)state;
    open_with(&f, (struct http_options){.request_ms = 200});
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        assert_begins(ask(&f, bad[i]), "HTTP/1.1 400 Bad Request\r\n");
    for (size_t i = 0; i < sizeof(worse) / sizeof(*worse); i++)
        assert_null(strstr(ask(&f, worse[i]), " 200 "));
    assert_begins(ask(&f, "GET /now HTTP/1.0\r\n\r\n"), "HTTP/1.1 200 ");
    finish(&f);
}

static void
test_long(void **state)
{
    char *request = malloc(70000);
    struct fixture f;

    (void)state;
    open_default(&f);
    memset(request, 'a', 70000);
    memcpy(request, "GET /echo/", 10);
    strcpy(request + 65536, LAST);
    assert_begins(ask(&f, request), "HTTP/1.1 414 ");
    strcpy(request + 16384, LAST);
    assert_begins(ask(&f, request), "HTTP/1.1 200 ");

    memset(request, 'a', 70000);
    memcpy(request, "GET /now HTTP/1.1\r\nHost: t\r\nX: ", 31);
    strcpy(request + 65536, "\r\n\r\n");
    assert_begins(ask(&f, request), "HTTP/1.1 431 ");
    free(request);
    finish(&f);
}

/* Bytes as they come, from a generator with a fixed seed: nothing falls
 * over, and the next client is served. */
static void
test_noise(void **state)
{
    struct fixture f;
    uint32_t seed = 1;
    char noise[512];
    int fd;

    (void)state;
    open_default(&f);
    for (int i = 0; i < 300; i++) {
        for (size_t n = 0; n < sizeof(noise); n++) {
            seed = seed * 1664525 + 1013904223;
            noise[n] = "GET /later/ HTTP1.\r\n:%&=0aPOST\x80"[seed >> 27];
        }
        fd = http_help_connect(f.path);
        memcpy(noise, "GET /now", 4 + (size_t)i % 5);
        http_help_send(&f.loop, fd, noise, sizeof(noise));
        http_help_turn(&f.loop, fd);
        close(fd);
    }
    assert_begins(ask(&f, "GET /now" LAST), "HTTP/1.1 200 ");
    finish(&f);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slow_request),
        cmocka_unit_test(test_trickle),
        cmocka_unit_test(test_idle_connection),
        cmocka_unit_test(test_waiting_is_not_slow),
        cmocka_unit_test(test_answer_not_taken),
        cmocka_unit_test(test_no_spinning),
        cmocka_unit_test(test_garbage),
        cmocka_unit_test(test_long),
        cmocka_unit_test(test_noise),
    };
    int failed;

    tempdir_make();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    tempdir_remove();
    return failed;
}
