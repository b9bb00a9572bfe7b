/* A call from the loop: the callback of a handle that closes at once. */
#include "base/later.h"

#include <stdlib.h>

struct call {
    uv_timer_t handle;
    void (*fn)(void *data);
    void *data;
};

static void
on_closed(uv_handle_t *handle)
{
    struct call *call = handle->data;

    call->fn(call->data);
    free(call);
}

void
later(struct loop *loop, void (*fn)(void *data), void *data)
{
    struct call *call = calloc(1, sizeof(*call));

    if (!call)
        abort();
    call->fn = fn;
    call->data = data;
    uv_timer_init(&loop->uv, &call->handle);
    call->handle.data = call;
    uv_close((uv_handle_t *)&call->handle, on_closed);
}
