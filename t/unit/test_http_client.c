/* The HTTP client against peers of every temper. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <dlfcn.h>
#include <netdb.h>
#include <semaphore.h>

#include <cmocka.h>

#include "base/http_client.h"
#include "http_peer.h"

#define WAIT_MS 10000
#define OK "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

/* The system's resolver: it is silent about "silent.test" until somebody
 * posts, once for each who asks, and knows "peer.test". */
static sem_t go_on;

int
getaddrinfo(const char *name,
            const char *service,
            const struct addrinfo *hints,
            struct addrinfo **out)
{
    int (*real)(const char *, const char *, const struct addrinfo *,
                struct addrinfo **);

    *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
    if (!name || !strstr(name, ".test") ||
        (hints && hints->ai_flags & AI_NUMERICHOST))
        return real(name, service, hints, out);
    if (strcmp(name, "peer.test") == 0)
        return real("127.0.0.1", service, hints, out);
    if (strcmp(name, "silent.test") != 0)
        return EAI_NONAME;
    sem_wait(&go_on);
    return EAI_AGAIN;
}

static struct loop loop;
static struct http_client *client;
static struct http_peer peer;
static char url[256];

/* What came back. */
static struct {
    unsigned calls;
    unsigned status;
    char body[256];
    size_t len;
    char error[512];
} got;

static int
setup(void **state)
{
    (void)state;
    memset(&got, 0, sizeof(got));
    assert_int_equal(loop_init(&loop), 0);
    client = http_client_new(&loop);
    http_peer_open(&peer, &loop);
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/x", peer.port);
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    http_client_free(client);
    http_peer_end(&peer);
    loop_close(&loop);
    return 0;
}

static void
on_got(void *data, const struct http_client_answer *answer, const char *error)
{
    (void)data;
    got.calls++;
    assert_true((answer == NULL) == (error != NULL));
    if (error) {
        snprintf(got.error, sizeof(got.error), "%s", error);
        return;
    }
    got.status = answer->status;
    got.len = answer->len;
    assert_int_equal(answer->body[answer->len], '\0');
    snprintf(got.body, sizeof(got.body), "%s", answer->body);
}

static struct http_get *
start(const char *what, size_t body_max)
{
    const struct http_client_request request = {
        .url = what,
        .connect_ms = 1000,
        .total_ms = 500,
        .body_max = body_max,
        .follow_redirects = 1,
    };

    got.calls = 0;
    got.error[0] = got.body[0] = '\0';
    return http_client_get(client, &request, on_got, NULL);
}

static void
wait_for(unsigned *count, unsigned wanted)
{
    uint64_t end_ms = clock_mono_ms() + WAIT_MS;

    while (*count < wanted && clock_mono_ms() < end_ms)
        uv_run(&loop.uv, UV_RUN_ONCE);
    assert_int_equal(*count, wanted);
}

static void
get(const char *what, size_t body_max)
{
    start(what, body_max);
    assert_int_equal(got.calls, 0);
    wait_for(&got.calls, 1);
}

/* The error is HOST:PORT and this. */
static void
assert_error(const char *text)
{
    char want[512];

    snprintf(want, sizeof(want), "127.0.0.1:%d: %s", peer.port, text);
    assert_string_equal(got.error, want);
}

static void
test_an_answer_arrives(void **state)
{
    (void)state;
    peer.answer = OK;
    get(url, 5);
    assert_string_equal(got.error, "");
    assert_int_equal(got.status, 200);
    assert_string_equal(got.body, "hello");
    assert_int_equal(got.len, 5);
    assert_non_null(strstr(peer.request, "GET /x HTTP/1.1\r\n"));
    peer.answer = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
    get(url, 100);
    assert_int_equal(got.status, 404);
    assert_string_equal(got.body, "");
}

static void
test_a_connection_is_used_again(void **state)
{
    (void)state;
    peer.answer = OK;
    peer.stays_open = 1;
    for (int i = 0; i < 5; i++)
        get(url, 100);
    assert_int_equal(peer.requests, 5);
    assert_int_equal(peer.connections, 1);
}

static void
test_the_path_goes_as_it_is(void **state)
{
    char odd[300];

    (void)state;
    peer.answer = OK;
    snprintf(odd, sizeof(odd), "http://127.0.0.1:%d//a/../b;csv;norefresh",
             peer.port);
    get(odd, 100);
    assert_non_null(strstr(peer.request, "GET //a/../b;csv;norefresh HTTP"));
}

