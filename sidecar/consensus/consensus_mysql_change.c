/*
 * Changes, one after another, each a transaction of its own: the revision
 * first, then the row, then COMMIT as a round trip of its own. Before the
 * COMMIT is sent every error means that nothing changed.
 */
#include "consensus/consensus_mysql_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mysqld_error.h>

#include "consensus/consensus_mysql_change.h"
#include "consensus/consensus_mysql_queue.h"
#include "consensus/facts.h"

#define QUEUE_MAX 1024
#define WAIT_MAX_MS 5000
#define LOOK_MS 500
#define TRIES_MAX                                                \
    3 /* of a transaction that met another, or a lost connection \
         before anything was committed */
#define TEXT_SIZE (SCHEMA_STATEMENT_SIZE + 256)

enum step {
    STEP_STORE, /* only when the next finds no row, and then once */
    STEP_REVISION,
    STEP_OLD,
    STEP_ROW,
    STEP_NOTE,
    STEP_COMMIT
};

struct changer {
    struct consensus *c;
    struct session *session;
    uv_timer_t look; /* after those that wait */
    struct sql sql;

    struct queue waiting;
    struct queue turned_away; /* to be told so in a moment */
    unsigned downs;           /* since the session was ready */

    struct item *current; /* under way, and not in a queue */
    enum step step;
    int made_store;
    struct consensus_change stored;
    uint64_t revision;
    char refusal[TEXT_SIZE]; /* while it is rolled back; "" = try again */
    enum { RUNNING, LEAVING, LEFT } life;
};

static const char setup[] =
    "set session time_zone = '+00:00', "
    "sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', "
    "autocommit = 0, innodb_lock_wait_timeout = 1, lock_wait_timeout = 1"
    /* Should this process be stopped in a transaction, its locks go. */
    "/*M!100300 , idle_transaction_timeout = 1 */";

static void begin(struct changer *ch);

/* ---- answers ---------------------------------------------------------- */

static void
leave_when_done(struct changer *ch)
{
    if (ch->life != LEAVING || ch->current || ch->waiting.first ||
        ch->turned_away.first)
        return;
    ch->life = LEFT;
    consensus_mysql_left(ch->c);
}

static void
refuse(struct item *item, const char *why)
{
    char text[TEXT_SIZE + 32];

    snprintf(text, sizeof(text), "nothing changed: %s", why);
    item->cb(item->data, CONSENSUS_REFUSED, &item->change, 0, text);
    free(item);
}

static void
refuse_all(struct queue *q, const char *why)
{
    struct item *item;

    while ((item = queue_take(q)))
        refuse(item, why);
}

static struct item *
take_current(struct changer *ch)
{
    struct item *item = ch->current;

    ch->current = NULL;
    return item;
}

static void
done(struct changer *ch)
{
    struct item *item = take_current(ch);

    item->cb(item->data, CONSENSUS_DONE, &ch->stored, ch->revision, "");
    free(item);
}

static void
unknown(struct changer *ch, const char *why)
{
    struct item *item = take_current(ch);
    char text[TEXT_SIZE];

    snprintf(text, sizeof(text),
             "may or may not have been stored, repeat it: %s", why);
    item->cb(item->data, CONSENSUS_UNKNOWN, &item->change, 0, text);
    free(item);
}

/* ---- the transaction -------------------------------------------------- */

static int
applies(const struct changer *ch, enum step step)
{
    const struct schema *schema = &ch->c->schema;

    switch (step) {
    case STEP_REVISION:
        return schema_has(schema, SCHEMA_SLUICE_REVISION);
    case STEP_OLD:
        return ch->stored.kind == CHANGE_SET
                   ? ch->stored.compares
                   : ch->stored.kind == CHANGE_THROTTLE && ch->stored.ratio < 0;
    case STEP_NOTE:
        return ch->stored.kind != CHANGE_SET &&
               schema_has(schema, SCHEMA_SLUICE_NOTES);
    default:
        return 1;
    }
}

static void
step_sql(struct changer *ch)
{
    switch (ch->step) {
    case STEP_STORE:
        change_store_sql(&ch->sql);
        break;
    case STEP_REVISION:
        sql_copy(&ch->sql, "update sluice_revision set revision = "
                           "last_insert_id(revision + 1) where id = 1");
        break;
    case STEP_OLD:
        change_old_sql(&ch->sql, &ch->stored);
        break;
    case STEP_ROW:
        change_row_sql(&ch->sql, &ch->stored, &ch->c->schema);
        break;
    case STEP_NOTE:
        change_note_sql(&ch->sql, &ch->stored);
        break;
    default:
        sql_copy(&ch->sql, "commit");
    }
}

