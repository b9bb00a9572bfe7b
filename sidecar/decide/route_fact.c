/* A line of "key=value" words, then a line of text. */
#include "decide/route_fact.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
put_text(char *out, size_t size, const char *text)
{
    size_t len = strlen(out), i = 0;

    if (len + 1 < size)
        out[len++] = '\n';
    for (; text[i] && i < ROUTE_FACT_TEXT_SIZE - 1 && len + 1 < size; i++)
        out[len++] = (unsigned char)text[i] < 0x20 ? ' ' : text[i];
    out[len] = '\0';
}

/* The word's value, or NULL; *len: of it. */
static const char *
word(const char *text, const char *key, size_t *len)
{
    size_t key_len = strlen(key);

    while (*text && *text != '\n') {
        *len = strcspn(text, " \n");
        if (*len > key_len && strncmp(text, key, key_len) == 0 &&
            text[key_len] == '=') {
            *len -= key_len + 1;
            return text + key_len + 1;
        }
        text += *len;
        text += *text == ' ';
    }
    return NULL;
}

static int
read_number(const char *text, const char *key, uint64_t *out)
{
    size_t len;
    const char *value = word(text, key, &len);
    char *end;

    if (!value || len == 0 || *value < '0' || *value > '9')
        return -1;
    *out = strtoull(value, &end, 10);
    return end == value + len ? 0 : -1;
}

static void
read_text(const char *text, char out[ROUTE_FACT_TEXT_SIZE])
{
    const char *line = strchr(text, '\n');

    snprintf(out, ROUTE_FACT_TEXT_SIZE, "%s", line ? line + 1 : "");
}

void
route_fact_write(const struct route_fact *fact, char out[ROUTE_FACT_SIZE])
{
    snprintf(out, ROUTE_FACT_SIZE,
             "epoch=%" PRIu64 " changed=%" PRIu64 " active=%s%s%s", fact->epoch,
             fact->changed_ms, fact->active, fact->next[0] ? " next=" : "",
             fact->next);
    put_text(out, ROUTE_FACT_SIZE, fact->reason);
}

int
route_fact_read(const char *text, struct route_fact *fact)
{
    size_t len, next_len;
    const char *active = word(text, "active", &len);
    const char *next = word(text, "next", &next_len);

    memset(fact, 0, sizeof(*fact));
    if (!active || len >= sizeof(fact->active) ||
        read_number(text, "epoch", &fact->epoch) != 0 ||
        read_number(text, "changed", &fact->changed_ms) != 0) {
        memset(fact, 0, sizeof(*fact));
        return -1;
    }
    memcpy(fact->active, active, len);
    if (next && next_len < sizeof(fact->next))
        memcpy(fact->next, next, next_len);
    read_text(text, fact->reason);
    return 0;
}

void
route_traffic_write(const struct route_traffic *traffic,
                    char out[ROUTE_FACT_SIZE])
{
    snprintf(out, ROUTE_FACT_SIZE, "traffic=%s changed=%" PRIu64,
             traffic->off ? "off" : "on", traffic->changed_ms);
    put_text(out, ROUTE_FACT_SIZE, traffic->message);
}

int
route_traffic_read(const char *text, struct route_traffic *traffic)
{
    size_t len;
    const char *value = word(text, "traffic", &len);

    memset(traffic, 0, sizeof(*traffic));
    if (!value || read_number(text, "changed", &traffic->changed_ms) != 0)
        return -1;
    if (len == 3 && strncmp(value, "off", 3) == 0) {
        traffic->off = 1;
    } else if (len != 2 || strncmp(value, "on", 2) != 0) {
        memset(traffic, 0, sizeof(*traffic));
        return -1;
    }
    read_text(text, traffic->message);
    return 0;
}
