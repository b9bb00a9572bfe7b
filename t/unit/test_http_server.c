/* The HTTP server over a real socket: answers at once and later, clients that
 * leave meanwhile, and its end with work under way. */
#include "http_fixture.h"

/* ---- answers at once -------------------------------------------------- */

static void
test_get_and_head(void **state)
{
    struct fixture f;
    char got[1024];
    const char *head;

    (void)state;
    open_default(&f);
    snprintf(got, sizeof(got), "%s", ask(&f, "GET /now" LAST));
    assert_begins(got, "HTTP/1.1 200 OK\r\n");
    assert_has(got, "\r\nContent-Type: text/plain; charset=utf-8\r\n");
    assert_has(got, "\r\nContent-Length: 4\r\n");
    assert_string_equal(http_help_body(got), "now\n");
    got[strlen(got) - strlen("now\n")] = '\0';

    head = ask(&f, "HEAD /now" LAST);
    assert_string_equal(head, got);
    finish(&f);
}

static void
test_not_routed(void **state)
{
    struct fixture f;
    const char *got;

    (void)state;
    open_default(&f);
    got = ask(&f, "GET /nope" LAST);
    assert_begins(got, "HTTP/1.1 404 Not Found\r\n");
    assert_has(got, "\r\nX-Content-Type-Options: nosniff\r\n");
    assert_has(got, "\r\nContent-Type: text/plain; charset=utf-8\r\n");
    assert_string_equal(http_help_body(got), "404 page not found\n");
    assert_begins(ask(&f, "POST /nope" LAST), "HTTP/1.1 404 ");
    assert_begins(ask(&f, "GET /now/" LAST), "HTTP/1.1 404 ");
    assert_begins(ask(&f, "GET /echo/" LAST), "HTTP/1.1 404 ");
    assert_begins(ask(&f, "GET /echo/a%2Fb" LAST), "HTTP/1.1 404 ");

    got = ask(&f, "POST /now" LAST);
    assert_begins(got, "HTTP/1.1 405 Method Not Allowed\r\n");
    assert_has(got, "\r\nAllow: GET, HEAD, OPTIONS\r\n");
    assert_string_equal(http_help_body(got), "Method Not Allowed\n");
    got = ask(&f, "BREW /echo/x" LAST);
    assert_has(got, "\r\nAllow: DELETE, GET, HEAD, OPTIONS, POST\r\n");

    got = ask(&f, "OPTIONS /now" LAST);
    assert_begins(got, "HTTP/1.1 200 OK\r\n");
    assert_has(got, "\r\nAllow: GET, HEAD, OPTIONS\r\n");
    assert_has(got, "\r\nContent-Length: 0\r\n");
    finish(&f);
}

static void
test_params(void **state)
{
    struct fixture f;
    const char *got;

    (void)state;
    open_default(&f);
    got = ask(&f, "GET /echo/x%20y?a=1&a=2&b=p%26+q" LAST);
    assert_string_equal(http_help_body(got),
                        "x y a=1:1 b=p& q stranger=- header=-\n");
    got = ask(&f, "GET /echo/x HTTP/1.1\r\nHost: t\r\nX-Test: yes\r\n"
                  "Connection: close\r\nContent-Length: 3\r\n\r\na=1");
    assert_string_equal(http_help_body(got),
                        "x a=0:- b=- stranger=- header=yes\n");
    finish(&f);
}

static void
test_kept_and_pipelined(void **state)
{
    const char *two = "GET /now HTTP/1.1\r\nHost: t\r\n\r\n"
                      "GET /echo/q HTTP/1.1\r\nHost: t\r\n\r\n";
    const char *last = "q a=0:- b=- stranger=- header=-\n";
    struct fixture f;
    char got[4096];
    int fd;

    (void)state;
    open_default(&f);
    fd = connect_and_send(&f, two);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(
            http_help_read_until(&f.loop, fd, got, sizeof(got), last), 0);
        assert_begins(got, "HTTP/1.1 200 OK\r\n");
        assert_has(got, "\r\n\r\nnow\nHTTP/1.1 200 OK\r\n");
        assert_int_equal(http_help_send(&f.loop, fd, two, strlen(two)), 0);
    }
    close(fd);
    finish(&f);
}

