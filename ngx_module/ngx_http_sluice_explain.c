
/*
 * GET and HEAD of APP/TYPE/STORE below the location: what a check would be
 * answered just now, and why.  Nothing is counted, remembered or marked.
 */


#include "ngx_http_sluice_describe.h"
#include "ngx_sluice_zone.h"


#define NGX_HTTP_SLUICE_SEGMENTS  3


static ngx_buf_t *ngx_http_sluice_explain(ngx_http_request_t *r,
    struct sluice_request *request);
static void ngx_http_sluice_explain_verdict(ngx_http_sluice_json_t *j,
    struct sluice_verdict *verdict);
static void ngx_http_sluice_explain_low(ngx_http_sluice_json_t *j,
    struct sluice_request *request, uint64_t until, uint64_t now);
static void ngx_http_sluice_explain_throttles(ngx_http_sluice_json_t *j,
    struct sluice_rules *rules, struct sluice_request *request, uint64_t now);
static void ngx_http_sluice_explain_throttle(ngx_http_sluice_json_t *j,
    struct sluice_rules *rules, struct sluice_text app,
    struct sluice_text store, uint64_t now);
static void ngx_http_sluice_explain_threshold(ngx_http_sluice_json_t *j,
    struct sluice_rules *rules, struct sluice_request *request,
    const struct sluice_cluster *cluster);


