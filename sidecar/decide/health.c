/* Rise, fall and silence. */
#include "decide/health.h"

#include <stdio.h>
#include <string.h>

static int
become(struct health *h,
       enum health_state state,
       const char *text,
       uint64_t now_ms)
{
    int changed = h->state != state;

    h->silent = 0;
    snprintf(h->text, sizeof(h->text), "%.*s", HEALTH_TEXT_SIZE - 1, text);
    if (changed) {
        h->state = state;
        h->since_ms = now_ms;
    }
    return changed;
}

void
health_begin(struct health *h, enum health_state state, uint64_t now_ms)
{
    memset(h, 0, sizeof(*h));
    h->state = state;
    h->since_ms = now_ms;
    h->heard_ms = now_ms;
    snprintf(h->text, sizeof(h->text), "not asked yet");
}

static int
hear_good(struct health *h,
          const struct health_rules *rules,
          const char *text,
          uint64_t now_ms)
{
    h->heard_ms = now_ms;
    h->bad = 0;
    h->last[0] = '\0';
    h->good += h->good < rules->rise;
    /* At the start nobody is better known: one good answer will do. */
    if (h->good >= rules->rise || h->state != HEALTH_DOWN)
        return become(h, HEALTH_UP, text, now_ms);
    return 0;
}

static int
hear_bad(struct health *h,
         const struct health_rules *rules,
         const char *text,
         uint64_t now_ms)
{
    h->heard_ms = now_ms;
    h->good = 0;
    h->last[0] = '\0';
    h->bad += h->bad < rules->fall;
    if (h->bad >= rules->fall || h->state == HEALTH_DOWN)
        return become(h, HEALTH_DOWN, text, now_ms);
    return 0;
}

int
health_hear(struct health *h,
            const struct health_rules *rules,
            enum health_kind kind,
            const char *text,
            uint64_t now_ms)
{
    switch (kind) {
    case HEALTH_GOOD:
        return hear_good(h, rules, text, now_ms);
    case HEALTH_BAD:
        return hear_bad(h, rules, text, now_ms);
    case HEALTH_REFUSED:
        h->good = h->bad = 0;
        return become(h, HEALTH_DOWN, text, now_ms);
    default:
        h->good = 0;
        snprintf(h->last, sizeof(h->last), "%s", text);
        return health_wait(h, rules, now_ms);
    }
}

int
health_wait(struct health *h, const struct health_rules *rules, uint64_t now_ms)
{
    char text[HEALTH_TEXT_SIZE + 64];

    if (h->state == HEALTH_DOWN || now_ms < h->heard_ms + rules->freeze_ms)
        return 0;
    snprintf(text, sizeof(text), "silent for %u ms%s%s", rules->freeze_ms,
             h->last[0] ? ": " : "", h->last);
    become(h, HEALTH_DOWN, text, now_ms);
    h->silent = 1;
    return 1;
}

uint64_t
health_due_ms(const struct health *h, const struct health_rules *rules)
{
    return h->state == HEALTH_DOWN ? UINT64_MAX
                                   : h->heard_ms + rules->freeze_ms;
}

void
health_forgive(struct health *h, uint64_t now_ms)
{
    h->heard_ms = now_ms;
}
