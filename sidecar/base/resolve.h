/* Host names to IP literals, without blocking the loop. */
#ifndef BASE_RESOLVE_H
#define BASE_RESOLVE_H

#include "base/loop.h"

#define RESOLVE_MAX 8
#define RESOLVE_ADDRESS_SIZE 64 /* an IPv6 literal with its scope */

struct resolve_addresses {
    unsigned count;
    char items[RESOLVE_MAX][RESOLVE_ADDRESS_SIZE];
};

struct resolve; /* a lookup under way */

/* status 0 and at least one address, or a libuv error (UV_EAI_…). */
typedef void (*resolve_cb)(void *data,
                           int status,
                           const struct resolve_addresses *found);

/* 1 when TEXT is an IPv4 or IPv6 literal, which is then the one address. */
int resolve_literal(const char *text, struct resolve_addresses *out);

/*
 * Looks NAME up in libuv's thread pool, IPv4 and IPv6, in the system's order
 * of preference. The callback never comes before this returns. NULL, and
 * *status set, when it could not be started. A name is looked up by one thread
 * at a time, however often it is asked for.
 */
struct resolve *resolve_start(struct loop *loop,
                              const char *name,
                              resolve_cb cb,
                              void *data,
                              int *status);

/* No callback comes after this. NULL is allowed. */
void resolve_cancel(struct resolve *r);

#endif
