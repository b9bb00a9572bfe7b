/* One connection to the backend that is always wanted. */
#include "consensus/consensus_mysql_session.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/backoff.h"
#include "base/mysql_conn.h"
#include "consensus/consensus_mysql_sql.h"

enum state {
    STATE_WAITING, /* for the next attempt to connect */
    STATE_OPENING,
    STATE_SETUP,
    STATE_READY,
    STATE_ASKING,
    STATE_STOPPED
};

struct session {
    struct loop *loop;
    struct mysql_conn *conn;
    const char *setup;
    const struct session_events *events;
    void *data;

    uv_timer_t alarm; /* deadline, or next attempt */
    uint64_t stalls;  /* loop_stalls when the deadline was set */
    struct backoff backoff;
    enum state state;

    struct sql sql;
    session_cb cb;
    uint64_t started_ms;
    struct mysql_failure why;
};

static void on_alarm(uv_timer_t *timer);

static void
set_alarm(struct session *s, unsigned in_ms)
{
    uv_update_time(&s->loop->uv);
    uv_timer_start(&s->alarm, on_alarm, in_ms, 0);
}

static void
set_deadline(struct session *s)
{
    s->stalls = loop_stalls(s->loop);
    set_alarm(s, SESSION_DEADLINE_MS);
}

/* ---- ends ------------------------------------------------------------- */

/* The connection is closed. */
static void
go_down(struct session *s, const struct mysql_failure *why)
{
    s->why = *why;
    s->state = STATE_WAITING;
    set_alarm(s, backoff_next_ms(&s->backoff));
    s->events->down(s->data, &s->why);
}

static void
reply(struct session *s, const struct session_reply *r)
{
    session_cb cb = s->cb;

    s->cb = NULL;
    cb(s->data, r);
}

static void
reply_lost(struct session *s, const struct mysql_failure *why, int late)
{
    const struct session_reply r = {
        .started_ms = s->started_ms,
        .ended_ms = clock_boot_ms(),
        .why = why,
        .lost = 1,
        .late = late,
    };
    const int asked = s->state == STATE_ASKING;

    s->state = STATE_WAITING;
    if (asked)
        reply(s, &r);
    go_down(s, why);
}

/* ---- the connection --------------------------------------------------- */

static void
ask_setup(struct session *s)
{
    s->state = STATE_SETUP;
    set_deadline(s);
    mysql_conn_ask(s->conn, s->setup, strlen(s->setup));
}

static void
on_opened(void *data, const struct mysql_failure *why)
{
    struct session *s = data;

    if (why)
        go_down(s, why);
    else
        ask_setup(s);
}

static void
set_up(struct session *s, const struct mysql_failure *why)
{
    struct mysql_failure failure;

    if (why) {
        failure = *why;
        mysql_conn_close(s->conn);
        go_down(s, &failure);
        return;
    }
    s->state = STATE_READY;
    uv_timer_stop(&s->alarm);
    backoff_reset(&s->backoff);
    s->events->ready(s->data);
}

static void
on_answered(void *data, MYSQL_RES *rows, const struct mysql_failure *why)
{
    struct session *s = data;
    struct session_reply r = {.rows = rows, .why = why};

    if (s->state == STATE_SETUP) {
        mysql_free_result(rows);
        set_up(s, why);
    } else if (why && !mysql_conn_is_open(s->conn)) {
        reply_lost(s, why, 0);
    } else {
        r.changed = why ? 0 : mysql_conn_changed(s->conn);
        r.insert_id = why ? 0 : mysql_conn_insert_id(s->conn);
        r.started_ms = s->started_ms;
        r.ended_ms = clock_boot_ms();
        s->state = STATE_READY;
        uv_timer_stop(&s->alarm);
        reply(s, &r);
        mysql_free_result(rows);
    }
}

static void
on_lost(void *data, const struct mysql_failure *why)
{
    go_down(data, why);
}

/* Bytes that only TLS can read: the next question tells what they were. */
static void
on_stirred(void *data)
{
    (void)data;
}

static const struct mysql_conn_events conn_events = {
    .opened = on_opened,
    .answered = on_answered,
    .lost = on_lost,
    .stirred = on_stirred,
};

/* ---- the alarm -------------------------------------------------------- */

static void
give_up(struct session *s)
{
    struct mysql_failure why;

    if (mysql_conn_ends_itself(s->conn)) {
        set_deadline(s);
        return;
    }
    if (s->state == STATE_OPENING)
        mysql_conn_explain(s->conn, SESSION_DEADLINE_MS, &why);
    else
        mysql_failure_say(&why, "no answer within %d ms", SESSION_DEADLINE_MS);
    mysql_conn_close(s->conn);
    reply_lost(s, &why, 1);
}

static void
on_alarm(uv_timer_t *timer)
{
    struct session *s = timer->data;

    if (s->state == STATE_WAITING) {
        s->state = STATE_OPENING;
        set_deadline(s);
        mysql_conn_open(s->conn);
    } else if (loop_stalls(s->loop) != s->stalls) {
        set_deadline(s); /* we stood still, which says nothing of the peer */
    } else {
        give_up(s);
    }
}

/* ---- asking ----------------------------------------------------------- */

void
session_ask(struct session *s, const char *sql, session_cb cb)
{
    assert(s->state == STATE_READY);
    sql_copy(&s->sql, sql);
    s->state = STATE_ASKING;
    s->cb = cb;
    set_deadline(s);
    s->started_ms = clock_boot_ms();
    mysql_conn_ask(s->conn, s->sql.text, s->sql.len);
}

int
session_is_ready(const struct session *s)
{
    return s->state == STATE_READY;
}

int
session_is_waiting(const struct session *s)
{
    return s->state == STATE_WAITING;
}

const char *
session_why(const struct session *s)
{
    return s->why.text;
}

/* ---- life ------------------------------------------------------------- */

struct session *
session_new(struct loop *loop,
            struct connector *connector,
            const struct mysql_target *target,
            const char *setup,
            const struct session_events *events,
            void *data)
{
    struct session *s = calloc(1, sizeof(*s));

    if (!s)
        abort();
    s->loop = loop;
    s->conn = mysql_conn_new(loop, connector, target, &conn_events, s);
    s->setup = setup;
    s->events = events;
    s->data = data;
    uv_timer_init(&loop->uv, &s->alarm);
    s->alarm.data = s;
    set_alarm(s, 0);
    return s;
}

static void
alarm_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void
session_free(struct session *s)
{
    s->state = STATE_STOPPED;
    mysql_conn_free(s->conn);
    sql_free(&s->sql);
    uv_close((uv_handle_t *)&s->alarm, alarm_closed);
}
