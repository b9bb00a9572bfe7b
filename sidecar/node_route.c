/* Routes of a node's clusters: what is heard of them goes to the state file,
 * and where this node leads, to all nodes. */
#include <stdlib.h>
#include <string.h>

#include "api/api.h"
#include "base/log.h"
#include "node_private.h"
#include "watch_route.h"

#define REFRESH_MS 250 /* of what no session depends on: lag, ages, texts */
#define MARGIN_MS                                                            \
    50               /* a decision is not begun with less of the lease; with \
                        raft there are at most 250 ms of it */
#define WAIT_MS 3000 /* a provider that hangs holds up no other cluster */

struct order {
    struct node *node;
    char cluster[SLUICE_NAME_SIZE];
};

static int
may_act(const struct node *n)
{
    return clock_boot_ms() + MARGIN_MS < control_act_until_ms(n->control);
}

static struct watch *
find(const struct node *n, const char *cluster)
{
    for (size_t i = 0; i < n->nwatches; i++)
        if (strcmp(watch_name(n->watches[i]), cluster) == 0)
            return n->watches[i];
    return NULL;
}

/* It is decided anew, but not at once again and again; the log has it once. */
static void
refused(struct node *n, const struct consensus_change *c, const char *text)
{
    n->route_again_ms = clock_mono_ms() + backoff_next_ms(&n->route_backoff);
    if (strcmp(n->route_refusal, text) == 0)
        return;
    snprintf(n->route_refusal, sizeof(n->route_refusal), "%s", text);
    log_warn("route_not_stored", log_str("key", c->key),
             log_str("error", text));
}

/* What was stored comes back as a fact. */
static void
on_stored(void *data,
          enum consensus_outcome outcome,
          const struct consensus_change *stored,
          uint64_t revision,
          const char *text)
{
    struct order *order = data;
    struct node *n = order->node;

    (void)revision;
    if (outcome != CONSENSUS_DONE) {
        refused(n, stored, text);
    } else {
        backoff_reset(&n->route_backoff);
        n->route_refusal[0] = '\0';
    }
    if (--n->route_orders == 0)
        n->stirs = 1;
    free(order);
}

static void
order(struct node *n, const struct watch *w, const struct consensus_change *c)
{
    struct order *order = calloc(1, sizeof(*order));

    if (!order)
        abort();
    order->node = n;
    snprintf(order->cluster, sizeof(order->cluster), "%s", watch_name(w));
    n->route_orders++;
    control_change(n->control, c, on_stored, order);
}

/* Whoever is the second to answer has it refused, and nothing is lost. */
static void
on_answered(void *data,
            enum consensus_outcome outcome,
            const struct consensus_change *stored,
            uint64_t revision,
            const char *text)
{
    (void)data;
    (void)outcome;
    (void)stored;
    (void)revision;
    (void)text;
}

/* At once, whoever leads: somebody waits for it. */
static void
answer(struct node *n)
{
    struct consensus_change change;

    for (size_t i = 0; i < n->nwatches; i++)
        if (watch_is_routed(n->watches[i]) &&
            watch_route_answer(n->watches[i], &change))
            control_change(n->control, &change, on_answered, NULL);
}

static int
wants(const struct node *n,
      struct watch *w,
      int leads,
      uint64_t now_ms,
      struct consensus_change *change)
{
    if (!watch_is_routed(w))
        return 0;
    return leads ? watch_route_decide(w, control_has_others(n->control), change)
                 : watch_route_raise(w, now_ms, change);
}

/* One change at a time: the next is decided by what has become of it. */
static void
decide(struct node *n)
{
    uint64_t now_ms = clock_mono_ms();
    struct consensus_change change;
    int leads = may_act(n);

    if (n->route_orders > 0 || now_ms < n->route_again_ms)
        return;
    for (size_t i = 0; i < n->nwatches; i++)
        if (wants(n, n->watches[i], leads, now_ms, &change))
            order(n, n->watches[i], &change);
}

