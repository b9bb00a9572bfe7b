/* Keeps the lease, and the row that freno's nodes elect by: one connection,
 * one statement at a time, the lease first. */
#include "consensus/consensus_mysql_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "consensus/consensus_mysql_statements.h"
#include "consensus/election.h"

struct keeper {
    struct consensus *c;
    struct session *session;
    uv_timer_t timer;
    struct lease lease;
    struct election election;
    struct sql sql;

    int leased;  /* there is sluice_lease */
    int entered; /* the election is ours to try */
    enum lease_step lease_step;
    enum election_step election_step;
    uint64_t told_until_ms;                 /* what the node was told last */
    uint64_t told_leads_ms;                 /* and of leading */
    int led;                                /* when told to leave */
    char lease_problem[MYSQL_FAILURE_SIZE]; /* said last */
    char election_problem[MYSQL_FAILURE_SIZE];
    enum { RUNNING, LEAVING, LEFT } life;
};

static void schedule(struct keeper *k);

static const char setup[] =
    "set session time_zone = '+00:00', "
    "sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', "
    "autocommit = 1, innodb_lock_wait_timeout = 1, lock_wait_timeout = 1";

int
keeper_leads(const struct keeper *k)
{
    return election_leads(&k->election, clock_boot_ms());
}

/* ---- what others are told --------------------------------------------- */

static void
tell_lease(struct keeper *k, uint64_t now_ms)
{
    uint64_t until_ms = k->leased ? lease_until(&k->lease, now_ms) : 0;
    struct consensus *c = k->c;

    if (until_ms == k->told_until_ms)
        return;
    if (until_ms == 0 || k->told_until_ms == 0)
        log_info(until_ms ? "lease_taken" : "lease_lost",
                 log_str("domain", c->domain), log_str("id", c->service_id),
                 log_int("term", (int64_t)k->lease.row.term),
                 log_str("holder", k->lease.row.holder));
    k->told_until_ms = until_ms;
    c->events.leadership(c->data, until_ms);
}

/* A row of freno's outlives the lease of a node that stopped: who no longer
 * acts does not lead. */
static uint64_t
leads_until(const struct keeper *k, uint64_t now_ms)
{
    uint64_t until_ms = election_until(&k->election, now_ms);

    if (k->leased && k->told_until_ms < until_ms)
        return k->told_until_ms;
    return until_ms;
}

static void
tell(struct keeper *k, uint64_t now_ms)
{
    uint64_t until_ms;

    tell_lease(k, now_ms);
    until_ms = leads_until(k, now_ms);
    if (until_ms == k->told_leads_ms)
        return;
    k->told_leads_ms = until_ms;
    if (k->c->events.leads)
        k->c->events.leads(k->c->data, until_ms);
}

/* The election follows the lease; without one, freno's clock alone. */
static void
enter_or_leave(struct keeper *k, uint64_t now_ms)
{
    int may = !k->leased || lease_until(&k->lease, now_ms) != 0;
    int lost = k->leased && !lease_holds(&k->lease);

    if (may && !k->entered) {
        k->entered = 1;
        election_enter(&k->election, k->leased ? k->lease.former : "", now_ms);
    } else if (lost && k->entered) {
        k->entered = 0;
        election_leave(&k->election);
    }
}

/* Says it once. */
static void
complain(struct keeper *k,
         char said[MYSQL_FAILURE_SIZE],
         const struct mysql_failure *why,
         const char *table)
{
    char text[MYSQL_FAILURE_SIZE * 2];

    if (strcmp(said, why->text) == 0)
        return;
    snprintf(said, MYSQL_FAILURE_SIZE, "%s", why->text);
    consensus_mysql_advise(why, text, sizeof(text));
    log_warn("backend_refuses", log_str("table", table),
             log_str("error", text));
    reader_look_again(k->c->reader);
}

/* ---- the lease -------------------------------------------------------- */

