/* A verdict as freno's body. */
#include "sluice_verdict.h"

#include <string.h>

#include "sluice_format.h"

/* Every byte of the longest message escaped, and the rest of the object. */
_Static_assert(6 * (sizeof(((struct sluice_verdict *)0)->message) - 1) +
                       2 * SLUICE_NUMBER_SIZE + 64 <=
                   SLUICE_VERDICT_BODY_SIZE,
               "a body always fits");

static char *
put(char *at, const char *text)
{
    size_t len = strlen(text);

    memcpy(at, text, len);
    return at + len;
}

size_t
sluice_verdict_body(const struct sluice_verdict *verdict, char *buf)
{
    size_t len = strnlen(verdict->message, sizeof(verdict->message));
    char *at = buf;

    at = put(at, "{\"StatusCode\":");
    at += sluice_format_number(verdict->status, at);
    at = put(at, ",\"Value\":");
    at += sluice_format_number(verdict->value, at);
    at = put(at, ",\"Threshold\":");
    at += sluice_format_number(verdict->threshold, at);
    at = put(at, ",\"Message\":\"");
    at += sluice_format_string(verdict->message, len, at,
                               SLUICE_VERDICT_BODY_SIZE);
    at = put(at, "\"}\n");
    return (size_t)(at - buf);
}
