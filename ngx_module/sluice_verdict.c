/* The answer to a check, in freno's order of evaluation. */
#include "sluice_verdict.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

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
    [SLUICE_REASON_SHARE_DOMAIN] = "share-domain",
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

/* ---- what is said ----------------------------------------------------- */

static int
text_is(const struct sluice_text *text, const char *word)
{
    size_t len = strlen(word);

    return text->len == len && memcmp(text->data, word, len) == 0;
}

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

/* ---- one metric ------------------------------------------------------- */

/* A metric and what it is held against. */
struct measure {
    const char *name; /* of a further metric; NULL: the cluster's own */
    double value;
    double threshold;
    uint64_t sampled_mono_ms;
    uint64_t valid_until_mono_ms;
    uint64_t age_ms;
    uint32_t status;
    const char *error;
};

/* What is asked for. */
struct subject {
    const struct sluice_cluster *cluster; /* NULL: there is no such one */
    int own;                              /* its own metric */
    const struct sluice_metric *further;
    uint32_t nfurther;
    int named; /* it needs saying which metric is shown */
    const struct sluice_freshness *fresh;
    int ready;
};

static uint64_t
sample_age(uint64_t sampled_ms, uint64_t now_ms)
{
    if (sampled_ms == 0 || sampled_ms > now_ms + VERDICT_FUTURE_MS)
        return SLUICE_AGE_UNKNOWN;
    return sampled_ms > now_ms ? 0 : now_ms - sampled_ms;
}

/* The caller's threshold, else the app's in this cluster, else the app's in
 * all, else the cluster's. */
static double
own_threshold(const struct sluice_cluster *c,
              const struct sluice_rules *rules,
              const struct sluice_request *r)
{
    const struct sluice_app *app = NULL;

    if (r->threshold > 0)
        return r->threshold;
    if (rules && rules->view && rules->view->napps > 0)
        app = sluice_view_app(rules->view, r->store_name.data,
                              r->store_name.len, r->app.data, r->app.len);
    return app ? app->threshold : c->threshold;
}

static struct measure
own_measure(const struct subject *s,
            const struct sluice_rules *rules,
            const struct sluice_request *r)
{
    const struct sluice_cluster *c = s->cluster;

    return (struct measure){
        .value = c->value,
        .threshold = own_threshold(c, rules, r),
        .sampled_mono_ms = c->sampled_mono_ms,
        .valid_until_mono_ms = c->valid_until_mono_ms,
        .age_ms = sample_age(c->sampled_mono_ms, s->fresh->now_mono_ms),
        .status = c->status,
        .error = c->error,
    };
}

/* The caller's threshold is meant for it only when it was asked for alone. */
static struct measure
further_measure(const struct subject *s,
                const struct sluice_metric *m,
                const struct sluice_request *r)
{
    return (struct measure){
        .name = m->name,
        .value = m->value,
        .threshold = !s->own && r->threshold > 0 ? r->threshold : m->threshold,
        .sampled_mono_ms = m->sampled_mono_ms,
        .valid_until_mono_ms = m->valid_until_mono_ms,
        .age_ms = sample_age(m->sampled_mono_ms, s->fresh->now_mono_ms),
        .status = m->status,
        .error = m->error,
    };
}

static void
show(const struct subject *s,
     const struct measure *m,
     struct sluice_verdict *out)
{
    out->threshold = m->threshold;
    out->age_ms = m->age_ms;
    if (s->named)
        snprintf(out->metric, sizeof(out->metric), "%s",
                 m->name ? m->name : SLUICE_METRIC_OWN);
}

static void
stale_sample(const struct subject *s,
             const struct measure *m,
             const char *prefix,
             struct sluice_verdict *out)
{
    const char *cluster = s->cluster->name;

    if (m->age_ms == SLUICE_AGE_UNKNOWN)
        decide(out, 500, SLUICE_REASON_STALE,
               "%sstale: %s has no sample of this boot", prefix, cluster);
    else
        decide(out, 500, SLUICE_REASON_STALE,
               "%sstale: %s was sampled %llu ms ago, valid for %llu ms", prefix,
               cluster, (unsigned long long)m->age_ms,
               (unsigned long long)(m->valid_until_mono_ms > m->sampled_mono_ms
                                        ? m->valid_until_mono_ms -
                                              m->sampled_mono_ms
                                        : 0));
}

/* -1 with the reason why it has no value. Before the node is ready "none" is
 * not the last word; a further metric is one that was asked for somewhere. */
static int
judge(const struct subject *s,
      const struct measure *m,
      struct sluice_verdict *out)
{
    enum sluice_reason reason =
        s->ready ? SLUICE_REASON_METRIC_ERROR : SLUICE_REASON_STARTING;
    char prefix[SLUICE_NAME_SIZE + 2] = "";

    if (m->name)
        snprintf(prefix, sizeof(prefix), "%s: ", m->name);
    if (m->status == SLUICE_METRIC_ERROR)
        decide(out, 500, reason, "%s%s", prefix,
               m->error[0] ? m->error : "metric error without a text");
    else if (m->status != SLUICE_METRIC_VALUE && s->ready && !m->name)
        no_such_metric(out, SLUICE_REASON_NO_METRIC);
    else if (m->status != SLUICE_METRIC_VALUE)
        decide(out, 500, reason, "%sMetric not collected yet", prefix);
    else if (m->age_ms == SLUICE_AGE_UNKNOWN ||
             s->fresh->now_mono_ms > m->valid_until_mono_ms)
        stale_sample(s, m, prefix, out);
    else
        return 0;
    return -1;
}

