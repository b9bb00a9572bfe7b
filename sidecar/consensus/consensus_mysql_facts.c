/* Reads the facts, and what /consensus/status shows, and says that this node
 * is there: one connection, one statement at a time. */
#include "consensus/consensus_mysql_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "consensus/consensus_mysql_rows.h"
#include "consensus/consensus_mysql_statements.h"
#include "consensus/facts.h"

#define REVISION_MS 50 /* how often the revision is asked for */
#define ROWS_MS 500    /* and all rows, whatever it is */
#define HINT_GAP_MS 20 /* between reads, however many ask for them */
#define LISTS_MS 1000
#define BEAT_MS 2000 /* freno's interval */
#define SCHEMA_MS 10000
#define LOOK_AGAIN_MS 500

#define BIT(step) (1u << (step))
#define ROWS                                                   \
    (BIT(READ_THROTTLES) | BIT(READ_SKIPS) | BIT(READ_NOTES) | \
     BIT(READ_SETTINGS))

struct reader {
    struct consensus *c;
    struct session *session;
    uv_timer_t timer;
    struct sql sql;

    unsigned todo; /* BIT of each step */
    enum read_step step;
    uint64_t revision_due_ms, rows_due_ms, lists_due_ms, beat_due_ms,
        schema_due_ms; /* CLOCK_MONOTONIC */

    struct facts facts;
    uint64_t begun_ms; /* of the read under way, CLOCK_MONOTONIC */
    uint64_t begun_boot_ms;
    unsigned unusable; /* rows of it */
    unsigned unusable_said;

    int healthy;
    char said[READ_STEPS + 1][MYSQL_FAILURE_SIZE]; /* of each step, and of being
                                                 away */
    struct server_report server;
    struct conf_list services, shares, leaders;
};

static void go_on(struct reader *r);

static const char setup[] =
    "set session time_zone = '+00:00', "
    "sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', "
    "autocommit = 1, innodb_lock_wait_timeout = 1, lock_wait_timeout = 1";

/* ---- what is asked ---------------------------------------------------- */

static int
has(const struct reader *r, enum schema_table table)
{
    return schema_has(&r->c->schema, table);
}

/* A step whose table is not there is none. Without throttled_apps there are no
 * facts: an account that lost its privilege on it ends no throttle. */
static int
applies(const struct reader *r, enum read_step step)
{
    switch (step) {
    case READ_STORE:
    case READ_REVISION:
        return has(r, SCHEMA_SLUICE_REVISION);
    case READ_THROTTLES:
        return has(r, SCHEMA_THROTTLED_APPS);
    case READ_SKIPS:
        return has(r, SCHEMA_THROTTLED_APPS) && has(r, SCHEMA_SKIPPED_HOSTS);
    case READ_NOTES:
        return has(r, SCHEMA_THROTTLED_APPS) && has(r, SCHEMA_SLUICE_NOTES);
    case READ_SETTINGS:
        return has(r, SCHEMA_THROTTLED_APPS) && has(r, SCHEMA_SLUICE_SETTINGS);
    case READ_BEAT:
    case READ_SERVICES:
        return has(r, SCHEMA_SERVICE_HEALTH);
    case READ_SHARES:
        return r->c->schema.has_share && r->c->share_domain[0] != '\0';
    default:
        return 1;
    }
}

/* ---- answers: schema and server --------------------------------------- */

static void
take_schema(struct reader *r, MYSQL_RES *rows)
{
    struct consensus *c = r->c;
    struct schema found;

    rows_schema(rows, &found);
    schema_say(&found, c->schema_known ? &c->schema : NULL);
    c->schema = found;
    c->schema_known = 1;
    keeper_go(c->keeper);
}

static void
take_server(struct reader *r, MYSQL_RES *rows)
{
    MYSQL_ROW row = rows ? mysql_fetch_row(rows) : NULL;
    struct server_report now = {.flush = 1, .replica = r->server.replica};

    if (row && row[0] && row[1]) {
        now.read_only = strcmp(row[0], "0") != 0 && strcmp(row[0], "OFF") != 0;
        now.flush = atoi(row[1]);
    }
    server_say(r->c, &now, &r->server);
    r->server = now;
}

/* An account that may not ask is no replica's fault: rows is NULL then. */
static void
take_replica(struct reader *r, MYSQL_RES *rows)
{
    struct server_report now = r->server;

    now.replica = rows && mysql_num_rows(rows) > 0;
    server_say(r->c, &now, &r->server);
    r->server = now;
}

/* ---- answers: facts --------------------------------------------------- */

/* All rows anew. */
static void
begin_rows(struct reader *r)
{
    r->todo |= ROWS;
    r->rows_due_ms = r->begun_ms + ROWS_MS;
    r->unusable = 0;
    facts_clear(&r->facts);
}