static void
read_lease_row(MYSQL_RES *rows, struct lease_row *row)
{
    MYSQL_ROW r = rows ? mysql_fetch_row(rows) : NULL;

    memset(row, 0, sizeof(*row));
    if (!r || !r[0] || !r[1] || !r[2] || !r[3])
        return;
    row->exists = 1;
    snprintf(row->holder, sizeof(row->holder), "%s", r[0]);
    snprintf(row->instance, sizeof(row->instance), "%s", r[1]);
    row->term = strtoull(r[2], NULL, 10);
    row->seq = strtoull(r[3], NULL, 10);
}

static void
on_lease(void *data, const struct session_reply *reply)
{
    struct keeper *k = data;
    struct lease_row row;

    if (reply->why) {
        lease_failed(&k->lease, reply->ended_ms);
        if (!reply->lost)
            complain(k, k->lease_problem, reply->why, "sluice_lease");
    } else if (k->lease_step == LEASE_LOOK) {
        read_lease_row(reply->rows, &row);
        lease_looked(&k->lease, &row, reply->started_ms, reply->ended_ms);
    } else {
        k->lease_problem[0] = '\0';
        lease_wrote(&k->lease, k->lease_step, reply->changed > 0,
                    reply->started_ms, reply->ended_ms);
    }
    if (!reply->lost)
        schedule(k);
}

static void
ask_lease(struct keeper *k)
{
    k->lease_step = lease_next(&k->lease);
    statement_lease(&k->sql, k->c, k->lease_step, &k->lease.row);
    session_ask(k->session, k->sql.text, on_lease);
}

/* ---- the election ----------------------------------------------------- */

static void
on_election(void *data, const struct session_reply *reply)
{
    struct keeper *k = data;
    MYSQL_ROW row = reply->rows ? mysql_fetch_row(reply->rows) : NULL;

    if (reply->why) {
        election_failed(&k->election, reply->ended_ms);
        if (!reply->lost)
            complain(k, k->election_problem, reply->why, "service_election");
    } else if (k->election_step == ELECTION_READ) {
        election_read(&k->election, row && row[0] ? row[0] : "",
                      reply->started_ms);
    } else {
        k->election_problem[0] = '\0';
        election_wrote(&k->election, reply->started_ms);
    }
    if (!reply->lost)
        schedule(k);
}

static void
ask_election(struct keeper *k, uint64_t now_ms)
{
    k->election_step = election_next(&k->election, now_ms);
    statement_election(&k->sql, k->c, k->election_step, k->election.leader);
    session_ask(k->session, k->sql.text, on_election);
}

/* ---- stepping down ---------------------------------------------------- */

static void
leave(struct keeper *k)
{
    if (k->life == LEFT)
        return;
    k->life = LEFT;
    consensus_mysql_left(k->c);
}

static void
on_released(void *data, const struct session_reply *reply)
{
    (void)reply;
    leave(data);
}

/* The next one may take it at once. */
static void
release_lease(struct keeper *k)
{
    if (!k->leased) {
        leave(k);
        return;
    }
    statement_release(&k->sql, k->c);
    session_ask(k->session, k->sql.text, on_released);
}

static void
on_aged(void *data, const struct session_reply *reply)
{
    struct keeper *k = data;

    if (reply->lost)
        leave(k);
    else
        release_lease(k);
}

/* What was asked meanwhile may have been granted: it is given up too. */
static void
resign(struct keeper *k)
{
    lease_resign(&k->lease);
    election_leave(&k->election);
    tell(k, clock_boot_ms());
}

/* First freno's row, so that whoever takes the lease finds it free. */
static void
step_down(struct keeper *k)
{
    resign(k);
    if (!k->led) {
        release_lease(k);
        return;
    }
    statement_age(&k->sql, k->c);
    session_ask(k->session, k->sql.text, on_aged);
}

