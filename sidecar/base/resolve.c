/* Host names to IP literals, without blocking the loop. */
#include "base/resolve.h"

#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

struct resolve {
    uv_getaddrinfo_t request;
    resolve_cb cb; /* NULL: cancelled */
    void *data;
};

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

static void
resolved(uv_getaddrinfo_t *request, int status, struct addrinfo *list)
{
    struct resolve *r = request->data;
    struct resolve_addresses found;

    collect(status == 0 ? list : NULL, &found);
    uv_freeaddrinfo(list);
    if (status == 0 && found.count == 0)
        status = UV_EAI_NONAME;
    if (r->cb)
        r->cb(r->data, status, &found);
    free(r);
}

struct resolve *
resolve_start(struct loop *loop,
              const char *name,
              resolve_cb cb,
              void *data,
              int *status)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct resolve *r = calloc(1, sizeof(*r));

    if (!r)
        abort();
    r->cb = cb;
    r->data = data;
    r->request.data = r;
    *status =
        uv_getaddrinfo(&loop->uv, &r->request, resolved, name, NULL, &hints);
    if (*status != 0) {
        free(r);
        return NULL;
    }
    return r;
}

/* A lookup that a thread has begun cannot be stopped: its callback comes and
 * only frees it. */
void
resolve_cancel(struct resolve *r)
{
    if (!r)
        return;
    r->cb = NULL;
    uv_cancel((uv_req_t *)&r->request);
}
