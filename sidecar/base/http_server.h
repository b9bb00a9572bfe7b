/*
 * HTTP/1.1 on a unix socket, or on TCP, in the loop, by libmicrohttpd. A
 * handler answers at once or later; nothing blocks meanwhile. Everything a
 * client can make grow has a bound: connections, headers, bodies, and the time
 * it takes.
 */
#ifndef BASE_HTTP_SERVER_H
#define BASE_HTTP_SERVER_H

#include <stddef.h>
#include <stdint.h>

#include "base/http_route.h"
#include "base/loop.h"

#define HTTP_BODY_MAX 16384
#define HTTP_FIELDS_MAX 16
#define HTTP_HEADERS_MAX 4

#define HTTP_TEXT "text/plain; charset=utf-8"

struct http_options {
    const struct http_route *routes;
    void *data; /* of the handlers */

    /* From a connection's begin, or a further request's line, to its end;
     * and from the answer until it is taken. 0: 10 s. */
    unsigned request_ms;

    /* Between two requests: longer than nginx keeps a connection (60 s), so
     * that nginx never writes to one that just closed. 0: 75 s. */
    unsigned idle_ms;

    unsigned max_clients; /* others wait to be accepted; 0: 256 */

    /* Of TCP, from one address: more are closed at once, so that nobody takes
     * all the places. 0: no limit. */
    unsigned max_per_address;

    /* OPTIONS is a method like others, which answers 405 where no route has
     * it: it says nothing of what a route would, and HAProxy's httpchk, told
     * no other method, takes its 200 for health. */
    int no_options;
};

struct http_header {
    const char *name; /* NULL: none */
    const char *value;
};

struct http_answer {
    unsigned status;
    const char *type; /* Content-Type; NULL: none */
    struct http_header headers[HTTP_HEADERS_MAX];
    const char *body;
    size_t len;
};

struct http_server;

/* NULL with a sentence in err. */
struct http_server *http_server_open(struct loop *loop,
                                     const char *path,
                                     const struct http_options *options,
                                     char *err,
                                     size_t err_size);

/* The same on TCP; ADDRESS is an IP literal. */
struct http_server *http_server_open_tcp(struct loop *loop,
                                         const char *address,
                                         uint16_t port,
                                         const struct http_options *options,
                                         char *err,
                                         size_t err_size);

/*
 * Requests that still wait for their answer get FAREWELL. They stay valid
 * until their handler answers, too, which then does nothing. Not from within
 * a handler. The handles close when the loop runs; s frees itself then. NULL
 * is allowed.
 */
void http_server_close(struct http_server *s,
                       const struct http_answer *farewell);

/* ---- a request: from its handler's call until it is answered ---------- */

/* Of a named segment of the route's pattern; NULL when it has none such. */
const char *http_request_segment(const struct http_request *r,
                                 const char *name);

/* HTTP_GET … */
unsigned http_request_method(const struct http_request *r);

/* While the handler is running only: of the form (POST and DELETE), else of
 * the query; the first of several. NULL: not there. */
const char *http_request_param(const struct http_request *r, const char *name);

/* The name of the first field of the form that is not among those KNOWN
 * (NULL ends them); NULL: all are. */
const char *http_request_stranger(const struct http_request *r,
                                  const char *const *known);

/* While the handler is running only. NULL: not there. */
const char *http_request_header(const struct http_request *r, const char *name);

/* Once, whether the client is still there or not; r is gone then. All of the
 * answer is copied. The body is left away where HEAD asked. */
void http_request_answer(struct http_request *r,
                         const struct http_answer *answer);

#endif
