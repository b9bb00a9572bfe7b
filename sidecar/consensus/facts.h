/*
 * Rows of the store to struct facts, by freno's rules for times and ratios.
 * Pure.
 */
#ifndef CONSENSUS_FACTS_H
#define CONSENSUS_FACTS_H

#include <stddef.h>
#include <stdint.h>

#include "consensus/consensus.h"

/* The last second of a timestamp, 2038-01-19 03:14:07 UTC: stands for "never"
 * where the column cannot be NULL. */
#define FACTS_LAST_SECOND 2147483647

/* Starts anew; the memory is kept. */
void facts_clear(struct facts *f);
void facts_free(struct facts *f);

/*
 * EXPIRES and NOW are seconds since 1970 as decimals: the row's time (NULL,
 * or 0 for the zero date: never) and the server's when it was read. What has
 * expired is left out. RATIO NULL or negative is 1. 0; -1: the row cannot be
 * used (a name that is empty or longer than FACT_NAME_SIZE - 1 bytes, or what
 * is no number).
 */
int facts_add_throttle(struct facts *f,
                       const char *key,
                       const char *expires,
                       const char *now,
                       const char *ratio);
int facts_add_skip(struct facts *f,
                   const char *host,
                   const char *expires,
                   const char *now);

/* 0; -1: the name or the value is empty or too long. */
int facts_add_setting(struct facts *f, const char *name, const char *value);

/* NULL: there is none. After facts_sort. */
const char *facts_setting(const struct facts *f, const char *name);

/* Sorts; after the last row. */
void facts_sort(struct facts *f);

/* Owner and reason of a "throttle" or a "skip"; ignored when there is no such
 * one. After facts_sort. What is too long is cut. */
void facts_note(struct facts *f,
                const char *kind,
                const char *name,
                const char *owner,
                const char *reason);

/* The ratio that a row holds, 1 for NULL or what is negative. 0, or -1. */
int facts_ratio(const char *text, double *ratio);

/* What is left, FACT_NEVER, or <= 0: expired. 0, or -1. */
int
facts_remaining_ms(const char *expires, const char *now, int64_t *remaining_ms);

#endif