static void
take_revision(struct reader *r, MYSQL_RES *rows)
{
    MYSQL_ROW row = rows ? mysql_fetch_row(rows) : NULL;
    uint64_t revision;

    if (!row || !row[0] || !row[1]) {
        r->todo |= BIT(READ_STORE) | BIT(READ_REVISION);
        return;
    }
    revision = strtoull(row[0], NULL, 10);
    if (revision != r->facts.revision || strcmp(row[1], r->facts.store_id) != 0)
        begin_rows(r);
    r->facts.revision = revision;
    snprintf(r->facts.store_id, sizeof(r->facts.store_id), "%s", row[1]);
}

static void
take_throttles(struct reader *r, MYSQL_RES *rows)
{
    r->unusable += rows_throttles(rows, &r->facts);
}

static void
take_skips(struct reader *r, MYSQL_RES *rows)
{
    r->unusable += rows_skips(rows, &r->facts);
}

static void
take_notes(struct reader *r, MYSQL_RES *rows)
{
    rows_notes(rows, &r->facts);
}

static void
take_settings(struct reader *r, MYSQL_RES *rows)
{
    r->unusable += rows_settings(rows, &r->facts);
}

static void
take_services(struct reader *r, MYSQL_RES *rows)
{
    rows_list(rows, 0, &r->services);
}

static void
take_shares(struct reader *r, MYSQL_RES *rows)
{
    rows_list(rows, 0, &r->shares);
    rows_list(rows, 1, &r->leaders);
}

static void
publish(struct reader *r)
{
    struct consensus *c = r->c;

    if (!has(r, SCHEMA_SLUICE_REVISION)) {
        r->facts.revision = 0;
        rows_bare_store_id(&c->target, r->facts.store_id);
    }
    if (r->unusable != r->unusable_said && r->unusable > 0)
        log_warn("facts_unusable", log_int("rows", r->unusable),
                 log_str("advice", "names have 1 to 128 bytes, values 1 to "
                                   "1024, ratios are numbers"));
    r->unusable_said = r->unusable;
    r->facts.read_mono_ms = r->begun_ms;
    r->facts.read_boot_ms = r->begun_boot_ms;
    c->events.facts(c->data, &r->facts);
}

/* ---- one step --------------------------------------------------------- */

static void
take(struct reader *r, MYSQL_RES *rows)
{
    static void (*const takers[READ_STEPS])(struct reader *, MYSQL_RES *) = {
        [READ_SCHEMA] = take_schema,       [READ_SERVER] = take_server,
        [READ_REPLICA] = take_replica,     [READ_REVISION] = take_revision,
        [READ_THROTTLES] = take_throttles, [READ_SKIPS] = take_skips,
        [READ_NOTES] = take_notes,         [READ_SETTINGS] = take_settings,
        [READ_SERVICES] = take_services,   [READ_SHARES] = take_shares,
    };

    if (takers[r->step])
        takers[r->step](r, rows);
}

/* Steps whose table is not there are none. */
static void
drop_idle_steps(struct reader *r)
{
    for (int step = 0; step < READ_STEPS; step++)
        if ((r->todo & BIT(step)) && !applies(r, (enum read_step)step))
            r->todo &= ~BIT(step);
}

static void
note_reached(struct reader *r)
{
    if (!r->healthy)
        log_info("backend_reached", log_str("host", r->c->target.host),
                 log_int("port", r->c->target.port));
    r->healthy = 1;
    r->said[READ_STEPS][0] = '\0';
}

/* Says it once. */
static void
complain(struct reader *r, int of, const struct mysql_failure *why)
{
    char text[MYSQL_FAILURE_SIZE * 2];

    if (strcmp(r->said[of], why->text) == 0)
        return;
    snprintf(r->said[of], sizeof(r->said[of]), "%s", why->text);
    consensus_mysql_advise(why, text, sizeof(text));
    log_warn(of == READ_STEPS ? "backend_away" : "backend_refuses",
             log_str("host", r->c->target.host),
             log_int("port", r->c->target.port), log_str("error", text));
}

/* The server refused a statement: what is incomplete is not published. */
static void
refused(struct reader *r, const struct mysql_failure *why)
{
    if (r->step == READ_REPLICA || r->step == READ_SERVER) {
        take(r, NULL);
        return;
    }
    complain(r, (int)r->step, why);
    if (r->step <= READ_SETTINGS) {
        r->healthy = 0;
        r->todo &= ~(BIT(READ_STORE) | BIT(READ_REVISION) | ROWS);
    }
    reader_look_again(r);
}

static void
carried_out(struct reader *r, MYSQL_RES *rows)
{
    r->said[r->step][0] = '\0';
    take(r, rows);
    drop_idle_steps(r);
    if (!(BIT(r->step) & (BIT(READ_REVISION) | ROWS)))
        return;
    note_reached(r);
    if ((BIT(r->step) & ROWS) && !(r->todo & ROWS))
        publish(r);
}

static void
on_reply(void *data, const struct session_reply *reply)
{
    struct reader *r = data;

    if (reply->lost)
        return; /* on_down comes */
    if (reply->why)
        refused(r, reply->why);
    else
        carried_out(r, reply->rows);
    go_on(r);
}

static void
ask(struct reader *r)
{
    r->step = (enum read_step)__builtin_ctz(r->todo);
    r->todo &= ~BIT(r->step);
    statement_read(&r->sql, r->c, r->step);
    session_ask(r->session, r->sql.text, on_reply);
}

