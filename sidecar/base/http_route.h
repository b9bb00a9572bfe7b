/*
 * Which handler a path belongs to: patterns of segments, as "/a/:name/b". A
 * segment of a pattern that begins with a colon takes any text; it may be
 * empty in the middle of a path, never at its end. Pure.
 */
#ifndef BASE_HTTP_ROUTE_H
#define BASE_HTTP_ROUTE_H

#include <stddef.h>

struct http_request;

enum {
    HTTP_GET = 1, /* of a route: and HEAD */
    HTTP_HEAD = 2,
    HTTP_POST = 4,
    HTTP_DELETE = 8,
    HTTP_OPTIONS = 16, /* of a route: implied */
    HTTP_PATCH = 32
};

struct http_route {
    unsigned methods;    /* 0 ends a table */
    const char *pattern; /* several routes may have the same one */
    void (*handle)(void *data, struct http_request *r);
};

#define HTTP_SEGMENTS_MAX 4

struct http_segment {
    const char *name; /* in the pattern, after the colon */
    size_t name_len;
    char *value; /* in the path */
    size_t len;
};

struct http_match {
    const struct http_route *route; /* NULL: none with that method */
    unsigned allowed;               /* methods of the path; 0: no such path */
    struct http_segment segments[HTTP_SEGMENTS_MAX];
    size_t nsegments;
};

/* One of the methods above; 0 for any other. */
unsigned http_route_method(const char *name);

/* Finds the route. When there is one the slashes after its named segments
 * in PATH become NULs, and the segments point into it. */
void http_route_match(const struct http_route *routes,
                      unsigned method,
                      char *path,
                      struct http_match *match);

/* The text of a named segment; NULL when the pattern has none such. */
const char *http_route_segment(const struct http_match *match,
                               const char *name);

/* The header Allow for a path: "GET, HEAD, OPTIONS". */
#define HTTP_ALLOW_SIZE 48
void http_route_allow(unsigned allowed, char allow[HTTP_ALLOW_SIZE]);

#endif
