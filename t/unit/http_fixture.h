/* A server with handlers of every temper, for tests of the HTTP server. */
#ifndef HTTP_FIXTURE_H
#define HTTP_FIXTURE_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/http_server.h"
#include "http_help.h"
#include "tempdir.h"

#define HELD_MAX 128
#define BIG_BYTES (4 * 1024 * 1024)

struct fixture {
    struct loop loop;
    struct http_server *server;
    char path[256];
    struct http_request *held[HELD_MAX];
    size_t nheld;
    char *big;
};

static inline void
answer(struct http_request *r, unsigned status, const char *text)
{
    http_request_answer(r, &(struct http_answer){.status = status,
                                                 .type = HTTP_TEXT,
                                                 .body = text,
                                                 .len = strlen(text)});
}

static inline void
handle_now(void *data, struct http_request *r)
{
    (void)data;
    answer(r, 200, "now\n");
}

static inline void
handle_later(void *data, struct http_request *r)
{
    struct fixture *f = data;

    assert_true(f->nheld < HELD_MAX);
    f->held[f->nheld++] = r;
}

static inline void
handle_big(void *data, struct http_request *r)
{
    struct fixture *f = data;

    http_request_answer(
        r,
        &(struct http_answer){.status = 200, .body = f->big, .len = BIG_BYTES});
}

static inline void
handle_echo(void *data, struct http_request *r)
{
    static const char *const known[] = {"a", "b", NULL};
    const char *a = http_request_param(r, "a"), *b = http_request_param(r, "b"),
               *stranger = http_request_stranger(r, known),
               *header = http_request_header(r, "X-Test");
    char *text;

    (void)data;
    if (asprintf(&text, "%s a=%zu:%.20s b=%s stranger=%s header=%s\n",
                 http_request_segment(r, "word"), a ? strlen(a) : 0,
                 a ? a : "-", b ? b : "-", stranger ? stranger : "-",
                 header ? header : "-") < 0)
        abort();
    answer(r, 200, text);
    free(text);
}

static const struct http_route routes[] = {
    {HTTP_GET, "/now", handle_now},
    {HTTP_GET | HTTP_POST, "/later/:n", handle_later},
    {HTTP_GET | HTTP_POST, "/echo/:word", handle_echo},
    {HTTP_DELETE, "/echo/:word", handle_echo},
    {HTTP_GET, "/big", handle_big},
    {0, NULL, NULL},
};

static const struct http_answer farewell = {.status = 503,
                                            .type = HTTP_TEXT,
                                            .body = "bye\n",
                                            .len = 4};

static inline void
open_with(struct fixture *f, struct http_options options)
{
    char err[256] = "";

    memset(f, 0, sizeof(*f));
    snprintf(f->path, sizeof(f->path), "%s", tempdir_path("control.sock"));
    unlink(f->path); /* of a test that failed */
    assert_int_equal(loop_init(&f->loop), 0);
    options.routes = routes;
    options.data = f;
    f->server = http_server_open(&f->loop, f->path, &options, err, sizeof(err));
    assert_string_equal(err, "");
    assert_non_null(f->server);
}

static inline void
open_default(struct fixture *f)
{
    open_with(f, (struct http_options){0});
}

static inline void
finish(struct fixture *f)
{
    http_server_close(f->server, &farewell);
    loop_close(&f->loop);
    free(f->big);
}

static inline const char *
ask(struct fixture *f, const char *request)
{
    return http_help_ask(&f->loop, f->path, request);
}

static inline void
wait_held(struct fixture *f, size_t n)
{
    uint64_t end_ms = clock_mono_ms() + HTTP_HELP_MS;

    while (f->nheld < n && clock_mono_ms() < end_ms)
        http_help_turn(&f->loop, -1);
    assert_int_equal(f->nheld, n);
}

static inline int
connect_and_send(struct fixture *f, const char *text)
{
    int fd = http_help_connect(f->path);

    assert_true(fd >= 0);
    assert_int_equal(http_help_send(&f->loop, fd, text, strlen(text)), 0);
    return fd;
}

static inline void
assert_begins(const char *text, const char *begin)
{
    if (strncmp(text, begin, strlen(begin)) != 0)
        fail_msg("\"%.300s\" does not begin with \"%s\"", text, begin);
}

static inline void
assert_has(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("\"%.300s\" has no \"%s\"", text, part);
}

static inline void
answer_held(struct fixture *f, size_t i)
{
    char text[64];

    snprintf(text, sizeof(text), "answer %s\n",
             http_request_segment(f->held[i], "n"));
    answer(f->held[i], 200, text);
}

#endif
