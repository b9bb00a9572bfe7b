/* What handshake.c and handshake_proof.c share; nobody else includes it. */
#ifndef CONSENSUS_HANDSHAKE_PRIVATE_H
#define CONSENSUS_HANDSHAKE_PRIVATE_H

#include "consensus/handshake.h"
#include "consensus/pack.h"

/* All but the id, which is said before. There is one way only to write it, so
 * that what was read can be packed again for a MAC. */
void handshake_pack_self(struct pack *p, const struct handshake_self *self);
void handshake_unpack_self(struct unpack *u, struct handshake_self *self);

/* By either side, which knows all that goes into it by then:
 * HANDSHAKE_MAC_SIZE bytes. The later two cover the client's proof. */
void handshake_client_mac(const struct handshake *h, unsigned char *mac);
void handshake_server_mac(const struct handshake *h, unsigned char *mac);
void handshake_refusal_mac(const struct handshake *h,
                           enum handshake_refusal why,
                           unsigned char *mac);

#endif
