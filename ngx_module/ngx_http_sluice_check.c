
/*
 * GET and HEAD of APP/TYPE/STORE[/THRESHOLD] below the location: a verdict.
 */


#include "ngx_http_sluice.h"
#include "ngx_sluice_zone.h"

#include "sluice_format.h"


#define NGX_HTTP_SLUICE_SEGMENTS   4

#define NGX_HTTP_SLUICE_LOW_MS     1000    /* p=low is refused that long */

#define NGX_HTTP_SLUICE_MEMO       256     /* a power of two */
#define NGX_HTTP_SLUICE_MEMO_BODY  128


/*
 * Bodies already written.  A body without error text follows from four
 * numbers, and these change far less often than they are asked for.
 */

typedef struct {
    double                   value;
    double                   threshold;
    unsigned                 status;
    enum sluice_reason       reason;
    size_t                   len;          /* 0: empty */
    char                     body[NGX_HTTP_SLUICE_MEMO_BODY];
} ngx_http_sluice_memo_t;


static void ngx_http_sluice_check_verdict(ngx_http_request_t *r,
    struct sluice_request *request, struct sluice_verdict *verdict);
static ngx_uint_t ngx_http_sluice_check_internal(struct sluice_text *app);
static ngx_int_t ngx_http_sluice_check_answer(ngx_http_request_t *r,
    struct sluice_verdict *verdict);
static ngx_int_t ngx_http_sluice_check_headers(ngx_http_request_t *r,
    ngx_http_sluice_ctx_t *ctx, u_char *age);
static void ngx_http_sluice_check_metric(struct sluice_verdict *verdict,
    ngx_str_t *metric);
static size_t ngx_http_sluice_check_body(struct sluice_verdict *verdict,
    char *buf, char **body);
static ngx_http_sluice_memo_t *ngx_http_sluice_check_memo(
    struct sluice_verdict *verdict);


static ngx_http_sluice_memo_t  ngx_http_sluice_memo[NGX_HTTP_SLUICE_MEMO];


