/*
 * One HTTP request, and its answer, while the caller waits: for tools, never
 * for the loop. Time and size are bounded.
 */
#ifndef BASE_HTTP_FETCH_H
#define BASE_HTTP_FETCH_H

#include <stddef.h>
#include <stdint.h>

#define HTTP_FETCH_BODY_MAX ((size_t)16 << 20)

struct http_fetch {
    const char *socket; /* of a unix socket; NULL: where the URL says */
    const char *url;    /* http or https; redirects are not followed */
    const char *form;   /* POST of these fields; NULL: GET */
    unsigned timeout_ms;
};

struct http_fetched {
    unsigned status;
    char *body; /* terminated */
    size_t len;
    int64_t date_ms; /* of the header Date, by CLOCK_REALTIME; -1: none */
};

/* 0 whatever the status is; -1 with a sentence in err, and nothing to free. */
int http_fetch(const struct http_fetch *what,
               struct http_fetched *got,
               char *err,
               size_t err_size);

void http_fetched_free(struct http_fetched *got);

#endif
