/*
 * What a running freno says of its throttled apps and skipped hosts. Pure:
 * the time is an argument.
 */
#ifndef CTL_FRENO_LIST_H
#define CTL_FRENO_LIST_H

#include <stddef.h>
#include <stdint.h>

/* More would overflow freno's nanoseconds, and sluiced's API refuses it. */
#define FRENO_MINUTES_MAX 153722867
#define FRENO_NEVER INT64_MAX

struct freno_entry {
    char *name;      /* app or host */
    char *store;     /* of an app; NULL: all */
    int64_t minutes; /* that are left, rounded up; 0: expired */
    double ratio;    /* of an app */
    char *owner;     /* where the other is a sluiced; NULL: none */
    char *reason;
};

struct freno_list {
    struct freno_entry *entries;
    size_t count;
};

/* /throttled-apps and /skipped-hosts, as they were at that time. 0; -1 with a
 * sentence in err, and an empty list, when anything in it is not understood. */
int freno_throttles(const char *json,
                    size_t len,
                    int64_t now_ms,
                    struct freno_list *list,
                    char *err,
                    size_t err_size);
int freno_skips(const char *json,
                size_t len,
                int64_t now_ms,
                struct freno_list *list,
                char *err,
                size_t err_size);

void freno_list_free(struct freno_list *list);

#endif