static void on_reply(void *data, const struct session_reply *reply);

static void
ask(struct changer *ch)
{
    while (!applies(ch, ch->step))
        ch->step++;
    step_sql(ch);
    session_ask(ch->session, ch->sql.text, on_reply);
}

static void
on_rolled_back(void *data, const struct session_reply *reply)
{
    struct changer *ch = data;

    if (ch->current && ch->refusal[0] != '\0')
        refuse(take_current(ch), ch->refusal);
    else if (ch->current)
        queue_put_back(&ch->waiting, take_current(ch));
    if (!reply->lost)
        begin(ch);
}

/* The current one is refused then, or tried again when the text is "". */
static void
roll_back(struct changer *ch, const char *text)
{
    snprintf(ch->refusal, sizeof(ch->refusal), "%s", text);
    session_ask(ch->session, "rollback", on_rolled_back);
}

/* An existing entry's ratio stays, as long as the entry counts. */
static void
keep_ratio(struct changer *ch, MYSQL_RES *rows)
{
    MYSQL_ROW row = rows ? mysql_fetch_row(rows) : NULL;
    int64_t remaining_ms;

    ch->stored.ratio = 1;
    if (row && row[1] &&
        facts_remaining_ms(row[0], row[1], &remaining_ms) == 0 &&
        remaining_ms > 0)
        facts_ratio(row[2], &ch->stored.ratio);
}

static int
is_as_expected(const struct changer *ch, MYSQL_RES *rows)
{
    MYSQL_ROW row = rows ? mysql_fetch_row(rows) : NULL;

    return fact_value_mark(row && row[0] ? row[0] : "") == ch->stored.expected;
}

static void
committed(struct changer *ch)
{
    uint64_t revision = ch->revision;

    done(ch);
    reader_hint(ch->c->reader, revision);
    begin(ch);
}

/* The very first change of a store. */
static void
make_store(struct changer *ch)
{
    if (ch->made_store) {
        roll_back(ch, "the row of sluice_revision cannot be found");
        return;
    }
    ch->made_store = 1;
    ch->step = STEP_STORE;
    ask(ch);
}

static void
carried_out(struct changer *ch, const struct session_reply *reply)
{
    if (ch->step == STEP_COMMIT) {
        committed(ch);
        return;
    }
    if (ch->step == STEP_REVISION && reply->changed == 0) {
        make_store(ch);
        return;
    }
    if (ch->step == STEP_OLD && ch->stored.kind == CHANGE_SET) {
        if (!is_as_expected(ch, reply->rows)) {
            roll_back(ch, CONSENSUS_LOST_WHY);
            return;
        }
    } else if (ch->step == STEP_REVISION)
        ch->revision = reply->insert_id;
    else if (ch->step == STEP_OLD)
        keep_ratio(ch, reply->rows);
    ch->step++;
    ask(ch);
}

/* The server's word on a COMMIT that certainly stored nothing. */
static int
is_certain(unsigned code)
{
    return code == ER_LOCK_DEADLOCK || code == ER_OPTION_PREVENTS_STATEMENT;
}

static int
may_try_again(const struct changer *ch, const struct session_reply *reply)
{
    unsigned code = reply->why->code;

    if (ch->life != RUNNING || ch->current->tries >= TRIES_MAX || reply->late)
        return 0;
    return reply->lost || code == ER_LOCK_DEADLOCK ||
           code == ER_LOCK_WAIT_TIMEOUT;
}

/* The connection is gone: on_down comes next. */
static void
lost(struct changer *ch, const struct session_reply *reply)
{
    if (ch->step == STEP_COMMIT)
        unknown(ch, reply->why->text);
    else if (may_try_again(ch, reply))
        queue_put_back(&ch->waiting, take_current(ch));
    else
        refuse(take_current(ch), reply->why->text);
}

static void
refused(struct changer *ch, const struct session_reply *reply)
{
    char text[TEXT_SIZE];

    if (ch->step == STEP_COMMIT && !is_certain(reply->why->code)) {
        unknown(ch, reply->why->text);
        roll_back(ch, "");
        return;
    }
    consensus_mysql_advise(reply->why, text, sizeof(text));
    roll_back(ch, may_try_again(ch, reply) ? "" : text);
    if (reply->why->code == ER_NO_SUCH_TABLE ||
        reply->why->code == ER_BAD_FIELD_ERROR)
        reader_look_again(ch->c->reader);
}

