/*
 * The node: every cluster of the configuration under watch, and the state
 * file that says what was found.
 */
#ifndef NODE_H
#define NODE_H

#include "base/conf.h"
#include "base/loop.h"

struct node;

/* It can go on no longer, and has said why in the log: stop it, and exit. */
typedef void (*node_failed_cb)(void *data);

/* Takes the configuration. NULL with a sentence in err (the configuration is
 * then the caller's again), for instance when another sluiced holds the
 * state file. */
struct node *node_start(struct loop *loop,
                        struct conf *conf,
                        node_failed_cb failed,
                        void *data,
                        char *err,
                        size_t err_size);

/* Goes over to a new configuration, which it takes: clusters and hosts that
 * did not change keep their probes and data. What cannot change while
 * running (StateFile) stays, with a warning. */
void node_reload(struct node *n, struct conf *conf);

/* Stops everything; handles close when the loop runs. */
void node_stop(struct node *n);

#endif