void
keeper_leave(struct keeper *k)
{
    k->life = LEAVING;
    k->led = keeper_leads(k);
    uv_timer_stop(&k->timer);
    resign(k);
    if (session_is_ready(k->session))
        step_down(k);
    else if (session_is_waiting(k->session) || !k->c->schema_known)
        leave(k);
}

/* ---- when ------------------------------------------------------------- */

static int
has_election(const struct keeper *k)
{
    return schema_has(&k->c->schema, SCHEMA_SERVICE_ELECTION);
}

static void
on_due(uv_timer_t *timer)
{
    schedule(timer->data);
}

static uint64_t
earliest_due_ms(const struct keeper *k)
{
    uint64_t due_ms = UINT64_MAX;

    if (k->leased)
        due_ms = lease_due_ms(&k->lease);
    if (has_election(k) && election_due_ms(&k->election) < due_ms)
        due_ms = election_due_ms(&k->election);
    return due_ms;
}

/* While something is asked, or nothing can be, only for the end of what was
 * told: that has to be said. */
static void
wait_for_due(struct keeper *k, uint64_t now_ms)
{
    uint64_t due_ms =
        session_is_ready(k->session) ? earliest_due_ms(k) : UINT64_MAX;

    if (k->told_until_ms != 0 && k->told_until_ms < due_ms)
        due_ms = k->told_until_ms;
    if (k->told_leads_ms != 0 && k->told_leads_ms < due_ms)
        due_ms = k->told_leads_ms;
    if (due_ms == UINT64_MAX)
        return;
    uv_update_time(&k->c->loop->uv);
    uv_timer_start(&k->timer, on_due, due_ms > now_ms ? due_ms - now_ms : 0, 0);
}

/* Whatever is due is asked, the lease first; else waits. */
static void
schedule(struct keeper *k)
{
    uint64_t now_ms = clock_boot_ms();
    int ready = session_is_ready(k->session);

    if (k->life == LEAVING && ready)
        step_down(k);
    if (k->life != RUNNING)
        return;
    tell(k, now_ms);
    enter_or_leave(k, now_ms);
    if (ready && k->leased && lease_due_ms(&k->lease) <= now_ms)
        ask_lease(k);
    else if (ready && has_election(k) &&
             election_due_ms(&k->election) <= now_ms)
        ask_election(k, now_ms);
    wait_for_due(k, now_ms);
}

/* ---- the session ------------------------------------------------------ */

static void
on_ready(void *data)
{
    struct keeper *k = data;

    if (k->c->schema_known)
        schedule(k);
}

static void
on_down(void *data, const struct mysql_failure *why)
{
    struct keeper *k = data;

    (void)why; /* the reader says it */
    if (k->life == LEAVING)
        leave(k);
    if (k->life == RUNNING && k->c->schema_known)
        schedule(k);
}

static const struct session_events events = {
    .ready = on_ready,
    .down = on_down,
};

void
keeper_go(struct keeper *k)
{
    int leased = schema_has(&k->c->schema, SCHEMA_SLUICE_LEASE);

    if (leased != k->leased && k->entered) {
        k->entered = 0;
        election_leave(&k->election);
    }
    k->leased = leased;
    if (k->life == RUNNING && session_is_ready(k->session))
        schedule(k);
}

const char *
keeper_leader(const struct keeper *k)
{
    return k->election.leader;
}

struct keeper *
keeper_new(struct consensus *c)
{
    struct keeper *k = calloc(1, sizeof(*k));

    if (!k)
        abort();
    k->c = c;
    lease_init(&k->lease, c->service_id, c->instance);
    election_init(&k->election, c->service_id);
    uv_timer_init(&c->loop->uv, &k->timer);
    k->timer.data = k;
    k->session =
        session_new(c->loop, c->connector, &c->target, setup, &events, k);
    return k;
}

static void
timer_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void
keeper_free(struct keeper *k)
{
    session_free(k->session);
    sql_free(&k->sql);
    uv_close((uv_handle_t *)&k->timer, timer_closed);
}
