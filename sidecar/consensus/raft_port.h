/*
 * The raft port: listens, connects, and hands out only streams whose other
 * end has proven to know the secret (handshake.h). What strangers can do
 * there is bounded: so many unproven connections at once (the oldest goes for
 * a new one), PORT_HANDSHAKE_MS for each, a kilobyte for each message.
 * Without a secret, and not insecure, it meets only who is on this machine.
 *
 * Any callback may close the port (and not use it any more then), dial, and
 * cancel other dials. What it gets is the port's and good only during the
 * call, but the stream.
 */
#ifndef CONSENSUS_RAFT_PORT_H
#define CONSENSUS_RAFT_PORT_H

#include <stddef.h>

#include "base/loop.h"
#include "consensus/handshake.h"

#define PORT_HANDSHAKE_MS 1000 /* name, connection and handshake together */
#define PORT_STRANGERS_MAX 128 /* unproven at once */

struct raft_port;

/* Somebody came. The stream is the callee's, its data too: malloc'ed, not
 * reading; end it with raft_port_hang_up, or uv_close and free it when that is
 * done. EXTRA is what came after the handshake (a link's first questions; of
 * HANDSHAKE_RAFT there is none), NULL for nothing. A dead peer ends the stream
 * within some seconds: keepalive, and TCP_USER_TIMEOUT for what was sent. */
typedef void (*raft_port_accept_cb)(void *data,
                                    const struct handshake *proven,
                                    uv_tcp_t *stream,
                                    const void *extra,
                                    size_t extra_len);

struct raft_port_options {
    const char *bind;   /* ADDRESS:PORT, a literal or a name; "" = no listening,
                           as an observer */
    const char *secret; /* "": loopback only, unless insecure */
    int insecure;
    const struct handshake_self *self; /* copied */
    raft_port_accept_cb accept;        /* NULL: with no bind */
    void *data;
};

/* Copies what it is given. Listens at once (a name is looked up first, which
 * may wait), at the first of its addresses where it can. NULL with a sentence
 * in err, which begins with the address: no such address here, the port is
 * taken … The loop must run once more then, too. */
struct raft_port *raft_port_open(struct loop *loop,
                                 const struct raft_port_options *options,
                                 char *err,
                                 size_t err_size);

/* What this node says of itself from now on, to those that come or are
 * connected to later. */
void raft_port_set_self(struct raft_port *p, const struct handshake_self *self);

struct raft_dial;

/* Once; the dial is gone then. status 0: the stream is the callee's, as above,
 * and extra what came after the handshake. -1: a sentence in text, without the
 * address ("connection refused", "refused us: another secret", "refused:
 * another domain" when we are who refuses, "no answer within 1000 ms");
 * `proven` is NULL then, and why says whether it was a refusal
 * (HANDSHAKE_ACCEPTED: it was none). */
typedef void (*raft_dial_cb)(void *data,
                             int status,
                             const struct handshake *proven,
                             uv_tcp_t *stream,
                             const void *extra,
                             size_t extra_len,
                             enum handshake_refusal why,
                             const char *text);

/* Connects to HOST:PORT, to one address of a name after the other. Never calls
 * back before it returns; NULL is never returned. A stall of our own process
 * gives the deadline once more (loop_stalls). */
struct raft_dial *raft_port_dial(struct raft_port *p,
                                 const char *address,
                                 enum handshake_role role,
                                 raft_dial_cb cb,
                                 void *data);

/* No callback comes after this. NULL is allowed; a dial that has called back
 * is not, but from within the callback. */
void raft_dial_cancel(struct raft_dial *dial);

/* Closes a stream that was handed out and frees it. NULL is allowed. */
void raft_port_hang_up(uv_tcp_t *stream);

/* Stops listening, cuts what is not proven, cancels the dials (without
 * calling back), frees itself when the loop ran, then calls closed (NULL:
 * nobody waits). Streams handed out are not its business. */
void
raft_port_close(struct raft_port *p, void (*closed)(void *data), void *data);

#endif
