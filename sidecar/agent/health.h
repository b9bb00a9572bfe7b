/*
 * Tells over HTTP whether sessions may go to this host's Galera node, as
 * galera-healthcheck does. Each request has mysqld asked; those that come
 * while it is being asked share the answer.
 */
#ifndef AGENT_HEALTH_H
#define AGENT_HEALTH_H

#include <stddef.h>

#include "base/conf_agent.h"
#include "base/loop.h"

struct health;

/* Takes the configuration. NULL with a sentence in err, and conf is still the
 * caller's. */
struct health *health_start(struct loop *loop,
                            struct conf_agent *conf,
                            char *err,
                            size_t err_size);

/* The same for another configuration; -1: nothing changed. */
int health_reload(struct health *h,
                  struct conf_agent *conf,
                  char *err,
                  size_t err_size);

/* Its handles close when the loop runs, which it may not use any more. */
void health_stop(struct health *h);

#endif
