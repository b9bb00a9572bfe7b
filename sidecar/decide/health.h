/*
 * Whether a host may serve: from single answers to a state that does not
 * flap. Pure; times are CLOCK_MONOTONIC milliseconds.
 *
 * Only three things take a host away: that it says so itself, that nobody
 * listens there any more, and that it is silent for long. One missed deadline
 * does not.
 */
#ifndef DECIDE_HEALTH_H
#define DECIDE_HEALTH_H

#include <stddef.h>
#include <stdint.h>

#define HEALTH_TEXT_SIZE 256

struct health_rules {
    unsigned rise;      /* good answers in a row that bring it back, >= 1 */
    unsigned fall;      /* bad ones that take it away, >= 1 */
    unsigned freeze_ms; /* silence that does */
};

enum health_state {
    HEALTH_UNKNOWN, /* nothing was heard yet, for less than freeze_ms */
    HEALTH_UP,
    HEALTH_DOWN
};

enum health_kind {
    HEALTH_GOOD,    /* it may serve */
    HEALTH_BAD,     /* it answers, and must not */
    HEALTH_REFUSED, /* nobody listens at its port */
    HEALTH_SILENT   /* no answer: a deadline, an EOF, no way to it */
};

struct health {
    enum health_state state;
    uint64_t since_ms;           /* of the state */
    char text[HEALTH_TEXT_SIZE]; /* why */
    int silent;                  /* it is down, and that by silence only */

    uint64_t heard_ms; /* the last answer, or when the waiting began (anew) */

    /* private */
    unsigned good, bad;          /* in a row */
    char last[HEALTH_TEXT_SIZE]; /* what silence was explained with */
};

/* Begins to wait at NOW_MS. STATE is what a former process knew, or
 * HEALTH_UNKNOWN. */
void health_begin(struct health *h, enum health_state state, uint64_t now_ms);

/* What one try came to; text says why (cut to HEALTH_TEXT_SIZE). 1: the state
 * changed. */
int health_hear(struct health *h,
                const struct health_rules *rules,
                enum health_kind kind,
                const char *text,
                uint64_t now_ms);

/* 1: it was silent for too long, and that changed the state. */
int health_wait(struct health *h,
                const struct health_rules *rules,
                uint64_t now_ms);

/* When health_wait has to be asked next; UINT64_MAX: no silence can change
 * anything. */
uint64_t health_due_ms(const struct health *h,
                       const struct health_rules *rules);

/* We were stopped ourselves: silence begins anew. */
void health_forgive(struct health *h, uint64_t now_ms);

#endif
