/* The routes, who waits for an answer, and the change of health. */
#include "agent/health.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/basic_auth.h"
#include "agent/galera_query.h"
#include "base/http_server.h"
#include "base/log.h"

#define JSON "application/json"

/* A balancer asks in one packet and often keeps its connection. */
#define REQUEST_MS 3000
#define CLIENTS_PER_ADDRESS 64

enum form { FORM_TEXT, FORM_JSON };

struct waiter {
    struct waiter *next;
    struct http_request *request;
    enum form form;
};

struct health {
    struct loop *loop;
    struct conf_agent *conf;
    struct connector *connector;
    struct galera_query *query;
    struct http_server *server;
    struct waiter *waiters;
    char *token;        /* basic authentication; NULL: none */
    int known, healthy; /* as last told */
};

static const struct http_answer farewell = {
    .status = 503,
    .type = HTTP_TEXT,
    .body = "sluice-agent is stopping",
    .len = sizeof("sluice-agent is stopping") - 1,
};

/* ---- answers ---------------------------------------------------------- */

static void
answer(struct http_request *r, int healthy, const char *type, const char *body)
{
    http_request_answer(r, &(struct http_answer){
                               .status = healthy ? 200 : 503,
                               .type = type,
                               .body = body,
                               .len = strlen(body),
                           });
}

/* galera-healthcheck's words. */
static void
answer_stranger(struct http_request *r)
{
    static const char text[] = "Not Authorized\n";

    http_request_answer(
        r, &(struct http_answer){
               .status = 401,
               .type = HTTP_TEXT,
               .headers = {{"WWW-Authenticate",
                            "Basic realm=\"Authorization Required\""},
                           {"X-Content-Type-Options", "nosniff"}},
               .body = text,
               .len = sizeof(text) - 1,
           });
}

/* What to say in both forms. */
struct result {
    int healthy;
    const char *text;
    const char *json; /* NULL: there is no state to tell */
    const char *why;  /* then */
};

static void
answer_all(struct health *h, const struct result *result)
{
    struct waiter *w, *next;

    w = h->waiters;
    h->waiters = NULL;
    for (; w; w = next) {
        next = w->next;
        if (w->form == FORM_TEXT)
            answer(w->request, result->healthy, HTTP_TEXT, result->text);
        else if (result->json)
            answer(w->request, result->healthy, JSON, result->json);
        else
            answer(w->request, 0, HTTP_TEXT, result->why);
        free(w);
    }
}

static void
note_change(struct health *h, int healthy, const char *text)
{
    if (h->known && h->healthy == healthy)
        return;
    h->known = 1;
    h->healthy = healthy;
    if (healthy)
        log_info("healthy", log_str("status", text));
    else
        log_warn("unhealthy", log_str("reason", text));
}

/* ---- what mysqld says ------------------------------------------------- */

static void
tell_failure(struct health *h, const struct mysql_failure *why)
{
    const struct result result = {
        .text = strstr(why->text, "connection refused")
                    ? "Cannot get status from galera"
                    : why->text,
        .why = why->text,
    };

    note_change(h, 0, why->text);
    answer_all(h, &result);
}

static void
tell_verdict(struct health *h, const struct galera_facts *facts)
{
    const struct galera_rules rules = {
        .available_when_donor = h->conf->available_when_donor,
        .available_when_read_only = h->conf->available_when_read_only,
    };
    struct galera_verdict verdict;
    struct result result;
    char json[GALERA_JSON_SIZE];

    galera_judge(facts, &rules, &verdict);
    galera_json(facts, &verdict, json);
    result = (struct result){
        .healthy = verdict.healthy,
        .text = verdict.text,
        .json = facts->state == GALERA_NO_STATE ? NULL : json,
        .why = verdict.text,
    };
    note_change(h, verdict.healthy, verdict.text);
    answer_all(h, &result);
}

static int
exists(const char *file)
{
    struct stat st;

    return *file && lstat(file, &st) == 0;
}

