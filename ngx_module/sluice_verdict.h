/*
 * The answer to a check: view + rules + request -> verdict, in freno's order
 * of evaluation (freno b3fbe7e, go/throttle/check.go). Pure.
 */
#ifndef SLUICE_VERDICT_H
#define SLUICE_VERDICT_H

#include "sluice_throttle.h"
#include "sluice_view.h"

/* Why a verdict is what it is; Sluice-Reason and $sluice_reason show the word
 * for it. */
enum sluice_reason {
    SLUICE_REASON_OK,
    SLUICE_REASON_THRESHOLD,
    SLUICE_REASON_NO_APP,
    SLUICE_REASON_NO_METRIC,
    SLUICE_REASON_METRIC_ERROR,
    SLUICE_REASON_STALE,
    SLUICE_REASON_STARTING,
    SLUICE_REASON_NO_STATE,
    SLUICE_REASON_NOT_LEADER,
    SLUICE_REASON_APP_DENIED,
    SLUICE_REASON_LOW_PRIORITY,
    SLUICE_REASON_FACTS_UNKNOWN,
    SLUICE_REASON_SHARE_DOMAIN,
    SLUICE_REASON_MAX
};

/* The word for a reason: "ok", "threshold-exceeded", "no-app",
 * "no-such-metric", "metric-error", "stale", "starting", "no-state",
 * "not-leader", "app-denied", "low-priority", "facts-unknown",
 * "share-domain". */
const char *sluice_reason_name(enum sluice_reason reason);

struct sluice_request {
    struct sluice_text app;
    struct sluice_text store_type; /* "mysql" is the only one known */
    struct sluice_text store_name;
    /* Empty: all metrics of the cluster have to pass. SLUICE_METRIC_OWN, or
     * the name of a further one: that one alone. */
    struct sluice_text metric;
    /* When > 0: instead of the threshold of the cluster's own metric, or of
     * the one that is asked for. */
    double threshold;
    unsigned read : 1;      /* check-read */
    unsigned if_exists : 1; /* 404 becomes 200 */
    unsigned low_priority : 1;
    unsigned low_marked : 1; /* the store refuses low priority just now */
};

/* What the asker knows of the data's age. */
struct sluice_freshness {
    uint64_t now_mono_ms;
    uint64_t now_boot_ms;
    uint64_t heartbeat_age_ms; /* sluice_heartbeat_age() */
    uint64_t max_age_ms;       /* bound on it: the max_age directive */
    const char *no_state;      /* why there is no view; NULL: there is one */
};

#define SLUICE_AGE_UNKNOWN UINT64_MAX

struct sluice_verdict {
    unsigned status; /* HTTP's and the body's: 200 404 417 429 500 */
    enum sluice_reason reason;
    double value;
    double threshold;
    uint64_t age_ms; /* of the sample; SLUICE_AGE_UNKNOWN: no sample */
    char message[SLUICE_ERROR_SIZE + SLUICE_NAME_SIZE + 64]; /* "" for 200 */
    /* Whose value and threshold these are; "" when that goes without saying:
     * the cluster has but one, and none was asked for. */
    char metric[SLUICE_NAME_SIZE];
};

/* 1 when every check can be answered from the view: heartbeat fresh and the
 * node READY. */
int sluice_view_answers(const struct sluice_view *v,
                        const struct sluice_freshness *f);

/* 1 when this node leads: it answers, and its leadership has not run out. */
int sluice_view_leads(const struct sluice_view *v,
                      const struct sluice_freshness *f);

/*
 * v may be NULL when f->no_state says why; rules may be NULL: there are none.
 * Total: always fills *out. What denies an app (low priority, a throttle) is
 * looked at before anything that ages: it holds while the state is old or
 * gone, and for a store that is not known.
 *
 * With several metrics the first of these says what is shown: no value of the
 * cluster's own one; a further one that has none ("NAME: why"); of all values
 * the one that is the most of its threshold. An app's own threshold (sluice_app
 * in the rules) holds for the cluster's own metric only.
 */
void sluice_verdict_check(const struct sluice_view *v,
                          const struct sluice_freshness *f,
                          const struct sluice_rules *rules,
                          const struct sluice_request *r,
                          struct sluice_verdict *out);

/*
 * freno's body, one JSON object and a newline:
 * {"StatusCode":200,"Value":0.25,"Threshold":1,"Message":""}
 * Returns the length, at most SLUICE_VERDICT_BODY_SIZE; not terminated.
 */
#define SLUICE_VERDICT_BODY_SIZE 3072
size_t sluice_verdict_body(const struct sluice_verdict *verdict, char *buf);

#endif