/* ---- when ------------------------------------------------------------- */

static void
begin_read(struct reader *r, uint64_t now_ms)
{
    r->begun_ms = now_ms;
    r->begun_boot_ms = clock_boot_ms();
    r->revision_due_ms = now_ms + REVISION_MS;
    r->todo |= BIT(READ_REVISION);
    if (now_ms >= r->rows_due_ms)
        begin_rows(r);
}

static void
find_work(struct reader *r, uint64_t now_ms)
{
    if (now_ms >= r->schema_due_ms) {
        r->schema_due_ms = now_ms + SCHEMA_MS;
        r->todo |= BIT(READ_SCHEMA) | BIT(READ_SERVER) | BIT(READ_REPLICA);
    }
    if (!r->c->schema_known)
        return;
    if (now_ms >= r->revision_due_ms)
        begin_read(r, now_ms);
    if (now_ms >= r->beat_due_ms) {
        r->beat_due_ms = now_ms + BEAT_MS;
        r->todo |= BIT(READ_BEAT);
    }
    if (now_ms >= r->lists_due_ms) {
        r->lists_due_ms = now_ms + LISTS_MS;
        r->todo |= BIT(READ_SERVICES) | BIT(READ_SHARES);
    }
}

static void
on_due(uv_timer_t *timer)
{
    go_on(timer->data);
}

static void
wait_for_due(struct reader *r, uint64_t now_ms)
{
    const uint64_t due[] = {r->schema_due_ms, r->revision_due_ms,
                            r->beat_due_ms, r->lists_due_ms};
    size_t count = r->c->schema_known ? sizeof(due) / sizeof(*due) : 1;
    uint64_t first_ms = now_ms + REVISION_MS;

    for (size_t i = 0; i < count; i++)
        if (due[i] < first_ms)
            first_ms = due[i];
    uv_update_time(&r->c->loop->uv);
    uv_timer_start(&r->timer, on_due, first_ms > now_ms ? first_ms - now_ms : 1,
                   0);
}

static void
go_on(struct reader *r)
{
    uint64_t now_ms = clock_mono_ms();

    if (!session_is_ready(r->session))
        return;
    if (r->todo == 0)
        find_work(r, now_ms);
    drop_idle_steps(r);
    if (r->todo == 0) {
        wait_for_due(r, now_ms);
        return;
    }
    ask(r);
}

static void
on_ready(void *data)
{
    struct reader *r = data;

    r->todo = BIT(READ_SCHEMA) | BIT(READ_SERVER) | BIT(READ_REPLICA);
    r->schema_due_ms = clock_mono_ms() + SCHEMA_MS;
    r->revision_due_ms = r->rows_due_ms = 0;
    go_on(r);
}

static void
on_down(void *data, const struct mysql_failure *why)
{
    struct reader *r = data;

    r->todo = 0;
    r->healthy = 0;
    complain(r, READ_STEPS, why);
}

static const struct session_events events = {
    .ready = on_ready,
    .down = on_down,
};

/* ---- for others ------------------------------------------------------- */

/* A burst of hints is one read in a while, not as many. */
void
reader_hint(struct reader *r, uint64_t revision)
{
    uint64_t now_ms = clock_mono_ms(), due_ms = r->begun_ms + HINT_GAP_MS;

    if (revision != 0 && revision <= r->facts.revision)
        return;
    if (due_ms < r->revision_due_ms)
        r->revision_due_ms = due_ms;
    if (!has(r, SCHEMA_SLUICE_REVISION) && due_ms < r->rows_due_ms)
        r->rows_due_ms = due_ms;
    uv_timer_start(&r->timer, on_due, due_ms > now_ms ? due_ms - now_ms : 0, 0);
}

void
reader_look_again(struct reader *r)
{
    uint64_t due_ms = clock_mono_ms() + LOOK_AGAIN_MS;

    if (due_ms < r->schema_due_ms)
        r->schema_due_ms = due_ms;
}

int
reader_is_healthy(const struct reader *r)
{
    return r->healthy;
}

void
reader_status(const struct reader *r, struct consensus_status *out)
{
    out->healthy_services = r->services;
    out->share_domains = r->shares;
    out->share_leaders = r->leaders;
}

/* ---- life ------------------------------------------------------------- */

struct reader *
reader_new(struct consensus *c)
{
    struct reader *r = calloc(1, sizeof(*r));

    if (!r)
        abort();
    r->c = c;
    r->server.flush = 1;
    uv_timer_init(&c->loop->uv, &r->timer);
    r->timer.data = r;
    r->session =
        session_new(c->loop, c->connector, &c->target, setup, &events, r);
    return r;
}

static void
timer_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void
reader_free(struct reader *r)
{
    session_free(r->session);
    sql_free(&r->sql);
    facts_free(&r->facts);
    rows_list_clear(&r->services);
    rows_list_clear(&r->shares);
    rows_list_clear(&r->leaders);
    uv_close((uv_handle_t *)&r->timer, timer_closed);
}
