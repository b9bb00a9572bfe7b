/* The control plane: consensus for the truth, what it said last for everyone
 * else. */
#include "control.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/api.h"
#include "base/log.h"
#include "consensus/known.h"
#include "publish/fanout.h"

struct control {
    struct loop *loop;
    const struct consensus_driver *driver; /* NULL: no store of facts */
    struct consensus *consensus;
    struct control_events events;
    void *data;
    struct api *api;
    struct fanout *fanout;
    struct known known;
    struct sluice_facts facts; /* as the state file tells them */
    struct sluice_throttle *throttles;
    uint32_t nthrottles;
    int rules_changed; /* since control_rules said so */
    uint64_t leader_until_boot_ms;
    uint64_t act_until_boot_ms;
    void (*closed)(void *data);
    void *closed_data;
};

/* ---- what consensus says ---------------------------------------------- */

static uint64_t
expires_mono_ms(uint64_t read_mono_ms, int64_t remaining_ms)
{
    return remaining_ms == FACT_NEVER ? 0
                                      : read_mono_ms + (uint64_t)remaining_ms;
}

/* The rule in the state file's shape. A rule without expiry has 0 there. */
static void
make_rule(struct sluice_throttle *rule,
          const struct fact_throttle *fact,
          uint64_t read_mono_ms)
{
    memset(rule, 0, sizeof(*rule));
    snprintf(rule->key, sizeof(rule->key), "%s", fact->key);
    rule->ratio = fact->ratio;
    rule->expires_mono_ms = expires_mono_ms(read_mono_ms, fact->remaining_ms);
}

/* The same rules but for the jitter of their expiry between two reads. */
static int
same_rules(const struct control *c,
           const struct sluice_throttle *rules,
           uint32_t count)
{
    if (count != c->nthrottles)
        return 0;
    for (uint32_t i = 0; i < count; i++)
        if (strcmp(rules[i].key, c->throttles[i].key) != 0 ||
            rules[i].ratio != c->throttles[i].ratio ||
            (rules[i].expires_mono_ms == 0) !=
                (c->throttles[i].expires_mono_ms == 0))
            return 0;
    return 1;
}

static void
make_rules(struct control *c)
{
    const struct facts *facts = &c->known.facts;
    uint32_t count = (uint32_t)facts->nthrottles;
    struct sluice_throttle *rules = calloc(count + 1, sizeof(*rules));

    if (!rules)
        abort();
    for (uint32_t i = 0; i < count; i++)
        make_rule(&rules[i], &facts->throttles[i], facts->read_mono_ms);
    c->rules_changed |= !same_rules(c, rules, count);
    free(c->throttles);
    c->throttles = rules;
    c->nthrottles = count;
}

static void
tell_skips(struct control *c)
{
    const struct facts *facts = &c->known.facts;
    struct watch_skip *skips = calloc(facts->nskips + 1, sizeof(*skips));

    if (!skips)
        abort();
    for (size_t i = 0; i < facts->nskips; i++) {
        uint64_t until_ms =
            expires_mono_ms(facts->read_mono_ms, facts->skips[i].remaining_ms);

        skips[i].host = facts->skips[i].host;
        skips[i].until_ms = until_ms ? until_ms : UINT64_MAX;
    }
    c->events.skips(c->data, skips, facts->nskips);
    free(skips);
}

/* What is known changed: for the state file and for the watches. */
static void
tell(struct control *c)
{
    make_rules(c);
    tell_skips(c);
    c->events.changed(c->data);
}

static void
on_facts(void *data, const struct facts *facts)
{
    struct control *c = data;

    if (known_read(&c->known, facts) != 0)
        return;
    if (c->facts.flags & SLUICE_FACTS_UNKNOWN)
        log_info("facts_known", log_str("store", facts->store_id),
                 log_int("revision", (int64_t)facts->revision),
                 log_int("throttles", (int64_t)facts->nthrottles),
                 log_int("skips", (int64_t)facts->nskips));
    c->facts.flags &= ~SLUICE_FACTS_UNKNOWN;
    c->facts.revision = facts->revision;
    c->facts.read_mono_ms = facts->read_mono_ms;
    snprintf(c->facts.store_id, sizeof(c->facts.store_id), "%s",
             facts->store_id);
    fanout_set_store(c->fanout, facts->store_id, facts->revision);
    snprintf(c->facts.redis_channel, sizeof(c->facts.redis_channel), "%s",
             fanout_channel(c->fanout));
    tell(c);
}

/* A new leader looks at once at what there is to do. */
static void
on_leadership(void *data, uint64_t until_boot_ms)
{
    struct control *c = data;
    int acted = c->act_until_boot_ms != 0;

    c->act_until_boot_ms = until_boot_ms;
    if (!acted && until_boot_ms != 0)
        c->events.changed(c->data);
}

/* What /leader-check tells. */
static void
on_leads(void *data, uint64_t until_boot_ms)
{
    struct control *c = data;
    int led = c->leader_until_boot_ms != 0;

    c->leader_until_boot_ms = until_boot_ms;
    if (led != (until_boot_ms != 0))
        log_info(until_boot_ms ? "leading" : "not_leading");
    c->events.changed(c->data);
}

