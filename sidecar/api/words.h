/*
 * The words of a request made a change: freno's meaning of time and ratio,
 * and its error texts to the letter. Pure.
 */
#ifndef API_WORDS_H
#define API_WORDS_H

#include <stddef.h>

#include "consensus/consensus.h"

/* As they stand in the request; NULL: not given. */
struct words {
    const char *name; /* app or host; may be empty, then it is an error */
    const char *store;
    const char *ttl; /* minutes */
    const char *ratio;
    const char *owner;
    const char *reason;
};

/*
 * Without a ttl, or with 0, a throttle is for ever; one that ends in the past
 * is an unthrottle, and a skip a recover. A skip is for an hour unless it
 * says otherwise. All of the words are read before anything is decided. 0,
 * or -1 with a sentence in err.
 */
int words_throttle(const struct words *w,
                   struct consensus_change *out,
                   char *err,
                   size_t err_size);
int words_unthrottle(const struct words *w,
                     struct consensus_change *out,
                     char *err,
                     size_t err_size);
int words_skip(const struct words *w,
               struct consensus_change *out,
               char *err,
               size_t err_size);
int words_recover(const struct words *w,
                  struct consensus_change *out,
                  char *err,
                  size_t err_size);

#endif
