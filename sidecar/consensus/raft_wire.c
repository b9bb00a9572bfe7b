/* Frames over a stream. */
#include "consensus/raft_wire.h"

#include <stdlib.h>
#include <string.h>

#define READ_SIZE 65536

struct wire {
    uv_tcp_t *stream;
    uv_timer_t begin; /* with what came after the handshake */
    struct frame_reader reader;
    size_t most;
    struct wire_events events;
    int released; /* wire_close was called: no event any more */
    int closing;
    unsigned handles; /* still open */
    const char *why;
    char room[READ_SIZE];
};

/* ---- the end ---------------------------------------------------------- */

static void
handle_closed(uv_handle_t *handle)
{
    struct wire *w = handle->data;

    if (--w->handles > 0)
        return;
    if (!w->released)
        w->events.gone(w->events.data, w->why);
    frame_reader_free(&w->reader);
    free(w->stream);
    free(w);
}

static void
shut(struct wire *w, const char *why)
{
    if (w->closing)
        return;
    w->closing = 1;
    w->why = why;
    uv_close((uv_handle_t *)w->stream, handle_closed);
    uv_close((uv_handle_t *)&w->begin, handle_closed);
}

void
wire_close(struct wire *w)
{
    if (!w)
        return;
    w->released = 1;
    shut(w, "");
}

/* ---- in --------------------------------------------------------------- */

static void
take_frames(struct wire *w)
{
    const void *bytes;
    struct frame f;
    size_t len;

    while (!w->closing && frame_next(&w->reader, &bytes, &len)) {
        if (frame_decode(&f, bytes, len) != 0) {
            shut(w, "sent what is no frame");
            return;
        }
        w->events.frame(w->events.data, &f);
        frame_clear(&f);
    }
}

static void
take(struct wire *w, const void *bytes, size_t len)
{
    if (frame_feed(&w->reader, bytes, len, w->most) != 0)
        shut(w, "sent too long a frame");
    else
        take_frames(w);
}

static void
room(uv_handle_t *handle, size_t size, uv_buf_t *buf)
{
    struct wire *w = handle->data;

    (void)size;
    *buf = uv_buf_init(w->room, sizeof(w->room));
}

static void
on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct wire *w = stream->data;

    if (n > 0)
        take(w, buf->base, (size_t)n);
    else if (n < 0)
        shut(w, n == UV_EOF ? "the other side hung up" : uv_strerror((int)n));
}

static void
on_begin(uv_timer_t *timer)
{
    struct wire *w = timer->data;
    int rc;

    take(w, NULL, 0);
    if (w->closing)
        return;
    rc = uv_read_start((uv_stream_t *)w->stream, room, on_read);
    if (rc != 0)
        shut(w, uv_strerror(rc));
}

struct wire *
wire_new(uv_tcp_t *stream,
         const void *extra,
         size_t extra_len,
         size_t most,
         const struct wire_events *events)
{
    struct wire *w = calloc(1, sizeof(*w));

    if (!w)
        abort();
    w->stream = stream;
    w->most = most;
    w->events = *events;
    w->handles = 2;
    frame_feed(&w->reader, extra, extra_len, most);
    stream->data = w;
    uv_timer_init(stream->loop, &w->begin);
    w->begin.data = w;
    uv_timer_start(&w->begin, on_begin, 0, 0);
    return w;
}

/* ---- out -------------------------------------------------------------- */

struct sending {
    uv_write_t req;
    void *bytes;
};

static void
on_sent(uv_write_t *req, int status)
{
    struct sending *s = req->data;
    struct wire *w = req->handle->data;

    free(s->bytes);
    free(s);
    if (status != 0 && status != UV_ECANCELED)
        shut(w, uv_strerror(status));
}

static void
send_bytes(struct wire *w, void *bytes, size_t len)
{
    struct sending *s = calloc(1, sizeof(*s));
    uv_buf_t buf = uv_buf_init(bytes, (unsigned)len);
    int rc;

    if (!s)
        abort();
    s->req.data = s;
    s->bytes = bytes;
    rc = uv_write(&s->req, (uv_stream_t *)w->stream, &buf, 1, on_sent);
    if (rc == 0)
        return;
    free(bytes);
    free(s);
    shut(w, uv_strerror(rc));
}

void
wire_send(struct wire *w, const struct frame *f)
{
    size_t waits = uv_stream_get_write_queue_size((uv_stream_t *)w->stream);
    void *bytes;
    size_t len;

    if (w->closing)
        return;
    bytes = frame_encode(f, &len);
    if (bytes && waits + len <= WIRE_QUEUE_MAX) {
        send_bytes(w, bytes, len);
        return;
    }
    free(bytes);
    shut(w, "does not take what it is sent");
}
