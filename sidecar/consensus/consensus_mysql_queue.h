/* NB: private to consensus_mysql*.c. Changes that wait. */
#ifndef CONSENSUS_MYSQL_QUEUE_H
#define CONSENSUS_MYSQL_QUEUE_H

#include <stddef.h>
#include <stdint.h>

#include "consensus/consensus.h"

struct item {
    struct consensus_change change;
    consensus_done_cb cb;
    void *data;
    uint64_t since_ms; /* CLOCK_MONOTONIC */
    unsigned tries;
    struct item *next;
};

struct queue {
    struct item *first, **last;
    size_t count;
};

void queue_init(struct queue *q);
void queue_add(struct queue *q, struct item *item);

/* Again as the first. */
void queue_put_back(struct queue *q, struct item *item);

/* The first, or NULL. */
struct item *queue_take(struct queue *q);

#endif
