/* Routes, answers that all routes share, and the way of a change. */
#include "api/api_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

#define CHANGES (HTTP_GET | HTTP_POST)

static const struct http_route routes[] = {
    {CHANGES, "/throttle-app/:app", api_throttle},
    {HTTP_DELETE, "/throttle-app/:app", api_unthrottle},
    {CHANGES, "/throttle-app/:app/ttl/:ttl", api_throttle},
    {CHANGES, "/throttle-app/:app/ratio/:ratio", api_throttle},
    {CHANGES, "/throttle-app/:app/ttl/:ttl/ratio/:ratio", api_throttle},
    {CHANGES, "/unthrottle-app/:app", api_unthrottle},
    {HTTP_GET, "/throttled-apps", api_throttled_apps},

    {CHANGES, "/skip-host/:host", api_skip},
    {HTTP_DELETE, "/skip-host/:host", api_recover},
    {CHANGES, "/skip-host/:host/ttl/:ttl", api_skip},
    {CHANGES, "/recover-host/:host", api_recover},
    {HTTP_GET, "/skipped-hosts", api_skipped_hosts},

    {HTTP_GET, "/consensus/leader", api_leader},
    {HTTP_GET, "/raft/leader", api_leader},
    {HTTP_GET, "/consensus/state", api_state},
    {HTTP_GET, "/raft/state", api_state},
    {HTTP_GET, "/consensus/status", api_consensus_status},

    {HTTP_GET, "/config/memcache", api_memcache},

    {HTTP_POST, "/route/:cluster/switch", api_route_switch},
    {HTTP_POST, "/route/:cluster/traffic", api_route_traffic},
    {HTTP_POST, "/route/:cluster/mode", api_route_mode},
    {HTTP_POST, "/route/:cluster/host", api_route_host},
    {HTTP_PATCH, "/v0/:cluster/cluster", api_v0_cluster},

    {HTTP_GET, "/consensus/members", api_members},
    {HTTP_GET, "/raft/members", api_members},
    {HTTP_POST, "/consensus/members", api_change_members},
    {0, NULL, NULL},
};

/* ---- answers ---------------------------------------------------------- */

static void
say_body(struct body *b, unsigned status, const char *message)
{
    body_add(b, "{\"StatusCode\":");
    body_number(b, status);
    body_add(b, ",\"Message\":");
    body_string(b, message);
    body_add(b, "}\n");
}

/* Who is told that it is not now may try again in a second. */
static struct http_answer
say_answer(const struct body *b, unsigned status, const char *reason)
{
    struct http_answer a = {
        .status = status,
        .type = API_JSON,
        .body = b->text,
        .len = b->len,
    };
    size_t n = 0;

    if (reason)
        a.headers[n++] = (struct http_header){"Sluice-Reason", reason};
    if (status == 503)
        a.headers[n++] = (struct http_header){"Retry-After", "1"};
    return a;
}

void
api_say(struct http_request *r,
        unsigned status,
        const char *reason,
        const char *message)
{
    struct body body = {0};
    struct http_answer answer;

    say_body(&body, status, message);
    answer = say_answer(&body, status, reason);
    http_request_answer(r, &answer);
    body_free(&body);
}

void
api_show(struct http_request *r, const char *type, const struct body *b)
{
    http_request_answer(
        r, &(struct http_answer){
               .status = 200, .type = type, .body = b->text, .len = b->len});
}

int
api_status(const struct api *a,
           struct http_request *r,
           struct consensus_status *status)
{
    *status = (struct consensus_status){0};
    if (a->hooks.status(a->hooks.data, status) == 0)
        return 0;
    api_say(r, 503, "no-store",
            "no store is configured that could keep this: set RaftDataDir "
            "or BackendMySQLHost and restart sluiced");
    return -1;
}

const struct facts *
api_facts(const struct api *a, struct http_request *r)
{
    struct consensus_status status;
    const struct facts *facts;

    if (api_status(a, r, &status) != 0)
        return NULL;
    facts = a->hooks.facts(a->hooks.data);
    if (!facts)
        api_say(r, 503, "facts-unknown",
                "the store was not reached since sluiced started: see its log "
                "for why, and repeat the request when it is back");
    return facts;
}

/* ---- changes ---------------------------------------------------------- */

/*
 * A page of another site can make a browser send a request here, but not with
 * a header of its own making: the browser would ask us first, and we give no
 * leave. What does not come from a browser says none of the three.
 */
static int
is_cross_site(const struct http_request *r)
{
    const char *site = http_request_header(r, "Sec-Fetch-Site");
    const char *asks = http_request_header(r, "Sluice-Request");
    unsigned method = http_request_method(r);

    if (!site && !http_request_header(r, "Origin") &&
        !http_request_header(r, "Referer"))
        return 0;
    return (method != HTTP_POST && method != HTTP_DELETE) || !asks ||
           !asks[0] || (site && strcmp(site, "same-origin") != 0);
}

