/* What mysql_conn.c and mysql_conn_open.c share; nobody else includes it. */
#ifndef BASE_MYSQL_CONN_PRIVATE_H
#define BASE_MYSQL_CONN_PRIVATE_H

#include "base/mysql_conn.h"
#include "base/resolve.h"

enum mysql_conn_stage {
    STAGE_CLOSED,
    STAGE_LOOKUP,   /* name -> addresses */
    STAGE_DIALLING, /* mysql_real_connect is suspended */
    STAGE_POOLED,   /* a thread connects */
    STAGE_IDLE,
    STAGE_ASKING, /* mysql_real_query is suspended */
    STAGE_READING /* mysql_store_result is suspended */
};

struct mysql_conn {
    struct loop *loop;
    struct connector *connector;
    struct mysql_target target;
    const struct mysql_conn_events *events;
    void *data;

    enum mysql_conn_stage stage;
    int needs_pool; /* remembered: not mysql_native_password */
    int suspect;    /* its last connect held a thread for long, in vain */
    int reached;    /* dialling: the TCP connection stands */
    struct resolve *lookup;
    struct resolve_addresses addresses;
    unsigned next; /* address to dial */
    char address[MYSQL_TARGET_ADDRESS_SIZE];
    struct connector_job *job; /* also one given up, until its thread left */

    MYSQL *mysql;
    uv_poll_t *poll; /* its own memory: closing it takes a loop turn */
    int polled;      /* events it waits for; 0: not started */
};

/* In mysql_conn.c. */

/* Waits for UV_READABLE, UV_WRITABLE or both; cheap when nothing changes. */
void mysql_conn_poll(struct mysql_conn *c, int events);
void mysql_conn_stop_polling(struct mysql_conn *c);

/* OpenSSL keeps the errors of a thread in one queue for all its connections,
 * and libmariadb takes what one of them left there for its own. Before every
 * call of libmariadb. */
void mysql_conn_clear_errors(const struct mysql_conn *c);

/* A call of libmariadb returned: it WAITS for something, or it is over. */
void
mysql_conn_step(struct mysql_conn *c, int waits, int failed, MYSQL_RES *rows);

/* In mysql_conn_open.c. */

/* mysql_real_connect is over. */
void mysql_conn_dialled(struct mysql_conn *c, int failed);

/* Gives up the lookup or the thread. */
void mysql_conn_stop_opening(struct mysql_conn *c);

#endif