/* ---- all of them ------------------------------------------------------ */

static struct subject
pick(const struct sluice_view *v,
     const struct sluice_freshness *f,
     const struct sluice_request *r)
{
    const struct sluice_text *name = &r->store_name;
    struct subject s = {.fresh = f,
                        .ready = (v->node.flags & SLUICE_NODE_READY) != 0};
    uint32_t n;

    s.cluster = sluice_view_cluster(v, name->data, name->len);
    s.own = r->metric.len == 0 || text_is(&r->metric, SLUICE_METRIC_OWN);
    if (!s.cluster)
        return s;
    s.further = sluice_view_metrics(v, name->data, name->len, &n);
    s.named = n > 0 || r->metric.len > 0;
    if (r->metric.len == 0)
        s.nfurther = n;
    for (uint32_t i = 0; !s.own && i < n; i++)
        if (text_is(&r->metric, s.further[i].name)) {
            s.further += i;
            s.nfurther = 1;
            break;
        }
    return s;
}

/* How much of its threshold it is. */
static double
badness(const struct measure *m)
{
    if (m->threshold > 0)
        return m->value / m->threshold;
    return m->value > m->threshold ? INFINITY : 0;
}

/* What exceeds comes first, however closely. */
static int
is_worse(const struct measure *one, const struct measure *other)
{
    int exceeds = one->value > one->threshold;

    if (exceeds != (other->value > other->threshold))
        return exceeds;
    return badness(one) > badness(other);
}

/* Fills value, threshold and age; leaves status 200 when each has a value.
 * `first` is the cluster's own metric, or the one that is asked for. */
static void
judge_all(const struct subject *s,
          const struct measure *first,
          const struct sluice_request *r,
          struct sluice_verdict *out)
{
    struct measure worst = *first, next;

    if (judge(s, &worst, out) != 0)
        return;
    for (uint32_t i = s->own ? 0 : 1; i < s->nfurther; i++) {
        next = further_measure(s, &s->further[i], r);
        if (judge(s, &next, out) != 0) {
            show(s, &next, out);
            return;
        }
        if (is_worse(&next, &worst))
            worst = next;
    }
    show(s, &worst, out);
    out->value = worst.value;
}

/* Another leader of our share domain has not been healthy in it. */
static int
is_unhealthy_elsewhere(const struct subject *s)
{
    return s->own && s->cluster->share_unhealthy_s >= 1 &&
           s->cluster->share_until_mono_ms > s->fresh->now_mono_ms;
}

/* The same, and what is there to be said before any metric. 1: other domains
 * refuse, if nothing else does. */
static int
read_metrics(const struct sluice_view *v,
             const struct sluice_freshness *f,
             const struct sluice_rules *rules,
             const struct sluice_request *r,
             struct sluice_verdict *out)
{
    struct subject s;
    struct measure first;

    if (!has_state(v, f)) {
        decide(out, 500, SLUICE_REASON_NO_STATE, "%s",
               f->no_state ? f->no_state : "no state");
        return 0;
    }
    s = pick(v, f, r);
    if (s.cluster && (s.own || s.nfurther > 0)) {
        first = s.own ? own_measure(&s, rules, r)
                      : further_measure(&s, s.further, r);
        show(&s, &first, out);
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
    else if (!s.cluster || (!s.own && s.nfurther == 0))
        no_such_metric(out, SLUICE_REASON_NO_METRIC);
    else
        judge_all(&s, &first, r, out);
    return out->status == 200 && is_unhealthy_elsewhere(&s);
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

/* The app of freno's own checks is free of other domains: two of them would
 * keep each other unhealthy for ever. */
static void
hold_against(int unhealthy_elsewhere,
             const struct sluice_request *r,
             struct sluice_verdict *out)
{
    if (r->app.len == 0)
        decide(out, 417, SLUICE_REASON_NO_APP, "no app indicated");
    else if (out->status == 200 && out->value > out->threshold)
        decide(out, 429, SLUICE_REASON_THRESHOLD, "Threshold exceeded");
    else if (unhealthy_elsewhere && !text_is(&r->app, "freno"))
        decide(out, 429, SLUICE_REASON_SHARE_DOMAIN, "Threshold exceeded");
}

void
sluice_verdict_check(const struct sluice_view *v,
                     const struct sluice_freshness *f,
                     const struct sluice_rules *rules,
                     const struct sluice_request *r,
                     struct sluice_verdict *out)
{
    int unhealthy_elsewhere = 0;

    memset(out, 0, sizeof(*out));
    out->status = 200;
    out->reason = SLUICE_REASON_OK;
    out->age_ms = SLUICE_AGE_UNKNOWN;

    if (!text_is(&r->store_type, "mysql")) {
        no_such_metric(out, SLUICE_REASON_NO_METRIC);
    } else {
        if (r->threshold > 0)
            out->threshold = r->threshold;
        deny(f, rules, r, out);
        if (out->status == 200)
            unhealthy_elsewhere = read_metrics(v, f, rules, r, out);
        hold_against(unhealthy_elsewhere, r, out);
    }
    if (out->status == 404 && r->if_exists)
        out->status = 200;
}
