/* How a connection is opened: look the name up, then dial one address after
 * another, in the loop where that cannot block, else in a thread. */
#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <errmsg.h>

#include "base/mysql_conn_private.h"

/* ---- ends ------------------------------------------------------------- */

static void
give_up_job(struct mysql_conn *c)
{
    if (!c->job)
        return;
    connector_cancel(c->job);
    if (connector_stage(c->job) == CONNECTOR_DONE) {
        connector_release(c->job);
        c->job = NULL;
    }
}

void
mysql_conn_stop_opening(struct mysql_conn *c)
{
    resolve_cancel(c->lookup);
    c->lookup = NULL;
    if (c->stage == STAGE_POOLED)
        give_up_job(c);
}

static void
open_failed(struct mysql_conn *c, const struct mysql_failure *why)
{
    mysql_conn_close(c);
    c->next = c->addresses.count;
    c->events->opened(c->data, why);
}

/* ---- dialling --------------------------------------------------------- */

static void dial(struct mysql_conn *c);

static void
opened(struct mysql_conn *c)
{
    c->stage = STAGE_IDLE;
    c->next = c->addresses.count;
    mysql_conn_poll(c, UV_READABLE);
    c->events->opened(c->data, NULL);
}

/* Where the thread's connection ended up: it may have looked up the name. */
static void
note_peer(struct mysql_conn *c)
{
    struct sockaddr_storage peer;
    socklen_t len = sizeof(peer);

    if (!mysql_target_is_socket(&c->target) &&
        getpeername((int)mysql_get_socket(c->mysql), (struct sockaddr *)&peer,
                    &len) == 0)
        getnameinfo((struct sockaddr *)&peer, len, c->address,
                    sizeof(c->address), NULL, 0, NI_NUMERICHOST);
}

static void
pooled(void *data, MYSQL *mysql, const struct mysql_failure *why)
{
    struct mysql_conn *c = data;
    struct mysql_failure failure;

    c->suspect = !mysql && connector_was_slow(c->job);
    connector_release(c->job);
    c->job = NULL;
    if (!mysql) {
        failure = *why;
        c->stage = STAGE_CLOSED;
        if (failure.dial && c->next < c->addresses.count)
            dial(c);
        else
            open_failed(c, &failure);
        return;
    }
    c->mysql = mysql;
    note_peer(c);
    opened(c);
}

/*
 * With a name to verify the thread is given the name: libmariadb compares the
 * certificate with what it was told to connect to. The loop has looked it up
 * already, which found the slow and the wrong names.
 */
static void
dial_pooled(struct mysql_conn *c)
{
    int by_name = 0;
    struct resolve_addresses literal;
    struct mysql_failure why;

    if (c->target.tls.use && c->target.tls.verify &&
        !resolve_literal(c->target.host, &literal)) {
        by_name = 1;
        c->next = c->addresses.count;
    }
    c->stage = STAGE_POOLED;
    c->job = connector_start(c->connector, &c->target, c->address, by_name,
                             c->suspect, pooled, c);
    if (!c->job) {
        mysql_failure_say(&why, "too many connections wait to be made");
        open_failed(c, &why);
    }
}

void
mysql_conn_dialled(struct mysql_conn *c, int failed)
{
    struct mysql_failure why;

    if (!failed) {
        opened(c);
        return;
    }
    mysql_failure_mysql(&why, c->address, c->target.port, mysql_errno(c->mysql),
                        mysql_error(c->mysql));
    mysql_conn_stop_polling(c);
    c->stage = STAGE_CLOSED;
    mysql_close(c->mysql);
    c->mysql = NULL;
    if (why.code == CR_PLUGIN_NOT_ALLOWED) {
        c->needs_pool = 1;
        dial_pooled(c);
    } else if (why.dial && c->next < c->addresses.count) {
        dial(c);
    } else {
        open_failed(c, &why);
    }
}

static void
dial(struct mysql_conn *c)
{
    const struct mysql_target *t = &c->target;
    int is_socket = mysql_target_is_socket(t), waits;
    MYSQL *connected = NULL;

    snprintf(c->address, sizeof(c->address), "%s",
             is_socket ? t->host : c->addresses.items[c->next++]);
    if (t->tls.use || c->needs_pool) {
        dial_pooled(c);
        return;
    }
    c->mysql = mysql_target_handle(t, MYSQL_TARGET_NATIVE_ONLY);
    c->stage = STAGE_DIALLING;
    c->reached = 0;
    waits = mysql_real_connect_start(
        &connected, c->mysql, is_socket ? NULL : c->address, t->user,
        t->password, t->database[0] ? t->database : NULL, t->port,
        is_socket ? c->address : NULL, 0);
    mysql_conn_step(c, waits, !connected, NULL);
}

/* ---- opening ---------------------------------------------------------- */

static void
looked_up(void *data, int status, const struct resolve_addresses *found)
{
    struct mysql_conn *c = data;
    struct mysql_failure why;

    c->lookup = NULL;
    if (status != 0) {
        mysql_failure_lookup(&why, c->target.host, status);
        open_failed(c, &why);
        return;
    }
    c->addresses = *found;
    c->next = 0;
    dial(c);
}

/* The thread of an earlier attempt may still be at it, mostly in the
 * resolver: one host has one thread. */
static int
is_late(struct mysql_conn *c, struct mysql_failure *why)
{
    enum connector_stage stage =
        c->job ? connector_stage(c->job) : CONNECTOR_DONE;

    if (stage == CONNECTOR_GREETING)
        mysql_failure_handshake(why, c->address, c->target.port,
                                CONNECTOR_TIMEOUT_MS);
    else if (stage != CONNECTOR_DONE)
        mysql_failure_lookup(why, c->target.host, UV_ETIMEDOUT);
    if (stage != CONNECTOR_DONE)
        return 1;
    connector_release(c->job);
    c->job = NULL;
    return 0;
}

void
mysql_conn_open(struct mysql_conn *c)
{
    int status;
    struct mysql_failure why;

    assert(c->stage == STAGE_CLOSED);
    if (is_late(c, &why)) {
        open_failed(c, &why);
        return;
    }
    /* Where the last attempt ran out of time the next address is due. */
    if (c->next < c->addresses.count) {
        dial(c);
        return;
    }
    c->next = 0;
    if (mysql_target_is_socket(&c->target) ||
        resolve_literal(c->target.host, &c->addresses)) {
        dial(c);
        return;
    }
    c->stage = STAGE_LOOKUP;
    c->lookup = resolve_start(c->loop, c->target.host, looked_up, c, &status);
    if (!c->lookup) {
        mysql_failure_lookup(&why, c->target.host, status);
        open_failed(c, &why);
    }
}

void
mysql_conn_explain(const struct mysql_conn *c,
                   unsigned waited_ms,
                   struct mysql_failure *why)
{
    enum connector_stage stage = c->stage == STAGE_POOLED
                                     ? connector_stage(c->job)
                                 : c->reached ? CONNECTOR_GREETING
                                              : CONNECTOR_DIALLING;

    if (c->stage == STAGE_LOOKUP)
        mysql_failure_lookup(why, c->target.host, UV_ETIMEDOUT);
    else if (stage == CONNECTOR_QUEUED)
        mysql_failure_say(why, "all connector threads were busy for %u ms",
                          waited_ms);
    else if (stage == CONNECTOR_DIALLING)
        mysql_failure_dial(why, c->address, c->target.port, ETIMEDOUT);
    else
        mysql_failure_handshake(why, c->address, c->target.port, waited_ms);
}

int
mysql_conn_ends_itself(const struct mysql_conn *c)
{
    return c->stage == STAGE_POOLED;
}