static void
test_credentials_are_sent_and_never_told(void **state)
{
    char with[300];

    (void)state;
    peer.answer = OK;
    snprintf(with, sizeof(with), "http://user:s3cret@127.0.0.1:%d/", peer.port);
    get(with, 100);
    assert_non_null(
        strstr(peer.request, "Authorization: Basic dXNlcjpzM2NyZXQ="));
    peer.answer = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhell";
    get(with, 100);
    assert_error("only a part of the answer came");
}

static void
test_only_the_status_is_wanted(void **state)
{
    (void)state;
    peer.answer = "HTTP/1.1 404 Not Found\r\nContent-Length: 99999\r\n\r\nlong";
    peer.stays_open = 1;
    get(url, 0);
    assert_string_equal(got.error, "");
    assert_int_equal(got.status, 404);
    assert_int_equal(got.len, 0);
}

static void
test_too_much_is_an_error(void **state)
{
    (void)state;
    peer.answer = OK;
    get(url, 4);
    assert_error("the answer is longer than 4 bytes");
}

static void
test_who_never_answers(void **state)
{
    (void)state;
    get(url, 100);
    assert_error("no whole answer within 500 ms");
    peer.answer = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhell";
    peer.stays_open = 1;
    get(url, 100);
    assert_error("no whole answer within 500 ms");
}

static void
test_who_speaks_something_else(void **state)
{
    (void)state;
    peer.answer = "garbage\n";
    get(url, 100);
    assert_error("Received HTTP/0.9 when not allowed");
    peer.answer = "\r\n";
    get(url, 100);
    assert_true(got.error[0] != '\0');
}

static void
test_nobody_is_there(void **state)
{
    char nowhere[64];

    (void)state;
    snprintf(nowhere, sizeof(nowhere), "http://127.0.0.1:1/");
    get(nowhere, 100);
    assert_string_equal(got.error,
                        "127.0.0.1:1: cannot connect: Connection refused");
}

static void
test_redirects_are_followed_for_a_while(void **state)
{
    static char answer[256];

    (void)state;
    snprintf(answer, sizeof(answer),
             "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:%d/y\r\n"
             "Content-Length: 0\r\n\r\n",
             peer.port);
    peer.answer = answer;
    get(url, 100);
    assert_error("more than 5 redirects");
    assert_int_equal(peer.requests, 6);
    peer.answer = "HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\n"
                  "Content-Length: 0\r\n\r\n";
    get(url, 100);
    assert_non_null(strstr(got.error, "not supported"));
}

static void
test_what_is_no_url(void **state)
{
    static const char *const bad[] = {"",
                                      "host",
                                      "ftp://h/",
                                      "http:/",
                                      "http://",
                                      "file:///etc/passwd",
                                      "http://h:99999/"};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        get(bad[i], 100);
        assert_int_equal(strncmp(got.error, "bad URL: ", 9), 0);
    }
}

static void
test_names_are_looked_up(void **state)
{
    char named[256];

    (void)state;
    peer.answer = OK;
    snprintf(named, sizeof(named), "http://u:p@peer.test:%d/x", peer.port);
    get(named, 100);
    assert_string_equal(got.body, "hello");
    get("http://nobody.test:81/", 100);
    assert_string_equal(got.error, "nobody.test:81: no such host");
}

/* Whoever waited for the resolver here would wait for ever. */
static void
test_a_silent_nameserver_stops_nobody(void **state)
{
    char silent[256], redirect[512];

    (void)state;
    snprintf(silent, sizeof(silent), "http://silent.test:%d/", peer.port);
    get(silent, 100);
    assert_non_null(strstr(got.error, "its name was not found within 500 ms"));
    http_client_cancel(start(silent, 100));
    snprintf(redirect, sizeof(redirect),
             "HTTP/1.1 302 Found\r\nLocation: %s\r\n"
             "Content-Length: 0\r\n\r\n",
             silent);
    peer.answer = redirect;
    get(url, 100);
    assert_error("no whole answer within 500 ms");
    for (int i = 0; i < 10; i++) /* more than there are, begun or not */
        sem_post(&go_on);
    peer.answer = OK;
    get(url, 100);
    assert_string_equal(got.body, "hello");
}

