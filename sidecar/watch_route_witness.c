/* Whether others hear a host that is silent here: questions, and answers. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "consensus/draw.h"
#include "consensus/facts.h"
#include "watch_private.h"
#include "watch_route.h"
#include "watch_route_private.h"

static void
make_change(const struct watch *w,
            const char *kind,
            struct consensus_change *out)
{
    memset(out, 0, sizeof(*out));
    out->kind = CHANGE_SET;
    snprintf(out->key, sizeof(out->key), "%s%s", kind, watch_name(w));
}

/* ---- asking ---------------------------------------------------------------
 */

static void
log_heard(const struct watch *w, const struct watch_host *host)
{
    log_warn("host_silent_here", log_str("cluster", watch_name(w)),
             log_str("host", host->id.name), log_int("port", host->id.port),
             log_int("heard_elsewhere_ms_ago", (int64_t)w->route->seen.ago_ms),
             log_str("advice", "another node hears it: it stays active. Look "
                               "at this node's way to it"));
}

int
watch_route_ask(struct watch *w,
                const struct watch_host *host,
                struct consensus_change *out)
{
    struct watch_route *r = w->route;
    char number[WITNESS_NUMBER_SIZE], name[ROUTE_FACT_HOST_SIZE];
    int asked = r->witness.state == WITNESS_ASKED;
    enum witness_step step;

    draw_hex(number, WITNESS_NUMBER_SIZE - 1);
    watch_route_name(&host->id, name);
    step = witness_look(&r->witness, name, host->health.since_ms,
                        (unsigned)w->cluster->routing.freeze_ms, &r->seen,
                        number, clock_mono_ms());
    if (asked && r->witness.state == WITNESS_HEARD)
        log_heard(w, host);
    if (step == WITNESS_AGREES)
        return 0;
    r->stirred = *w->shared->stirs = 1;
    if (step == WITNESS_WAIT)
        return -1;
    make_change(w, WATCH_ROUTE_ASK, out);
    witness_question_write(&r->witness.question, out->value);
    return 1;
}

/* ---- answering ------------------------------------------------------------
 */

static const struct watch_host *
find(const struct watch *w, const char *name)
{
    for (size_t i = 0; i < w->nhosts; i++)
        if (strcmp(w->route->names[i], name) == 0)
            return w->hosts[i]->eligible ? w->hosts[i] : NULL;
    return NULL;
}

/* Who does not ask that host, or not for long enough, or was stopped itself,
 * does not know. */
static void
take_question(struct watch *w, const struct witness_question *q)
{
    struct watch_route *r = w->route;
    const struct watch_host *host = find(w, q->host);
    uint64_t ago_ms = UINT64_MAX;

    if (!host || host->health.state == HEALTH_UNKNOWN)
        return;
    if (host->heard_ms != 0)
        ago_ms = clock_mono_ms() - host->heard_ms;
    if (host->health.state == HEALTH_UP &&
        host->health.heard_ms > host->heard_ms)
        return;
    memcpy(r->answer.number, q->number, sizeof(r->answer.number));
    r->answer.ago_ms = ago_ms;
    r->owes_answer = 1;
}

void
watch_route_witness(struct watch *w, const struct facts *facts)
{
    struct watch_route *r = w->route;
    struct witness_question q;
    const char *text = watch_route_setting(w, facts, WATCH_ROUTE_SEEN);

    snprintf(r->seen_text, sizeof(r->seen_text), "%s", text);
    witness_answer_read(text, &r->seen);
    text = watch_route_setting(w, facts, WATCH_ROUTE_ASK);
    if (witness_question_read(text, &q) != 0 || strcmp(q.number, r->asked) == 0)
        return;
    memcpy(r->asked, q.number, sizeof(r->asked));
    /* An old one, of before this process; or our own. */
    if (r->known && strcmp(q.number, r->witness.question.number) != 0)
        take_question(w, &q);
}

int
watch_route_answer(struct watch *w, struct consensus_change *out)
{
    struct watch_route *r = w->route;

    if (!r->owes_answer)
        return 0;
    r->owes_answer = 0;
    make_change(w, WATCH_ROUTE_SEEN, out);
    out->compares = 1;
    out->expected = fact_value_mark(r->seen_text);
    witness_answer_write(&r->answer, out->value);
    return 1;
}
