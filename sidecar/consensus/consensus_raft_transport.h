/*
 * NB: private to consensus_raft*.c. How libraft's messages travel: over the
 * raft port, which lets only those in who know the secret.
 */
#ifndef CONSENSUS_RAFT_TRANSPORT_H
#define CONSENSUS_RAFT_TRANSPORT_H

#include <raft.h>
#include <raft/uv.h>

#include "base/loop.h"
#include "consensus/raft_port.h"

struct transport;

/* The port outlives it. */
struct transport *transport_new(struct loop *loop, struct raft_port *port);

/* What engine_open takes. */
struct raft_uv_transport *transport_raft(struct transport *t);

/* A stream of role HANDSHAKE_RAFT came; takes it over. */
void transport_accept(struct transport *t,
                      const struct handshake *proven,
                      uv_tcp_t *stream);

/* After the engine that used it was closed. */
void transport_free(struct transport *t);

#endif
