/* Two questions over one connection, with one deadline over both. */
#include "agent/galera_query.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mysql_conn.h"

enum state { STATE_IDLE, STATE_OPENING, STATE_ASKING };

/*
 * SHOW is what a node answers that is in no primary component: it refuses
 * SELECT and BEGIN with error 1047. One that is not ready has no row fewer.
 */
static const char *const questions[] = {
    "SHOW STATUS WHERE Variable_name IN ('wsrep_local_state', "
    "'wsrep_local_index', 'wsrep_ready', 'wsrep_cluster_status')",
    "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('read_only', "
    "'pxc_maint_mode')",
};

#define QUESTIONS (sizeof(questions) / sizeof(*questions))

struct galera_query {
    struct loop *loop;
    struct mysql_conn *conn;
    uv_timer_t alarm;
    unsigned timeout_ms;
    galera_query_cb cb;
    void *data;

    enum state state;
    uint64_t deadline_stalls; /* loop_stalls when the deadline was set */
    int kept;                 /* the connection was there before */
    size_t asked;             /* questions */
    struct galera_facts facts;
};

static void
end(struct galera_query *q, const struct mysql_failure *why)
{
    q->state = STATE_IDLE;
    uv_timer_stop(&q->alarm);
    q->cb(q->data, why ? NULL : &q->facts, why);
}

/* ---- questions -------------------------------------------------------- */

static void
ask(struct galera_query *q)
{
    const char *sql = questions[q->asked++];

    q->state = STATE_ASKING;
    mysql_conn_ask(q->conn, sql, strlen(sql));
}

static void
begin(struct galera_query *q)
{
    galera_facts_init(&q->facts);
    q->asked = 0;
    q->kept = mysql_conn_is_open(q->conn);
    if (q->kept) {
        ask(q);
    } else {
        q->state = STATE_OPENING;
        mysql_conn_open(q->conn);
    }
}

static void
read_rows(struct galera_query *q, MYSQL_RES *rows)
{
    MYSQL_ROW row;

    while (rows && mysql_num_fields(rows) == 2 && (row = mysql_fetch_row(rows)))
        if (row[0] && row[1])
            galera_facts_row(&q->facts, row[0], row[1]);
    mysql_free_result(rows);
}

/* A kept connection may have ended before anybody could notice: mysqld was
 * started anew. That is no answer. */
static void
on_answered(void *data, MYSQL_RES *rows, const struct mysql_failure *why)
{
    struct galera_query *q = data;

    if (why && q->kept && !mysql_conn_is_open(q->conn)) {
        begin(q);
        return;
    }
    if (why) {
        end(q, why);
        return;
    }
    read_rows(q, rows);
    if (q->asked < QUESTIONS)
        ask(q);
    else
        end(q, NULL);
}

/* ---- the connection --------------------------------------------------- */

static void
on_opened(void *data, const struct mysql_failure *why)
{
    struct galera_query *q = data;

    if (why)
        end(q, why);
    else
        ask(q);
}

/* Of no interest: the next question opens another. */
static void
on_lost(void *data, const struct mysql_failure *why)
{
    (void)data;
    (void)why;
}

static void
on_stirred(void *data)
{
    (void)data;
}

static const struct mysql_conn_events events = {
    .opened = on_opened,
    .answered = on_answered,
    .lost = on_lost,
    .stirred = on_stirred,
};

/* ---- the deadline ----------------------------------------------------- */

static void on_alarm(uv_timer_t *timer);

static void
set_deadline(struct galera_query *q)
{
    q->deadline_stalls = loop_stalls(q->loop);
    uv_update_time(&q->loop->uv);
    uv_timer_start(&q->alarm, on_alarm, q->timeout_ms, 0);
}

/* We stood still: that says nothing of mysqld. */
static void
on_alarm(uv_timer_t *timer)
{
    struct galera_query *q = timer->data;
    struct mysql_failure why;

    if (loop_stalls(q->loop) != q->deadline_stalls) {
        set_deadline(q);
        return;
    }
    if (q->state == STATE_OPENING)
        mysql_conn_explain(q->conn, q->timeout_ms, &why);
    else
        mysql_failure_say(&why, "no answer from mysqld within %u ms",
                          q->timeout_ms);
    mysql_conn_close(q->conn);
    end(q, &why);
}

/* ---- life ------------------------------------------------------------- */

struct galera_query *
galera_query_new(struct loop *loop,
                 struct connector *connector,
                 const struct mysql_target *target,
                 unsigned timeout_ms,
                 galera_query_cb cb,
                 void *data)
{
    struct galera_query *q = calloc(1, sizeof(*q));

    if (!q)
        abort();
    q->loop = loop;
    q->conn = mysql_conn_new(loop, connector, target, &events, q);
    q->timeout_ms = timeout_ms;
    q->cb = cb;
    q->data = data;
    uv_timer_init(&loop->uv, &q->alarm);
    q->alarm.data = q;
    return q;
}

static void
alarm_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void
galera_query_free(struct galera_query *q)
{
    mysql_conn_free(q->conn);
    uv_close((uv_handle_t *)&q->alarm, alarm_closed);
}

void
galera_query_begin(struct galera_query *q)
{
    assert(q->state == STATE_IDLE);
    set_deadline(q);
    begin(q);
}

int
galera_query_is_under_way(const struct galera_query *q)
{
    return q->state != STATE_IDLE;
}
