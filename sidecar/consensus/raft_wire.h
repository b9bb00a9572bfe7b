/*
 * A link's stream: frames in, frames out (raft_frame.h). What waits to be
 * sent has a bound, and so has a frame that comes.
 */
#ifndef CONSENSUS_RAFT_WIRE_H
#define CONSENSUS_RAFT_WIRE_H

#include "base/loop.h"
#include "consensus/raft_frame.h"

#define WIRE_QUEUE_MAX (96u * 1024 * 1024) /* a whole state, and then some */

struct wire;

struct wire_events {
    void *data;

    /* The frame is the callee's during the call; it may close the wire. */
    void (*frame)(void *data, const struct frame *f);

    /* The stream ended, or was broken off; not after wire_close. The wire is
     * gone when this returns. */
    void (*gone)(void *data, const char *why);
};

/* Takes the stream over, as the raft port hands it out, and what came with
 * it. MOST: bytes of a frame that may come. Nothing happens before the loop
 * runs. */
struct wire *wire_new(uv_tcp_t *stream,
                      const void *extra,
                      size_t extra_len,
                      size_t most,
                      const struct wire_events *events);

/* Copied, or too much waits already: then the wire breaks, from the loop. */
void wire_send(struct wire *w, const struct frame *f);

/* No event comes after this. NULL is allowed. */
void wire_close(struct wire *w);

#endif
