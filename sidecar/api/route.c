/* What operators say of routes: another active host, traffic off, a host down
 * or drained, by hand or not; and the same as Switchboard's clients say it. */
#include "api/api_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "consensus/facts.h"

/* ---- which cluster ------------------------------------------------------- */

/* Its name; NULL: the request is answered. */
static const char *
routed(const struct api *a, struct http_request *r, struct api_route *out)
{
    const char *cluster = http_request_segment(r, "cluster");
    char message[API_MESSAGE_SIZE];

    if (a->hooks.route(a->hooks.data, cluster, out) == 0)
        return cluster;
    snprintf(message, sizeof(message),
             "%.100s is no cluster whose sessions are routed: its Routing in "
             "sluiced's configuration says so",
             cluster);
    api_say(r, 404, NULL, message);
    return NULL;
}

static const char *
param(struct http_request *r, const char *name)
{
    const char *value = http_request_param(r, name);

    return value ? value : "";
}

static void
set(struct consensus_change *change, const char *kind, const char *cluster)
{
    memset(change, 0, sizeof(*change));
    change->kind = CHANGE_SET;
    snprintf(change->key, sizeof(change->key), "%s/%s", kind, cluster);
}

/* The setting as it is now; a change is made on condition that it still is. */
static const char *
present(const struct api *a,
        struct http_request *r,
        struct consensus_change *change)
{
    const struct facts *facts = api_facts(a, r);
    const char *value = facts ? facts_setting(facts, change->key) : NULL;

    if (!facts)
        return NULL;
    value = value ? value : "";
    change->compares = 1;
    change->expected = fact_value_mark(value);
    return value;
}

/* ---- another active host ---------------------------------------------------
 */

void
api_route_switch(void *api, struct http_request *r)
{
    static const char *const fields[] = {"host", "reason", NULL};
    const struct api *a = api;
    struct consensus_change change;
    struct api_route route;
    char message[API_MESSAGE_SIZE];
    const char *cluster;

    if (!api_may_change(r, fields) || !(cluster = routed(a, r, &route)))
        return;
    if (a->hooks.route_switch(a->hooks.data, cluster, param(r, "host"),
                              param(r, "reason"), &change, message,
                              sizeof(message)) != 0)
        api_say(r, 409, NULL, message);
    else
        api_change(a, r, &change);
}

/* ---- traffic
 * ------------------------------------------------------------------ */

/* As Go's strconv.ParseBool has it. -1: it is none. */
static int
read_bool(const char *text)
{
    static const char *const yes[] = {"1", "t", "T", "TRUE", "true", "True"};
    static const char *const no[] = {"0", "f", "F", "FALSE", "false", "False"};

    for (size_t i = 0; i < sizeof(yes) / sizeof(*yes); i++) {
        if (strcmp(text, yes[i]) == 0)
            return 1;
        if (strcmp(text, no[i]) == 0)
            return 0;
    }
    return -1;
}

/* NULL: it is good, and *traffic and *change say it. */
static const char *
make_traffic(const char *enabled,
             const char *message,
             const char *cluster,
             struct route_traffic *traffic,
             struct consensus_change *change)
{
    int on = read_bool(enabled);

    if (on < 0)
        return "Failed to parse trafficEnabled";
    if (!on && *message == '\0')
        return "message must not be empty";
    memset(traffic, 0, sizeof(*traffic));
    traffic->off = !on;
    traffic->changed_ms = clock_real_ms();
    snprintf(traffic->message, sizeof(traffic->message), "%s", message);
    set(change, "traffic", cluster);
    route_traffic_write(traffic, change->value);
    return NULL;
}

void
api_route_traffic(void *api, struct http_request *r)
{
    static const char *const fields[] = {"trafficEnabled", "message", NULL};
    const struct api *a = api;
    struct consensus_change change;
    struct route_traffic traffic;
    struct api_route route;
    const char *cluster, *wrong;

    if (!api_may_change(r, fields) || !(cluster = routed(a, r, &route)))
        return;
    wrong = make_traffic(param(r, "trafficEnabled"), param(r, "message"),
                         cluster, &traffic, &change);
    if (wrong)
        api_say(r, 400, NULL, wrong);
    else
        api_change(a, r, &change);
}

/* ---- by hand ---------------------------------------------------------------
 */

void
api_route_mode(void *api, struct http_request *r)
{
    static const char *const fields[] = {"mode", NULL};
    const struct api *a = api;
    const char *mode = param(r, "mode"), *cluster;
    struct consensus_change change;
    struct api_route route;

    if (!api_may_change(r, fields) || !(cluster = routed(a, r, &route)))
        return;
    set(&change, "mode", cluster);
    if (strcmp(mode, "manual") == 0)
        strcpy(change.value, "manual");
    else if (strcmp(mode, "automatic") != 0) {
        api_say(r, 400, NULL, "mode: expected manual or automatic");
        return;
    }
    api_change(a, r, &change);
}

/* ---- one host --------------------------------------------------------------
 */

/* The words without the host's, then the host's. -1: no room. */
static int
mark(const char *before,
     const char *host,
     const char *state,
     char out[FACT_VALUE_SIZE])
{
    size_t host_len = strlen(host), len = 0;
    int n;

    out[0] = '\0';
    while (*before) {
        size_t word = strcspn(before, " ");

        if (strncmp(before, host, host_len) != 0 || before[host_len] != '=') {
            n = snprintf(out + len, FACT_VALUE_SIZE - len, "%s%.*s",
                         len ? " " : "", (int)word, before);
            len += (size_t)n;
        }
        before += word;
        before += strspn(before, " ");
    }
    if (strcmp(state, "up") == 0)
        return 0;
    n = snprintf(out + len, FACT_VALUE_SIZE - len, "%s%s=%s", len ? " " : "",
                 host, state);
    return (size_t)n < FACT_VALUE_SIZE - len ? 0 : -1;
}