void
node_route_run(struct node *n)
{
    if (!n->publisher || n->stopping || n->half_set)
        return;
    n->stirs = 0;
    answer(n);
    decide(n);
    publisher_wake_routes(n->publisher);
}

static void
on_tick(uv_timer_t *timer)
{
    struct node *n = timer->data;
    uint64_t now_ms = clock_mono_ms();
    int routed = 0;

    for (size_t i = 0; i < n->nwatches; i++)
        if (watch_is_routed(n->watches[i])) {
            watch_route_tick(n->watches[i], now_ms);
            routed = 1;
        }
    if (!routed || !n->publisher)
        return;
    if (n->stirs || now_ms - n->routes_ms >= REFRESH_MS) {
        n->routes_ms = now_ms;
        node_route_run(n);
    }
}

void
node_route_facts(struct node *n)
{
    const struct facts *facts = control_facts(n->control);

    if (!facts)
        return;
    for (size_t i = 0; i < n->nwatches; i++)
        if (watch_is_routed(n->watches[i]))
            watch_route_facts(n->watches[i], facts);
    node_route_run(n);
}

void
node_route_open(struct node *n)
{
    uv_timer_init(&n->loop->uv, &n->route_timer);
    n->route_timer.data = n;
    n->routes_begun_ms = clock_mono_ms();
    uv_timer_start(&n->route_timer, on_tick, WATCH_ROUTE_TICK_MS,
                   WATCH_ROUTE_TICK_MS);
}

/* ---- records ------------------------------------------------------------- */

void
node_route_count(const struct node *n, struct sluice_capacity *count)
{
    for (size_t i = 0; i < n->nwatches; i++)
        if (watch_is_routed(n->watches[i])) {
            count->routes++;
            count->route_hosts += (uint32_t)watch_route_count(n->watches[i]);
        }
}

/* Before the first time, what another process left stands; but whoever hangs
 * then holds up the other clusters for a while only. */
static int
must_wait(const struct node *n)
{
    size_t known = 0, unknown = 0;

    for (size_t i = 0; i < n->nwatches; i++)
        if (watch_is_routed(n->watches[i]))
            *(watch_route_known(n->watches[i]) ? &known : &unknown) += 1;
    if (n->routes_filled || unknown == 0)
        return 0;
    return known == 0 || clock_mono_ms() - n->routes_begun_ms < WAIT_MS;
}

int
node_route_fill(struct node *n,
                struct sluice_route *routes,
                struct sluice_route_host *hosts)
{
    uint32_t first_host = 0;
    int changed = 0;

    if (must_wait(n))
        return -1;
    n->routes_filled = 1;
    for (size_t i = 0; i < n->nwatches; i++) {
        struct watch *w = n->watches[i];

        if (!watch_is_routed(w))
            continue;
        changed |=
            watch_route_fill(w, first_host, routes++, hosts + first_host);
        first_host += (uint32_t)watch_route_count(w);
    }
    return changed;
}

/* ---- operators ------------------------------------------------------------
 */

static struct watch *
routed(const struct node *n, const char *cluster)
{
    struct watch *w = find(n, cluster);

    return w && watch_is_routed(w) ? w : NULL;
}

int
node_route_of(void *node, const char *cluster, struct api_route *out)
{
    const struct watch *w = routed(node, cluster);

    if (!w)
        return -1;
    out->fact = watch_route_fact(w);
    out->traffic = watch_route_traffic(w);
    return 0;
}

int
node_route_switch(void *node,
                  const char *cluster,
                  const char *host,
                  const char *why,
                  struct consensus_change *out,
                  char *err,
                  size_t err_size)
{
    return watch_route_switch(routed(node, cluster), host, why, out, err,
                              err_size);
}

int
node_route_has(void *node, const char *cluster, const char *host)
{
    return watch_route_has(routed(node, cluster), host);
}
