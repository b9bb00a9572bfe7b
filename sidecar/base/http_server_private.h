/* What http_server.c and http_request.c share; nobody else includes it. */
#ifndef BASE_HTTP_SERVER_PRIVATE_H
#define BASE_HTTP_SERVER_PRIVATE_H

#include <stdint.h>

#include <microhttpd.h>

#include "base/http_server.h"
#include "base/http_socket.h"

/* A connection. */
struct http_client {
    struct http_client *next;
    struct http_client **link; /* what points to this one */
    int fd;
    uint64_t deadline_ms; /* CLOCK_MONOTONIC; 0: none, a handler works */
};

struct http_server {
    struct loop *loop;
    struct http_options options;
    struct http_socket socket;
    struct MHD_Daemon *daemon;
    uv_poll_t poll; /* of the daemon's epoll */
    uv_timer_t timer;
    unsigned open_handles;
    int running; /* within MHD_run */
    int again;   /* somebody was resumed: run once more at once */
    struct http_client *clients;
    struct http_request *waiting;       /* suspended */
    const struct http_answer *farewell; /* closing: what everybody gets */
};

struct http_field {
    char *name;
    char *value;
    size_t len;
};

/*
 * Two hold a request: libmicrohttpd, from the request line until the answer
 * was sent or the client left, and the handler from its call until it
 * answers. Whoever is last frees it.
 */
struct http_request {
    struct http_server *server;
    struct http_client *client;
    struct MHD_Connection *connection; /* NULL: let go of */
    unsigned holders;

    int bad_uri;
    int begun;      /* the headers were seen */
    int dispatched; /* a handler, or we, answered or will */
    int gone;       /* the client left while waiting */

    unsigned method;
    char *path;
    struct http_match match;

    struct MHD_PostProcessor *form;
    size_t body_bytes;
    int bad_form;
    struct http_field fields[HTTP_FIELDS_MAX];
    size_t nfields;

    struct MHD_Response *response; /* not queued yet */
    unsigned status;

    /* While suspended. */
    struct http_request *next;
    struct http_request **link;
    uv_poll_t *watch; /* its own memory: closing it takes a loop turn */
};

/* In http_server.c. */

struct http_client *http_client_of(struct MHD_Connection *connection);
void http_client_allow(struct http_client *c, unsigned allowed_ms);

/* Runs the daemon soon; from anywhere. */
void http_server_wake(struct http_server *s);

/* In http_request.c: libmicrohttpd's callbacks. */

void *
http_request_line(void *server, const char *uri, struct MHD_Connection *c);
enum MHD_Result http_request_step(void *server,
                                  struct MHD_Connection *connection,
                                  const char *url,
                                  const char *method,
                                  const char *version,
                                  const char *data,
                                  size_t *size,
                                  void **request);
void http_request_completed(void *server,
                            struct MHD_Connection *connection,
                            void **request,
                            enum MHD_RequestTerminationCode code);

/* Answers a suspended request in place of its handler. */
void http_request_dismiss(struct http_request *r,
                          const struct http_answer *answer);

/* Prepares an answer in Go's words, as the whole of freno's HTTP is Go's. */
void
http_request_fail(struct http_request *r, unsigned status, const char *text);

/* In http_form.c. */

/* The headers are there. */
void http_form_begin(struct http_request *r);

/* A piece of the body; MHD_NO when it is out of all bounds. */
enum MHD_Result
http_form_read(struct http_request *r, const char *data, size_t size);

/* No more comes. */
void http_form_end(struct http_request *r);

/* Ends it; 0 when the answer is already prepared: it was not a form that can
 * be read. */
int http_form_is_whole(struct http_request *r);

void http_form_free(struct http_request *r);

#endif