static void
on_answer(void *data,
          const struct galera_facts *facts,
          const struct mysql_failure *why)
{
    struct health *h = data;
    struct galera_facts all;

    if (why) {
        tell_failure(h, why);
        return;
    }
    all = *facts;
    all.maintenance_file = exists(h->conf->maintenance_file);
    tell_verdict(h, &all);
}

/* ---- requests --------------------------------------------------------- */

static void
handle(struct health *h, struct http_request *r, enum form form)
{
    struct waiter *w;

    if (h->token &&
        !basic_auth_allows(h->token, http_request_header(r, "Authorization"))) {
        answer_stranger(r);
        return;
    }
    w = calloc(1, sizeof(*w));
    if (!w)
        abort();
    w->request = r;
    w->form = form;
    w->next = h->waiters;
    h->waiters = w;
    if (!galera_query_is_under_way(h->query))
        galera_query_begin(h->query);
}

static void
handle_text(void *data, struct http_request *r)
{
    handle(data, r, FORM_TEXT);
}

static void
handle_json(void *data, struct http_request *r)
{
    handle(data, r, FORM_JSON);
}

static const struct http_route routes[] = {
    {HTTP_GET, "/", handle_text},
    {HTTP_GET, "/galera_status", handle_text},
    {HTTP_GET, "/api/v1/status", handle_json},
    {0, NULL, NULL},
};

/* ---- life ------------------------------------------------------------- */

static struct http_server *
open_server(struct health *h,
            const struct conf_agent *conf,
            char *err,
            size_t err_size)
{
    const struct http_options options = {
        .routes = routes,
        .data = h,
        .request_ms = REQUEST_MS,
        .max_per_address = CLIENTS_PER_ADDRESS,
        .no_options = 1,
    };

    return http_server_open_tcp(h->loop, conf->host, (uint16_t)conf->port,
                                &options, err, err_size);
}

static void
use(struct health *h, struct conf_agent *conf)
{
    const struct mysql_target target = {
        .host = conf->db_host,
        .port = (uint16_t)conf->db_port,
        .user = conf->db_user,
        .password = conf->db_password,
    };
    struct mysql_target copy;

    conf_agent_free(h->conf);
    h->conf = conf;
    mysql_target_copy(&copy, &target);
    h->query = galera_query_new(h->loop, h->connector, &copy,
                                (unsigned)conf->query_timeout_ms, on_answer, h);
    mysql_target_clear(&copy);
    free(h->token);
    h->token = conf->username[0]
                   ? basic_auth_token(conf->username, conf->password)
                   : NULL;
}

struct health *
health_start(struct loop *loop,
             struct conf_agent *conf,
             char *err,
             size_t err_size)
{
    struct health *h = calloc(1, sizeof(*h));

    if (!h)
        abort();
    h->loop = loop;
    h->server = open_server(h, conf, err, err_size);
    if (!h->server) {
        free(h);
        return NULL;
    }
    h->connector = connector_new(loop);
    use(h, conf);
    return h;
}

/* Who waits for the old mysqld's answer gets that of the new one. */
int
health_reload(struct health *h,
              struct conf_agent *conf,
              char *err,
              size_t err_size)
{
    struct http_server *server = NULL;

    if (conf->port != h->conf->port || !conf_same(conf->host, h->conf->host)) {
        server = open_server(h, conf, err, err_size);
        if (!server)
            return -1;
        http_server_close(h->server, &farewell);
        h->server = server;
    }
    galera_query_free(h->query);
    use(h, conf);
    if (h->waiters)
        galera_query_begin(h->query);
    return 0;
}

/* Answers that come too late for the server are of no effect. */
void
health_stop(struct health *h)
{
    const struct result none = {.text = "", .why = ""};

    http_server_close(h->server, &farewell);
    galera_query_free(h->query);
    answer_all(h, &none);
    connector_free(h->connector);
    conf_agent_free(h->conf);
    free(h->token);
    free(h);
}
