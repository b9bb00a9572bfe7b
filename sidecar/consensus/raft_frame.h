/*
 * What nodes ask each other on a link (a connection of role HANDSHAKE_LINK):
 * frames of a length (32 bits), a kind and its fields. Pure.
 *
 * The client asks: for a proof that the server leads, for changes of facts
 * and of members. The server answers, and pushes facts to observers.
 */
#ifndef CONSENSUS_RAFT_FRAME_H
#define CONSENSUS_RAFT_FRAME_H

#include <stddef.h>
#include <stdint.h>

#include "consensus/consensus.h"

#define FRAME_MAX (64u * 1024 * 1024) /* what follows the length */
#define FRAME_TEXT_SIZE 512           /* sentences; cut when longer */
#define FRAME_MEMBERS_MAX 256

enum frame_kind {
    FRAME_ASK = 1,        /* seq: may you act? */
    FRAME_ANSWER,         /* … and what is committed */
    FRAME_CHANGE,         /* seq, change */
    FRAME_OUTCOME,        /* seq, outcome, revision, change, text */
    FRAME_MEMBERS,        /* seq */
    FRAME_MEMBER_LIST,    /* seq, outcome, text, members */
    FRAME_MEMBER_CHANGE,  /* seq, member change */
    FRAME_MEMBER_OUTCOME, /* seq, outcome, text */
    FRAME_STATE,          /* bytes: all facts, for ledger_load */
    FRAME_COMMAND         /* index, bytes: for ledger_decode */
};

struct frame {
    enum frame_kind kind;
    uint64_t seq;
    int acts;       /* ANSWER: leads, and may act now */
    uint64_t index; /* ANSWER: all that was committed is at or below;
                       COMMAND: its own */
    char leader[MEMBER_ADDRESS_SIZE]; /* ANSWER: as far as is known, or "" */
    enum consensus_outcome outcome;
    uint64_t revision;
    struct consensus_change change;
    struct consensus_member_change members_change;
    struct consensus_member *members; /* LIST: of whoever encodes; malloc'ed
                                         by frame_decode */
    size_t nmembers;
    char text[FRAME_TEXT_SIZE];
    const void *bytes; /* STATE, COMMAND: in what was decoded */
    size_t len;
};

/* The frame's bytes, malloc'ed, length and kind included. NULL when they were
 * more than about FRAME_MAX, or the members more than FRAME_MEMBERS_MAX. */
void *frame_encode(const struct frame *f, size_t *len);

/* Of all that follows the length. 0; -1: it is none. With 0 frame_clear is
 * needed. Any bytes will do. */
int frame_decode(struct frame *f, const void *bytes, size_t len);
void frame_clear(struct frame *f);

/* ---- bytes as they come ----------------------------------------------- */

struct frame_reader {
    unsigned char *bytes; /* owned */
    size_t len;
    size_t size;
    size_t at; /* of what frame_next gave already */
};

/* Takes what came. -1: a frame would be longer than most. */
int
frame_feed(struct frame_reader *r, const void *bytes, size_t len, size_t most);

/* What follows the length of the next whole frame, until the next call of
 * either function; 0: there is none yet. */
int frame_next(struct frame_reader *r, const void **bytes, size_t *len);

void frame_reader_free(struct frame_reader *r);

#endif
