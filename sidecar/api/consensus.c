/* Who leads, and how this node stands to it. */
#include "api/api_private.h"

#include <stdlib.h>
#include <string.h>

/* A JSON string that freno sends as text. */
static void
show_string(struct http_request *r, const char *text)
{
    struct body body = {0};

    body_string(&body, text);
    body_add(&body, "\n");
    api_show(r, HTTP_TEXT, &body);
    body_free(&body);
}

void
api_leader(void *api, struct http_request *r)
{
    struct consensus_status status;

    if (api_status(api, r, &status) != 0)
        return;
    if (status.leader[0] != '\0')
        show_string(r, status.leader);
    else
        http_request_answer(r,
                            &(struct http_answer){.status = 500, .body = ""});
}

void
api_state(void *api, struct http_request *r)
{
    struct consensus_status status;

    if (api_status(api, r, &status) == 0)
        show_string(r, status.state);
}

/* ---- status ----------------------------------------------------------- */

struct share {
    const char *domain;
    const char *leader;
};

static int
by_domain(const void *one, const void *two)
{
    const struct share *a = one, *b = two;

    return strcmp(a->domain, b->domain);
}

static struct share *
sorted_shares(const struct consensus_status *s)
{
    struct share *shares = calloc(s->share_domains.count + 1, sizeof(*shares));

    if (!shares)
        abort();
    for (size_t i = 0; i < s->share_domains.count; i++) {
        shares[i].domain = s->share_domains.items[i];
        shares[i].leader = s->share_leaders.items[i];
    }
    qsort(shares, s->share_domains.count, sizeof(*shares), by_domain);
    return shares;
}

static void
add_member(struct body *b, const char *name, const char *text)
{
    body_add(b, name);
    body_string(b, text);
}

/* Of the domains that share: the leader of each, and all services, our own
 * first. Both are null where nothing is shared. */
static void
add_shares(struct body *b, const struct consensus_status *s)
{
    struct share *shares;

    if (s->share_domain[0] == '\0') {
        body_add(b, ",\"ShareDomainServices\":null"
                    ",\"ShareDomainServicesList\":null");
        return;
    }
    shares = sorted_shares(s);
    body_add(b, ",\"ShareDomainServices\":{");
    for (size_t i = 0; i < s->share_domains.count; i++) {
        body_add(b, i ? "," : "");
        body_string(b, shares[i].domain);
        add_member(b, ":", shares[i].leader);
    }
    body_add(b, "},\"ShareDomainServicesList\":[");
    body_string(b, s->service_id);
    for (size_t i = 0; i < s->share_domains.count; i++)
        add_member(b, ",", shares[i].leader);
    body_add(b, "]");
    free(shares);
}

static void
add_healthy(struct body *b, const struct conf_list *services)
{
    body_add(b, ",\"HealthyDomainServicesList\":");
    if (services->count == 0) {
        body_add(b, "null");
        return;
    }
    for (size_t i = 0; i < services->count; i++)
        add_member(b, i ? "," : "[", services->items[i]);
    body_add(b, "]");
}

void
api_consensus_status(void *api, struct http_request *r)
{
    struct consensus_status s;
    struct body b = {0};

    if (api_status(api, r, &s) != 0)
        return;
    add_member(&b, "{\"ServiceID\":", s.service_id);
    body_add(&b, ",\"Healthy\":");
    body_bool(&b, s.healthy);
    body_add(&b, ",\"IsLeader\":");
    body_bool(&b, s.leads);
    add_member(&b, ",\"Leader\":", s.leader);
    add_member(&b, ",\"State\":", s.state);
    add_member(&b, ",\"Domain\":", s.domain);
    add_member(&b, ",\"ShareDomain\":", s.share_domain);
    add_shares(&b, &s);
    add_healthy(&b, &s.healthy_services);
    body_add(&b, "}\n");
    api_show(r, API_JSON, &b);
    body_free(&b);
}
