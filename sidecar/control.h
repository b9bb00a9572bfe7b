/*
 * The control plane of a node: the facts all nodes agree on, as this node
 * last read them, and the ways they change. Consensus keeps them, the control
 * API changes them, Redis spreads the word.
 */
#ifndef CONTROL_H
#define CONTROL_H

#include "base/conf.h"
#include "base/loop.h"
#include "consensus/consensus.h"
#include "sluice_view.h"
#include "watch.h"

struct control;
struct api_route;

struct control_events {
    /* Rules, leadership or what is known of them changed: publish. */
    void (*changed)(void *data);

    /* Exactly these hosts are skipped now. */
    void (*skips)(void *data, const struct watch_skip *skips, size_t count);

    int (*cluster_exists)(void *data, const char *name);

    const struct conf_memcache *(*memcache)(void *data);

    /* Routes, as struct api_hooks has them. */
    int (*route)(void *data, const char *cluster, struct api_route *out);
    int (*route_switch)(void *data,
                        const char *cluster,
                        const char *host,
                        const char *why,
                        struct consensus_change *out,
                        char *err,
                        size_t err_size);
    int (*route_has)(void *data, const char *cluster, const char *host);

    /* Consensus can go on no longer: say so and exit. Once. */
    void (*failed)(void *data, const char *why);
};

/*
 * Without RaftDataDir or a backend in the configuration there are no facts,
 * every node is its own leader, and changes are refused with a sentence.
 * `before` is what a former process left in the state file's RULES (an empty
 * view: nothing): its rules stand until the facts were read. NULL with a
 * sentence in err.
 */
struct control *control_open(struct loop *loop,
                             struct connector *connector,
                             const struct conf *conf,
                             const struct sluice_view *before,
                             const struct control_events *events,
                             void *data,
                             char *err,
                             size_t err_size);

/* Opens the control API on control.sock beside the state file, when this
 * process holds it. -1 with a sentence in err. */
int control_serve(struct control *c,
                  const struct conf *conf,
                  char *err,
                  size_t err_size);

/* Goes over to another Redis; the store of facts cannot change. */
void control_reload(struct control *c, const struct conf *conf);

/* How many records control_rules will fill. */
uint32_t control_throttle_count(const struct control *c);

/* Fills the facts and control_throttle_count() rules, zeroed by the caller.
 * Returns 1 when a rule came, went or changed since the last call. */
int control_rules(struct control *c,
                  struct sluice_facts *facts,
                  struct sluice_throttle *throttles);

/* The facts as this node knows them; NULL: never read, or no store. They stay
 * until the loop runs. */
const struct facts *control_facts(const struct control *c);

/* Commits, then calls back, once, also when the store refuses. Only with a
 * store. */
void control_change(struct control *c,
                    const struct consensus_change *change,
                    consensus_done_cb cb,
                    void *data);

/* May act until then (CLOCK_BOOTTIME); 0: may not. */
uint64_t control_act_until_ms(const struct control *c);

/* Leads until then (CLOCK_BOOTTIME); 0: does not. */
uint64_t control_leader_until_ms(const struct control *c);

/* 1: other nodes can be asked. */
int control_has_others(const struct control *c);

/* The service ids of the leaders of other domains that share our health, and
 * how many; they stay until the loop runs. */
size_t control_share_leaders(const struct control *c,
                             char *const **service_ids);

/* Steps down, answers what is pending, frees itself, then calls closed. */
void control_close(struct control *c, void (*closed)(void *data), void *data);

#endif
