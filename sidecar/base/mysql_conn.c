/* One connection to a MySQL or MariaDB server under the loop. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>

#include "base/mysql_conn_private.h"

/* ---- poll ------------------------------------------------------------- */

static void on_ready(uv_poll_t *poll, int status, int events);

static void
poll_freed(uv_handle_t *handle)
{
    free(handle);
}

void
mysql_conn_stop_polling(struct mysql_conn *c)
{
    if (!c->poll)
        return;
    uv_close((uv_handle_t *)c->poll, poll_freed);
    c->poll = NULL;
    c->polled = 0;
}

/* The events stay the same from one question to the next, so that epoll is
 * not told anything. */
void
mysql_conn_poll(struct mysql_conn *c, int events)
{
    if (!c->poll) {
        c->poll = calloc(1, sizeof(*c->poll));
        if (!c->poll)
            abort();
        c->poll->data = c;
        if (uv_poll_init(&c->loop->uv, c->poll,
                         (int)mysql_get_socket(c->mysql)) != 0)
            abort();
    }
    if (c->polled == events)
        return;
    c->polled = events;
    if (uv_poll_start(c->poll, events, on_ready) != 0)
        abort();
}

void
mysql_conn_clear_errors(const struct mysql_conn *c)
{
    if (c->target.tls.use)
        ERR_clear_error();
}

/* ---- ends ------------------------------------------------------------- */

static int
is_suspended(const struct mysql_conn *c)
{
    return c->stage == STAGE_DIALLING || c->stage == STAGE_ASKING ||
           c->stage == STAGE_READING;
}

static MYSQL_RES *
resume(struct mysql_conn *c, int ready, int *waits, int *failed)
{
    MYSQL *connected = NULL;
    MYSQL_RES *rows = NULL;
    int error = 0;

    mysql_conn_clear_errors(c);
    switch (c->stage) {
    case STAGE_DIALLING:
        *waits = mysql_real_connect_cont(&connected, c->mysql, ready);
        error = !connected;
        break;
    case STAGE_ASKING:
        *waits = mysql_real_query_cont(&error, c->mysql, ready);
        break;
    default:
        *waits = mysql_store_result_cont(&rows, c->mysql, ready);
        error = !rows && mysql_errno(c->mysql) != 0;
    }
    *failed = error != 0;
    return rows;
}

/* A socket without a peer: every read and write fails at once. Made with the
 * first connection, while there are descriptors to be had. */
static int
dead_socket(void)
{
    static int fd = -1;

    if (fd < 0)
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        abort();
    return fd;
}

/*
 * A suspended call holds memory on its own stack. Its socket is replaced by a
 * dead one, which ends the TCP connection, and it runs into the error and
 * cleans up after itself. Nothing is sent, nothing can block.
 */
static void
unwind(struct mysql_conn *c)
{
    int waits, failed, fd = (int)mysql_get_socket(c->mysql);

    if (fd >= 0 && dup3(dead_socket(), fd, O_CLOEXEC) < 0)
        abort();
    do
        mysql_free_result(resume(c, MYSQL_WAIT_TIMEOUT, &waits, &failed));
    while (waits != 0);
}

void
mysql_conn_close(struct mysql_conn *c)
{
    mysql_conn_stop_polling(c);
    mysql_conn_stop_opening(c);
    if (is_suspended(c))
        unwind(c);
    mysql_conn_clear_errors(c);
    mysql_close(c->mysql);
    c->mysql = NULL;
    c->stage = STAGE_CLOSED;
}

static void
lose(struct mysql_conn *c, const char *words)
{
    struct mysql_failure why;

    mysql_failure_lost(&why, words);
    mysql_conn_close(c);
    c->events->lost(c->data, &why);
}

/* ---- asking ----------------------------------------------------------- */

static void
answered(struct mysql_conn *c, int failed, MYSQL_RES *rows)
{
    struct mysql_failure why;

    c->stage = STAGE_IDLE;
    if (!failed) {
        mysql_conn_poll(c, UV_READABLE);
        c->events->answered(c->data, rows, NULL);
        return;
    }
    mysql_failure_mysql(&why, c->address, c->target.port, mysql_errno(c->mysql),
                        mysql_error(c->mysql));
    if (mysql_failure_from_server(&why))
        mysql_conn_poll(c, UV_READABLE);
    else
        mysql_conn_close(c);
    c->events->answered(c->data, NULL, &why);
}

void
mysql_conn_ask(struct mysql_conn *c, const char *sql, size_t len)
{
    int waits, error = 0;

    assert(c->stage == STAGE_IDLE);
    c->stage = STAGE_ASKING;
    mysql_conn_clear_errors(c);
    waits = mysql_real_query_start(&error, c->mysql, sql, len);
    mysql_conn_step(c, waits, error != 0, NULL);
}

