/* Consensus among the nodes themselves, on libraft: the driver. */
#include "consensus/consensus_raft_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

#define TICK_MS 20
#define CLOSE_MS 300 /* at most, to hand over and end what is under way */

int
raft_acts(const struct consensus *c)
{
    return c->engine && !c->ending && !c->failed && engine_acts(c->engine);
}

const char *
raft_leader_address(const struct consensus *c)
{
    const char *leader;

    if (raft_acts(c))
        return c->self;
    leader = c->link ? link_leader(c->link) : "";
    if (*leader == '\0' && c->engine)
        leader = engine_leader(c->engine);
    return strcmp(leader, c->self) == 0 ? "" : leader;
}

/* ---- what the engine says --------------------------------------------- */

static void
on_applied(void *data, uint64_t index, const void *bytes, size_t len)
{
    struct consensus *c = data;

    if (!c->server)
        return;
    teller_changed(c->teller);
    server_push_command(c->server, index, bytes, len);
}

static void
on_restored(void *data)
{
    struct consensus *c = data;

    if (!c->server)
        return;
    teller_changed(c->teller);
    server_forget_pushed(c->server);
}

/* Before a majority has come together who leads founds, and no more. */
static int
is_founded(const struct consensus *c)
{
    return c->ledger.store_id[0] != '\0';
}

static void
on_leadership(void *data,
              uint64_t until_boot_ms,
              uint64_t proven_mono_ms,
              uint64_t proven_boot_ms)
{
    struct consensus *c = data;

    if (until_boot_ms != 0)
        teller_proven(c->teller, proven_mono_ms, proven_boot_ms);
    if (!is_founded(c))
        return;
    c->events.leadership(c->data, until_boot_ms);
    if (c->events.leads)
        c->events.leads(c->data, until_boot_ms);
}

/* From within libraft: what is to be done about it the tick does. */
static void
on_failed(void *data, const char *why)
{
    struct consensus *c = data;

    snprintf(c->why, sizeof(c->why), "%s", why);
    c->failed = 1;
}

/* Of a member's id, and not at its address: its data directory was copied. The
 * copy must neither vote nor be heard as that member. */
static int
is_copy(const struct consensus *c, const struct handshake_self *other)
{
    size_t count = engine_member_count(c->engine);
    struct engine_member members[count + 1];

    engine_members(c->engine, members);
    for (size_t i = 0; i < count; i++)
        if (members[i].id == other->id && !other->observer)
            return strcmp(members[i].address, other->address) != 0;
    return 0;
}

static void
say_copy(struct consensus *c, const struct handshake_self *other)
{
    if (!log_again(&c->copy_said_ms, clock_mono_ms()))
        return;
    log_error("raft_refused", log_str("peer", other->address),
              log_str("problem", "the node id of another member: a copied data "
                                 "directory"));
}

static void
on_accept(void *data,
          const struct handshake *proven,
          uv_tcp_t *stream,
          const void *extra,
          size_t extra_len)
{
    struct consensus *c = data;

    /* Those of the old store must not take this node for one of theirs; and
     * in the end there is nobody left to answer. */
    if (c->dir.anew || c->ending) {
        raft_port_hang_up(stream);
        return;
    }
    if (is_copy(c, &proven->other)) {
        say_copy(c, &proven->other);
        raft_port_hang_up(stream);
        return;
    }
    if (proven->role == HANDSHAKE_RAFT && !proven->other.observer)
        transport_accept(c->transport, proven, stream);
    else if (proven->role == HANDSHAKE_LINK && c->server)
        server_accept(c->server, proven, stream, extra, extra_len);
    else
        raft_port_hang_up(stream);
}

/* ---- time ------------------------------------------------------------- */

static void
tell_failed(void *data)
{
    struct consensus *c = data;

    if (c->ending || c->told)
        return;
    c->told = 1;
    c->events.failed(c->data, c->why);
}

/* Hands over what it can, then says that it is no use any more. */
static void
fail(struct consensus *c)
{
    log_error("raft_failed", log_str("error", c->why));
    uv_timer_stop(&c->tick);
    if (c->engine)
        engine_hand_over(c->engine, tell_failed, c);
    else
        tell_failed(c);
}

