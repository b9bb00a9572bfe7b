/*
 * HTTP GET in the loop: what providers of inventories, health checks of hosts
 * and other domains' leaders are asked with. Connections are kept and used
 * again. Every request is bounded in time and size; nothing blocks the loop.
 */
#ifndef BASE_HTTP_CLIENT_H
#define BASE_HTTP_CLIENT_H

#include <stddef.h>

#include "base/loop.h"
#include "base/resolve.h"

struct http_client;
struct http_get;

#define HTTP_CLIENT_REDIRECTS 5

struct http_client_request {
    /* http or https; USER:PASSWORD@ is sent as basic auth. Never logged, and
     * in no error, with its credentials. */
    const char *url;
    /* NULL or "": the URL's host. Otherwise a name or an IP literal without
     * brackets: the connection goes there, to the URL's port, and the URL's
     * host is only asked for, and with https has to be in the certificate.
     * Errors name this one. */
    const char *to_host;
    const struct resolve_addresses *addresses; /* of where it goes, if that is a
                                                  name; NULL: they are looked
                                                  up */
    const char *ca_file; /* of https; NULL or "": the system's */
    unsigned connect_ms; /* until its name is found and there is a connection */
    unsigned total_ms;   /* until the answer is complete */
    size_t body_max;     /* bytes; more is an error. 0: the body is not read,
                            the answer is there with the status line */
    int follow_redirects; /* at most HTTP_CLIENT_REDIRECTS */
};

struct http_client_answer {
    unsigned status;
    const char *body; /* terminated; may hold NULs */
    size_t len;
};

/* Once for each request that is not cancelled, never from http_client_get:
 * an answer, whatever its status is, or NULL and a sentence that begins with
 * HOST:PORT. Both are gone after it. */
typedef void (*http_client_cb)(void *data,
                               const struct http_client_answer *answer,
                               const char *error);

struct http_client *http_client_new(struct loop *loop);

/* The request is copied. */
struct http_get *http_client_get(struct http_client *client,
                                 const struct http_client_request *request,
                                 http_client_cb cb,
                                 void *data);

/* The callback will not come. NULL is allowed. Not from the callback of the
 * request itself. */
void http_client_cancel(struct http_get *get);

/* Cancels what is under way; the handles close when the loop runs, and the
 * client frees itself then. NULL is allowed. */
void http_client_free(struct http_client *client);

#endif