static void
on_failed(void *data, const char *why)
{
    struct control *c = data;

    c->events.failed(c->data, why);
}

static const struct consensus_events consensus_events = {
    .facts = on_facts,
    .leadership = on_leadership,
    .leads = on_leads,
    .failed = on_failed,
};

/* ---- what the API asks ------------------------------------------------ */

/* A change on its way to the store. */
struct order {
    struct control *control;
    consensus_done_cb cb;
    void *cb_data;
};

/* Every worker and every node hears of it, if Redis is there. A setting is
 * for nodes alone: they read it, for the revision has grown. */
static void
spread(struct control *c,
       const struct consensus_change *stored,
       uint64_t revision)
{
    static const enum sluice_order_kind kinds[] = {
        [CHANGE_THROTTLE] = SLUICE_ORDER_THROTTLE,
        [CHANGE_UNTHROTTLE] = SLUICE_ORDER_UNTHROTTLE,
        [CHANGE_SKIP] = SLUICE_ORDER_SKIP,
        [CHANGE_RECOVER] = SLUICE_ORDER_RECOVER,
        [CHANGE_SET] = SLUICE_ORDER_BEAT,
    };
    struct sluice_order order = {
        .kind = kinds[stored->kind],
        .revision = revision,
        .ratio = stored->kind == CHANGE_THROTTLE ? stored->ratio : 0,
    };

    if ((stored->kind == CHANGE_THROTTLE || stored->kind == CHANGE_SKIP) &&
        stored->ttl_ms != FACT_NEVER)
        order.remaining_ms = (uint64_t)stored->ttl_ms;
    if (stored->kind != CHANGE_SET)
        snprintf(order.key, sizeof(order.key), "%s", stored->key);
    snprintf(order.store_id, sizeof(order.store_id), "%s", c->facts.store_id);
    fanout_publish(c->fanout, &order);
}

/* Redis is never the truth: what it says is a reason to read. */
static void
on_order(void *data, const struct sluice_order *order)
{
    struct control *c = data;
    int news = order->revision > c->known.facts.revision ||
               (order->revision == 0 && order->kind != SLUICE_ORDER_BEAT);

    if (news)
        c->driver->hint(c->consensus, order->revision);
}

/* Durable: it acts here before anybody is told so. */
static void
on_changed(void *data,
           enum consensus_outcome outcome,
           const struct consensus_change *stored,
           uint64_t revision,
           const char *text)
{
    struct order *order = data;
    struct control *c = order->control;

    if (outcome == CONSENSUS_DONE) {
        known_stored(&c->known, stored, revision, clock_mono_ms());
        tell(c);
        spread(c, stored, revision);
        c->driver->hint(c->consensus, revision);
    }
    order->cb(order->cb_data, outcome, stored, revision, text);
    free(order);
}

static void
api_change(void *data,
           const struct consensus_change *change,
           consensus_done_cb cb,
           void *cb_data)
{
    struct control *c = data;
    struct order *order = calloc(1, sizeof(*order));

    if (!order)
        abort();
    order->control = c;
    order->cb = cb;
    order->cb_data = cb_data;
    c->driver->change(c->consensus, change, on_changed, order);
}

static const struct facts *
api_facts(void *data)
{
    const struct control *c = data;

    return c->known.ever ? &c->known.facts : NULL;
}

static int
api_status(void *data, struct consensus_status *out)
{
    const struct control *c = data;

    if (!c->driver)
        return -1;
    c->driver->status(c->consensus, out);
    return 0;
}

static int
api_cluster_exists(void *data, const char *name)
{
    const struct control *c = data;

    return c->events.cluster_exists(c->data, name);
}

static const struct conf_memcache *
api_memcache_conf(void *data)
{
    const struct control *c = data;

    return c->events.memcache(c->data);
}

static int
api_members(void *data, consensus_members_cb cb, void *cb_data)
{
    const struct control *c = data;

    if (!c->driver || !c->driver->members)
        return -1;
    c->driver->members(c->consensus, cb, cb_data);
    return 0;
}

static int
api_change_members(void *data,
                   const struct consensus_member_change *change,
                   consensus_member_change_cb cb,
                   void *cb_data)
{
    const struct control *c = data;

    if (!c->driver || !c->driver->change_members)
        return -1;
    c->driver->change_members(c->consensus, change, cb, cb_data);
    return 0;
}

static int
api_route_of(void *data, const char *cluster, struct api_route *out)
{
    const struct control *c = data;

    return c->events.route(c->data, cluster, out);
}

static int
api_route_to(void *data,
             const char *cluster,
             const char *host,
             const char *why,
             struct consensus_change *out,
             char *err,
             size_t err_size)
{
    const struct control *c = data;

    return c->events.route_switch(c->data, cluster, host, why, out, err,
                                  err_size);
}

static int
api_route_has(void *data, const char *cluster, const char *host)
{
    const struct control *c = data;

    return c->events.route_has(c->data, cluster, host);
}