static void
on_tick(uv_timer_t *timer)
{
    struct consensus *c = timer->data;

    if (c->failed) {
        fail(c);
        return;
    }
    link_tick(c->link);
    if (c->founder)
        founder_tick(c->founder);
    proposer_pump(c->proposer);
}

/* ---- what the driver is asked ----------------------------------------- */

static void
raft_driver_change(struct consensus *c,
                   const struct consensus_change *change,
                   consensus_done_cb cb,
                   void *data)
{
    proposer_add(c->proposer, change, cb, data);
}

/* What this node had committed itself it knows. */
static void
raft_driver_hint(struct consensus *c, uint64_t revision)
{
    if (c->link && (revision == 0 || revision > c->ledger.revision))
        link_hint(c->link);
}

static void
raft_driver_status(const struct consensus *c, struct consensus_status *out)
{
    memset(out, 0, sizeof(*out));
    out->service_id = c->self;
    /* Where nothing is set, freno's raft nodes have none. */
    out->domain = strcmp(c->domain, ":") == 0 ? "" : c->domain;
    out->share_domain = c->share_domain;
    out->leads = raft_acts(c) && is_founded(c);
    out->healthy = out->leads || (c->link && link_healthy(c->link));
    out->leader = raft_leader_address(c);
    out->others = !c->dir.alone;
    if (c->observer)
        out->state = "Observer";
    else if (out->leads)
        out->state = "Leader";
    else if (!c->engine)
        out->state = "Follower";
    else
        out->state = strcmp(engine_state(c->engine), "Leader") == 0
                         ? "Candidate"
                         : engine_state(c->engine);
}

/* ---- opening ---------------------------------------------------------- */

static char *
copy(const char *text)
{
    char *dup = strdup(text);

    if (!dup)
        abort();
    return dup;
}

static void
take_conf(struct consensus *c, const struct conf *conf)
{
    const struct conf_list *nodes = &conf->raft.nodes;

    c->observer = conf->raft.observer;
    c->self = copy(c->observer ? conf->service_id : conf->raft.self);
    c->domain = copy(conf->domain);
    c->share_domain = copy(conf->share_domain);
    c->nnodes = nodes->count ? nodes->count : 1;
    c->nodes = calloc(c->nnodes, sizeof(*c->nodes));
    if (!c->nodes)
        abort();
    for (size_t i = 0; i < nodes->count; i++)
        c->nodes[i] = copy(nodes->items[i]);
    if (nodes->count == 0)
        c->nodes[0] = copy(c->self);
}

static int
open_port(struct consensus *c,
          const struct conf *conf,
          char *err,
          size_t err_size)
{
    const struct raft_port_options options = {
        .bind = c->observer ? "" : conf->raft.bind,
        .secret = conf->raft.secret,
        .insecure = conf->raft.insecure,
        .self = &c->identity,
        .accept = c->observer ? NULL : on_accept,
        .data = c,
    };

    raft_begin_identity(c);
    c->port = raft_port_open(c->loop, &options, err, err_size);
    return c->port ? 0 : -1;
}

static int
open_voter(struct consensus *c, char *err, size_t err_size)
{
    const struct engine_events events = {
        .data = c,
        .applied = on_applied,
        .restored = on_restored,
        .leadership = on_leadership,
        .failed = on_failed,
    };

    c->transport = transport_new(c->loop, c->port);
    c->engine = engine_open(c->loop, c->dir.raft, c->dir.id, c->self,
                            transport_raft(c->transport), &c->ledger, &events,
                            err, err_size);
    if (!c->engine)
        return -1;
    c->founder = founder_new(c, err, err_size);
    return c->founder ? 0 : -1;
}

static int
open_parts(struct consensus *c,
           const struct conf *conf,
           char *err,
           size_t err_size)
{
    if (!c->observer && raft_dir_open(&c->dir, conf, err, err_size) != 0)
        return -1;
    if (open_port(c, conf, err, err_size) != 0)
        return -1;
    c->teller = teller_new(c);
    c->server = server_new(c);
    c->link = link_new(c);
    c->proposer = proposer_new(c);
    if (c->observer)
        return 0;
    return open_voter(c, err, err_size);
}

