/*
 * Which hosts are so far behind that no writer should wait for them, as one
 * that was just restored. Pure.
 */
#ifndef DECIDE_QUARANTINE_H
#define DECIDE_QUARANTINE_H

#include <stddef.h>

struct quarantine_host {
    int counts;    /* nothing else leaves it out; if something does, it stays
                      where it is and says nothing about the others */
    int has_value; /* of this moment; without one it stays where it is */
    int pending;   /* it has none because it was not heard yet */
    double value;
    int quarantined; /* before, and after */
    int was;         /* private */
};

/*
 * A host goes into quarantine with a value above LAG_S (> THRESHOLD) and
 * comes out with one within THRESHOLD. At most half of those that count, and
 * have a value, may still have one or are in it, are in it, those furthest
 * behind: a whole cluster that falls back is no reason to stop waiting for it.
 * LAG_S 0: nobody is. Returns 1 when some host changed sides. Total; hosts may
 * be NULL when count is 0.
 */
int quarantine_hosts(struct quarantine_host *hosts,
                     size_t count,
                     double lag_s,
                     double threshold);

#endif
