/* Appending to a body. */
#include "api/body.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sluice_format.h"

static char *
make_room(struct body *b, size_t more)
{
    if (b->len + more > b->room) {
        b->room = 2 * (b->len + more);
        b->text = realloc(b->text, b->room);
        if (!b->text)
            abort();
    }
    return b->text + b->len;
}

static void
add(struct body *b, const char *text, size_t len)
{
    memcpy(make_room(b, len), text, len);
    b->len += len;
}

void
body_add(struct body *b, const char *text)
{
    add(b, text, strlen(text));
}

void
body_string(struct body *b, const char *text)
{
    size_t len = strlen(text);
    char *to;

    body_add(b, "\"");
    to = make_room(b, 6 * len);
    b->len += sluice_format_string(text, len, to, 6 * len);
    body_add(b, "\"");
}

void
body_number(struct body *b, double value)
{
    b->len += sluice_format_number(value, make_room(b, SLUICE_NUMBER_SIZE));
}

void
body_bool(struct body *b, int value)
{
    body_add(b, value ? "true" : "false");
}

void
body_time(struct body *b, uint64_t real_ms)
{
    time_t seconds = (time_t)(real_ms / 1000);
    char text[64], *end;
    struct tm tm;
    size_t len;

    gmtime_r(&seconds, &tm);
    len = strftime(text, sizeof(text), "\"%Y-%m-%dT%H:%M:%S", &tm);
    end = text + len + sprintf(text + len, ".%03u", (unsigned)(real_ms % 1000));
    while (end[-1] == '0')
        end--;
    if (end[-1] == '.')
        end--;
    strcpy(end, "Z\"");
    body_add(b, text);
}

void
body_free(struct body *b)
{
    free(b->text);
    *b = (struct body){0};
}
