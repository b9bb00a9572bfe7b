/* How long to wait before the next attempt: at once, then ever longer. */
#ifndef BASE_BACKOFF_H
#define BASE_BACKOFF_H

/* Of a process that is killed the connections end a moment before its port is
 * closed: the first attempt may meet that, and the second should not be late.
 */
#define BACKOFF_FIRST_MS 10
#define BACKOFF_MAX_MS 1000

struct backoff {
    unsigned failures; /* since the last success; {0} is a fresh start */
};

/* Call it when something worked. */
void backoff_reset(struct backoff *b);

/* Call it when something failed: 0, then 10 ms doubling to 1 s. */
unsigned backoff_next_ms(struct backoff *b);

#endif
