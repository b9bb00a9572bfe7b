/*
 * Who may act: the lease that Sluice nodes hold one after another, by no
 * server's clock. Pure: rows and times come in, what to ask the store next
 * comes out. All times are milliseconds of this machine's CLOCK_BOOTTIME.
 *
 * Why two never act at once: a challenger's take-over is carried out at least
 * LEASE_STAND_MS after it had read the holder's last renewal, so that much
 * after that renewal began; the holder had stopped LEASE_ACT_MS after that.
 */
#ifndef CONSENSUS_LEASE_H
#define CONSENSUS_LEASE_H

#include <stdint.h>

#include "consensus/consensus.h"

#define LEASE_LOOK_MS 100   /* a challenger reads the row that often */
#define LEASE_RENEW_MS 250  /* a holder renews that often */
#define LEASE_ACT_MS 800    /* and acts so long after a renewal's start */
#define LEASE_STAND_MS 1000 /* a row that stood so long is nobody's */
#define LEASE_GAP_MS 500    /* unwatched that long, it did not stand */

#define LEASE_INSTANCE_SIZE 33 /* random per process: 32 hex digits */

enum lease_step {
    LEASE_LOOK,   /* read the row */
    LEASE_CREATE, /* insert it, if there is none: term 1, seq 1 */
    LEASE_TAKE,   /* term + 1, seq + 1 where instance and seq are the row's */
    LEASE_RENEW   /* seq + 1 where instance and seq are the row's */
};

struct lease_row {
    int exists;
    char holder[FACT_NAME_SIZE]; /* service id; "" = stepped down */
    char instance[LEASE_INSTANCE_SIZE];
    uint64_t term;
    uint64_t seq;
};

struct lease {
    /* What it was found to be, or made; what TAKE and RENEW compare with. */
    struct lease_row row;
    char former[FACT_NAME_SIZE]; /* whose it was before us; "" unknown */

    /* private */
    char holder[FACT_NAME_SIZE];
    char instance[LEASE_INSTANCE_SIZE];
    int holds;         /* by the last answer */
    int unsure;        /* an answer is missing: read before renewing */
    int seen;          /* row was read */
    int ripe;          /* and may be taken */
    uint64_t seen_ms;  /* end of the first read that showed this row */
    uint64_t read_ms;  /* end of the last */
    uint64_t until_ms; /* may act before */
    uint64_t due_ms;
};

void lease_init(struct lease *l, const char *holder, const char *instance);

/* What to ask next, and not before when. */
enum lease_step lease_next(const struct lease *l);
uint64_t lease_due_ms(const struct lease *l);

/* LEASE_LOOK was answered. ROW->exists 0: there is none. */
void lease_looked(struct lease *l,
                  const struct lease_row *row,
                  uint64_t started_ms,
                  uint64_t ended_ms);

/* Another step was answered: it changed the row, or it did not. */
void lease_wrote(struct lease *l,
                 enum lease_step step,
                 int changed,
                 uint64_t started_ms,
                 uint64_t ended_ms);

/* No answer, or an error. What was asked may still be carried out later. */
void lease_failed(struct lease *l, uint64_t now_ms);

/* Stops acting, for good: the row is about to be given up. */
void lease_resign(struct lease *l);

/* May act until then; 0: may not. */
uint64_t lease_until(const struct lease *l, uint64_t now_ms);

/* 1: the row was ours when last heard of. */
int lease_holds(const struct lease *l);

#endif
