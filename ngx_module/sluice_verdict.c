/* The answer to a check, in freno's order of evaluation. */
#include "sluice_verdict.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "sluice_format.h"

#define VERDICT_FUTURE_MS 1000 /* how far ahead a sane sample can be */

static const char *const reason_names[SLUICE_REASON_MAX] = {
    [SLUICE_REASON_OK] = "ok",
    [SLUICE_REASON_THRESHOLD] = "threshold-exceeded",
    [SLUICE_REASON_NO_APP] = "no-app",
    [SLUICE_REASON_NO_METRIC] = "no-such-metric",
    [SLUICE_REASON_METRIC_ERROR] = "metric-error",
    [SLUICE_REASON_STALE] = "stale",
    [SLUICE_REASON_STARTING] = "starting",
    [SLUICE_REASON_NO_STATE] = "no-state",
    [SLUICE_REASON_NOT_LEADER] = "not-leader",
    [SLUICE_REASON_APP_DENIED] = "app-denied",
    [SLUICE_REASON_LOW_PRIORITY] = "low-priority",
    [SLUICE_REASON_FACTS_UNKNOWN] = "facts-unknown",
};

const char *
sluice_reason_name(enum sluice_reason reason)
{
    if ((unsigned)reason >= SLUICE_REASON_MAX)
        return "unknown";
    return reason_names[reason];
}

/* ---- who may answer --------------------------------------------------- */

static int
has_state(const struct sluice_view *v, const struct sluice_freshness *f)
{
    return v && !f->no_state;
}

static int
is_beating(const struct sluice_freshness *f)
{
    /* "Never" is too old for any bound. */
    return f->heartbeat_age_ms <= f->max_age_ms &&
           f->heartbeat_age_ms != SLUICE_AGE_UNKNOWN;
}

static int
is_leading(const struct sluice_node *node, const struct sluice_freshness *f)
{
    return node->leader_until_boot_ms == SLUICE_LEADER_ALWAYS ||
           f->now_boot_ms < node->leader_until_boot_ms;
}

int
sluice_view_answers(const struct sluice_view *v,
                    const struct sluice_freshness *f)
{
    return has_state(v, f) && is_beating(f) &&
           (v->node.flags & SLUICE_NODE_READY) != 0;
}

int
sluice_view_leads(const struct sluice_view *v, const struct sluice_freshness *f)
{
    return sluice_view_answers(v, f) && is_leading(&v->node, f);
}

/* ---- the metric ------------------------------------------------------- */

__attribute__((format(printf, 4, 5))) static void
decide(struct sluice_verdict *out,
       unsigned status,
       enum sluice_reason reason,
       const char *format,
       ...)
{
    va_list args;

    out->status = status;
    out->reason = reason;
    va_start(args, format);
    vsnprintf(out->message, sizeof(out->message), format, args);
    va_end(args);
}

static void
no_such_metric(struct sluice_verdict *out, enum sluice_reason reason)
{
    decide(out, 404, reason, "No such metric");
}

static void
stale_heartbeat(const struct sluice_freshness *f, struct sluice_verdict *out)
{
    if (f->heartbeat_age_ms == SLUICE_AGE_UNKNOWN)
        decide(out, 500, SLUICE_REASON_STALE,
               "stale: the state file has no heartbeat of this boot");
    else
        decide(out, 500, SLUICE_REASON_STALE,
               "stale: the last heartbeat is %llu ms old, max_age is %llu ms",
               (unsigned long long)f->heartbeat_age_ms,
               (unsigned long long)f->max_age_ms);
}

static void
stale_sample(const struct sluice_cluster *c, struct sluice_verdict *out)
{
    if (out->age_ms == SLUICE_AGE_UNKNOWN)
        decide(out, 500, SLUICE_REASON_STALE,
               "stale: %s has no sample of this boot", c->name);
    else
        decide(out, 500, SLUICE_REASON_STALE,
               "stale: %s was sampled %llu ms ago, valid for %llu ms", c->name,
               (unsigned long long)out->age_ms,
               (unsigned long long)(c->valid_until_mono_ms > c->sampled_mono_ms
                                        ? c->valid_until_mono_ms -
                                              c->sampled_mono_ms
                                        : 0));
}

static uint64_t
sample_age(const struct sluice_cluster *c, uint64_t now_ms)
{
    if (c->sampled_mono_ms == 0 ||
        c->sampled_mono_ms > now_ms + VERDICT_FUTURE_MS)
        return SLUICE_AGE_UNKNOWN;
    return c->sampled_mono_ms > now_ms ? 0 : now_ms - c->sampled_mono_ms;
}

