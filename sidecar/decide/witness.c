/* Who is silent to all. */
#include "decide/witness.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void
witness_question_write(const struct witness_question *q,
                       char out[ROUTE_FACT_SIZE])
{
    snprintf(out, ROUTE_FACT_SIZE, "number=%s host=%s", q->number, q->host);
}

void
witness_answer_write(const struct witness_answer *a, char out[ROUTE_FACT_SIZE])
{
    if (a->ago_ms == UINT64_MAX)
        snprintf(out, ROUTE_FACT_SIZE, "number=%s heard=never", a->number);
    else
        snprintf(out, ROUTE_FACT_SIZE, "number=%s heard=%" PRIu64, a->number,
                 a->ago_ms);
}

int
witness_question_read(const char *text, struct witness_question *q)
{
    memset(q, 0, sizeof(*q));
    if (sscanf(text, "number=%16[0-9a-f] host=%271s", q->number, q->host) == 2)
        return 0;
    memset(q, 0, sizeof(*q));
    return -1;
}

int
witness_answer_read(const char *text, struct witness_answer *a)
{
    char never[6];

    memset(a, 0, sizeof(*a));
    if (sscanf(text, "number=%16[0-9a-f] heard=%" SCNu64, a->number,
               &a->ago_ms) == 2)
        return 0;
    a->ago_ms = UINT64_MAX;
    if (sscanf(text, "number=%16[0-9a-f] heard=%5s", a->number, never) == 2 &&
        strcmp(never, "never") == 0)
        return 0;
    memset(a, 0, sizeof(*a));
    return -1;
}

static enum witness_step
ask(struct witness *w,
    const char *host,
    uint64_t since_ms,
    const char *number,
    uint64_t now_ms)
{
    snprintf(w->question.number, sizeof(w->question.number), "%s", number);
    snprintf(w->question.host, sizeof(w->question.host), "%s", host);
    w->since_ms = since_ms;
    w->asked_ms = now_ms;
    w->state = WITNESS_ASKED;
    return WITNESS_ASK;
}

/* Half of it: the other one asks at its own pace, and the question took its
 * time. */
static int
is_heard(const struct witness_answer *answer, unsigned freeze_ms)
{
    return answer->ago_ms <= freeze_ms / 2;
}

enum witness_step
witness_look(struct witness *w,
             const char *host,
             uint64_t since_ms,
             unsigned freeze_ms,
             const struct witness_answer *answer,
             const char *number,
             uint64_t now_ms)
{
    if (w->state == WITNESS_NONE || w->since_ms != since_ms ||
        strcmp(w->question.host, host) != 0 ||
        (w->state == WITNESS_HEARD && now_ms >= w->asked_ms + WITNESS_AGAIN_MS))
        return ask(w, host, since_ms, number, now_ms);
    if (w->state == WITNESS_ASKED &&
        strcmp(answer->number, w->question.number) == 0)
        w->state = is_heard(answer, freeze_ms) ? WITNESS_HEARD : WITNESS_SILENT;
    else if (w->state == WITNESS_ASKED &&
             now_ms >= w->asked_ms + WITNESS_WAIT_MS)
        w->state = WITNESS_SILENT;
    return w->state == WITNESS_SILENT ? WITNESS_AGREES : WITNESS_WAIT;
}