static int
open_api(struct control *c, const struct conf *conf, char *err, size_t err_size)
{
    const struct api_hooks hooks = {
        .data = c,
        .change = api_change,
        .facts = api_facts,
        .status = api_status,
        .cluster_exists = api_cluster_exists,
        .memcache = api_memcache_conf,
        .members = api_members,
        .change_members = api_change_members,
        .route = api_route_of,
        .route_switch = api_route_to,
        .route_has = api_route_has,
    };
    char *path = conf_control_socket(conf);

    c->api = api_open(c->loop, path, &hooks, err, err_size);
    free(path);
    return c->api ? 0 : -1;
}

/* ---- what the node asks ----------------------------------------------- */

uint32_t
control_throttle_count(const struct control *c)
{
    return c->nthrottles;
}

int
control_rules(struct control *c,
              struct sluice_facts *facts,
              struct sluice_throttle *throttles)
{
    int changed = c->rules_changed;

    *facts = c->facts;
    if (c->nthrottles > 0)
        memcpy(throttles, c->throttles, c->nthrottles * sizeof(*throttles));
    c->rules_changed = 0;
    return changed;
}

const struct facts *
control_facts(const struct control *c)
{
    return c->driver && c->known.ever ? &c->known.facts : NULL;
}

void
control_change(struct control *c,
               const struct consensus_change *change,
               consensus_done_cb cb,
               void *data)
{
    api_change(c, change, cb, data);
}

uint64_t
control_act_until_ms(const struct control *c)
{
    return c->act_until_boot_ms;
}

uint64_t
control_leader_until_ms(const struct control *c)
{
    return c->driver ? c->leader_until_boot_ms : SLUICE_LEADER_ALWAYS;
}

int
control_has_others(const struct control *c)
{
    struct consensus_status status;

    if (!c->driver || !c->consensus)
        return 0;
    c->driver->status(c->consensus, &status);
    return status.others;
}

size_t
control_share_leaders(const struct control *c, char *const **service_ids)
{
    struct consensus_status status;

    if (!c->driver || !c->consensus)
        return 0;
    memset(&status, 0, sizeof(status));
    c->driver->status(c->consensus, &status);
    *service_ids = status.share_leaders.items;
    return status.share_leaders.count;
}

/* ---- life ------------------------------------------------------------- */

/* What a former process knew stands until the facts were read here: better an
 * order too many for a moment than one too few. */
static void
take_before(struct control *c,
            const struct conf *conf,
            const struct sluice_view *before)
{
    c->throttles = calloc(before->nthrottles + 1, sizeof(*c->throttles));
    if (!c->throttles)
        abort();
    if (before->facts.read_mono_ms == 0 ||
        (before->facts.flags & SLUICE_FACTS_UNKNOWN)) {
        c->facts.flags = SLUICE_FACTS_UNKNOWN;
        return;
    }
    c->facts = before->facts;
    if (conf->redis_address[0] == '\0')
        c->facts.redis_channel[0] = '\0';
    c->nthrottles = before->nthrottles;
    if (before->nthrottles == 0)
        return;
    memcpy(c->throttles, before->throttles,
           before->nthrottles * sizeof(*c->throttles));
}

static void
control_free(struct control *c)
{
    fanout_close(c->fanout);
    known_free(&c->known);
    free(c->throttles);
    free(c);
}

struct control *
control_open(struct loop *loop,
             struct connector *connector,
             const struct conf *conf,
             const struct sluice_view *before,
             const struct control_events *events,
             void *data,
             char *err,
             size_t err_size)
{
    struct control *c = calloc(1, sizeof(*c));
    const char *missing;

    if (!c)
        abort();
    c->loop = loop;
    c->events = *events;
    c->data = data;
    c->driver = consensus_driver_for(conf, &missing);
    if (missing) {
        snprintf(err, err_size,
                 "RaftDataDir: this sluiced was built without %s; install "
                 "libraft-dev and build it again",
                 missing);
        free(c);
        return NULL;
    }
    if (!c->driver)
        return c;
    take_before(c, conf, before);
    c->fanout = fanout_open(loop, conf, on_order, c);
    c->consensus = c->driver->open(loop, connector, conf, &consensus_events, c,
                                   err, err_size);
    if (!c->consensus) {
        control_free(c);
        return NULL;
    }
    return c;
}

int
control_serve(struct control *c,
              const struct conf *conf,
              char *err,
              size_t err_size)
{
    return open_api(c, conf, err, err_size);
}

static void
on_closed(void *data)
{
    struct control *c = data;
    void (*closed)(void *data) = c->closed;
    void *closed_data = c->closed_data;

    api_close(c->api); /* consensus has answered whoever waited */
    control_free(c);
    closed(closed_data);
}

void
control_reload(struct control *c, const struct conf *conf)
{
    if (c->fanout)
        fanout_reload(c->fanout, conf);
}

void
control_close(struct control *c, void (*closed)(void *data), void *data)
{
    c->closed = closed;
    c->closed_data = data;
    if (c->consensus)
        c->driver->close(c->consensus, on_closed, c);
    else
        on_closed(c);
}
