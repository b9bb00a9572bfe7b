/* What redis.c and redis_talk.c share; nobody else includes it. */
#ifndef BASE_REDIS_PRIVATE_H
#define BASE_REDIS_PRIVATE_H

#include "base/redis.h"
#include "base/resolve.h"

struct redisContext;

enum redis_stage {
    REDIS_WAITING,  /* for the next attempt */
    REDIS_LOOKUP,   /* name -> addresses */
    REDIS_DIALLING, /* connect(2) is under way */
    REDIS_GREETING, /* AUTH and the first beat or the subscription are */
    REDIS_UP,
    REDIS_CLOSED
};

struct redis {
    struct loop *loop;
    struct redis_address address;
    char *user;
    char *password_file;
    enum redis_role role;
    char channel[REDIS_CHANNEL_SIZE];
    const struct redis_events *events;
    void *data;

    enum redis_stage stage;
    uv_timer_t timer; /* of the stage */
    unsigned timer_ms;
    uint64_t stalls; /* when the timer was set */
    unsigned failures;
    uint64_t up_ms;    /* since when it is up */
    uint64_t heard_ms; /* when Redis last said something */
    struct resolve *lookup;
    struct resolve_addresses addresses;
    unsigned next;                                      /* address to dial */
    char where[REDIS_PATH_SIZE + RESOLVE_ADDRESS_SIZE]; /* dialled */

    struct redisContext *context; /* owns the socket */
    uv_poll_t *poll; /* its own memory: closing it takes a loop turn */
    int polled;      /* events it waits for */
    int auth;        /* the next answer is AUTH's */
    unsigned unanswered;
    size_t unfinished_bytes; /* read since the last whole reply */
};

/* In redis.c. */

/* The address did not take the connection: on to the next one. */
void redis_dial_failed(struct redis *r, const char *why);

/* The connection stands; give it its deadline for the greeting. */
void redis_dialled(struct redis *r);

/* Redis took the greeting. */
void redis_confirmed(struct redis *r);

/* Gives the connection up and waits for the next attempt. */
void redis_lost(struct redis *r, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* In redis_talk.c. */

/* Dials r->address.path, or the IP literal. */
void redis_talk_dial(struct redis *r, const char *literal);

/* Says one beat, or subscribes (again). */
void redis_talk_beat(struct redis *r);

void redis_talk_publish(struct redis *r, const char *text, size_t len);

/* Closes the socket; no more replies. */
void redis_talk_end(struct redis *r);

#endif
