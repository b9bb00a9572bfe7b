/*
 * How two programs that were asked the same agree over time. They do not
 * sample at the same moment: what differs for less than a while is no
 * difference. Pure: the time is an argument.
 */
#ifndef CTL_COMPARE_TALLY_H
#define CTL_COMPARE_TALLY_H

#include <stdint.h>

/* Of one cluster; begins zeroed. */
struct compare_tally {
    unsigned long asked;
    unsigned long same;
    unsigned long brief;   /* differences that went away in time */
    unsigned long lasting; /* and those that did not */
    unsigned long away[2]; /* how often each of the two did not answer */

    /* private */
    uint64_t since_ms; /* they differ; 0: they do not */
    int told;
};

enum compare_news {
    COMPARE_NOTHING,
    COMPARE_DIFFER, /* for PATIENCE_MS now */
    COMPARE_AGREE   /* again, after a difference that was told */
};

/* Two answers; 0: none. now_ms > 0. What is new is told once. */
enum compare_news compare_tally_add(struct compare_tally *tally,
                                    unsigned one,
                                    unsigned other,
                                    uint64_t now_ms,
                                    uint64_t patience_ms);

/* For how long they have differed, until now. */
uint64_t compare_tally_differ_ms(const struct compare_tally *tally,
                                 uint64_t now_ms);

#endif
