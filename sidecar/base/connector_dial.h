/* One blocking connect in a thread: interruptible, with one deadline over
 * all of it, and telling how far it is. */
#ifndef BASE_CONNECTOR_DIAL_H
#define BASE_CONNECTOR_DIAL_H

#include <stdatomic.h>

#include "base/mysql_failure.h"
#include "base/mysql_target.h"

struct connector_dial {
    const struct mysql_target *target;
    const char *address; /* IP literal, or a path */
    int by_name;         /* connect to target->host instead */
    int timeout_ms;      /* for all waits together; counted down */
    int wake_fd;         /* readable: give up */
    atomic_int *reached; /* set to 1 when the TCP connection stands */
};

/* A connection with a non-blocking socket, or NULL and why. */
MYSQL *connector_dial(struct connector_dial *d, struct mysql_failure *why);

#endif
