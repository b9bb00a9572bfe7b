/* Host names to IP literals, without blocking the loop. */
#include "base/resolve.h"

#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/*
 * What a thread of libuv's pool is at. The resolver may take ten seconds of it
 * for a name whose servers are silent, and cannot be called back, while who
 * asked gives up and asks again much sooner. So a name has one thread: whoever
 * asks for it meanwhile waits for the same answer.
 */
struct lookup {
    uv_getaddrinfo_t request;
    struct lookup *next;
    char *name;
    struct resolve *waiting;
};

struct resolve {
    struct lookup *lookup;
    struct resolve *next;
    resolve_cb cb;
    void *data;
};

static struct lookup *lookups; /* that can still be joined */

static int
known(const struct resolve_addresses *out, const char *literal)
{
    for (unsigned i = 0; i < out->count; i++)
        if (strcmp(out->items[i], literal) == 0)
            return 1;
    return 0;
}

static void
collect(const struct addrinfo *list, struct resolve_addresses *out)
{
    out->count = 0;
    for (; list && out->count < RESOLVE_MAX; list = list->ai_next) {
        char *literal = out->items[out->count];

        if (getnameinfo(list->ai_addr, list->ai_addrlen, literal,
                        RESOLVE_ADDRESS_SIZE, NULL, 0, NI_NUMERICHOST) == 0 &&
            !known(out, literal))
            out->count++;
    }
}

int
resolve_literal(const char *text, struct resolve_addresses *out)
{
    const struct addrinfo hints = {
        .ai_flags = AI_NUMERICHOST,
        .ai_socktype = SOCK_STREAM,
    };
    struct addrinfo *list;

    out->count = 0;
    if (getaddrinfo(text, NULL, &hints, &list) != 0)
        return 0;
    collect(list, out);
    freeaddrinfo(list);
    return out->count > 0;
}

/* ---- lookups ---------------------------------------------------------- */

static void
forget(struct lookup *l)
{
    for (struct lookup **at = &lookups; *at; at = &(*at)->next)
        if (*at == l) {
            *at = l->next;
            return;
        }
}

static void
lookup_free(struct lookup *l)
{
    free(l->name);
    free(l);
}

static void
resolved(uv_getaddrinfo_t *request, int status, struct addrinfo *list)
{
    struct lookup *l = request->data;
    struct resolve_addresses found;
    struct resolve *r;

    forget(l);
    collect(status == 0 ? list : NULL, &found);
    uv_freeaddrinfo(list);
    if (status == 0 && found.count == 0)
        status = UV_EAI_NONAME;
    while ((r = l->waiting)) {
        l->waiting = r->next;
        r->cb(r->data, status, &found);
        free(r);
    }
    lookup_free(l);
}

static struct lookup *
find(struct loop *loop, const char *name)
{
    for (struct lookup *l = lookups; l; l = l->next)
        if (l->request.loop == &loop->uv && strcmp(l->name, name) == 0)
            return l;
    return NULL;
}

static struct lookup *
begin(struct loop *loop, const char *name, int *status)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct lookup *l = calloc(1, sizeof(*l));

    if (!l || !(l->name = strdup(name)))
        abort();
    l->request.data = l;
    *status =
        uv_getaddrinfo(&loop->uv, &l->request, resolved, name, NULL, &hints);
    if (*status != 0) {
        lookup_free(l);
        return NULL;
    }
    l->next = lookups;
    lookups = l;
    return l;
}

struct resolve *
resolve_start(struct loop *loop,
              const char *name,
              resolve_cb cb,
              void *data,
              int *status)
{
    struct lookup *l = find(loop, name);
    struct resolve *r;

    *status = 0;
    if (!l && !(l = begin(loop, name, status)))
        return NULL;
    r = calloc(1, sizeof(*r));
    if (!r)
        abort();
    r->lookup = l;
    r->cb = cb;
    r->data = data;
    r->next = l->waiting;
    l->waiting = r;
    return r;
}

/* A lookup that no thread has begun is taken back when nobody waits for it
 * any more. */
void
resolve_cancel(struct resolve *r)
{
    struct lookup *l;

    if (!r)
        return;
    l = r->lookup;
    for (struct resolve **at = &l->waiting; *at; at = &(*at)->next)
        if (*at == r) {
            *at = r->next;
            break;
        }
    free(r);
    if (!l->waiting && uv_cancel((uv_req_t *)&l->request) == 0)
        forget(l);
}