void
api_route_host(void *api, struct http_request *r)
{
    static const char *const fields[] = {"host", "state", NULL};
    const struct api *a = api;
    const char *host = param(r, "host"), *state = param(r, "state");
    struct consensus_change change;
    const char *cluster, *before;
    struct api_route route;

    if (!api_may_change(r, fields) || !(cluster = routed(a, r, &route)))
        return;
    if (strcmp(state, "up") != 0 && strcmp(state, "down") != 0 &&
        strcmp(state, "drained") != 0) {
        api_say(r, 400, NULL, "state: expected up, down or drained");
        return;
    }
    /* One that is gone can still be let go. */
    if (strcmp(state, "up") != 0 &&
        !a->hooks.route_has(a->hooks.data, cluster, host)) {
        api_say(r, 409, NULL,
                "host: no host of this cluster, expected NAME:PORT");
        return;
    }
    set(&change, "hosts", cluster);
    if (!(before = present(a, r, &change)))
        return;
    if (mark(before, host, state, change.value) != 0)
        api_say(r, 409, NULL, "too many hosts are down or drained");
    else
        api_change(a, r, &change);
}

/* ---- Switchboard's
 * -------------------------------------------------------------- */

/* Who waits for a PATCH. */
struct patch {
    struct http_request *request;
    struct route_fact fact;
    struct route_traffic traffic;
};

/* Go's time.Time: year 1 before the first change. */
static void
add_time(struct body *b, uint64_t real_ms)
{
    time_t seconds = (time_t)(real_ms / 1000);
    char text[40], fraction[8];
    struct tm tm;

    if (real_ms == 0) {
        body_string(b, "0001-01-01T00:00:00Z");
        return;
    }
    gmtime_r(&seconds, &tm);
    strftime(text, sizeof(text) - sizeof(fraction), "%Y-%m-%dT%H:%M:%S", &tm);
    if (real_ms % 1000) {
        snprintf(fraction, sizeof(fraction), ".%03u",
                 (unsigned)(real_ms % 1000));
        for (size_t n = strlen(fraction); fraction[n - 1] == '0'; n--)
            fraction[n - 1] = '\0';
        strcat(text, fraction);
    }
    strcat(text, "Z");
    body_string(b, text);
}

static void
add_active(struct body *b, const char *active)
{
    const char *colon = strrchr(active, ':');
    char host[ROUTE_FACT_HOST_SIZE];
    size_t len = colon ? (size_t)(colon - active) : 0;

    if (!colon) {
        body_add(b, "null");
        return;
    }
    if (active[0] == '[' && len > 2)
        snprintf(host, sizeof(host), "%.*s", (int)len - 2, active + 1);
    else
        snprintf(host, sizeof(host), "%.*s", (int)len, active);
    body_add(b, "{\"host\":");
    body_string(b, host);
    body_add(b, ",\"port\":");
    body_number(b, strtoull(colon + 1, NULL, 10));
    body_add(b, ",\"name\":");
    body_string(b, active);
    body_add(b, "}");
}

static void
add_cluster(struct body *b,
            const struct route_fact *fact,
            const struct route_traffic *traffic)
{
    body_add(b, "{\"activeBackend\":");
    add_active(b, fact->active);
    body_add(b, traffic->off ? ",\"trafficEnabled\":false,\"message\":"
                             : ",\"trafficEnabled\":true,\"message\":");
    body_string(b, traffic->message);
    body_add(b, ",\"lastUpdated\":");
    add_time(b, traffic->changed_ms);
    body_add(b, "}");
}

static void
on_patched(void *data,
           enum consensus_outcome outcome,
           const struct consensus_change *stored,
           uint64_t revision,
           const char *text)
{
    struct patch *patch = data;
    struct body body = {0};

    if (outcome != CONSENSUS_DONE) {
        api_say_failed(patch->request, outcome, stored->key, text);
        free(patch);
        return;
    }
    log_info("change_stored", log_str("change", "set"),
             log_str("key", stored->key),
             log_int("revision", (int64_t)revision));
    add_cluster(&body, &patch->fact, &patch->traffic);
    api_show(patch->request, "application/json; charset=utf-8", &body);
    body_free(&body);
    free(patch);
}

/* Its errors are text. */
static void
say_wrong(struct http_request *r, const char *text)
{
    char line[64];

    snprintf(line, sizeof(line), "%s\n", text);
    http_request_answer(r, &(struct http_answer){.status = 400,
                                                 .type = HTTP_TEXT,
                                                 .body = line,
                                                 .len = strlen(line)});
}

void
api_v0_cluster(void *api, struct http_request *r)
{
    const struct api *a = api;
    struct consensus_status status;
    struct consensus_change change;
    struct api_route route;
    struct patch *patch;
    const char *cluster, *wrong;

    if (!(cluster = routed(a, r, &route)) || api_status(a, r, &status) != 0)
        return;
    patch = calloc(1, sizeof(*patch));
    if (!patch)
        abort();
    patch->request = r;
    patch->fact = *route.fact;
    wrong = make_traffic(param(r, "trafficEnabled"), param(r, "message"),
                         cluster, &patch->traffic, &change);
    if (!wrong) {
        api_change_then(a, &change, on_patched, patch);
        return;
    }
    free(patch);
    say_wrong(r, wrong);
}
