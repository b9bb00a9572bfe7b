/*
 * A host probed by a query over one MySQL connection that is kept. One alarm
 * per host: the deadline of what is under way, or when the next probe is due.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/backoff.h"
#include "base/mysql_conn.h"
#include "probe/metric_query.h"
#include "probe/probe_driver.h"
#include "probe/replica_status.h"

#define OPEN_TIMEOUT_MS 1000
#define FIRST_WITHIN_MS 50 /* the first probe, however long the interval */
#define COLUMNS_MAX 128

enum state {
    STATE_WAITING, /* for the next probe, or the next attempt to connect */
    STATE_OPENING,
    STATE_ASKING,
    STATE_STOPPED
};

struct probe_host {
    struct probe base;
    struct loop *loop;
    struct probe_stats *stats; /* of all probes */
    struct mysql_conn *conn;
    uv_timer_t alarm;
    probe_cb cb;
    void *data;

    enum metric_query_kind kind;
    char *query;
    size_t query_len;
    unsigned interval_ms, timeout_ms, cache_ms;

    enum state state;
    struct backoff backoff;
    uint64_t due_ms;          /* of the next probe, on the grid of intervals */
    uint64_t started_us;      /* what is under way, or the last */
    uint64_t deadline_stalls; /* loop_stalls when the deadline was set */
    int asks_read_only;       /* the second question of a replica probe */
};

static void on_alarm(uv_timer_t *timer);

static void
set_alarm(struct probe_host *p, uint64_t at_ms)
{
    uint64_t now_ms = uv_now(&p->loop->uv); /* what timers count from */

    uv_timer_start(&p->alarm, on_alarm, at_ms > now_ms ? at_ms - now_ms : 0, 0);
}

static void
set_deadline(struct probe_host *p)
{
    unsigned timeout_ms =
        p->state == STATE_OPENING ? OPEN_TIMEOUT_MS : p->timeout_ms;

    p->deadline_stalls = loop_stalls(p->loop);
    set_alarm(p, clock_mono_ms() + timeout_ms);
}

/* The first point of the grid that is not before AT_MS. */
static void
set_due(struct probe_host *p, uint64_t at_ms)
{
    if (p->due_ms < at_ms)
        p->due_ms += (at_ms - p->due_ms + p->interval_ms - 1) / p->interval_ms *
                     p->interval_ms;
    set_alarm(p, p->due_ms);
}

/* ---- results ---------------------------------------------------------- */

static void
report(struct probe_host *p, struct probe_result *result)
{
    result->started_ms = p->started_us / 1000;
    result->took_us = (uint32_t)(clock_mono_us() - p->started_us);
    snprintf(result->address, sizeof(result->address), "%s",
             mysql_conn_address(p->conn));
    probe_stats_add(p->stats, result->ok, result->took_us, clock_mono_ms());
    p->cb(p->data, result);
}

static void
report_failure(struct probe_host *p, const struct mysql_failure *why)
{
    struct probe_result result = {
        .dial_error = why->dial,
        .refused = why->refused,
        .answered = mysql_failure_from_server(why),
    };

    snprintf(result.text, sizeof(result.text), "%s", why->text);
    report(p, &result);
}

/* The connection answered: the next probe is on the grid. */
static void
wait_for_next(struct probe_host *p, int ok)
{
    uint64_t next_ms = clock_mono_ms() + 1;
    uint64_t fresh_ms = p->started_us / 1000 + p->cache_ms;

    p->state = STATE_WAITING;
    backoff_reset(&p->backoff);
    set_due(p, ok && fresh_ms > next_ms ? fresh_ms : next_ms);
}

static void
probe_value(struct probe_host *p, double value)
{
    struct probe_result result = {.ok = 1, .value = value};

    wait_for_next(p, 1);
    report(p, &result);
}

/* It answered, and this is what is wrong with the answer. */
static void
probe_error(struct probe_host *p, const char *text)
{
    struct probe_result result = {.answered = 1};

    wait_for_next(p, 0);
    snprintf(result.text, sizeof(result.text), "%s", text);
    report(p, &result);
}