/* ---- the end ---------------------------------------------------------- */

static void
free_all(struct consensus *c)
{
    for (size_t i = 0; i < c->nnodes; i++)
        free(c->nodes[i]);
    free(c->nodes);
    free(c->self);
    free(c->domain);
    free(c->share_domain);
    ledger_free(&c->ledger);
    raft_dir_close(&c->dir);
    free(c);
}

static void
say_closed(struct consensus *c)
{
    void (*closed)(void *data) = c->closed;

    c->closed = NULL;
    if (closed)
        closed(c->closed_data);
}

static void
handle_closed(uv_handle_t *handle)
{
    struct consensus *c = handle->data;

    if (--c->handles > 0)
        return;
    if (c->proposer)
        proposer_abandon(c->proposer);
    say_closed(c);
    proposer_free(c->proposer);
    free_all(c);
}

static void
port_closed(void *data)
{
    struct consensus *c = data;

    c->handles = 2;
    uv_close((uv_handle_t *)&c->tick, handle_closed);
    uv_close((uv_handle_t *)&c->closing, handle_closed);
}

static void
engine_closed(void *data)
{
    struct consensus *c = data;

    c->engine = NULL;
    if (c->transport)
        transport_free(c->transport);
    if (c->port)
        raft_port_close(c->port, port_closed, c);
    else
        port_closed(c);
}

/* Until the port is closed strangers come, and until this is said to be closed
 * somebody may ask: what is gone is NULL, and changes are refused. */
static void
close_parts(void *data)
{
    struct consensus *c = data;

    if (c->proposer)
        proposer_abandon(c->proposer);
    founder_free(c->founder);
    c->founder = NULL;
    server_free(c->server);
    c->server = NULL;
    link_free(c->link);
    c->link = NULL;
    teller_free(c->teller);
    c->teller = NULL;
    if (c->engine)
        engine_close(c->engine, engine_closed, c);
    else
        engine_closed(c);
}

/* libraft may wait for a disk that does not answer: nobody else has to. What
 * is left then goes with the process. */
static void
on_closing(uv_timer_t *timer)
{
    struct consensus *c = timer->data;

    log_warn("raft_slow_end", log_str("problem", "the disk does not answer"));
    if (c->proposer)
        proposer_abandon(c->proposer);
    if (c->engine)
        engine_change_abandon(c->engine);
    say_closed(c);
}

static void
raft_driver_close(struct consensus *c, void (*closed)(void *data), void *data)
{
    c->ending = 1;
    c->closed = closed;
    c->closed_data = data;
    uv_timer_stop(&c->tick);
    uv_timer_start(&c->closing, on_closing, CLOSE_MS, 0);
    proposer_leave(c->proposer);
    if (c->engine && !c->told)
        engine_hand_over(c->engine, close_parts, c);
    else
        close_parts(c);
}

static struct consensus *
raft_driver_open(struct loop *loop,
                 struct connector *connector,
                 const struct conf *conf,
                 const struct consensus_events *events,
                 void *data,
                 char *err,
                 size_t err_size)
{
    struct consensus *c = calloc(1, sizeof(*c));

    (void)connector;
    if (!c)
        abort();
    c->loop = loop;
    c->events = *events;
    c->data = data;
    c->dir.lock = -1;
    take_conf(c, conf);
    uv_timer_init(&loop->uv, &c->tick);
    uv_timer_init(&loop->uv, &c->closing);
    c->tick.data = c->closing.data = c;
    if (open_parts(c, conf, err, err_size) == 0) {
        uv_timer_start(&c->tick, on_tick, 0, TICK_MS);
        return c;
    }
    c->ending = 1;
    close_parts(c);
    return NULL;
}

const struct consensus_driver consensus_raft = {
    .name = "raft",
    .open = raft_driver_open,
    .change = raft_driver_change,
    .hint = raft_driver_hint,
    .status = raft_driver_status,
    .members = members_list,
    .change_members = members_change,
    .close = raft_driver_close,
};