ngx_int_t
ngx_http_sluice_check_handler(ngx_http_request_t *r)
{
    int                          error;
    ngx_int_t                    rc;
    ngx_str_t                    segment[NGX_HTTP_SLUICE_SEGMENTS];
    struct sluice_request        request;
    struct sluice_verdict        verdict;
    ngx_http_sluice_loc_conf_t  *slcf;

    rc = ngx_http_sluice_begin(r);

    if (rc != NGX_OK) {
        return rc;
    }

    slcf = ngx_http_get_module_loc_conf(r, ngx_http_sluice_module);

    if (ngx_http_sluice_segments(r, segment, slcf->read ? 4 : 3) != NGX_OK) {
        return NGX_HTTP_NOT_FOUND;
    }

    if (ngx_http_sluice_request(r, segment, &request) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    request.read = slcf->read;
    request.if_exists = slcf->if_exists;

    if (slcf->read) {
        error = sluice_parse_float((char *) segment[3].data, segment[3].len,
                                   &request.threshold);
        if (error) {
            return ngx_http_sluice_bad_number(r, "ParseFloat", &segment[3],
                                              error == -2);
        }
    }

    ngx_http_sluice_check_verdict(r, &request, &verdict);

    return ngx_http_sluice_check_answer(r, &verdict);
}


/* judges, and remembers who asked, what was said and what follows from it */

static void
ngx_http_sluice_check_verdict(ngx_http_request_t *r,
    struct sluice_request *request, struct sluice_verdict *verdict)
{
    ngx_sluice_zone_t         *zone;
    struct sluice_rules        rules;
    ngx_sluice_cluster_t      *cluster;
    const struct sluice_view  *view;
    struct sluice_freshness    fresh;

    view = ngx_sluice_view(&fresh);
    ngx_sluice_rules(&rules);

    if (request->store_type.len != 5
        || ngx_memcmp(request->store_type.data, "mysql", 5) != 0)
    {
        sluice_verdict_check(view, &fresh, &rules, request, verdict);
        return;
    }

    zone = ngx_sluice_zone();
    cluster = ngx_sluice_zone_cluster(zone, view, &request->store_name);

    request->low_marked = cluster->low_until > fresh.now_mono_ms;

    sluice_verdict_check(view, &fresh, &rules, request, verdict);

    if (verdict->reason == SLUICE_REASON_THRESHOLD
        && !request->low_priority
        && !request->read
        && cluster != zone->clusters
        && !ngx_http_sluice_check_internal(&request->app))
    {
        cluster->low_until = fresh.now_mono_ms + NGX_HTTP_SLUICE_LOW_MS;
    }

    /* 404, also where the asker wants to hear 200 of it */

    ngx_sluice_zone_count(zone, cluster, &request->app,
                          (verdict->reason == SLUICE_REASON_NO_METRIC
                           || verdict->reason == SLUICE_REASON_NOT_LEADER)
                          ? NGX_HTTP_NOT_FOUND : verdict->status);

    ngx_sluice_recent_check(zone, &request->app, &r->connection->addr_text,
                            fresh.now_mono_ms);
}


/* the names that freno checks itself by */

static ngx_uint_t
ngx_http_sluice_check_internal(struct sluice_text *app)
{
    return (app->len == sizeof("freno") - 1
            && ngx_memcmp(app->data, "freno", app->len) == 0)
           || (app->len == sizeof("freno-share-domain") - 1
               && ngx_memcmp(app->data, "freno-share-domain", app->len) == 0);
}


static ngx_int_t
ngx_http_sluice_check_answer(ngx_http_request_t *r,
    struct sluice_verdict *verdict)
{
    char                   *body, buf[SLUICE_VERDICT_BODY_SIZE];
    size_t                  len, metric;
    ngx_buf_t              *b;
    ngx_http_sluice_ctx_t  *ctx;

    len = ngx_http_sluice_check_body(verdict, buf, &body);
    metric = ngx_strlen(verdict->metric);

    /* one piece of memory: context, buffer, age in digits, body, metric */

    ctx = ngx_palloc(r->pool, sizeof(ngx_http_sluice_ctx_t)
                              + sizeof(ngx_buf_t) + NGX_INT64_LEN + len
                              + metric);
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->age = verdict->age_ms;
    ctx->value = verdict->value;
    ctx->status = verdict->status;
    ctx->reason = verdict->reason;

    ngx_http_set_ctx(r, ctx, ngx_http_sluice_module);

    b = (ngx_buf_t *) (ctx + 1);
    ngx_memzero(b, sizeof(ngx_buf_t));

    b->pos = (u_char *) (b + 1) + NGX_INT64_LEN;
    b->last = ngx_cpymem(b->pos, body, len);
    b->memory = 1;

    ctx->metric.data = b->last;
    ctx->metric.len = metric;

    ngx_http_sluice_check_metric(verdict, &ctx->metric);

    if (ngx_http_sluice_check_headers(r, ctx, (u_char *) (b + 1)) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_sluice_send(r, verdict->status, "application/json", b);
}


static ngx_int_t
ngx_http_sluice_check_headers(ngx_http_request_t *r,
    ngx_http_sluice_ctx_t *ctx, u_char *age)
{
    u_char  *reason, *last;

    reason = (u_char *) sluice_reason_name(ctx->reason);

    if (ngx_http_sluice_header(r, "Sluice-Reason", reason, ngx_strlen(reason))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ctx->metric.len
        && ngx_http_sluice_header(r, "Sluice-Metric", ctx->metric.data,
                                  ctx->metric.len)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ctx->age != SLUICE_AGE_UNKNOWN) {
        last = ngx_sprintf(age, "%uL", ctx->age);

        if (ngx_http_sluice_header(r, "Sluice-Age-Ms", age, last - age)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    if (ctx->status == NGX_HTTP_TOO_MANY_REQUESTS
        || ctx->status == NGX_HTTP_INTERNAL_SERVER_ERROR)
    {
        return ngx_http_sluice_header(r, "Retry-After", (u_char *) "1", 1);
    }

    return NGX_OK;
}


/* a name as it can stand in a header */

static void
ngx_http_sluice_check_metric(struct sluice_verdict *verdict, ngx_str_t *metric)
{
    size_t  i;

    for (i = 0; i < metric->len; i++) {
        metric->data[i] = verdict->metric[i];

        if (metric->data[i] < ' ' || metric->data[i] == 0x7f) {
            metric->data[i] = '?';
        }
    }
}


static size_t
ngx_http_sluice_check_body(struct sluice_verdict *verdict, char *buf,
    char **body)
{
    size_t                   len;
    ngx_http_sluice_memo_t  *memo;

    memo = ngx_http_sluice_check_memo(verdict);

    if (memo && memo->len) {
        *body = memo->body;
        return memo->len;
    }

    *body = buf;
    len = sluice_verdict_body(verdict, buf);

    if (memo && len <= NGX_HTTP_SLUICE_MEMO_BODY) {
        memo->value = verdict->value;
        memo->threshold = verdict->threshold;
        memo->status = verdict->status;
        memo->reason = verdict->reason;
        memo->len = len;
        ngx_memcpy(memo->body, buf, len);
    }

    return len;
}


/* where this verdict's body is, or, when empty, where it may be kept */

static ngx_http_sluice_memo_t *
ngx_http_sluice_check_memo(struct sluice_verdict *verdict)
{
    uint64_t                 value, threshold, hash;
    ngx_http_sluice_memo_t  *memo;

    switch (verdict->reason) {

    case SLUICE_REASON_OK:
    case SLUICE_REASON_THRESHOLD:
    case SLUICE_REASON_SHARE_DOMAIN:
    case SLUICE_REASON_NO_APP:
    case SLUICE_REASON_NO_METRIC:
    case SLUICE_REASON_APP_DENIED:
    case SLUICE_REASON_LOW_PRIORITY:
        break;

    default:
        /* the message is not known from the reason */
        return NULL;
    }

    ngx_memcpy(&value, &verdict->value, sizeof(uint64_t));
    ngx_memcpy(&threshold, &verdict->threshold, sizeof(uint64_t));

    hash = (value ^ (threshold << 1) ^ verdict->status)
           * 0x9e3779b97f4a7c15ULL;

    memo = &ngx_http_sluice_memo[(hash >> 32) & (NGX_HTTP_SLUICE_MEMO - 1)];

    if (ngx_memcmp(&memo->value, &value, sizeof(uint64_t)) != 0
        || ngx_memcmp(&memo->threshold, &threshold, sizeof(uint64_t)) != 0
        || memo->status != verdict->status
        || memo->reason != verdict->reason)
    {
        memo->len = 0;
    }

    return memo;
}