static void
on_reply(void *data, const struct session_reply *reply)
{
    struct changer *ch = data;

    if (!reply->why)
        carried_out(ch, reply);
    else if (reply->lost)
        lost(ch, reply);
    else
        refused(ch, reply);
}

/* ---- the queue -------------------------------------------------------- */

static void
begin_first(struct changer *ch)
{
    char why[TEXT_SIZE];

    ch->current = queue_take(&ch->waiting);
    ch->current->tries++;
    ch->stored = ch->current->change;
    ch->revision = 0;
    ch->made_store = 0;
    ch->refusal[0] = '\0';
    ch->step = STEP_REVISION;
    change_prepare(&ch->stored, &ch->c->schema);
    change_judge(&ch->stored, &ch->c->schema, why, sizeof(why));
    if (why[0] == '\0')
        ask(ch);
    else
        refuse(take_current(ch), why);
}

static void
refuse_old(struct changer *ch)
{
    uint64_t now_ms = clock_mono_ms();
    const char *why = session_why(ch->session);

    if (ch->downs > 1) {
        refuse_all(&ch->waiting, why);
        return;
    }
    while (ch->waiting.first &&
           now_ms - ch->waiting.first->since_ms > WAIT_MAX_MS)
        refuse(queue_take(&ch->waiting),
               *why ? why : "the backend took too long");
}

/* The next one, as soon as the session can be asked. */
static void
begin(struct changer *ch)
{
    if (!ch->current)
        refuse_old(ch);
    while (ch->waiting.first && !ch->current && session_is_ready(ch->session) &&
           ch->c->schema_known)
        begin_first(ch);
    leave_when_done(ch);
}

/* ---- the session ------------------------------------------------------ */

static void
on_ready(void *data)
{
    struct changer *ch = data;

    ch->downs = 0;
    begin(ch);
}

/* A connection that ended is made anew at once; only when that fails those
 * who wait are refused. */
static void
on_down(void *data, const struct mysql_failure *why)
{
    struct changer *ch = data;

    (void)why;
    ch->downs++;
    begin(ch);
}

static const struct session_events events = {
    .ready = on_ready,
    .down = on_down,
};

/* ---- for others ------------------------------------------------------- */

static void
on_look(uv_timer_t *timer)
{
    struct changer *ch = timer->data;

    refuse_all(&ch->turned_away, ch->life == RUNNING
                                     ? "too many changes are waiting; repeat "
                                       "it in a moment"
                                     : "this node is stopping");
    begin(ch);
    if (!ch->waiting.first)
        uv_timer_stop(&ch->look);
}

void
changer_add(struct changer *ch,
            const struct consensus_change *change,
            consensus_done_cb cb,
            void *data)
{
    struct item *item = calloc(1, sizeof(*item));
    int takes = ch->life == RUNNING && ch->waiting.count < QUEUE_MAX;

    if (!item)
        abort();
    item->change = *change;
    item->cb = cb;
    item->data = data;
    item->since_ms = clock_mono_ms();
    queue_add(takes ? &ch->waiting : &ch->turned_away, item);
    uv_timer_start(&ch->look, on_look, 0, LOOK_MS);
}

void
changer_leave(struct changer *ch)
{
    ch->life = LEAVING;
    refuse_all(&ch->waiting, "this node is stopping");
    refuse_all(&ch->turned_away, "this node is stopping");
    leave_when_done(ch);
}

void
changer_abandon(struct changer *ch)
{
    static const char why[] = "this node is stopping";

    if (ch->current && ch->step == STEP_COMMIT && ch->refusal[0] == '\0')
        unknown(ch, why);
    else if (ch->current)
        refuse(take_current(ch), why);
    refuse_all(&ch->waiting, why);
    refuse_all(&ch->turned_away, why);
}

struct changer *
changer_new(struct consensus *c)
{
    struct changer *ch = calloc(1, sizeof(*ch));

    if (!ch)
        abort();
    ch->c = c;
    queue_init(&ch->waiting);
    queue_init(&ch->turned_away);
    uv_timer_init(&c->loop->uv, &ch->look);
    ch->look.data = ch;
    ch->session =
        session_new(c->loop, c->connector, &c->target, setup, &events, ch);
    return ch;
}

static void
timer_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void
changer_free(struct changer *ch)
{
    session_free(ch->session);
    sql_free(&ch->sql);
    uv_close((uv_handle_t *)&ch->look, timer_closed);
}
