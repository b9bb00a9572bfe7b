/* Changes that wait. */
#include "consensus/consensus_mysql_queue.h"

#include <stddef.h>

void
queue_init(struct queue *q)
{
    q->first = NULL;
    q->last = &q->first;
    q->count = 0;
}

void
queue_add(struct queue *q, struct item *item)
{
    item->next = NULL;
    *q->last = item;
    q->last = &item->next;
    q->count++;
}

void
queue_put_back(struct queue *q, struct item *item)
{
    item->next = q->first;
    if (!q->first)
        q->last = &item->next;
    q->first = item;
    q->count++;
}

struct item *
queue_take(struct queue *q)
{
    struct item *item = q->first;

    if (!item)
        return NULL;
    q->first = item->next;
    if (!q->first)
        q->last = &q->first;
    q->count--;
    return item;
}