/* The value of a known cluster on a node whose word counts, or the reason
 * why there is none. Before the node is ready "none" is not the last word. */
static void
judge_cluster(const struct sluice_view *v,
              const struct sluice_freshness *f,
              const struct sluice_cluster *c,
              struct sluice_verdict *out)
{
    int ready = (v->node.flags & SLUICE_NODE_READY) != 0;

    if (c->status == SLUICE_METRIC_ERROR)
        decide(out, 500,
               ready ? SLUICE_REASON_METRIC_ERROR : SLUICE_REASON_STARTING,
               "%s", c->error[0] ? c->error : "metric error without a text");
    else if (c->status != SLUICE_METRIC_VALUE && ready)
        no_such_metric(out, SLUICE_REASON_NO_METRIC);
    else if (c->status != SLUICE_METRIC_VALUE)
        decide(out, 500, SLUICE_REASON_STARTING, "Metric not collected yet");
    else if (out->age_ms == SLUICE_AGE_UNKNOWN ||
             f->now_mono_ms > c->valid_until_mono_ms)
        stale_sample(c, out);
    else
        out->value = c->value;
}

/* Fills value, threshold and age; leaves status 200 when there is a value. */
static void
read_metric(const struct sluice_view *v,
            const struct sluice_freshness *f,
            const struct sluice_rules *rules,
            const struct sluice_text *name,
            struct sluice_verdict *out)
{
    const struct sluice_cluster *c;

    if (!has_state(v, f)) {
        decide(out, 500, SLUICE_REASON_NO_STATE, "%s",
               f->no_state ? f->no_state : "no state");
        return;
    }
    c = sluice_view_cluster(v, name->data, name->len);
    if (c) {
        out->threshold = c->threshold;
        out->age_ms = sample_age(c, f->now_mono_ms);
    }
    if (!is_beating(f))
        stale_heartbeat(f, out);
    else if (rules && sluice_rules_unknown(rules))
        decide(out, 500, SLUICE_REASON_FACTS_UNKNOWN,
               "who is throttled is not known yet: the store of facts could"
               " not be read since the start");
    else if ((v->node.flags & SLUICE_NODE_LEADER_ONLY) != 0 &&
             !is_leading(&v->node, f))
        no_such_metric(out, SLUICE_REASON_NOT_LEADER);
    else if (!c)
        no_such_metric(out, SLUICE_REASON_NO_METRIC);
    else
        judge_cluster(v, f, c, out);
}

/* ---- the verdict ------------------------------------------------------ */

/* Leaves status 200 when nothing denies the app. */
static void
deny(const struct sluice_freshness *f,
     const struct sluice_rules *rules,
     const struct sluice_request *r,
     struct sluice_verdict *out)
{
    if (r->low_priority && r->low_marked)
        decide(out, 417, SLUICE_REASON_LOW_PRIORITY, "App denied");
    else if (rules && sluice_throttle_denies(rules, r->app, r->store_name,
                                             f->now_mono_ms))
        decide(out, 417, SLUICE_REASON_APP_DENIED, "App denied");
}

static int
text_is(const struct sluice_text *text, const char *word)
{
    size_t len = strlen(word);

    return text->len == len && memcmp(text->data, word, len) == 0;
}

void
sluice_verdict_check(const struct sluice_view *v,
                     const struct sluice_freshness *f,
                     const struct sluice_rules *rules,
                     const struct sluice_request *r,
                     struct sluice_verdict *out)
{
    memset(out, 0, sizeof(*out));
    out->status = 200;
    out->reason = SLUICE_REASON_OK;
    out->age_ms = SLUICE_AGE_UNKNOWN;

    if (!text_is(&r->store_type, "mysql")) {
        no_such_metric(out, SLUICE_REASON_NO_METRIC);
    } else {
        deny(f, rules, r, out);
        if (out->status == 200)
            read_metric(v, f, rules, &r->store_name, out);
        if (r->threshold > 0)
            out->threshold = r->threshold;
        if (r->app.len == 0)
            decide(out, 417, SLUICE_REASON_NO_APP, "no app indicated");
        else if (out->status == 200 && out->value > out->threshold)
            decide(out, 429, SLUICE_REASON_THRESHOLD, "Threshold exceeded");
    }
    if (out->status == 404 && r->if_exists)
        out->status = 200;
}

/* ---- freno's body ----------------------------------------------------- */

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
