/* The life of a request: line, headers, body, handler, wait, answer. */
#include "base/http_server_private.h"

#include <assert.h>
#include <ctype.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

/* ---- holding and letting go ------------------------------------------- */

static void
request_let_go(struct http_request *r)
{
    if (--r->holders > 0)
        return;
    if (r->response)
        MHD_destroy_response(r->response);
    http_form_free(r);
    free(r->path);
    free(r);
}

static void
on_watch_closed(uv_handle_t *handle)
{
    free(handle);
}

/* Before libmicrohttpd may close the descriptor. */
static void
request_resume(struct http_request *r)
{
    uv_poll_stop(r->watch);
    uv_close((uv_handle_t *)r->watch, on_watch_closed);
    r->watch = NULL;
    *r->link = r->next;
    if (r->next)
        r->next->link = r->link;
    MHD_resume_connection(r->connection);
    http_server_wake(r->server);
}

/*
 * A client that only said that it sends no more (nc -N) still waits for its
 * answer: gone is who closed both directions. libuv does not tell the two
 * apart, so the descriptor is asked.
 */
static void
on_watch(uv_poll_t *watch, int status, int events)
{
    struct http_request *r = watch->data;
    struct pollfd asked = {.fd = r->client->fd};

    (void)events;
    if (status == 0 && poll(&asked, 1, 0) >= 0 &&
        !(asked.revents & (POLLHUP | POLLERR))) {
        uv_poll_stop(watch); /* level-triggered: once is enough */
        return;
    }
    r->gone = 1;
    request_resume(r);
}

static void
request_suspend(struct http_request *r)
{
    struct http_server *s = r->server;

    http_client_allow(r->client, 0);
    r->next = s->waiting;
    r->link = &s->waiting;
    if (r->next)
        r->next->link = &r->next;
    s->waiting = r;
    r->watch = malloc(sizeof(*r->watch));
    if (!r->watch)
        abort();
    uv_poll_init(&s->loop->uv, r->watch, r->client->fd);
    r->watch->data = r;
    uv_poll_start(r->watch, UV_DISCONNECT, on_watch);
    MHD_suspend_connection(r->connection);
}

/* ---- answering -------------------------------------------------------- */

static void
request_respond(struct http_request *r, const struct http_answer *a)
{
    r->response = MHD_create_response_from_buffer(a->len, (void *)a->body,
                                                  MHD_RESPMEM_MUST_COPY);
    if (!r->response)
        abort();
    r->status = a->status;
    if (a->type)
        MHD_add_response_header(r->response, "Content-Type", a->type);
    for (size_t i = 0; i < HTTP_HEADERS_MAX && a->headers[i].name; i++)
        MHD_add_response_header(r->response, a->headers[i].name,
                                a->headers[i].value);
}

void
http_request_fail(struct http_request *r, unsigned status, const char *text)
{
    struct http_answer a = {
        .status = status,
        .type = HTTP_TEXT,
        .headers = {{"X-Content-Type-Options", "nosniff"}},
        .body = text,
        .len = strlen(text),
    };
    char allow[HTTP_ALLOW_SIZE];

    http_route_allow(r->match.allowed, allow);
    if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
        a.headers[1] = (struct http_header){"Allow", allow};
    request_respond(r, &a);
}

static void
request_options(struct http_request *r)
{
    char allow[HTTP_ALLOW_SIZE];
    struct http_answer a = {
        .status = MHD_HTTP_OK,
        .headers = {{"Allow", allow}},
        .body = "",
    };

    http_route_allow(r->match.allowed, allow);
    request_respond(r, &a);
}

void
http_request_answer(struct http_request *r, const struct http_answer *answer)
{
    if (r->connection && !r->response && !r->gone) {
        request_respond(r, answer);
        if (r->watch)
            request_resume(r);
    }
    request_let_go(r);
}

void
http_request_dismiss(struct http_request *r, const struct http_answer *answer)
{
    request_respond(r, answer);
    request_resume(r);
}

/* ---- reading ---------------------------------------------------------- */

static int
is_hex(char c)
{
    return isxdigit((unsigned char)c);
}

/* libmicrohttpd takes what it cannot decode as it is, and ends a text at its
 * first NUL; Go refuses the one, and we the other. */
