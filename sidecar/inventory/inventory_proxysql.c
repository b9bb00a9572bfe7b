/*
 * Hosts by ProxySQL: the servers of a hostgroup, from the admin interface of
 * the first ProxySQL that answers. The connection is kept until a question
 * fails.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mysql_conn.h"
#include "inventory/inventory.h"
#include "inventory/proxysql_rows.h"

#define ADMIN_PORT 6032
#define OPEN_MS 500
#define ASK_MS 1000
#define ERROR_SIZE 512
#define SQL_SIZE 160

enum state { STATE_IDLE, STATE_OPENING, STATE_ASKING };

/* One ProxySQL. */
struct address {
    struct source *source;
    struct inventory_host host;
    struct mysql_conn *conn;
};

struct source {
    struct inventory *inventory;
    const struct inventory_shared *shared;
    struct address *addresses; /* sorted */
    size_t count;
    size_t at;    /* of the one in use */
    size_t tried; /* of this question */
    enum state state;
    char last[ERROR_SIZE]; /* why the one before could not be used */
    uv_timer_t *alarm;
    uint64_t stalls;
    struct proxysql_ignored ignored;
    char sql[SQL_SIZE];
};

static void try_next(struct source *source);

static const struct conf_proxysql *
conf_of(const struct source *source)
{
    return &inventory_cluster(source->inventory)->proxysql;
}

/* ---- one question
 * ------------------------------------------------------------ */

static void on_alarm(uv_timer_t *timer);

static void
set_alarm(struct source *source, unsigned ms)
{
    source->stalls = loop_stalls(source->shared->loop);
    uv_timer_start(source->alarm, on_alarm, ms, 0);
}

static void
settle(struct source *source)
{
    source->state = STATE_IDLE;
    uv_timer_stop(source->alarm);
}

static void
failed(struct source *source, const struct mysql_failure *why)
{
    const struct inventory_host *host = &source->addresses[source->at].host;

    snprintf(source->last, sizeof(source->last), "%s:%u: %.200s", host->name,
             host->port, why->text);
    mysql_conn_close(source->addresses[source->at].conn);
    settle(source);
    source->at = (source->at + 1) % source->count;
    try_next(source);
}

static void
ask(struct source *source)
{
    source->state = STATE_ASKING;
    set_alarm(source, ASK_MS);
    mysql_conn_ask(source->addresses[source->at].conn, source->sql,
                   strlen(source->sql));
}

/* Each once, then the question has failed. */
static void
try_next(struct source *source)
{
    char error[ERROR_SIZE];

    if (source->tried++ == source->count) {
        snprintf(error, sizeof(error), "%s", source->last);
        source->at = 0;
        inventory_fail(source->inventory, error);
        return;
    }
    source->state = STATE_OPENING;
    set_alarm(source, OPEN_MS);
    mysql_conn_open(source->addresses[source->at].conn);
}

static void
on_alarm(uv_timer_t *timer)
{
    struct source *source = timer->data;
    struct mysql_failure why;

    if (loop_stalls(source->shared->loop) != source->stalls) {
        set_alarm(source, source->state == STATE_OPENING ? OPEN_MS : ASK_MS);
        return;
    }
    if (source->state == STATE_OPENING)
        mysql_conn_explain(source->addresses[source->at].conn, OPEN_MS, &why);
    else
        mysql_failure_say(&why, "no answer within %u ms", ASK_MS);
    failed(source, &why);
}

static int
take_rows(struct source *source, MYSQL_RES *rows, struct inventory_hosts *hosts)
{
    uint64_t now_ms = clock_mono_ms();
    uint64_t ignore_ms = conf_of(source)->ignore_s * UINT64_C(1000);
    struct inventory_host host;
    char err[ERROR_SIZE];
    MYSQL_ROW row;

    if (!rows || mysql_num_fields(rows) != 3)
        return -1;
    proxysql_ignored_expire(&source->ignored, now_ms);
    while ((row = mysql_fetch_row(rows)))
        if (row[0] && row[1] && row[2] &&
            inventory_parse_host(row[0], 1, &host, err, sizeof(err)) == 0)
            proxysql_row(&source->ignored, host.name, row[1], row[2], now_ms,
                         ignore_ms, hosts);
    return 0;
}

/* ---- the connection
 * ----------------------------------------------------------- */

