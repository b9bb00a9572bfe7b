/* One request for all who wait for the same. */
#include "inventory/fetch.h"

#include <stdlib.h>
#include <string.h>

struct fetches {
    struct http_client *client;
    struct shared *list;
};

struct shared {
    struct fetches *fetches;
    struct shared *next, **link;
    struct fetch *waiting;
    struct http_get *get;
    char *url;
    char *ca_file;
};

struct fetch {
    struct shared *shared; /* NULL: in its callback */
    struct fetch *next, **link;
    http_client_cb cb;
    void *data;
};

static char *
copy(const char *text)
{
    char *made = strdup(text ? text : "");

    if (!made)
        abort();
    return made;
}

/* Nobody can join it any more. */
static void
unlink_shared(struct shared *shared)
{
    *shared->link = shared->next;
    if (shared->next)
        shared->next->link = shared->link;
}

static void
shared_free(struct shared *shared)
{
    free(shared->url);
    free(shared->ca_file);
    free(shared);
}

static void
unlink_fetch(struct fetch *fetch)
{
    *fetch->link = fetch->next;
    if (fetch->next)
        fetch->next->link = fetch->link;
}

/* Who waits may cancel the others, or begin anew: those join the next. */
static void
on_answer(void *data,
          const struct http_client_answer *answer,
          const char *error)
{
    struct shared *shared = data;

    shared->get = NULL;
    unlink_shared(shared);
    while (shared->waiting) {
        struct fetch *fetch = shared->waiting;

        unlink_fetch(fetch);
        fetch->cb(fetch->data, answer, error);
        free(fetch);
    }
    shared_free(shared);
}

static struct shared *
join(struct fetches *fetches, const struct http_client_request *request)
{
    const char *ca_file = request->ca_file ? request->ca_file : "";
    struct shared *shared;

    for (shared = fetches->list; shared; shared = shared->next)
        if (strcmp(shared->url, request->url) == 0 &&
            strcmp(shared->ca_file, ca_file) == 0)
            return shared;
    shared = calloc(1, sizeof(*shared));
    if (!shared)
        abort();
    shared->fetches = fetches;
    shared->url = copy(request->url);
    shared->ca_file = copy(ca_file);
    shared->next = fetches->list;
    shared->link = &fetches->list;
    if (shared->next)
        shared->next->link = &shared->next;
    fetches->list = shared;
    shared->get = http_client_get(fetches->client, request, on_answer, shared);
    return shared;
}

struct fetch *
fetch_start(struct fetches *fetches,
            const struct http_client_request *request,
            http_client_cb cb,
            void *data)
{
    struct fetch *fetch = calloc(1, sizeof(*fetch));

    if (!fetch)
        abort();
    fetch->cb = cb;
    fetch->data = data;
    fetch->shared = join(fetches, request);
    fetch->next = fetch->shared->waiting;
    fetch->link = &fetch->shared->waiting;
    if (fetch->next)
        fetch->next->link = &fetch->next;
    fetch->shared->waiting = fetch;
    return fetch;
}

void
fetch_cancel(struct fetch *fetch)
{
    struct shared *shared;

    if (!fetch)
        return;
    shared = fetch->shared;
    unlink_fetch(fetch);
    free(fetch);
    if (!shared->waiting && shared->get) {
        http_client_cancel(shared->get);
        unlink_shared(shared);
        shared_free(shared);
    }
}

struct fetches *
fetches_new(struct http_client *client)
{
    struct fetches *fetches = calloc(1, sizeof(*fetches));

    if (!fetches)
        abort();
    fetches->client = client;
    return fetches;
}

void
fetches_free(struct fetches *fetches)
{
    free(fetches);
}