static int
uri_is_bad(const char *uri)
{
    for (; *uri; uri++) {
        if (*uri != '%')
            continue;
        if (!is_hex(uri[1]) || !is_hex(uri[2]) ||
            (uri[1] == '0' && uri[2] == '0'))
            return 1;
    }
    return 0;
}

void *
http_request_line(void *server, const char *uri, struct MHD_Connection *c)
{
    struct http_server *s = server;
    struct http_request *r = calloc(1, sizeof(*r));

    if (!r)
        abort();
    r->server = s;
    r->client = http_client_of(c);
    r->connection = c;
    r->holders = 1;
    r->bad_uri = uri_is_bad(uri);
    http_client_allow(r->client, s->options.request_ms);
    return r;
}

static void
request_begin(struct http_request *r, const char *path, const char *method)
{
    r->begun = 1;
    r->method = http_route_method(method);
    r->path = strdup(path);
    if (!r->path)
        abort();
    http_route_match(r->server->options.routes, r->method, r->path, &r->match);
    if (r->server->options.no_options)
        r->match.allowed &= ~(unsigned)HTTP_OPTIONS;
    http_form_begin(r);
}

/* ---- handing over to a handler ---------------------------------------- */

static int
path_is_served(struct http_request *r)
{
    if (r->bad_uri)
        http_request_fail(r, MHD_HTTP_BAD_REQUEST, "400 Bad Request");
    else if (r->match.allowed == 0)
        http_request_fail(r, MHD_HTTP_NOT_FOUND, "404 page not found\n");
    else if (r->method & r->match.allowed & HTTP_OPTIONS)
        request_options(r);
    else if (!r->match.route)
        http_request_fail(r, MHD_HTTP_METHOD_NOT_ALLOWED,
                          "Method Not Allowed\n");
    return !r->response;
}

static void
request_dispatch(struct http_request *r)
{
    struct http_server *s = r->server;

    r->dispatched = 1;
    if (!path_is_served(r) || !http_form_is_whole(r))
        return;
    if (s->farewell) {
        request_respond(r, s->farewell);
        return;
    }
    r->holders++;
    r->match.route->handle(s->options.data, r);
    if (!r->response)
        request_suspend(r);
}

static enum MHD_Result
request_queue(struct http_request *r)
{
    enum MHD_Result rc =
        MHD_queue_response(r->connection, r->status, r->response);

    MHD_destroy_response(r->response);
    r->response = NULL;
    http_client_allow(r->client, r->server->options.request_ms);
    return rc;
}

/* Called with the headers, with each piece of the body, at the end of it,
 * and after each resume. */
enum MHD_Result
http_request_step(void *server,
                  struct MHD_Connection *connection,
                  const char *url,
                  const char *method,
                  const char *version,
                  const char *data,
                  size_t *size,
                  void **request)
{
    struct http_request *r = *request;
    size_t len = *size;

    (void)server;
    (void)connection;
    (void)version;
    if (!r->begun) {
        request_begin(r, url, method);
        return MHD_YES;
    }
    if (len > 0) {
        *size = 0;
        return http_form_read(r, data, len);
    }
    if (!r->dispatched)
        request_dispatch(r);
    if (r->response)
        return request_queue(r);
    return r->gone ? MHD_NO : MHD_YES;
}

/* The answer was sent, or it never will be. */
void
http_request_completed(void *server,
                       struct MHD_Connection *connection,
                       void **request,
                       enum MHD_RequestTerminationCode code)
{
    struct http_server *s = server;
    struct http_request *r = *request;

    (void)connection;
    (void)code;
    if (!r)
        return;
    *request = NULL;
    assert(!r->watch);
    http_form_end(r);
    http_client_allow(r->client, s->options.idle_ms);
    r->connection = NULL;
    r->client = NULL;
    request_let_go(r);
}

/* ---- what handlers ask ------------------------------------------------ */

const char *
http_request_segment(const struct http_request *r, const char *name)
{
    return http_route_segment(&r->match, name);
}

unsigned
http_request_method(const struct http_request *r)
{
    return r->method;
}

const char *
http_request_header(const struct http_request *r, const char *name)
{
    return MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND, name);
}
