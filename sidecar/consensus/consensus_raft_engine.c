/* libraft's life: opening, starting, and how it stands. */
#include "consensus/consensus_raft_engine_private.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "consensus/consensus_raft_snapshot.h"

#define TICK_MS 25
#define RECONNECT_MS 100
#define LEADER_MS 1000 /* who was silent for so long is none */

/* A snapshot closes a segment, which stops the loop for some 30 ms. */
#define SNAPSHOT_ENTRIES 8192
#define SNAPSHOT_TRAILING 8192

void
engine_fail(struct engine *e, const char *format, ...)
{
    va_list args;

    if (e->failed)
        return;
    e->failed = 1;
    engine_lose(e);
    va_start(args, format);
    vsnprintf(e->why, sizeof(e->why), format, args);
    va_end(args);
    e->events.failed(e->events.data, e->why);
}

static void
on_tick(uv_timer_t *timer)
{
    struct engine *e = timer->data;

    engine_look(e);
    engine_prove(e);
    engine_change_step(e);
}

/* ---- opening ---------------------------------------------------------- */

static void
no_trace(struct raft_tracer *t, const char *file, int line, const char *text)
{
    (void)t;
    (void)file;
    (void)line;
    (void)text;
}

static int
open_raft(struct engine *e,
          const char *dir,
          uint64_t id,
          const char *address,
          struct raft_uv_transport *transport,
          char *err,
          size_t err_size)
{
    int rc;

    if (raft_snapshot_check(dir, err, err_size) != 0)
        return -1;
    rc = raft_uv_init(&e->io, &e->loop->uv, dir, transport);
    if (rc != 0) {
        snprintf(err, err_size, "%s: %s", dir, raft_strerror(rc));
        return -1;
    }
    raft_uv_set_tracer(&e->io, &e->tracer);
    raft_uv_set_connect_retry_delay(&e->io, RECONNECT_MS);
    /* It would move a damaged part of the log aside, acknowledged or not. */
    raft_uv_set_auto_recovery(&e->io, false);
    rc = raft_init(&e->raft, &e->io, &e->fsm, id, address);
    if (rc != 0) {
        snprintf(err, err_size, "%s: %s", dir, raft_errmsg(&e->raft));
        raft_uv_close(&e->io);
        return -1;
    }
    e->raft.tracer = &e->tracer;
    engine_wrap_io(e);
    raft_set_election_timeout(&e->raft, ENGINE_ELECTION_MS);
    raft_set_heartbeat_timeout(&e->raft, ENGINE_HEARTBEAT_MS);
    raft_set_pre_vote(&e->raft, true);
    raft_set_snapshot_threshold(&e->raft, SNAPSHOT_ENTRIES);
    raft_set_snapshot_trailing(&e->raft, SNAPSHOT_TRAILING);
    return 0;
}

struct engine *
engine_open(struct loop *loop,
            const char *dir,
            uint64_t id,
            const char *address,
            struct raft_uv_transport *transport,
            struct ledger *ledger,
            const struct engine_events *events,
            char *err,
            size_t err_size)
{
    struct engine *e = calloc(1, sizeof(*e));

    if (!e)
        abort();
    e->loop = loop;
    e->dir = dir;
    e->ledger = ledger;
    e->events = *events;
    e->tracer = (struct raft_tracer){.emit = no_trace};
    engine_set_fsm(e);
    if (open_raft(e, dir, id, address, transport, err, err_size) != 0) {
        free(e);
        return NULL;
    }
    uv_timer_init(&loop->uv, &e->tick);
    uv_timer_init(&loop->uv, &e->patience);
    e->tick.data = e->patience.data = e;
    return e;
}

/* A cluster of this node alone. */
static int
configure(struct engine *e,
          int (*set)(struct raft *, const struct raft_configuration *),
          char *err,
          size_t err_size)
{
    struct raft_configuration alone;
    int rc;

    raft_configuration_init(&alone);
    rc =
        raft_configuration_add(&alone, e->raft.id, e->raft.address, RAFT_VOTER);
    if (rc == 0)
        rc = set(&e->raft, &alone);
    raft_configuration_close(&alone);
    if (rc == 0)
        return 0;
    snprintf(err, err_size, "%s: %s", raft_strerror(rc), e->io.errmsg);
    return -1;
}

