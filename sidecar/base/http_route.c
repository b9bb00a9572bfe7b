/* Matching paths against patterns, and naming methods. */
#include "base/http_route.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* In the order of the header Allow. */
static const struct {
    unsigned method;
    const char *name;
} methods[] = {
    {HTTP_DELETE, "DELETE"},   {HTTP_GET, "GET"},     {HTTP_HEAD, "HEAD"},
    {HTTP_OPTIONS, "OPTIONS"}, {HTTP_PATCH, "PATCH"}, {HTTP_POST, "POST"},
};

#define METHODS (sizeof(methods) / sizeof(*methods))

unsigned
http_route_method(const char *name)
{
    for (size_t i = 0; i < METHODS; i++)
        if (strcmp(methods[i].name, name) == 0)
            return methods[i].method;
    return 0;
}

static void
take_segment(struct http_match *match,
             const char *name,
             size_t name_len,
             char *value,
             size_t len)
{
    struct http_segment *s = &match->segments[match->nsegments++];

    assert(match->nsegments <= HTTP_SEGMENTS_MAX);
    s->name = name;
    s->name_len = name_len;
    s->value = value;
    s->len = len;
}

static int
route_fits(const char *pattern, char *path, struct http_match *match)
{
    size_t name_len, len;

    match->nsegments = 0;
    while (*pattern != '\0') {
        if (*pattern == ':') {
            name_len = strcspn(pattern, "/");
            len = strcspn(path, "/");
            take_segment(match, pattern + 1, name_len - 1, path, len);
            pattern += name_len;
            path += len;
            if (*pattern == '\0' && len == 0)
                return 0;
        } else if (*pattern++ != *path++) {
            return 0;
        }
    }
    return *path == '\0';
}

static unsigned
route_methods(const struct http_route *route)
{
    return route->methods | (route->methods & HTTP_GET ? HTTP_HEAD : 0);
}

void
http_route_match(const struct http_route *routes,
                 unsigned method,
                 char *path,
                 struct http_match *match)
{
    struct http_match found = {0};
    unsigned allowed = 0;

    *match = found;
    for (; routes->methods != 0; routes++) {
        if (!route_fits(routes->pattern, path, &found))
            continue;
        allowed |= route_methods(routes) | HTTP_OPTIONS;
        if (!match->route && route_methods(routes) & method) {
            *match = found;
            match->route = routes;
        }
    }
    match->allowed = allowed;
    for (size_t i = 0; i < match->nsegments; i++)
        match->segments[i].value[match->segments[i].len] = '\0';
}

const char *
http_route_segment(const struct http_match *match, const char *name)
{
    size_t len = strlen(name);

    for (size_t i = 0; i < match->nsegments; i++) {
        const struct http_segment *s = &match->segments[i];

        if (s->name_len == len && memcmp(s->name, name, len) == 0)
            return s->value;
    }
    return NULL;
}

void
http_route_allow(unsigned allowed, char allow[HTTP_ALLOW_SIZE])
{
    size_t used = 0;

    allow[0] = '\0';
    for (size_t i = 0; i < METHODS; i++)
        if (allowed & methods[i].method)
            used += (size_t)snprintf(allow + used, HTTP_ALLOW_SIZE - used,
                                     "%s%s", used ? ", " : "", methods[i].name);
}
