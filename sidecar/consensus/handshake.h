/*
 * How two nodes of a raft cluster meet: each proves to the other that it
 * knows the secret, before anything else is said. Bytes in, bytes out; no
 * sockets, no clock. It authenticates; it does not encrypt what follows.
 *
 *   client                                server
 *     HELLO  version, role, id, nonce  -->
 *            <--  CHALLENGE  version, id, nonce
 *     PROOF  HMAC("client", all of it), who I am  -->
 *            <--  WELCOME  HMAC("server", all of it), who I am
 *
 * Who asks proves first: a stranger is never given a MAC to guess at. The
 * MACs are HMAC-SHA256 over both nonces, both ids, the role, and what each
 * says of itself. Every message is a length (32 bits, at most
 * HANDSHAKE_MESSAGE_MAX), a kind and its fields (consensus/pack.h). Instead
 * of an answer the server may REFUSE with a reason, and closes: a domain, a
 * store or an id that does not fit only to who has proven to know the secret,
 * and with HMAC("refuse", all of it).
 *
 * The server's nonce is what makes a recorded client worthless, the client's a
 * recorded server. Who passes the bytes on between two nodes sees what follows
 * and can change it.
 */
#ifndef CONSENSUS_HANDSHAKE_H
#define CONSENSUS_HANDSHAKE_H

#include <stddef.h>
#include <stdint.h>

#include "consensus/consensus.h"

#define HANDSHAKE_VERSION 1
#define HANDSHAKE_NONCE_SIZE 32
#define HANDSHAKE_MAC_SIZE 32
#define HANDSHAKE_MESSAGE_MAX 1024

/* What the connection is for. */
enum handshake_role {
    HANDSHAKE_RAFT = 1, /* raft's messages, from the client to the server */
    HANDSHAKE_LINK = 2  /* questions to the server, and what it pushes */
};

/* What a node says of itself; all of it is covered by the MACs. */
struct handshake_self {
    uint64_t id;                       /* not 0 */
    char address[MEMBER_ADDRESS_SIZE]; /* "" : an observer */
    char domain[CONF_DOMAIN_MAX + 1];
    char store_id[STORE_ID_SIZE]; /* "": knows none yet */
    uint64_t nodes;               /* a digest of its RaftNodes */
    int fresh;                    /* nothing was ever stored there */
    int observer;
};

enum handshake_refusal {
    HANDSHAKE_ACCEPTED,
    HANDSHAKE_NO_SLUICE, /* what came is no handshake */
    HANDSHAKE_VERSION_DIFFERS,
    HANDSHAKE_SECRET_DIFFERS,
    HANDSHAKE_DOMAIN_DIFFERS,
    HANDSHAKE_STORE_DIFFERS, /* both know one: members of two clusters */
    HANDSHAKE_DUPLICATE_ID,  /* both have the same id */
    HANDSHAKE_LOOPBACK_ONLY  /* the server has no secret, the client is not on
                                its machine */
};

/* What is wrong, for people: it fits behind "refused us: " as well as behind
 * "refused: ". */
const char *handshake_refusal_text(enum handshake_refusal why);

enum handshake_step { HANDSHAKE_MORE, HANDSHAKE_DONE, HANDSHAKE_FAILED };

struct handshake {
    enum handshake_refusal why;  /* when it failed */
    int told;                    /* the other side refused us, not we it */
    enum handshake_role role;    /* asked for; once DONE proven */
    struct handshake_self other; /* once DONE, and when we refuse it for its
                                    domain, store or id; proven then, else
                                    empty */

    /* To be sent, whatever the step was; the caller sets out_len to 0. All
     * that one side ever says has room. */
    unsigned char out[2 * HANDSHAKE_MESSAGE_MAX];
    size_t out_len;

    /* private */
    struct handshake_self self;
    unsigned char secret[CONF_RAFT_SECRET_MAX + 1];
    size_t secret_len;
    int server;
    int state;
    unsigned char in[HANDSHAKE_MESSAGE_MAX + 4];
    size_t in_len;
    uint64_t other_id;
    unsigned char client_nonce[HANDSHAKE_NONCE_SIZE];
    unsigned char server_nonce[HANDSHAKE_NONCE_SIZE];
    unsigned char proof[HANDSHAKE_MAC_SIZE];
};

/* SECRET may be "" (which then proves nothing) and has at most
 * CONF_RAFT_SECRET_MAX bytes. The client's first message is in out. NONCE:
 * HANDSHAKE_NONCE_SIZE random bytes, new ones each time. */
void handshake_client(struct handshake *h,
                      const struct handshake_self *self,
                      const char *secret,
                      enum handshake_role role,
                      const unsigned char *nonce);
void handshake_server(struct handshake *h,
                      const struct handshake_self *self,
                      const char *secret,
                      const unsigned char *nonce);

/* As a server: turn the client away before it said anything, for one of the
 * reasons that strangers may know. The handshake has FAILED then. */
void handshake_refuse(struct handshake *h, enum handshake_refusal why);

/*
 * Takes what came; *used is how much of it belongs to the handshake (all,
 * unless it is DONE: what follows is the role's). Not after DONE or FAILED.
 * With FAILED there may be a last message in out for the other side.
 */
enum handshake_step handshake_feed(struct handshake *h,
                                   const void *bytes,
                                   size_t len,
                                   size_t *used);

/* Forgets the secret; what the other side proved, and out, stay. */
void handshake_clear(struct handshake *h);

#endif
