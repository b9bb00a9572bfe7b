/*
 * A body that grows: JSON as Go's encoding/json writes it, which ends with a
 * line feed.
 */
#ifndef API_BODY_H
#define API_BODY_H

#include <stddef.h>
#include <stdint.h>

struct body {
    char *text; /* not terminated */
    size_t len;
    size_t room; /* private */
};

/* All append. A zeroed body is an empty one. */
void body_add(struct body *b, const char *text);    /* as it is */
void body_string(struct body *b, const char *text); /* quoted, escaped */
void body_number(struct body *b, double value);
void body_bool(struct body *b, int value);

/* A time by CLOCK_REALTIME as RFC 3339 in UTC, quoted: with milliseconds but
 * no trailing zeros. */
void body_time(struct body *b, uint64_t real_ms);

/* Go's zero time, which is freno's "never". */
#define BODY_NEVER "\"0001-01-01T00:00:00Z\""

void body_free(struct body *b);

#endif