static void
on_opened(void *data, const struct mysql_failure *why)
{
    struct address *address = data;

    if (why)
        failed(address->source, why);
    else
        ask(address->source);
}

static void
on_answered(void *data, MYSQL_RES *rows, const struct mysql_failure *why)
{
    struct address *address = data;
    struct source *source = address->source;
    struct inventory_hosts hosts = {0};
    struct mysql_failure odd;
    int rc;

    if (why) {
        failed(source, why);
        return;
    }
    rc = take_rows(source, rows, &hosts);
    mysql_free_result(rows);
    if (rc != 0) {
        mysql_failure_say(&odd, "expected three columns from ProxySQL");
        failed(source, &odd);
        return;
    }
    settle(source);
    inventory_answer(source->inventory, &hosts);
}

/* Between two questions: the next one opens it again. */
static void
on_lost(void *data, const struct mysql_failure *why)
{
    (void)data;
    (void)why;
}

/* Only TLS does that. */
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

static void
proxysql_ask(void *data)
{
    struct source *source = data;

    source->tried = 0;
    if (mysql_conn_is_open(source->addresses[source->at].conn))
        ask(source);
    else
        try_next(source);
}

/* ---- life
 * ------------------------------------------------------------------------ */

static int
by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void
open_address(struct address *address, struct source *source, const char *text)
{
    const struct conf_proxysql *conf = conf_of(source);
    struct mysql_target target = {
        .user = conf->user,
        .password = conf->password,
        .database = (char[]){"stats"},
        .collation = (char[]){""},
    };
    char err[ERROR_SIZE];

    address->source = source;
    /* -t said what is wrong with it; nobody is called "_". */
    if (inventory_parse_host(text, ADMIN_PORT, &address->host, err,
                             sizeof(err)) != 0)
        strcpy(address->host.name, "_");
    target.host = address->host.name;
    target.port = address->host.port;
    address->conn =
        mysql_conn_new(source->shared->loop, source->shared->connector, &target,
                       &events, address);
}

static void
open_addresses(struct source *source)
{
    const struct conf_list *list = &conf_of(source)->addresses;
    char **sorted = calloc(list->count + 1, sizeof(*sorted));

    source->count = list->count;
    source->addresses = calloc(list->count + 1, sizeof(*source->addresses));
    if (!sorted || !source->addresses)
        abort();
    memcpy(sorted, list->items, list->count * sizeof(*sorted));
    qsort(sorted, list->count, sizeof(*sorted), by_name);
    for (size_t i = 0; i < list->count; i++)
        open_address(&source->addresses[i], source, sorted[i]);
    free(sorted);
}

static void *
proxysql_open(struct inventory *inventory,
              const struct inventory_shared *shared)
{
    struct source *source = calloc(1, sizeof(*source));

    if (!source || !(source->alarm = calloc(1, sizeof(*source->alarm))))
        abort();
    source->inventory = inventory;
    source->shared = shared;
    snprintf(source->sql, sizeof(source->sql),
             "SELECT srv_host, srv_port, status FROM "
             "stats_mysql_connection_pool WHERE hostgroup=%u",
             conf_of(source)->hostgroup);
    uv_timer_init(&shared->loop->uv, source->alarm);
    source->alarm->data = source;
    open_addresses(source);
    return source;
}

static void
alarm_closed(uv_handle_t *handle)
{
    free(handle);
}

static void
proxysql_close(void *data)
{
    struct source *source = data;

    for (size_t i = 0; i < source->count; i++)
        mysql_conn_free(source->addresses[i].conn);
    free(source->addresses);
    proxysql_ignored_free(&source->ignored);
    uv_close((uv_handle_t *)source->alarm, alarm_closed);
    free(source);
}

static int
proxysql_same(const struct conf_cluster *a, const struct conf_cluster *b)
{
    const struct conf_proxysql *x = &a->proxysql, *y = &b->proxysql;

    return conf_same_list(&x->addresses, &y->addresses) &&
           conf_same(x->user, y->user) && conf_same(x->password, y->password) &&
           x->hostgroup == y->hostgroup;
}

const struct inventory_driver inventory_proxysql = {
    .name = "proxysql",
    .open = proxysql_open,
    .ask = proxysql_ask,
    .close = proxysql_close,
    .same = proxysql_same,
};
