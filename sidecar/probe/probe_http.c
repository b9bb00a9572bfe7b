/*
 * A host probed by asking its galera-healthcheck. Nobody at its port is
 * silence and no refusal: it is not the database that is gone, and to start
 * the healthcheck anew must not move anybody. Nor must a nameserver: where a
 * host was found it is asked until it is silent there.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/http_escape.h"
#include "base/resolve.h"
#include "probe/probe_driver.h"
#include "probe/status_answer.h"

#define FIRST_WITHIN_MS 50 /* however long the interval is */
#define BODY_MAX 65536

struct probe_healthcheck {
    struct probe base;
    struct loop *loop;
    struct http_client *client;
    uv_timer_t timer;
    probe_cb cb;
    void *data;

    char *url, *host, *ca;
    int is_name;
    int elsewhere; /* the URL has another name than the host's */
    int only_code;
    unsigned interval_ms, timeout_ms, phase_ms;

    struct resolve_addresses found; /* none yet, or where it answered last */
    struct resolve *resolve;        /* under way, or NULL */
    struct http_get *get;           /* the same */
    int failed;                     /* the last one */
    uint64_t started_us;            /* the last one, or the first look-up */
    uint64_t stalls;                /* when it began */
};

/* ---- results ------------------------------------------------------------ */

static void
report(struct probe_healthcheck *p, struct probe_result *result)
{
    result->started_ms = p->started_us / 1000;
    result->took_us = (uint32_t)(clock_mono_us() - p->started_us);
    p->cb(p->data, result);
}

static void
read_answer(const struct probe_healthcheck *p,
            const struct http_client_answer *answer,
            struct probe_result *result)
{
    struct status_answer said;

    if (p->only_code)
        status_answer_code(answer->status, answer->body, answer->len, &said);
    else
        status_answer_json(answer->status, answer->body, answer->len, &said);
    result->ok = said.healthy;
    result->answered = 1;
    if (said.healthy && said.index == STATUS_ANSWER_NO_INDEX)
        result->value = PROBE_NO_INDEX;
    else if (said.healthy)
        result->value = (double)said.index;
    snprintf(result->text, sizeof(result->text), "%s", said.text);
}

static void
on_answer(void *data,
          const struct http_client_answer *answer,
          const char *error)
{
    struct probe_healthcheck *p = data;
    struct probe_result result = {0};

    p->get = NULL;
    p->failed = error != NULL;
    if (error && loop_stalls(p->loop) != p->stalls)
        return; /* the time was ours, not the host's */
    if (error)
        snprintf(result.text, sizeof(result.text), "%.*s", PROBE_TEXT_SIZE - 1,
                 error);
    else
        read_answer(p, answer, &result);
    report(p, &result);
}

/* ---- asking ------------------------------------------------------------- */

/* Where the answer is in the status a redirect is another than 200;
 * Switchboard, which reads JSON, follows it. */
static void
get(struct probe_healthcheck *p)
{
    const struct http_client_request request = {
        .url = p->url,
        .to_host = p->elsewhere ? p->host : "",
        .addresses = &p->found,
        .ca_file = p->ca,
        .connect_ms = p->timeout_ms,
        .total_ms = p->timeout_ms,
        .body_max = BODY_MAX,
        .follow_redirects = !p->only_code,
    };

    p->started_us = clock_mono_us();
    p->stalls = loop_stalls(p->loop);
    p->get = http_client_get(p->client, &request, on_answer, p);
}

static void
report_unfound(struct probe_healthcheck *p, const char *why)
{
    struct probe_result result = {.dial_error = 1};

    snprintf(result.text, sizeof(result.text), "%.200s: %s", p->host, why);
    report(p, &result);
}

static void
on_resolved(void *data, int status, const struct resolve_addresses *found)
{
    struct probe_healthcheck *p = data;

    p->resolve = NULL;
    if (status == 0) {
        int first = p->found.count == 0;

        p->found = *found;
        if (first)
            get(p);
    } else if (p->found.count == 0) {
        report_unfound(p, uv_strerror(status));
    }
}