/* ---- answers later ---------------------------------------------------- */

static void
ask_parallel(struct fixture *f, int *fds, size_t n)
{
    char request[128];

    f->nheld = 0;
    for (size_t i = 0; i < n; i++) {
        snprintf(request, sizeof(request), "GET /later/%zu" LAST, i);
        fds[i] = connect_and_send(f, request);
    }
    wait_held(f, n);
}

static void
assert_answered(struct fixture *f, int *fds, size_t n)
{
    char got[1024], text[64];

    for (size_t i = 0; i < n; i++) {
        assert_int_equal(http_help_read(&f->loop, fds[i], got, sizeof(got)), 0);
        snprintf(text, sizeof(text), "answer %zu\n", i);
        assert_string_equal(http_help_body(got), text);
        close(fds[i]);
    }
}

/* All in one turn of the loop, then each in a turn of its own, the last
 * first. */
static void
test_hundred_at_once(void **state)
{
    struct fixture f;
    int fds[100];

    (void)state;
    open_default(&f);
    ask_parallel(&f, fds, 100);
    for (size_t i = 0; i < 100; i++)
        answer_held(&f, i);
    assert_answered(&f, fds, 100);

    ask_parallel(&f, fds, 100);
    for (size_t i = 100; i-- > 0;) {
        answer_held(&f, i);
        http_help_turn(&f.loop, -1);
    }
    assert_answered(&f, fds, 100);
    finish(&f);
}

/* Others go on while one waits, on connections old and new; and a kept
 * connection's next request is answered after the one that waited. */
static void
test_others_go_on(void **state)
{
    const char *two = "GET /later/0 HTTP/1.1\r\nHost: t\r\n\r\n"
                      "GET /now" LAST;
    struct fixture f;
    char got[4096];
    int fd;

    (void)state;
    open_default(&f);
    fd = connect_and_send(&f, two);
    wait_held(&f, 1);
    for (int i = 0; i < 20; i++)
        assert_begins(ask(&f, "GET /now" LAST), "HTTP/1.1 200 ");
    answer_held(&f, 0);
    assert_int_equal(http_help_read(&f.loop, fd, got, sizeof(got)), 0);
    assert_has(got, "\r\n\r\nanswer 0\nHTTP/1.1 200 OK\r\n");
    assert_string_equal(got + strlen(got) - 4, "now\n");
    close(fd);
    finish(&f);
}

static void
test_head_later(void **state)
{
    struct fixture f;
    char got[1024];
    int fd;

    (void)state;
    open_default(&f);
    fd = connect_and_send(&f, "HEAD /later/0" LAST);
    wait_held(&f, 1);
    answer_held(&f, 0);
    assert_int_equal(http_help_read(&f.loop, fd, got, sizeof(got)), 0);
    assert_has(got, "\r\nContent-Length: 9\r\n");
    assert_string_equal(http_help_body(got), "");
    close(fd);
    finish(&f);
}

/* With room for one client the next is let in when the first is noticed to
 * have left. Its handler's answer then goes nowhere. */
static void
test_client_leaves(void **state)
{
    struct fixture f;
    int fd;

    (void)state;
    open_with(&f, (struct http_options){.max_clients = 1});
    for (int i = 0; i < 3; i++) {
        f.nheld = 0;
        fd = connect_and_send(&f, "GET /later/0" LAST);
        wait_held(&f, 1);
        close(fd);
        assert_begins(ask(&f, "GET /now" LAST), "HTTP/1.1 200 ");
        answer_held(&f, 0);
    }
    finish(&f);
}

