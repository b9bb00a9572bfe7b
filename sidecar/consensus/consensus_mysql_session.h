/*
 * NB: private to consensus_mysql*.c. One connection to the backend that is
 * always wanted: opened again when it ends, with a deadline on every call.
 */
#ifndef CONSENSUS_MYSQL_SESSION_H
#define CONSENSUS_MYSQL_SESSION_H

#include <stdint.h>

#include <mysql.h>

#include "base/loop.h"
#include "base/mysql_failure.h"
#include "base/mysql_target.h"

#define SESSION_DEADLINE_MS 1000

struct connector;
struct session;

struct session_reply {
    MYSQL_RES *rows; /* NULL if it has none; the session frees them */
    uint64_t changed;
    uint64_t insert_id;
    uint64_t started_ms; /* CLOCK_BOOTTIME */
    uint64_t ended_ms;
    const struct mysql_failure *why; /* NULL: it was carried out */
    int lost; /* with why: the connection ended, nobody knows */
    int late; /* with lost: the deadline ran out */
};

typedef void (*session_cb)(void *data, const struct session_reply *reply);

struct session_events {
    /* It can be asked. */
    void (*ready)(void *data);

    /* It cannot, any more or yet; it goes on trying. After the reply to what
     * was asked. */
    void (*down)(void *data, const struct mysql_failure *why);
};

/* SETUP is asked first on every connection, and must stay. */
struct session *session_new(struct loop *loop,
                            struct connector *connector,
                            const struct mysql_target *target,
                            const char *setup,
                            const struct session_events *events,
                            void *data);

/* No event and no reply comes after this. Not from within either. */
void session_free(struct session *s);

/* Open, and nothing is asked. */
int session_is_ready(const struct session *s);

/* Not open, and not being opened: the next attempt waits its time. */
int session_is_waiting(const struct session *s);

/* Only when ready. The statement is copied. */
void session_ask(struct session *s, const char *sql, session_cb cb);

/* Why it is down; "" when it never was. */
const char *session_why(const struct session *s);

#endif
