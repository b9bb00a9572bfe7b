
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


static ngx_int_t ngx_http_sluice_check_uri(ngx_http_request_t *r,
    ngx_str_t *segment, ngx_uint_t n);
static unsigned ngx_http_sluice_check_low(ngx_http_request_t *r);
static void ngx_http_sluice_check_verdict(ngx_http_request_t *r,
    struct sluice_request *request, struct sluice_verdict *verdict);
static ngx_uint_t ngx_http_sluice_check_internal(struct sluice_text *app);
static ngx_int_t ngx_http_sluice_check_answer(ngx_http_request_t *r,
    struct sluice_verdict *verdict);
static ngx_int_t ngx_http_sluice_check_headers(ngx_http_request_t *r,
    struct sluice_verdict *verdict, u_char *age);
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

    if (ngx_http_sluice_check_uri(r, segment, slcf->read ? 4 : 3) != NGX_OK) {
        return NGX_HTTP_NOT_FOUND;
    }

    request.app.data = (char *) segment[0].data;
    request.app.len = segment[0].len;
    request.store_type.data = (char *) segment[1].data;
    request.store_type.len = segment[1].len;
    request.store_name.data = (char *) segment[2].data;
    request.store_name.len = segment[2].len;
    request.threshold = 0;
    request.read = slcf->read;
    request.if_exists = slcf->if_exists;
    request.low_priority = ngx_http_sluice_check_low(r);
    request.low_marked = 0;

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


/*
 * Splits what follows the location's name into exactly "n" segments.  Only
 * the last may not be empty: a path that ends with a slash is another path.
 */

static ngx_int_t
ngx_http_sluice_check_uri(ngx_http_request_t *r, ngx_str_t *segment,
    ngx_uint_t n)
{
    u_char                    *p, *last;
    ngx_uint_t                 i;
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    /* "rewrite ... break" may have left the location's name */

    if (r->uri.len < clcf->name.len
        || ngx_memcmp(r->uri.data, clcf->name.data, clcf->name.len) != 0)
    {
        return NGX_DECLINED;
    }

    p = r->uri.data + clcf->name.len;
    last = r->uri.data + r->uri.len;

    for (i = 0; i < n; i++) {

        segment[i].data = p;
        p = ngx_strlchr(p, last, '/');

        if (p == NULL) {
            segment[i].len = last - segment[i].data;
            break;
        }

        segment[i].len = p++ - segment[i].data;
    }

    return (i == n - 1 && segment[i].len) ? NGX_OK : NGX_DECLINED;
}


/* "low" exactly, in the first argument that is called "p" */

static unsigned
ngx_http_sluice_check_low(ngx_http_request_t *r)
{
    u_char  *p, *next, *last;

    p = r->args.data;
    last = p + r->args.len;

    for ( /* void */ ; p < last; p = next + 1) {

        next = ngx_strlchr(p, last, '&');
        if (next == NULL) {
            next = last;
        }

        if (next - p >= 2 && p[0] == 'p' && p[1] == '=') {
            return next - p == sizeof("p=low") - 1
                   && ngx_memcmp(p, "p=low", sizeof("p=low") - 1) == 0;
        }
    }

    return 0;
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

    ngx_sluice_zone_count(cluster,
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
    size_t                  len;
    ngx_buf_t              *b;
    ngx_http_sluice_ctx_t  *ctx;

    len = ngx_http_sluice_check_body(verdict, buf, &body);

    /* one piece of memory: context, buffer, the age in digits, the body */

    ctx = ngx_palloc(r->pool, sizeof(ngx_http_sluice_ctx_t)
                              + sizeof(ngx_buf_t) + NGX_INT64_LEN + len);
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

    if (ngx_http_sluice_check_headers(r, verdict, (u_char *) (b + 1))
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    b->pos = (u_char *) (b + 1) + NGX_INT64_LEN;
    b->last = ngx_cpymem(b->pos, body, len);
    b->memory = 1;

    return ngx_http_sluice_send(r, verdict->status, "application/json", b);
}


static ngx_int_t
ngx_http_sluice_check_headers(ngx_http_request_t *r,
    struct sluice_verdict *verdict, u_char *age)
{
    u_char  *reason, *last;

    reason = (u_char *) sluice_reason_name(verdict->reason);

    if (ngx_http_sluice_header(r, "Sluice-Reason", reason, ngx_strlen(reason))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (verdict->age_ms != SLUICE_AGE_UNKNOWN) {
        last = ngx_sprintf(age, "%uL", verdict->age_ms);

        if (ngx_http_sluice_header(r, "Sluice-Age-Ms", age, last - age)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    if (verdict->status == NGX_HTTP_TOO_MANY_REQUESTS
        || verdict->status == NGX_HTTP_INTERNAL_SERVER_ERROR)
    {
        return ngx_http_sluice_header(r, "Retry-After", (u_char *) "1", 1);
    }

    return NGX_OK;
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
