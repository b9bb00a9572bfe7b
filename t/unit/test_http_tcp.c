/* The server on TCP: its port, and how much of it one address may take. */
#include <arpa/inet.h>
#include <netinet/in.h>

#include "http_fixture.h"

#define PER_ADDRESS 4

/* A port that is free now. */
static uint16_t
free_port(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET};
    socklen_t len = sizeof(a);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
    close(fd);
    return ntohs(a.sin_port);
}

static uint16_t
open_tcp(struct fixture *f, const char *address)
{
    struct http_options options = {
        .routes = routes,
        .data = f,
        .max_per_address = PER_ADDRESS,
        .no_options = 1,
    };
    uint16_t port = free_port();
    char err[256] = "";

    memset(f, 0, sizeof(*f));
    assert_int_equal(loop_init(&f->loop), 0);
    f->server = http_server_open_tcp(&f->loop, address, port, &options, err,
                                     sizeof(err));
    assert_string_equal(err, "");
    assert_non_null(f->server);
    return port;
}

/* From another address of this host, 127.0.0.N. */
static int
connect_from(int n, uint16_t port)
{
    struct sockaddr_in a = {.sin_family = AF_INET};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    a.sin_addr.s_addr = htonl(0x7f000000u + (unsigned)n);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    a.sin_port = htons(port);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    return fd;
}

/* What comes back; "" when the connection was closed instead. */
static const char *
ask_from(struct fixture *f, int n, uint16_t port, const char *request)
{
    static char text[4096];
    int fd = connect_from(n, port);

    if (http_help_send(&f->loop, fd, request, strlen(request)) != 0 ||
        http_help_read(&f->loop, fd, text, sizeof(text)) != 0)
        text[0] = '\0';
    close(fd);
    return text;
}

static void
test_serves(void **state)
{
    struct fixture f;
    uint16_t port = open_tcp(&f, "127.0.0.1");
    const char *text;

    (void)state;
    text = ask_from(&f, 1, port, "GET /now" LAST);
    assert_begins(text, "HTTP/1.1 200 ");
    assert_has(text, "\r\n\r\nnow\n");
    text = ask_from(&f, 1, port, "HEAD /now" LAST);
    assert_begins(text, "HTTP/1.1 200 ");
    assert_null(strstr(text, "now\n"));
    finish(&f);
    port = open_tcp(&f, "0.0.0.0");
    assert_begins(ask_from(&f, 1, port, "GET /now" LAST), "HTTP/1.1 200 ");
    finish(&f);
}

/* A 200 to OPTIONS would be health to who asks no more than that. */
static void
test_no_options(void **state)
{
    struct fixture f;
    uint16_t port = open_tcp(&f, "127.0.0.1");
    const char *text = ask_from(&f, 1, port, "OPTIONS /now" LAST);

    (void)state;
    assert_begins(text, "HTTP/1.1 405 ");
    assert_has(text, "Allow: GET, HEAD\r\n");
    finish(&f);
}

static void
test_refused(void **state)
{
    struct http_options options = {.routes = routes};
    struct fixture f;
    uint16_t port = open_tcp(&f, "127.0.0.1");
    char err[256];

    (void)state;
    assert_null(http_server_open_tcp(&f.loop, "127.0.0.1", port, &options, err,
                                     sizeof(err)));
    assert_has(err, ": cannot listen there: Address already in use");
    assert_null(http_server_open_tcp(&f.loop, "localhost", 80, &options, err,
                                     sizeof(err)));
    assert_string_equal(err, "localhost:80: is no IP address");
    assert_null(
        http_server_open_tcp(&f.loop, "::g", 80, &options, err, sizeof(err)));
    assert_string_equal(err, "[::g]:80: is no IP address");
    finish(&f);
}

/* Who holds all the connections it may have keeps nobody else out. */
static void
test_one_address_takes_all(void **state)
{
    struct fixture f;
    uint16_t port = open_tcp(&f, "127.0.0.1");
    int fds[PER_ADDRESS];

    (void)state;
    for (int i = 0; i < PER_ADDRESS; i++) {
        fds[i] = connect_from(2, port);
        http_help_turn(&f.loop, -1);
    }
    assert_string_equal(ask_from(&f, 2, port, "GET /now" LAST), "");
    assert_begins(ask_from(&f, 3, port, "GET /now" LAST), "HTTP/1.1 200 ");
    for (int i = 0; i < PER_ADDRESS; i++)
        close(fds[i]);
    for (int i = 0; i < 10; i++)
        http_help_turn(&f.loop, -1);
    assert_begins(ask_from(&f, 2, port, "GET /now" LAST), "HTTP/1.1 200 ");
    finish(&f);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_serves),
        cmocka_unit_test(test_no_options),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_one_address_takes_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
