/* How long to wait before the next attempt: at once, then ever longer. */
#include "base/backoff.h"

void
backoff_reset(struct backoff *b)
{
    b->failures = 0;
}

unsigned
backoff_next_ms(struct backoff *b)
{
    unsigned delay_ms = BACKOFF_FIRST_MS;

    if (b->failures == 0) {
        b->failures = 1;
        return 0;
    }
    for (unsigned i = 1; i < b->failures && delay_ms < BACKOFF_MAX_MS; i++)
        delay_ms *= 2;
    if (delay_ms >= BACKOFF_MAX_MS)
        return BACKOFF_MAX_MS;
    b->failures++;
    return delay_ms;
}