/* The client leaves and the answer comes before anybody noticed. */
static void
test_client_leaves_unseen(void **state)
{
    struct fixture f;
    int fd;

    (void)state;
    open_with(&f, (struct http_options){.max_clients = 1});
    fd = connect_and_send(&f, "GET /later/0" LAST);
    wait_held(&f, 1);
    close(fd);
    answer_held(&f, 0);
    assert_begins(ask(&f, "GET /now" LAST), "HTTP/1.1 200 ");
    finish(&f);
}

/* Who says that no more comes still wants the answer. */
static void
test_half_closed(void **state)
{
    struct fixture f;
    char got[1024];
    int fd;

    (void)state;
    open_default(&f);
    fd = connect_and_send(&f, "GET /later/0" LAST);
    wait_held(&f, 1);
    shutdown(fd, SHUT_WR);
    for (int i = 0; i < 10; i++)
        http_help_turn(&f.loop, -1);
    answer_held(&f, 0);
    assert_int_equal(http_help_read(&f.loop, fd, got, sizeof(got)), 0);
    assert_string_equal(http_help_body(got), "answer 0\n");
    close(fd);
    finish(&f);
}

static void
test_more_than_room(void **state)
{
    struct fixture f;
    int fds[20];

    (void)state;
    open_with(&f, (struct http_options){.max_clients = 8});
    for (size_t i = 0; i < 20; i++)
        fds[i] = connect_and_send(&f, "GET /later/0" LAST);
    wait_held(&f, 8);
    for (size_t i = 0; i < 20; i++) {
        wait_held(&f, i < 12 ? 8 + i : 20);
        answer_held(&f, i);
    }
    for (size_t i = 0; i < 20; i++) {
        char got[1024];

        assert_int_equal(http_help_read(&f.loop, fds[i], got, sizeof(got)), 0);
        assert_string_equal(http_help_body(got), "answer 0\n");
        close(fds[i]);
    }
    finish(&f);
}

/* ---- the end ---------------------------------------------------------- */

static void
test_close_with_pending(void **state)
{
    struct fixture f;
    char got[1024];
    int fds[100], idle, half;

    (void)state;
    open_default(&f);
    idle = connect_and_send(&f, "");
    half = connect_and_send(&f, "GET /later/0 HTTP/1.1\r\n");
    ask_parallel(&f, fds, 100);
    answer_held(&f, 99);
    close(fds[98]);
    http_server_close(f.server, &farewell);
    assert_int_equal(access(f.path, F_OK), -1);
    assert_int_equal(http_help_connect(f.path), -1);
    for (size_t i = 0; i < 98; i++) {
        assert_int_equal(http_help_read(&f.loop, fds[i], got, sizeof(got)), 0);
        assert_begins(got, "HTTP/1.1 503 Service Unavailable\r\n");
        assert_string_equal(http_help_body(got), "bye\n");
        close(fds[i]);
    }
    assert_int_equal(http_help_read(&f.loop, fds[99], got, sizeof(got)), 0);
    assert_string_equal(http_help_body(got), "answer 99\n");
    close(fds[99]);
    close(idle);
    close(half);
    loop_close(&f.loop);
    for (size_t i = 0; i < 99; i++)
        answer_held(&f, i); /* too late, and harmless */
}

static void
test_close_nothing(void **state)
{
    struct fixture f;

    (void)state;
    http_server_close(NULL, &farewell);
    open_default(&f);
    finish(&f);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_get_and_head),
        cmocka_unit_test(test_not_routed),
        cmocka_unit_test(test_params),
        cmocka_unit_test(test_kept_and_pipelined),
        cmocka_unit_test(test_hundred_at_once),
        cmocka_unit_test(test_others_go_on),
        cmocka_unit_test(test_head_later),
        cmocka_unit_test(test_client_leaves),
        cmocka_unit_test(test_client_leaves_unseen),
        cmocka_unit_test(test_half_closed),
        cmocka_unit_test(test_more_than_room),
        cmocka_unit_test(test_close_with_pending),
        cmocka_unit_test(test_close_nothing),
    };
    int failed;

    tempdir_make();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    tempdir_remove();
    return failed;
}