/* There is no connection (any more): at once, then ever later, another try. */
static void
probe_disconnected(struct probe_host *p, const struct mysql_failure *why)
{
    p->state = STATE_WAITING;
    set_alarm(p, clock_mono_ms() + backoff_next_ms(&p->backoff));
    report_failure(p, why);
}

/* ---- one probe -------------------------------------------------------- */

static void
ask(struct probe_host *p)
{
    const char *sql = p->query;

    p->state = STATE_ASKING;
    p->asks_read_only = 0;
    p->started_us = clock_mono_us();
    set_deadline(p);
    if (p->kind != METRIC_QUERY_REPLICA) {
        mysql_conn_ask(p->conn, sql, p->query_len);
        return;
    }
    sql = replica_status_statement(mysql_conn_is_mariadb(p->conn),
                                   mysql_conn_version(p->conn));
    mysql_conn_ask(p->conn, sql, strlen(sql));
}

static unsigned
column_names(MYSQL_RES *rows, const char **names)
{
    unsigned columns = rows ? mysql_num_fields(rows) : 0;
    MYSQL_FIELD *fields = rows ? mysql_fetch_fields(rows) : NULL;

    for (unsigned i = 0; i < columns && i < COLUMNS_MAX; i++)
        names[i] = fields[i].name;
    return columns;
}

static const char *const *
next_row(MYSQL_RES *rows)
{
    return rows ? (const char *const *)mysql_fetch_row(rows) : NULL;
}

static void
judge_metric(struct probe_host *p, MYSQL_RES *rows)
{
    const char *names[COLUMNS_MAX];
    unsigned columns = column_names(rows, names);
    char err[PROBE_TEXT_SIZE];
    double value;
    int rc = metric_query_value(p->kind, names, columns, next_row(rows), &value,
                                err, sizeof(err));

    mysql_free_result(rows);
    if (rc == 0)
        probe_value(p, value);
    else
        probe_error(p, err);
}

static void
judge_read_only(struct probe_host *p, MYSQL_RES *rows)
{
    const char *const *row = next_row(rows);
    int read_only = !row || !row[0] || replica_status_is_read_only(row[0]);

    mysql_free_result(rows);
    if (read_only)
        probe_error(p, "no replica status on a read_only host");
    else
        probe_value(p, 0);
}

static void
judge_replica(struct probe_host *p, MYSQL_RES *rows)
{
    const char *names[COLUMNS_MAX];
    unsigned columns = column_names(rows, names);
    struct replica_status status;
    const char *const *row;
    double lag_s;
    int rc;

    replica_status_begin(&status, names,
                         columns < COLUMNS_MAX ? columns : COLUMNS_MAX);
    while ((row = next_row(rows)))
        replica_status_row(&status, row);
    mysql_free_result(rows);
    rc = replica_status_end(&status, &lag_s);
    if (rc == 0) {
        probe_value(p, lag_s);
    } else if (rc < 0) {
        probe_error(p, status.err);
    } else {
        p->asks_read_only = 1;
        mysql_conn_ask(p->conn, replica_status_read_only_statement,
                       strlen(replica_status_read_only_statement));
    }
}

static void
on_answered(void *data, MYSQL_RES *rows, const struct mysql_failure *why)
{
    struct probe_host *p = data;

    if (why && mysql_conn_is_open(p->conn))
        probe_error(p, why->text);
    else if (why)
        probe_disconnected(p, why);
    else if (p->kind != METRIC_QUERY_REPLICA)
        judge_metric(p, rows);
    else if (p->asks_read_only)
        judge_read_only(p, rows);
    else
        judge_replica(p, rows);
}

/* ---- the connection --------------------------------------------------- */

static void
on_opened(void *data, const struct mysql_failure *why)
{
    struct probe_host *p = data;

    if (why)
        probe_disconnected(p, why);
    else
        ask(p);
}

static void
on_lost(void *data, const struct mysql_failure *why)
{
    struct probe_host *p = data;

    p->started_us = clock_mono_us();
    probe_disconnected(p, why);
}