static void
test_a_cancelled_one_is_silent(void **state)
{
    (void)state;
    http_client_cancel(start(url, 100));
    http_client_cancel(NULL);
    peer.answer = NULL;
    struct http_get *waiting = start(url, 100);
    wait_for(&peer.requests, 1);
    http_client_cancel(waiting);
    for (int i = 0; i < 20; i++)
        uv_run(&loop.uv, UV_RUN_NOWAIT);
    assert_int_equal(got.calls, 0);
}

static void
test_the_end_cancels_what_is_under_way(void **state)
{
    (void)state;
    start(url, 100);
    start(url, 100);
    wait_for(&peer.requests, 2);
    /* teardown frees the client, and the sanitizer looks. */
}

static void
on_got_again(void *data,
             const struct http_client_answer *answer,
             const char *error)
{
    on_got(NULL, answer, error);
    http_client_cancel(*(struct http_get **)data);
    *(struct http_get **)data = NULL;
    start(url, 100);
}

static void
test_a_callback_may_begin_and_cancel(void **state)
{
    const struct http_client_request request = {
        .url = url, .connect_ms = 1000, .total_ms = 5000, .body_max = 100};
    struct http_get *other;

    (void)state;
    peer.answer = NULL;
    other = start(url, 100);
    wait_for(&peer.requests, 1);
    peer.answer = OK;
    http_client_get(client, &request, on_got_again, &other);
    wait_for(&peer.requests, 3);
    assert_null(other);
    wait_for(&got.calls, 1);
    assert_string_equal(got.body, "hello");
}

static void
get_at(const char *what, const char *to_host)
{
    const struct http_client_request request = {
        .url = what,
        .to_host = to_host,
        .connect_ms = 1000,
        .total_ms = 500,
        .body_max = 100,
    };

    got.calls = 0;
    got.error[0] = got.body[0] = '\0';
    http_client_get(client, &request, on_got, NULL);
    assert_int_equal(got.calls, 0);
    wait_for(&got.calls, 1);
}

/* One name, two hosts: a connection that is kept is not mistaken. */
static void
test_another_host_than_the_url(void **state)
{
    static struct http_peer other; /* until the loop has closed it */
    char text[128];

    (void)state;
    http_peer_open_at(&other, &loop, "127.0.0.2", peer.port);
    peer.stays_open = other.stays_open = 1;
    peer.answer = OK;
    other.answer = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nother";
    snprintf(url, sizeof(url), "http://nowhere.test:%d/x", peer.port);
    for (int i = 0; i < 3; i++) {
        get_at(url, "127.0.0.1");
        assert_string_equal(got.body, "hello");
        get_at(url, "127.0.0.2");
        assert_string_equal(got.body, "other");
        get_at(url, "peer.test");
        assert_string_equal(got.body, "hello");
    }
    snprintf(text, sizeof(text), "Host: nowhere.test:%d\r\n", peer.port);
    assert_non_null(strstr(peer.request, text));
    assert_int_equal(other.connections, 1);
    get_at(url, "missing.test");
    snprintf(text, sizeof(text), "missing.test:%d: no such host", peer.port);
    assert_string_equal(got.error, text);
    get_at(url, "127.0.0.3");
    snprintf(text, sizeof(text),
             "127.0.0.3:%d: cannot connect: Connection refused", peer.port);
    assert_string_equal(got.error, text);
    get_at("no url", "127.0.0.1");
    assert_string_not_equal(got.error, "");
    http_peer_end(&other);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_an_answer_arrives),
        TEST(test_a_connection_is_used_again),
        TEST(test_the_path_goes_as_it_is),
        TEST(test_credentials_are_sent_and_never_told),
        TEST(test_only_the_status_is_wanted),
        TEST(test_too_much_is_an_error),
        TEST(test_who_never_answers),
        TEST(test_who_speaks_something_else),
        TEST(test_nobody_is_there),
        TEST(test_redirects_are_followed_for_a_while),
        TEST(test_what_is_no_url),
        TEST(test_names_are_looked_up),
        TEST(test_another_host_than_the_url),
        TEST(test_a_silent_nameserver_stops_nobody),
        TEST(test_a_cancelled_one_is_silent),
        TEST(test_the_end_cancels_what_is_under_way),
        TEST(test_a_callback_may_begin_and_cancel),
    };

    return cmocka_run_group_tests_name("HTTP client", tests, NULL, NULL);
}