void
mysql_conn_step(struct mysql_conn *c, int waits, int failed, MYSQL_RES *rows)
{
    if (waits == 0 && c->stage == STAGE_ASKING && !failed) {
        c->stage = STAGE_READING;
        waits = mysql_store_result_start(&rows, c->mysql);
        failed = waits == 0 && !rows && mysql_errno(c->mysql) != 0;
    }
    if (waits != 0) {
        c->reached |= !(waits & MYSQL_WAIT_WRITE);
        mysql_conn_poll(c, waits & MYSQL_WAIT_WRITE ? UV_READABLE | UV_WRITABLE
                                                    : UV_READABLE);
    } else if (c->stage == STAGE_DIALLING) {
        mysql_conn_dialled(c, failed);
    } else {
        answered(c, failed, rows);
    }
}

/* ---- what the socket says --------------------------------------------- */

/* The text of an ERR packet: length and number, 0xff, code, '#' and state. */
static void
lose_with_packet(struct mysql_conn *c, const unsigned char *packet, size_t size)
{
    char words[MYSQL_FAILURE_SIZE];

    if (size < 13 || packet[4] != 0xff || packet[7] != '#')
        snprintf(words, sizeof(words), "%s sent what was not asked for",
                 c->address);
    else
        snprintf(words, sizeof(words), "Error %u: %.*s",
                 packet[5] | (unsigned)packet[6] << 8, (int)(size - 13),
                 (const char *)packet + 13);
    lose(c, words);
}

static void
look_idle(struct mysql_conn *c)
{
    unsigned char bytes[MYSQL_FAILURE_SIZE];
    char words[MYSQL_FAILURE_SIZE];
    ssize_t n = recv((int)mysql_get_socket(c->mysql), bytes, sizeof(bytes),
                     MSG_PEEK | MSG_DONTWAIT);

    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        mysql_conn_poll(c, UV_READABLE);
    } else if (n < 0) {
        lose(c, strerror(errno));
    } else if (n == 0) {
        snprintf(words, sizeof(words), "%s closed the connection", c->address);
        lose(c, words);
    } else if (c->target.tls.use) {
        uv_poll_stop(c->poll);
        c->polled = 0;
        c->events->stirred(c->data);
    } else {
        lose_with_packet(c, bytes, (size_t)n);
    }
}

static void
on_ready(uv_poll_t *poll, int status, int events)
{
    struct mysql_conn *c = poll->data;
    int ready = 0, waits, failed;
    MYSQL_RES *rows;

    if (status < 0) { /* an error on the socket, which a read will tell */
        c->polled = 0;
        events = UV_READABLE | UV_WRITABLE;
    }
    if (c->stage == STAGE_IDLE) {
        look_idle(c);
        return;
    }
    if (events & UV_READABLE)
        ready |= MYSQL_WAIT_READ;
    if (events & UV_WRITABLE)
        ready |= MYSQL_WAIT_WRITE;
    rows = resume(c, ready, &waits, &failed);
    mysql_conn_step(c, waits, failed, rows);
}

/* ---- life ------------------------------------------------------------- */

struct mysql_conn *
mysql_conn_new(struct loop *loop,
               struct connector *connector,
               const struct mysql_target *target,
               const struct mysql_conn_events *events,
               void *data)
{
    struct mysql_conn *c = calloc(1, sizeof(*c));

    if (!c)
        abort();
    dead_socket();
    c->loop = loop;
    c->connector = connector;
    mysql_target_copy(&c->target, target);
    c->events = events;
    c->data = data;
    return c;
}

void
mysql_conn_free(struct mysql_conn *c)
{
    mysql_conn_close(c);
    connector_release(c->job);
    mysql_target_clear(&c->target);
    free(c);
}

int
mysql_conn_is_open(const struct mysql_conn *c)
{
    return c->stage >= STAGE_IDLE;
}

const char *
mysql_conn_address(const struct mysql_conn *c)
{
    return c->address;
}

unsigned long long
mysql_conn_changed(const struct mysql_conn *c)
{
    return mysql_affected_rows(c->mysql);
}

unsigned long long
mysql_conn_insert_id(const struct mysql_conn *c)
{
    return mysql_insert_id(c->mysql);
}

int
mysql_conn_is_mariadb(const struct mysql_conn *c)
{
    return mariadb_connection(c->mysql) != 0;
}

unsigned long
mysql_conn_version(const struct mysql_conn *c)
{
    return mysql_get_server_version(c->mysql);
}
