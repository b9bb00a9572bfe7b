/* What raft_port.c, raft_stranger.c and raft_dial.c share; nobody else
 * includes it. */
#ifndef CONSENSUS_RAFT_PORT_PRIVATE_H
#define CONSENSUS_RAFT_PORT_PRIVATE_H

#include "consensus/raft_endpoint.h"
#include "consensus/raft_port.h"

/* What is told of those turned away for one reason. */
struct port_complaint {
    unsigned count; /* since the last line */
    uint64_t said_ms;
};

struct stranger;

struct raft_port {
    struct loop *loop;
    char *secret;
    int insecure;
    struct handshake_self self;
    raft_port_accept_cb accept;
    void *data;

    uv_tcp_t listener; /* without a socket when it does not listen */
    unsigned handles;  /* what is still to be closed before it is freed */
    void (*closed)(void *data);
    void *closed_data;

    struct stranger *oldest, *newest;
    unsigned nstrangers;
    struct raft_dial *dials;
    struct port_complaint complaints[HANDSHAKE_LOOPBACK_ONLY + 1];
};

/* ---- raft_port.c ------------------------------------------------------ */

/* For each handle whose close callback touches the port. */
void raft_port_hold(struct raft_port *p);
void raft_port_release(struct raft_port *p);

/* Without a secret a proof is worth nothing: then only who is on this machine
 * may be met. */
int raft_port_may_meet(const struct raft_port *p,
                       const struct sockaddr_storage *address);

/* HANDSHAKE_NONCE_SIZE new ones. */
void raft_port_nonce(unsigned char *nonce);

/* A new stream of the loop, for raft_port_hang_up or the receiver. */
uv_tcp_t *raft_port_stream(struct raft_port *p);

/* libuv's alloc callback; the room is used again with the next read. */
void raft_port_room(uv_handle_t *handle, size_t suggested, uv_buf_t *buf);

/* Sends what the handshake has to say. 0, or a libuv error. */
int raft_port_say(uv_tcp_t *stream, struct handshake *h);

/* Makes of a connection what is handed out: not reading, nobody's, and soon
 * aware of a peer that is gone. */
void raft_port_prepare(uv_tcp_t *stream);

/* Of HANDSHAKE_RAFT nothing may follow the handshake: nobody would read it. */
int raft_port_extra_allowed(const struct handshake *proven, size_t extra_len);

/* ---- raft_stranger.c -------------------------------------------------- */

/* Somebody is at the listener. */
void raft_stranger_come(uv_stream_t *listener, int status);

/* Cuts them all. */
void raft_stranger_end_all(struct raft_port *p);

/* ---- raft_dial.c ------------------------------------------------------ */

void raft_dial_cancel_all(struct raft_port *p);

#endif
