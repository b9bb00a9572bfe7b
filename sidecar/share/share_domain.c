/* Asks the leaders of other domains, and keeps what they said. */
#include "share/share_domain.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "share/share_health.h"

#define CONNECT_MS 1000
#define TOTAL_MS 2000
#define BODY_MAX ((size_t)4 << 20)

struct peer {
    struct share_domain *share;
    struct peer *next;
    char *service_id;
    int wanted; /* still among the leaders */
    struct http_get *get;
    struct share_health health;
    uint64_t until_ms; /* for which it counts */
    uint64_t failed_said_ms;
    int failing;
};

struct share_domain {
    struct share_domain_events events;
    void *data;
    struct http_client *client;
    uv_timer_t timer;
    struct peer *peers;
};

/* ---- a peer's answer ----------------------------------------------------- */

static void
failed(struct peer *peer, const char *error)
{
    if (!peer->failing || log_again(&peer->failed_said_ms, clock_mono_ms())) {
        peer->failed_said_ms = clock_mono_ms();
        log_warn("share_domain_unreachable", log_str("peer", peer->service_id),
                 log_str("error", error),
                 log_str("advice", "its health does not count here"));
    }
    peer->failing = 1;
}

static void
succeeded(struct peer *peer, struct share_health *health)
{
    share_health_free(&peer->health);
    peer->health = *health;
    peer->until_ms = clock_mono_ms() + SHARE_DOMAIN_KEEP_MS;
    if (peer->failing)
        log_info("share_domain_back", log_str("peer", peer->service_id));
    peer->failing = 0;
    peer->share->events.heard(peer->share->data);
}

static void
on_answer(void *data,
          const struct http_client_answer *answer,
          const char *error)
{
    struct peer *peer = data;
    struct share_health health;
    char text[256];

    peer->get = NULL;
    if (!answer) {
        failed(peer, error);
        return;
    }
    if (answer->status != 200)
        snprintf(text, sizeof(text), "it answers %u", answer->status);
    else if (share_health_parse(answer->body, answer->len, &health, text,
                                sizeof(text)) == 0) {
        succeeded(peer, &health);
        return;
    }
    failed(peer, text);
}

/* One that is slow is not asked again before it answered. */
static void
ask(struct peer *peer)
{
    struct http_client_request request = {
        .connect_ms = CONNECT_MS,
        .total_ms = TOTAL_MS,
        .body_max = BODY_MAX,
    };
    char *url;

    if (peer->get)
        return;
    if (asprintf(&url, "http://%s/metrics-health", peer->service_id) < 0)
        abort();
    request.url = url;
    peer->get = http_client_get(peer->share->client, &request, on_answer, peer);
    free(url);
}

/* ---- who they are ---------------------------------------------------------
 */

static struct peer *
want(struct share_domain *share, const char *service_id)
{
    struct peer *peer;

    for (peer = share->peers; peer; peer = peer->next)
        if (strcmp(peer->service_id, service_id) == 0)
            return peer;
    peer = calloc(1, sizeof(*peer));
    if (!peer || !(peer->service_id = strdup(service_id)))
        abort();
    peer->share = share;
    peer->next = share->peers;
    share->peers = peer;
    return peer;
}

static void
drop(struct peer **link)
{
    struct peer *peer = *link;

    *link = peer->next;
    http_client_cancel(peer->get);
    share_health_free(&peer->health);
    free(peer->service_id);
    free(peer);
}

/* Who leads no longer is not asked any more, but what it said last counts as
 * long as anybody's: its successor has said nothing yet. */
static void
drop_unwanted(struct share_domain *share, uint64_t now_ms)
{
    struct peer **link = &share->peers;

    while (*link)
        if (!(*link)->wanted && now_ms >= (*link)->until_ms)
            drop(link);
        else
            link = &(*link)->next;
}

static void
on_timer(uv_timer_t *timer)
{
    struct share_domain *share = timer->data;
    char *const *service_ids = NULL;
    size_t count = share->events.peers(share->data, &service_ids);

    for (struct peer *peer = share->peers; peer; peer = peer->next)
        peer->wanted = 0;
    for (size_t i = 0; i < count; i++)
        want(share, service_ids[i])->wanted = 1;
    drop_unwanted(share, clock_mono_ms());
    for (struct peer *peer = share->peers; peer; peer = peer->next)
        if (peer->wanted)
            ask(peer);
}

uint32_t
share_domain_unhealthy(const struct share_domain *share,
                       const char *cluster,
                       uint64_t now_ms,
                       uint64_t *until_ms)
{
    char name[512];
    uint32_t worst = 0;

    *until_ms = 0;
    snprintf(name, sizeof(name), "mysql/%s", cluster);
    for (const struct peer *peer = share->peers; peer; peer = peer->next) {
        const struct share_metric *metric;

        if (now_ms >= peer->until_ms)
            continue;
        metric = share_health_find(&peer->health, name);
        if (!metric || (*until_ms != 0 && metric->unhealthy_s < worst))
            continue;
        worst = metric->unhealthy_s;
        *until_ms = peer->until_ms;
    }
    return worst;
}

/* ---- life ------------------------------------------------------------------
 */

struct share_domain *
share_domain_new(struct loop *loop,
                 struct http_client *client,
                 const struct share_domain_events *events,
                 void *data,
                 unsigned interval_ms)
{
    struct share_domain *share = calloc(1, sizeof(*share));
    unsigned every_ms = interval_ms ? interval_ms : SHARE_DOMAIN_INTERVAL_MS;

    if (!share)
        abort();
    share->events = *events;
    share->data = data;
    share->client = client;
    uv_timer_init(&loop->uv, &share->timer);
    share->timer.data = share;
    uv_timer_start(&share->timer, on_timer, every_ms, every_ms);
    return share;
}

static void
timer_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void
share_domain_free(struct share_domain *share)
{
    if (!share)
        return;
    while (share->peers)
        drop(&share->peers);
    uv_close((uv_handle_t *)&share->timer, timer_closed);
}
