/*
 * One connection to a MySQL or MariaDB server under the loop: open, ask,
 * notice its end. It never blocks and has no deadlines of its own: who uses
 * it keeps one timer and calls mysql_conn_close when it runs out.
 */
#ifndef BASE_MYSQL_CONN_H
#define BASE_MYSQL_CONN_H

#include <stddef.h>

#include <mysql.h>

#include "base/connector.h"
#include "base/loop.h"
#include "base/mysql_failure.h"
#include "base/mysql_target.h"

struct mysql_conn;

/*
 * Each may come before the call that leads to it returns, and is the last
 * thing that call does; from within, the connection may be opened, asked or
 * closed again, but not freed.
 */
struct mysql_conn_events {
    /* WHY is NULL: it is open. */
    void (*opened)(void *data, const struct mysql_failure *why);

    /* WHY is NULL: the statement was carried out; ROWS (NULL if it has none)
     * are the callee's to free. Otherwise look with mysql_conn_is_open
     * whether the connection survived. */
    void (*answered)(void *data,
                     MYSQL_RES *rows,
                     const struct mysql_failure *why);

    /* It ended while nothing was asked. It is closed. */
    void (*lost)(void *data, const struct mysql_failure *why);

    /* Bytes came that only TLS can read: perhaps its own talk, perhaps the
     * end. The next question tells; it is not watched until then. */
    void (*stirred)(void *data);
};

struct mysql_conn *mysql_conn_new(struct loop *loop,
                                  struct connector *connector,
                                  const struct mysql_target *target,
                                  const struct mysql_conn_events *events,
                                  void *data);
void mysql_conn_free(struct mysql_conn *c); /* closes; no event after this */

/* Looks the name up and connects; only when closed. */
void mysql_conn_open(struct mysql_conn *c);

/* Only when open and nothing is asked. SQL must stay until the answer. */
void mysql_conn_ask(struct mysql_conn *c, const char *sql, size_t len);

/* Gives up whatever is under way; no event comes of it. Any time. */
void mysql_conn_close(struct mysql_conn *c);

int mysql_conn_is_open(const struct mysql_conn *c);

/* Why an open that was given WAITED_MS has not come to an end. */
void mysql_conn_explain(const struct mysql_conn *c,
                        unsigned waited_ms,
                        struct mysql_failure *why);

/* 1 while a connector thread has the connection in hand: it gives up by
 * itself, and to start again would only be to queue again. */
int mysql_conn_ends_itself(const struct mysql_conn *c);

/* IP literal, or path, last dialled; "" before. */
const char *mysql_conn_address(const struct mysql_conn *c);

/* What the last statement that was carried out changed, and the last value of
 * last_insert_id() it set. Until the next is asked. */
unsigned long long mysql_conn_changed(const struct mysql_conn *c);
unsigned long long mysql_conn_insert_id(const struct mysql_conn *c);

/* Of the open connection: MariaDB or not, and its version (80403 = 8.4.3). */
int mysql_conn_is_mariadb(const struct mysql_conn *c);
unsigned long mysql_conn_version(const struct mysql_conn *c);

#endif
