/*
 * Why a database could not be reached or asked, in the words that freno's
 * users know (those of Go's network and MySQL packages). Pure.
 */
#ifndef BASE_MYSQL_FAILURE_H
#define BASE_MYSQL_FAILURE_H

#include <stdint.h>

#define MYSQL_FAILURE_SIZE 256

struct mysql_failure {
    int refused;   /* nobody listens there */
    int dial;      /* no connection could be made: "dial tcp …" */
    unsigned code; /* of MySQL; 0: not from there */
    char text[MYSQL_FAILURE_SIZE]; /* one line, never a credential */
};

/* "dial tcp 10.0.0.1:3306: connect: connection refused" for an errno; of a
 * unix socket, whose address is its path, "dial unix /p: connect: …". */
void mysql_failure_dial(struct mysql_failure *f,
                        const char *address,
                        uint16_t port,
                        int error);

/* "dial tcp: lookup db1: no such host" for a libuv status. */
void
mysql_failure_lookup(struct mysql_failure *f, const char *name, int status);

/* The TCP connection stood, and then nothing came. Not a dial error: the
 * host is there. */
void mysql_failure_handshake(struct mysql_failure *f,
                             const char *address,
                             uint16_t port,
                             unsigned waited_ms);

/* What libmariadb says (mysql_errno, mysql_error) about address:port. */
void mysql_failure_mysql(struct mysql_failure *f,
                         const char *address,
                         uint16_t port,
                         unsigned code,
                         const char *message);

/* The connection ended while nothing was asked: "EOF: why". */
void mysql_failure_lost(struct mysql_failure *f, const char *why);

/* Words of our own. */
void mysql_failure_say(struct mysql_failure *f, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* 1 when the server said it, so that the connection can go on. */
int mysql_failure_from_server(const struct mysql_failure *f);

#endif