ngx_int_t
ngx_http_sluice_explain_handler(ngx_http_request_t *r)
{
    ngx_int_t               rc;
    ngx_str_t               segment[NGX_HTTP_SLUICE_SEGMENTS];
    ngx_buf_t              *b;
    struct sluice_request   request;

    rc = ngx_http_sluice_begin(r);

    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_http_sluice_segments(r, segment, NGX_HTTP_SLUICE_SEGMENTS)
        != NGX_OK)
    {
        return NGX_HTTP_NOT_FOUND;
    }

    if (ngx_http_sluice_request(r, segment, &request) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    b = ngx_http_sluice_explain(r, &request);
    if (b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_sluice_send(r, NGX_HTTP_OK, NGX_HTTP_SLUICE_JSON, b);
}


static ngx_buf_t *
ngx_http_sluice_explain(ngx_http_request_t *r, struct sluice_request *request)
{
    uint64_t                      now, until;
    struct sluice_text           *name;
    struct sluice_rules           rules;
    struct sluice_verdict         verdict;
    ngx_http_sluice_json_t        j;
    ngx_http_sluice_known_t       known;
    const struct sluice_cluster  *cluster;

    ngx_http_sluice_know(&known);
    ngx_sluice_rules(&rules);

    now = known.fresh.now_mono_ms;
    name = &request->store_name;

    /* without a view no place is given to a cluster that has none */

    until = ngx_sluice_zone_cluster(ngx_sluice_zone(), NULL, name)->low_until;

    request->low_marked = until > now;

    sluice_verdict_check(known.view, &known.fresh, &rules, request, &verdict);

    cluster = NULL;

    if (known.view
        && request->store_type.len == 5
        && ngx_memcmp(request->store_type.data, "mysql", 5) == 0)
    {
        cluster = sluice_view_cluster(known.view, name->data, name->len);
    }

    ngx_http_sluice_json_begin(&j, r->pool);

    ngx_http_sluice_json_open(&j, NULL, '{');
    ngx_http_sluice_json_text(&j, "App", request->app.data, request->app.len);
    ngx_http_sluice_json_text(&j, "StoreType", request->store_type.data,
                              request->store_type.len);
    ngx_http_sluice_json_text(&j, "StoreName", name->data, name->len);
    ngx_http_sluice_json_text(&j, "Metric", request->metric.data,
                              request->metric.len);
    ngx_http_sluice_explain_verdict(&j, &verdict);
    ngx_http_sluice_explain_low(&j, request, until, now);
    ngx_http_sluice_explain_throttles(&j, &rules, request, now);
    ngx_http_sluice_explain_threshold(&j, &rules, request, cluster);
    ngx_http_sluice_describe_node(&j, &known);

    if (cluster) {
        ngx_http_sluice_json_open(&j, "Cluster", '{');
        ngx_http_sluice_describe_cluster(&j, &known, cluster);
        ngx_http_sluice_json_close(&j, '}');

    } else {
        ngx_http_sluice_json_null(&j, "Cluster");
    }

    ngx_http_sluice_json_close(&j, '}');

    return ngx_http_sluice_json_end(&j);
}


static void
ngx_http_sluice_explain_verdict(ngx_http_sluice_json_t *j,
    struct sluice_verdict *verdict)
{
    ngx_http_sluice_json_open(j, "Verdict", '{');
    ngx_http_sluice_json_integer(j, "StatusCode", verdict->status);
    ngx_http_sluice_json_string(j, "Reason",
                                sluice_reason_name(verdict->reason));
    ngx_http_sluice_json_number(j, "Value", verdict->value);
    ngx_http_sluice_json_number(j, "Threshold", verdict->threshold);
    ngx_http_sluice_json_string(j, "Message", verdict->message);
    ngx_http_sluice_json_string(j, "Metric", verdict->metric);
    ngx_http_sluice_describe_ms(j, "AgeMs", verdict->age_ms);
    ngx_http_sluice_json_close(j, '}');
}


/* is p=low refused, and for how long still */

static void
ngx_http_sluice_explain_low(ngx_http_sluice_json_t *j,
    struct sluice_request *request, uint64_t until, uint64_t now)
{
    ngx_http_sluice_json_open(j, "LowPriority", '{');
    ngx_http_sluice_json_flag(j, "Asked", request->low_priority);
    ngx_http_sluice_json_integer(j, "RefusedForMs",
                                 until > now ? until - now : 0);
    ngx_http_sluice_json_close(j, '}');
}


static void
ngx_http_sluice_explain_throttles(ngx_http_sluice_json_t *j,
    struct sluice_rules *rules, struct sluice_request *request, uint64_t now)
{
    struct sluice_text  any;

    ngx_http_sluice_json_open(j, "Throttles", '[');

    if (request->store_name.len) {
        ngx_http_sluice_explain_throttle(j, rules, request->app,
                                         request->store_name, now);
    }

    any.data = "";
    any.len = 0;

    ngx_http_sluice_explain_throttle(j, rules, request->app, any, now);
    ngx_http_sluice_json_close(j, ']');
}


static void
ngx_http_sluice_explain_throttle(ngx_http_sluice_json_t *j,
    struct sluice_rules *rules, struct sluice_text app,
    struct sluice_text store, uint64_t now)
{
    u_char              *p, key[SLUICE_KEY_SIZE];
    struct sluice_rule   rule;

    if (!sluice_throttle_rule(rules, app, store, now, &rule)) {
        return;
    }

    /* it was found, so it fits */

    p = ngx_cpymem(key, app.data, app.len);

    if (store.len) {
        *p++ = '/';
        p = ngx_cpymem(p, store.data, store.len);
    }

    ngx_http_sluice_describe_throttle(j, (char *) key, p - key, &rule, now);
}


/* what the cluster's own metric is held against, and who says so */

static void
ngx_http_sluice_explain_threshold(ngx_http_sluice_json_t *j,
    struct sluice_rules *rules, struct sluice_request *request,
    const struct sluice_cluster *cluster)
{
    const struct sluice_app  *app;

    if (cluster == NULL) {
        ngx_http_sluice_json_null(j, "Threshold");
        return;
    }

    app = sluice_view_app(rules->view, request->store_name.data,
                          request->store_name.len, request->app.data,
                          request->app.len);

    ngx_http_sluice_json_open(j, "Threshold", '{');
    ngx_http_sluice_json_number(j, "Value",
                                app ? app->threshold : cluster->threshold);
    ngx_http_sluice_json_string(j, "From", app == NULL ? "cluster"
                                           : app->cluster[0]
                                           ? "app in this cluster"
                                           : "app in all clusters");
    ngx_http_sluice_json_close(j, '}');
}
