/*
 * Which hosts a cluster has. One driver per source (inventory_KIND.c); the
 * registry in inventory.c lists them. Drivers are asked again and again by
 * inventory_watch.c; a failure keeps what was known.
 */
#ifndef INVENTORY_INVENTORY_H
#define INVENTORY_INVENTORY_H

#include "base/conf.h"
#include "base/connector.h"
#include "base/loop.h"

struct inventory_host {
    char name[256]; /* name, IPv4 or IPv6 literal without brackets */
    uint16_t port;
    int ignored; /* IgnoreHosts matched: known, not probed */
};

struct inventory_hosts {
    struct inventory_host *items; /* sorted, no duplicates */
    size_t count;
};

/* What all inventories of a process ask with. */
struct inventory_shared {
    struct loop *loop;
    struct fetches *fetches; /* NULL: no source by HTTP is among them */
    struct connector *connector;
};

struct inventory; /* one cluster's */

/* ---- what drivers implement ------------------------------------------- */

struct inventory_driver {
    const char *name;
    int once; /* it has nothing new to say, ever */

    /* A source for the cluster that the inventory has now. */
    void *(*open)(struct inventory *inventory,
                  const struct inventory_shared *shared);

    /* Begins a question. It ends with inventory_answer or inventory_fail,
     * perhaps before ask returns; there is no second one before. */
    void (*ask)(void *source);

    /* Ends it, with the question under way. */
    void (*close)(void *source);

    /* 1 when a source of one cluster serves for the other. */
    int (*same)(const struct conf_cluster *a, const struct conf_cluster *b);
};

extern const struct inventory_driver inventory_static;
extern const struct inventory_driver inventory_haproxy;
extern const struct inventory_driver inventory_proxysql;
extern const struct inventory_driver inventory_vitess;

/* The configuration, for the moment: a reload replaces it. */
const struct conf_cluster *inventory_cluster(const struct inventory *inventory);

/* Takes the hosts (their items too), in any order, with duplicates. */
void inventory_answer(struct inventory *inventory,
                      struct inventory_hosts *hosts);

/* The question has no answer, and why: one sentence, no credential. */
void inventory_fail(struct inventory *inventory, const char *error);

/* Appends; name is copied, cut to what fits. */
void inventory_hosts_add(struct inventory_hosts *hosts,
                         const char *name,
                         uint16_t port);

void inventory_hosts_free(struct inventory_hosts *hosts);

/* NULL when there is no such driver. */
const struct inventory_driver *inventory_find(const char *name);

/* ---- what the watch asks ---------------------------------------------- */

/* The hosts are borrowed for the call: sorted, without duplicates, `ignored`
 * by the cluster's IgnoreHosts. Only when they are other ones than at the last
 * call. NULL: a question failed, and none was answered before. Must not stop
 * the inventory. */
typedef void (*inventory_cb)(void *data, const struct inventory_hosts *hosts);

/*
 * Asks at once and then each inventory_refresh_ms of the cluster, which is
 * borrowed until inventory_stop or the next inventory_reload. A static
 * inventory has called back when this returns.
 */
struct inventory *inventory_start(const struct inventory_shared *shared,
                                  const struct conf_cluster *cluster,
                                  inventory_cb changed,
                                  void *data);

/* The same with a driver that is in no registry: for tests. */
struct inventory *inventory_start_with(const struct inventory_driver *driver,
                                       const struct inventory_shared *shared,
                                       const struct conf_cluster *cluster,
                                       inventory_cb changed,
                                       void *data);

/* Goes over to another configuration of the cluster, while the former one is
 * alive: a source that did not change is kept, another one is asked at once;
 * what is known stands until it answers. IgnoreHosts is applied at once. Calls
 * back in any case if there are known hosts. */
void inventory_reload(struct inventory *inventory,
                      const struct conf_cluster *cluster);

void inventory_stop(struct inventory *inventory);

struct inventory_status {
    const char *provider;      /* the driver's name */
    uint64_t answered_mono_ms; /* 0: never yet */
    unsigned failures;         /* in a row; 0: the last question was answered */
    size_t hosts;
    const char *error; /* why the last question failed; "" if it did not */
};

void inventory_status(const struct inventory *inventory,
                      struct inventory_status *out);

/*
 * "name", "name:port", "1.2.3.4", "1.2.3.4:port", "::1", "[::1]",
 * "[::1]:port". Port default_port when absent. 0, or -1 with a sentence.
 */
int inventory_parse_host(const char *text,
                         int default_port,
                         struct inventory_host *host,
                         char *err,
                         size_t err_size);

#endif
