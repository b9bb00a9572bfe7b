/*
 * What a galera-healthcheck's answer says of the host it speaks for, by
 * Switchboard's rules. Pure.
 */
#ifndef PROBE_STATUS_ANSWER_H
#define PROBE_STATUS_ANSWER_H

#include <stddef.h>
#include <stdint.h>

#define STATUS_ANSWER_TEXT_SIZE 200

/* What wsrep_local_index may be at most; out of a component it is 2^64 - 1. */
#define STATUS_ANSWER_INDEX_MAX UINT32_MAX
#define STATUS_ANSWER_NO_INDEX UINT64_MAX

struct status_answer {
    int healthy;
    uint64_t
        index; /* when healthy: STATUS_ANSWER_NO_INDEX where none is said */
    char text[STATUS_ANSWER_TEXT_SIZE]; /* otherwise: why not */
};

/* Healthy is 200 with an object in which "healthy" is true; what follows that
 * object is not looked at. */
void status_answer_json(unsigned status,
                        const char *body,
                        size_t len,
                        struct status_answer *out);

/* Healthy is 200. */
void status_answer_code(unsigned status,
                        const char *body,
                        size_t len,
                        struct status_answer *out);

#endif
