/*
 * The control API: freno's routes that change or show what all nodes agree
 * on, on a unix socket behind nginx. A change is answered when it is durable,
 * and never before.
 */
#ifndef API_API_H
#define API_API_H

#include <stddef.h>

#include "base/loop.h"
#include "consensus/consensus.h"
#include "decide/route_fact.h"

/* Of a routed cluster; ours until the loop runs. */
struct api_route {
    const struct route_fact *fact;
    const struct route_traffic *traffic;
};

struct api_hooks {
    void *data;

    /* Commits, then calls back, once; also after api_close. */
    void (*change)(void *data,
                   const struct consensus_change *change,
                   consensus_done_cb cb,
                   void *cb_data);

    /* NULL: never read. Ours only during the call of the handler. */
    const struct facts *(*facts)(void *data);

    /* -1: no store is configured. */
    int (*status)(void *data, struct consensus_status *out);

    /* Where values are written besides. */
    const struct conf_memcache *(*memcache)(void *data);

    int (*cluster_exists)(void *data, const char *name);

    /* As the driver's, and answered as `change` is. -1, with no answer to
     * come: the store has no members; so does a NULL. */
    int (*members)(void *data, consensus_members_cb cb, void *cb_data);
    int (*change_members)(void *data,
                          const struct consensus_member_change *change,
                          consensus_member_change_cb cb,
                          void *cb_data);

    /* -1: there is no such cluster, or it is not routed. */
    int (*route)(void *data, const char *cluster, struct api_route *out);

    /* The change that makes HOST active. -1 with a sentence in err. */
    int (*route_switch)(void *data,
                        const char *cluster,
                        const char *host,
                        const char *why,
                        struct consensus_change *out,
                        char *err,
                        size_t err_size);

    /* 1: the routed cluster has that host (NAME:PORT). */
    int (*route_has)(void *data, const char *cluster, const char *host);
};

struct api;

/* NULL with a sentence in err, for instance when another process answers on
 * the socket. */
struct api *api_open(struct loop *loop,
                     const char *socket_path,
                     const struct api_hooks *hooks,
                     char *err,
                     size_t err_size);

/* Who still waits for a commit is told that its outcome is not known: close
 * the consensus first, which answers them all. Not from within a hook. NULL
 * is allowed. */
void api_close(struct api *a);

#endif