static void
look_up(struct probe_healthcheck *p)
{
    int status;

    if (p->found.count == 0)
        p->started_us = clock_mono_us();
    p->resolve = resolve_start(p->loop, p->host, on_resolved, p, &status);
}

static void
ask(struct probe_healthcheck *p)
{
    if (p->get)
        return;
    if (p->is_name && !p->resolve && (p->found.count == 0 || p->failed))
        look_up(p);
    else if (p->found.count == 0 &&
             clock_mono_us() - p->started_us >= (uint64_t)p->timeout_ms * 1000)
        report_unfound(p, "its name is not found, no nameserver answers");
    if (p->found.count > 0)
        get(p);
}

static void
on_due(uv_timer_t *timer)
{
    ask(timer->data);
}

static void
on_first(uv_timer_t *timer)
{
    struct probe_healthcheck *p = timer->data;
    unsigned first_ms = p->phase_ms % FIRST_WITHIN_MS;
    unsigned next_ms =
        p->phase_ms > first_ms ? p->phase_ms - first_ms : p->interval_ms;

    uv_timer_start(timer, on_due, next_ms, p->interval_ms);
    ask(p);
}

/* ---- life --------------------------------------------------------------- */

static char *
copy(const char *text)
{
    char *new = strdup(text);

    if (!new)
        abort();
    return new;
}

/* "NAME:PASSWORD@", or "". free() it. */
static char *
make_login(const struct conf_status *s)
{
    char *user, *password, *login;

    if (*s->user == '\0')
        return copy("");
    user = http_escape(s->user);
    password = http_escape(s->password);
    if (asprintf(&login, "%s:%s@", user, password) < 0)
        abort();
    free(user);
    free(password);
    return login;
}

static char *
make_url(const struct conf_status *s, const char *host)
{
    const char *name = *s->server_name ? s->server_name : host;
    int brackets = strchr(name, ':') != NULL;
    char *login = make_login(s), *url;

    if (asprintf(&url, "%s://%s%s%s%s:%d/%s", s->tls ? "https" : "http", login,
                 brackets ? "[" : "", name, brackets ? "]" : "", s->port,
                 s->endpoint) < 0)
        abort();
    free(login);
    return url;
}

static struct probe *
http_start(struct probe_shared *shared,
           const struct probe_settings *settings,
           unsigned phase_ms,
           probe_cb cb,
           void *data)
{
    const struct conf_status *s = settings->status;
    struct probe_healthcheck *p = calloc(1, sizeof(*p));

    if (!p)
        abort();
    p->base.driver = &probe_http;
    p->loop = shared->loop;
    p->client = shared->http;
    p->cb = cb;
    p->data = data;
    p->url = make_url(s, settings->host);
    p->host = copy(settings->host);
    p->is_name = !resolve_literal(p->host, &p->found);
    p->elsewhere = *s->server_name != '\0';
    p->ca = copy(s->ca);
    p->only_code = s->only_code;
    p->interval_ms = (unsigned)settings->interval_ms;
    p->timeout_ms = (unsigned)settings->timeout_ms;
    p->phase_ms = phase_ms;
    uv_timer_init(&p->loop->uv, &p->timer);
    p->timer.data = p;
    uv_timer_start(&p->timer, on_first, phase_ms % FIRST_WITHIN_MS, 0);
    return &p->base;
}

static void
on_closed(uv_handle_t *handle)
{
    struct probe_healthcheck *p = handle->data;

    free(p->url);
    free(p->host);
    free(p->ca);
    free(p);
}

static void
http_stop(struct probe *base)
{
    struct probe_healthcheck *p = (struct probe_healthcheck *)base;

    resolve_cancel(p->resolve);
    p->resolve = NULL;
    http_client_cancel(p->get);
    p->get = NULL;
    uv_close((uv_handle_t *)&p->timer, on_closed);
}

const struct probe_driver probe_http = {
    .name = "http",
    .start = http_start,
    .stop = http_stop,
};