int
api_may_change(struct http_request *r, const char *const *fields)
{
    const char *stranger = http_request_stranger(r, fields);
    char message[API_MESSAGE_SIZE];
    size_t used;

    if (is_cross_site(r)) {
        api_say(r, 403, "cross-site",
                "from a browser a change needs POST or DELETE and the header "
                "Sluice-Request: 1, and a page of the same origin");
        return 0;
    }
    if (!stranger)
        return 1;
    used = (size_t)snprintf(message, sizeof(message),
                            "unknown field %.200s; known are", stranger);
    for (; *fields; fields++)
        used += (size_t)snprintf(message + used, sizeof(message) - used, " %s",
                                 *fields);
    api_say(r, 400, NULL, message);
    return 0;
}

struct asked {
    struct http_request *request;
    struct consensus_change change;
};

static void
log_change(const struct consensus_change *c, uint64_t revision)
{
    static const char *const kinds[] = {
        [CHANGE_THROTTLE] = "throttle", [CHANGE_UNTHROTTLE] = "unthrottle",
        [CHANGE_SKIP] = "skip",         [CHANGE_RECOVER] = "recover",
        [CHANGE_SET] = "set",
    };

    /* ttl_ms 0: for ever. */
    log_info("change_stored", log_str("change", kinds[c->kind]),
             log_str("key", c->key), log_num("ratio", c->ratio),
             log_int("ttl_ms", c->ttl_ms == FACT_NEVER ? 0 : c->ttl_ms),
             log_int("revision", (int64_t)revision), log_str("owner", c->owner),
             log_str("reason", c->reason));
}

/* The store says what it did, and of an unknown outcome also what to do. Who
 * comes too late does not repeat it unseen. */
void
api_say_failed(struct http_request *r,
               enum consensus_outcome outcome,
               const char *key,
               const char *why)
{
    int unknown = outcome == CONSENSUS_UNKNOWN;
    char message[API_MESSAGE_SIZE];

    if (outcome == CONSENSUS_REFUSED && why &&
        strcmp(why, CONSENSUS_LOST) == 0) {
        api_say(r, 409, NULL, why);
        return;
    }
    if (!why || why[0] == '\0')
        why = unknown ? "may or may not have been stored, repeat it"
                      : "nothing changed";
    snprintf(message, sizeof(message), "%s%s", why,
             unknown ? "" : "; repeat the request when that is mended");
    log_warn(unknown ? "change_unknown" : "change_refused", log_str("key", key),
             log_str("error", why));
    api_say(r, 503, unknown ? "unknown" : "refused", message);
}

static void
on_done(void *data,
        enum consensus_outcome outcome,
        const struct consensus_change *stored,
        uint64_t revision,
        const char *text)
{
    struct asked *asked = data;

    if (outcome == CONSENSUS_DONE) {
        log_change(stored ? stored : &asked->change, revision);
        api_say(asked->request, 200, NULL, "OK");
    } else {
        api_say_failed(asked->request, outcome, asked->change.key, text);
    }
    free(asked);
}

void
api_change_then(const struct api *a,
                const struct consensus_change *change,
                consensus_done_cb cb,
                void *data)
{
    a->hooks.change(a->hooks.data, change, cb, data);
}

void
api_change(const struct api *a,
           struct http_request *r,
           const struct consensus_change *change)
{
    struct consensus_status status;
    struct asked *asked;

    if (api_status(a, r, &status) != 0)
        return;
    asked = calloc(1, sizeof(*asked));
    if (!asked)
        abort();
    asked->request = r;
    asked->change = *change;
    a->hooks.change(a->hooks.data, &asked->change, on_done, asked);
}

/* ---- opening and closing ---------------------------------------------- */

struct api *
api_open(struct loop *loop,
         const char *socket_path,
         const struct api_hooks *hooks,
         char *err,
         size_t err_size)
{
    struct api *a = calloc(1, sizeof(*a));
    struct http_options options = {.routes = routes, .data = a};

    if (!a)
        abort();
    a->hooks = *hooks;
    a->server = http_server_open(loop, socket_path, &options, err, err_size);
    if (!a->server) {
        free(a);
        return NULL;
    }
    return a;
}

void
api_close(struct api *a)
{
    struct body body = {0};
    struct http_answer farewell;

    if (!a)
        return;
    say_body(&body, 503,
             "sluiced stops: a change may or may not have been stored; "
             "repeat the request");
    farewell = say_answer(&body, 503, "unknown");
    http_server_close(a->server, &farewell);
    body_free(&body);
    free(a);
}