/* Ask at once, but do not let a talkative peer set the pace. */
static void
on_stirred(void *data)
{
    struct probe_host *p = data;

    if (clock_mono_us() - p->started_us >= p->interval_ms * 1000ULL)
        ask(p);
}

static const struct mysql_conn_events events = {
    .opened = on_opened,
    .answered = on_answered,
    .lost = on_lost,
    .stirred = on_stirred,
};

/* ---- the alarm -------------------------------------------------------- */

static void
begin(struct probe_host *p)
{
    char text[PROBE_TEXT_SIZE];

    if (p->kind == METRIC_QUERY_UNSUPPORTED) {
        p->started_us = clock_mono_us();
        snprintf(text, sizeof(text), "Unsupported metrics query type: %.200s",
                 p->query);
        probe_error(p, text);
    } else if (mysql_conn_is_open(p->conn)) {
        ask(p);
    } else {
        p->state = STATE_OPENING;
        p->started_us = clock_mono_us();
        set_deadline(p);
        mysql_conn_open(p->conn);
    }
}

static void
give_up(struct probe_host *p)
{
    struct mysql_failure why;

    if (p->state == STATE_OPENING)
        mysql_conn_explain(p->conn, OPEN_TIMEOUT_MS, &why);
    else
        mysql_failure_say(&why, "no answer within %u ms", p->timeout_ms);
    if (mysql_conn_ends_itself(p->conn)) {
        set_deadline(p);
        report_failure(p, &why);
        return;
    }
    mysql_conn_close(p->conn);
    probe_disconnected(p, &why);
}

static void
on_alarm(uv_timer_t *timer)
{
    struct probe_host *p = timer->data;

    if (p->state == STATE_WAITING)
        begin(p);
    else if (loop_stalls(p->loop) != p->deadline_stalls)
        set_deadline(p); /* we stood still, which says nothing of the host */
    else
        give_up(p);
}

/* ---- life ------------------------------------------------------------- */

static struct mysql_conn *
conn_new(struct probe_shared *shared,
         const struct probe_settings *s,
         struct probe_host *p)
{
    const struct mysql_target target = {
        .host = s->host,
        .port = s->port,
        .user = s->user,
        .password = s->password,
        .database = (char[]){"information_schema"},
        .collation = s->collation,
        .tls = s->tls,
    };

    return mysql_conn_new(shared->loop, shared->connector, &target, &events, p);
}

static struct probe *
mysql_start(struct probe_shared *shared,
            const struct probe_settings *settings,
            unsigned phase_ms,
            probe_cb cb,
            void *data)
{
    struct probe_host *p = calloc(1, sizeof(*p));

    if (!p || !(p->query = strdup(settings->query ? settings->query : "")))
        abort();
    p->base.driver = &probe_mysql;
    p->loop = shared->loop;
    p->stats = &shared->stats;
    p->conn = conn_new(shared, settings, p);
    p->cb = cb;
    p->data = data;
    p->kind = metric_query_kind(p->query);
    p->query_len = strlen(p->query);
    p->interval_ms =
        settings->interval_ms > 0 ? (unsigned)settings->interval_ms : 1;
    p->timeout_ms =
        settings->timeout_ms > 0 ? (unsigned)settings->timeout_ms : 1;
    p->cache_ms = settings->cache_ms > 0 ? (unsigned)settings->cache_ms : 0;
    uv_timer_init(&p->loop->uv, &p->alarm);
    p->alarm.data = p;
    p->due_ms = clock_mono_ms() + phase_ms;
    set_alarm(p, p->due_ms - phase_ms + phase_ms % FIRST_WITHIN_MS);
    return &p->base;
}

static void
alarm_closed(uv_handle_t *handle)
{
    struct probe_host *p = handle->data;

    free(p->query);
    free(p);
}

static void
mysql_stop(struct probe *base)
{
    struct probe_host *p = (struct probe_host *)base;

    p->state = STATE_STOPPED;
    mysql_conn_free(p->conn);
    uv_close((uv_handle_t *)&p->alarm, alarm_closed);
}

const struct probe_driver probe_mysql = {
    .name = "mysql",
    .start = mysql_start,
    .stop = mysql_stop,
};
