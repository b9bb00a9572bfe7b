/*
 * How the writers get from one host to another: at once, or in two steps, so
 * that at no time two nodes send them to different ones. Pure.
 *
 * With a lease a node sends writers only for so long after it last read where
 * they go. The first step says "nobody"; the second names the host, once every
 * read that was begun before the first is over.
 */
#ifndef DECIDE_ROUTE_STEP_H
#define DECIDE_ROUTE_STEP_H

#include "decide/route_fact.h"

struct route_step_rules {
    int lease;   /* in two steps */
    int let_go;  /* nobody is active, and for long enough */
    int is_old;  /* the store has not what counts here: it was put back */
    int insists; /* an operator: begin anew when it goes elsewhere already */
};

enum route_step {
    ROUTE_STEP_NONE, /* not yet: all have to let go first */
    ROUTE_STEP_GO    /* *out is to be stored */
};

/*
 * NOW is what counts here; TO is NAME:PORT, or "" for nobody; WHY is said where
 * it is not a move under way. out->changed_ms is the caller's.
 */
enum route_step route_step(const struct route_step_rules *rules,
                           const struct route_fact *now,
                           const char *to,
                           const char *why,
                           struct route_fact *out);

#endif