int
engine_bootstrap(struct engine *e, char *err, size_t err_size)
{
    return configure(e, raft_bootstrap, err, err_size);
}

int
engine_rewrite(struct engine *e, char *err, size_t err_size)
{
    return configure(e, raft_recover, err, err_size);
}

/* libraft names a segment that it cannot use, but not a snapshot; without a
 * word it is the snapshot's meta file. */
static void
say_damaged(const struct engine *e, int rc, char *err, size_t err_size)
{
    const char *text = e->failed ? e->why : e->io.errmsg;
    char name[SNAPSHOT_NAME_SIZE] = "";

    if (!strstr(text, "segment") && !strstr(text, "snapshot-"))
        raft_snapshot_newest(e->dir, name);
    snprintf(err, err_size,
             "%s%s%s%s: %s: give this node an empty RaftDataDir, and the "
             "others take it in (sluicectl members replace); only a node that "
             "was alone may be restored from a copy",
             e->dir, *name ? "/" : "", name, *name && !*text ? ".meta" : "",
             *text ? text : raft_strerror(rc));
}

int
engine_start(struct engine *e, char *err, size_t err_size)
{
    int rc = raft_start(&e->raft);

    if (rc != 0) {
        say_damaged(e, rc, err, err_size);
        return -1;
    }
    e->started = 1;
    uv_timer_start(&e->tick, on_tick, 0, TICK_MS);
    return 0;
}

/* ---- what it is ------------------------------------------------------- */

const char *
engine_state(const struct engine *e)
{
    switch (raft_state((struct raft *)&e->raft)) {
    case RAFT_LEADER:
        return "Leader";
    case RAFT_CANDIDATE:
        return "Candidate";
    case RAFT_FOLLOWER:
        return "Follower";
    default:
        return "Shutdown";
    }
}

int
engine_acts(const struct engine *e)
{
    return e->until_boot_ms > clock_boot_ms() &&
           raft_state((struct raft *)&e->raft) == RAFT_LEADER;
}

const char *
engine_leader(const struct engine *e)
{
    const char *address = NULL;
    int64_t heard_ms;
    raft_id id = 0;

    if (!e->started)
        return "";
    raft_leader((struct raft *)&e->raft, &id, &address);
    if (id == 0 || !address)
        return "";
    if (id == e->raft.id)
        return address;
    /* Who is no voter never forgets the one it had. */
    heard_ms = engine_heard_ms(e, id);
    return heard_ms >= 0 && heard_ms < LEADER_MS ? address : "";
}

uint64_t
engine_applied(const struct engine *e)
{
    return e->raft.last_applied;
}

uint64_t
engine_last(const struct engine *e)
{
    return raft_last_index((struct raft *)&e->raft);
}

uint64_t
engine_last_term(const struct engine *e)
{
    const struct raft_log *log = &e->raft.log;

    if (log->front == log->back)
        return log->snapshot.last_term;
    return log->entries[(log->back ? log->back : log->size) - 1].term;
}

int
engine_empty(const struct engine *e)
{
    return raft_last_index((struct raft *)&e->raft) == 0;
}

size_t
engine_member_count(const struct engine *e)
{
    return e->raft.configuration.n;
}

size_t
engine_voter_count(const struct engine *e)
{
    size_t count = 0;

    for (unsigned i = 0; i < e->raft.configuration.n; i++)
        count += e->raft.configuration.servers[i].role == RAFT_VOTER;
    return count;
}

static uint64_t
behind(const struct engine *e, unsigned i)
{
    uint64_t last = raft_last_index((struct raft *)&e->raft), match;

    if (e->raft.state != RAFT_LEADER || !e->raft.leader_state.progress)
        return 0;
    match = e->raft.leader_state.progress[i].match_index;
    return last > match ? last - match : 0;
}

size_t
engine_members(const struct engine *e, struct engine_member *out)
{
    const struct raft_configuration *c = &e->raft.configuration;

    for (unsigned i = 0; i < c->n; i++) {
        int self = c->servers[i].id == e->raft.id;

        out[i].id = c->servers[i].id;
        out[i].address = c->servers[i].address;
        out[i].voter = c->servers[i].role == RAFT_VOTER;
        out[i].heard_ms = self ? 0 : engine_heard_ms(e, c->servers[i].id);
        out[i].behind = self ? 0 : behind(e, i);
    }
    return c->n;
}
