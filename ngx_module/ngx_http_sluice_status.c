
/*
 * Pages about this node and about all clusters, as freno has them.
 */


#include "ngx_http_sluice.h"

#include "sluice_format.h"


/* "%.6f" of the largest double, with sign */
#define NGX_HTTP_SLUICE_DECIMAL  320


typedef struct {
    ngx_str_t                       name;
    ngx_http_sluice_page_pt         page;
} ngx_http_sluice_page_t;


/* clusters in the order of their names */

typedef struct {
    const struct sluice_view       *view;
    const struct sluice_cluster   **clusters;
    ngx_uint_t                      n;
    struct sluice_freshness         fresh;
} ngx_http_sluice_list_t;


static ngx_int_t ngx_http_sluice_ok(ngx_http_request_t *r);
static ngx_int_t ngx_http_sluice_hostname(ngx_http_request_t *r);
static ngx_int_t ngx_http_sluice_leader(ngx_http_request_t *r);
static ngx_int_t ngx_http_sluice_ready(ngx_http_request_t *r);
static ngx_int_t ngx_http_sluice_aggregated(ngx_http_request_t *r);
static u_char *ngx_http_sluice_aggregate(ngx_http_sluice_list_t *list,
    const struct sluice_cluster *cluster, const char *metric, int decimals,
    u_char *first, u_char *last);
static void ngx_http_sluice_ask(const struct sluice_view *view,
    const struct sluice_freshness *fresh,
    const struct sluice_cluster *cluster, const char *metric,
    struct sluice_rules *rules, struct sluice_verdict *verdict);
static ngx_int_t ngx_http_sluice_health(ngx_http_request_t *r);
static u_char *ngx_http_sluice_healthy_at(u_char *p, uint64_t real_ms);
static ngx_int_t ngx_http_sluice_help(ngx_http_request_t *r);
static ngx_int_t ngx_http_sluice_list(ngx_http_request_t *r,
    ngx_http_sluice_list_t *list);
static int ngx_libc_cdecl ngx_http_sluice_cmp_clusters(const void *one,
    const void *two);
static u_char *ngx_http_sluice_key(u_char *p, u_char *first,
    const struct sluice_cluster *cluster, const char *metric);


static ngx_http_sluice_page_t  ngx_http_sluice_pages[] = {
    { ngx_string("ok"), ngx_http_sluice_ok },
    { ngx_string("hostname"), ngx_http_sluice_hostname },
    { ngx_string("leader"), ngx_http_sluice_leader },
    { ngx_string("ready"), ngx_http_sluice_ready },
    { ngx_string("aggregated_metrics"), ngx_http_sluice_aggregated },
    { ngx_string("metrics_health"), ngx_http_sluice_health },
    { ngx_string("recent_apps"), ngx_http_sluice_recent },
    { ngx_string("counters"), ngx_http_sluice_counters },
    { ngx_string("state"), ngx_http_sluice_state },
    { ngx_string("vars"), ngx_http_sluice_vars },
    { ngx_string("help"), ngx_http_sluice_help },
    { ngx_null_string, NULL }
};


/* the routes of conf/nginx/freno.conf, in freno's order */

static char  ngx_http_sluice_routes[] =
    "[\"/lb-check\",\"/_ping\",\"/status\",\"/leader-check\","
    "\"/raft/leader\",\"/raft/state\",\"/consensus/leader\","
    "\"/consensus/state\",\"/consensus/status\",\"/hostname\","
    "\"/check/:app/:storeType/:storeName\","
    "\"/check-if-exists/:app/:storeType/:storeName\","
    "\"/check-read/:app/:storeType/:storeName/:threshold\","
    "\"/check-read-if-exists/:app/:storeType/:storeName/:threshold\","
    "\"/aggregated-metrics\",\"/metrics-health\","
    "\"/throttle-app/:app\",\"/throttle-app/:app/ratio/:ratio\","
    "\"/throttle-app/:app/ttl/:ttlMinutes\","
    "\"/throttle-app/:app/ttl/:ttlMinutes/ratio/:ratio\","
    "\"/unthrottle-app/:app\",\"/throttled-apps\","
    "\"/recent-apps\",\"/recent-apps/:lastMinutes\","
    "\"/skip-host/:hostName\",\"/skip-host/:hostName/ttl/:ttlMinutes\","
    "\"/skipped-hosts\",\"/recover-host/:hostName\","
    "\"/debug/vars\",\"/debug/metrics\","
    "\"/explain/:app/:storeType/:storeName\","
    "\"/sluice/counters\",\"/sluice/status\",\"/help\"]\n";


ngx_int_t
ngx_http_sluice_status_handler(ngx_http_request_t *r)
{
    ngx_int_t                    rc;
    ngx_http_sluice_loc_conf_t  *slcf;

    rc = ngx_http_sluice_begin(r);

    if (rc != NGX_OK) {
        return rc;
    }

    slcf = ngx_http_get_module_loc_conf(r, ngx_http_sluice_module);

    return slcf->page(r);
}


ngx_http_sluice_page_pt
ngx_http_sluice_status_page(ngx_str_t *name)
{
    ngx_http_sluice_page_t  *page;

    for (page = ngx_http_sluice_pages; page->name.len; page++) {

        if (page->name.len == name->len
            && ngx_strncmp(page->name.data, name->data, name->len) == 0)
        {
            return page->page;
        }
    }

    return NULL;
}


static ngx_int_t
ngx_http_sluice_ok(ngx_http_request_t *r)
{
    return ngx_http_sluice_send_static(r, NGX_HTTP_OK, NGX_HTTP_SLUICE_JSON,
                                 "{\"StatusCode\":200,\"Message\":\"OK\"}\n");
}


static ngx_int_t
ngx_http_sluice_help(ngx_http_request_t *r)
{
    return ngx_http_sluice_send_static(r, NGX_HTTP_OK, NGX_HTTP_SLUICE_JSON,
                                       ngx_http_sluice_routes);
}


static ngx_int_t
ngx_http_sluice_hostname(ngx_http_request_t *r)
{
    char        name[NGX_MAXHOSTNAMELEN];
    size_t      len;
    ngx_buf_t  *b;

    /* not cycle->hostname, which is in lower case */

    if (gethostname(name, NGX_MAXHOSTNAMELEN) == -1) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, ngx_errno,
                      "gethostname() failed");
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    name[NGX_MAXHOSTNAMELEN - 1] = '\0';
    len = ngx_strlen(name);

    b = ngx_create_temp_buf(r->pool, 6 * len + sizeof("\"\"\n") - 1);
    if (b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    *b->last++ = '"';
    b->last += sluice_format_string(name, len, (char *) b->last, 6 * len);
    *b->last++ = '"';
    *b->last++ = LF;

    return ngx_http_sluice_send(r, NGX_HTTP_OK, NGX_HTTP_SLUICE_TEXT, b);
}


static ngx_int_t
ngx_http_sluice_leader(ngx_http_request_t *r)
{
    const struct sluice_view  *view;
    struct sluice_freshness    fresh;

    view = ngx_sluice_view(&fresh);

    if (view && sluice_view_leads(view, &fresh)) {
        return ngx_http_sluice_send_static(r, NGX_HTTP_OK,
                                           NGX_HTTP_SLUICE_TEXT,
                                           "\"HTTP 200\"\n");
    }

    return ngx_http_sluice_send_static(r, NGX_HTTP_NOT_FOUND,
                                       NGX_HTTP_SLUICE_TEXT,
                                       "\"HTTP 404\"\n");
}


/* For who spreads requests over all nodes. */
static ngx_int_t
ngx_http_sluice_ready(ngx_http_request_t *r)
{
    const struct sluice_view  *view;
    struct sluice_freshness    fresh;

    view = ngx_sluice_view(&fresh);

    if (view && sluice_view_answers(view, &fresh)) {
        return ngx_http_sluice_send_static(r, NGX_HTTP_OK,
                                           NGX_HTTP_SLUICE_TEXT,
                                           "\"HTTP 200\"\n");
    }

    return ngx_http_sluice_send_static(r, NGX_HTTP_SERVICE_UNAVAILABLE,
                                       NGX_HTTP_SLUICE_TEXT,
                                       "\"HTTP 503\"\n");
}


static ngx_int_t
ngx_http_sluice_aggregated(ngx_http_request_t *r)
{
    int                            decimals;
    u_char                        *first;
    size_t                         size;
    uint32_t                       m, nmetrics;
    ngx_buf_t                     *b;
    ngx_str_t                      brief;
    ngx_uint_t                     i;
    ngx_http_sluice_list_t         list;
    const struct sluice_metric    *metrics;
    const struct sluice_cluster   *cluster;

    if (ngx_http_sluice_list(r, &list) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    decimals = 6;

    if (ngx_http_arg(r, (u_char *) "brief", 5, &brief) == NGX_OK
        && brief.len == 4
        && ngx_strncmp(brief.data, "true", 4) == 0)
    {
        decimals = 3;
    }

    size = sizeof(",\"mysql//\":\"error: \"") + 12 * SLUICE_NAME_SIZE
           + ngx_max(NGX_HTTP_SLUICE_DECIMAL,
                     6 * sizeof(((struct sluice_verdict *) 0)->message));

    b = ngx_create_temp_buf(r->pool, sizeof("{}\n")
                            + (list.n ? list.n + list.view->nmetrics : 0)
                              * size);
    if (b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    *b->last++ = '{';
    first = b->last;

    for (i = 0; i < list.n; i++) {

        cluster = list.clusters[i];

        b->last = ngx_http_sluice_aggregate(&list, cluster, NULL, decimals,
                                            first, b->last);

        metrics = sluice_view_metrics(list.view, cluster->name,
                                      ngx_strlen(cluster->name), &nmetrics);

        for (m = 0; m < nmetrics; m++) {
            b->last = ngx_http_sluice_aggregate(&list, cluster,
                                                metrics[m].name, decimals,
                                                first, b->last);
        }
    }

    *b->last++ = '}';
    *b->last++ = LF;

    return ngx_http_sluice_send(r, NGX_HTTP_OK, NGX_HTTP_SLUICE_JSON, b);
}


/* what a check would say; nothing if it would know of no metric */

static u_char *
ngx_http_sluice_aggregate(ngx_http_sluice_list_t *list,
    const struct sluice_cluster *cluster, const char *metric, int decimals,
    u_char *first, u_char *last)
{
    u_char                *p;
    struct sluice_verdict  verdict;

    ngx_http_sluice_ask(list->view, &list->fresh, cluster, metric, NULL,
                        &verdict);

    if (verdict.status == NGX_HTTP_NOT_FOUND) {
        return last;
    }

    p = ngx_http_sluice_key(last, first, cluster, metric);

    *p++ = '"';

    if (verdict.status == NGX_HTTP_INTERNAL_SERVER_ERROR) {
        p = ngx_cpymem(p, "error: ", sizeof("error: ") - 1);
        p += sluice_format_string(verdict.message, ngx_strlen(verdict.message),
                                  (char *) p, 6 * sizeof(verdict.message));

    } else {
        p += snprintf((char *) p, NGX_HTTP_SLUICE_DECIMAL, "%.*f", decimals,
                      verdict.value);
    }

    *p++ = '"';

    return p;
}


/* as freno asks itself; NULL: the cluster's own metric */

static void
ngx_http_sluice_ask(const struct sluice_view *view,
    const struct sluice_freshness *fresh,
    const struct sluice_cluster *cluster, const char *metric,
    struct sluice_rules *rules, struct sluice_verdict *verdict)
{
    struct sluice_request  request;

    ngx_memzero(&request, sizeof(struct sluice_request));

    request.app.data = "freno";
    request.app.len = sizeof("freno") - 1;
    request.store_type.data = "mysql";
    request.store_type.len = sizeof("mysql") - 1;
    request.store_name.data = cluster->name;
    request.store_name.len = ngx_strlen(cluster->name);
    request.metric.data = metric ? metric : SLUICE_METRIC_OWN;
    request.metric.len = ngx_strlen(request.metric.data);

    sluice_verdict_check(view, fresh, rules, &request, verdict);
}


static ngx_int_t
ngx_http_sluice_health(ngx_http_request_t *r)
{
    u_char                       *first;
    size_t                        size;
    uint64_t                      age, at;
    ngx_buf_t                    *b;
    ngx_uint_t                    i;
    struct sluice_rules           rules;
    ngx_http_sluice_list_t        list;
    const struct sluice_cluster  *cluster;

    if (ngx_http_sluice_list(r, &list) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_sluice_rules(&rules);

    size = sizeof(",\"mysql/\":{\"LastHealthyAt\":"
                  "\"1970-09-28T12:00:00.000+06:00\","
                  "\"SecondsSinceLastHealthy\":}")
           + 6 * SLUICE_NAME_SIZE + 2 * NGX_INT64_LEN;

    b = ngx_create_temp_buf(r->pool, sizeof("{}\n") + list.n * size);
    if (b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    *b->last++ = '{';
    first = b->last;

    for (i = 0; i < list.n; i++) {

        cluster = list.clusters[i];

        if (ngx_http_sluice_health_age(list.view, &list.fresh, &rules,
                                       cluster, &age)
            != NGX_OK)
        {
            continue;
        }

        /* 0: just now, however long ago it was sampled */

        at = age ? cluster->healthy_real_ms
                 : (uint64_t) ngx_time() * 1000 + ngx_cached_time->msec;

        b->last = ngx_http_sluice_key(b->last, first, cluster, NULL);
        b->last = ngx_sprintf(b->last, "{\"LastHealthyAt\":\"");
        b->last = ngx_http_sluice_healthy_at(b->last, at);
        b->last = ngx_sprintf(b->last, "\",\"SecondsSinceLastHealthy\":%uL}",
                              age / 1000);
    }

    *b->last++ = '}';
    *b->last++ = LF;

    return ngx_http_sluice_send(r, NGX_HTTP_OK, NGX_HTTP_SLUICE_JSON, b);
}


ngx_int_t
ngx_http_sluice_health_age(const struct sluice_view *view,
    const struct sluice_freshness *fresh, struct sluice_rules *rules,
    const struct sluice_cluster *cluster, uint64_t *age)
{
    struct sluice_verdict  verdict;

    *age = 0;

    ngx_http_sluice_ask(view, fresh, cluster, NULL, rules, &verdict);

    if (verdict.status == NGX_HTTP_OK) {
        return NGX_OK;
    }

    if (cluster->healthy_mono_ms == 0) {
        return NGX_DECLINED;
    }

    if (fresh->now_mono_ms > cluster->healthy_mono_ms) {
        *age = fresh->now_mono_ms - cluster->healthy_mono_ms;
    }

    return NGX_OK;
}


/* RFC 3339 in local time, without trailing zeroes in the fraction */

static u_char *
ngx_http_sluice_healthy_at(u_char *p, uint64_t real_ms)
{
    long       offset;
    time_t     sec;
    ngx_tm_t   tm;

    sec = real_ms / 1000;
    ngx_libc_localtime(sec, &tm);

    p = ngx_sprintf(p, "%04d-%02d-%02dT%02d:%02d:%02d", tm.tm_year + 1900,
                    tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min,
                    tm.tm_sec);

    if (real_ms % 1000) {
        p = ngx_sprintf(p, ".%03d", (int) (real_ms % 1000));

        while (p[-1] == '0') {
            p--;
        }
    }

    offset = tm.tm_gmtoff / 60;

    if (offset == 0) {
        *p++ = 'Z';
        return p;
    }

    return ngx_sprintf(p, "%c%02d:%02d", offset < 0 ? '-' : '+',
                       (int) ngx_abs(offset) / 60, (int) ngx_abs(offset) % 60);
}


static ngx_int_t
ngx_http_sluice_list(ngx_http_request_t *r, ngx_http_sluice_list_t *list)
{
    ngx_uint_t  i;

    list->n = 0;
    list->view = ngx_sluice_view(&list->fresh);

    if (list->view == NULL || list->view->nclusters == 0) {
        return NGX_OK;
    }

    list->clusters = ngx_palloc(r->pool, list->view->nclusters
                                         * sizeof(struct sluice_cluster *));
    if (list->clusters == NULL) {
        return NGX_ERROR;
    }

    list->n = list->view->nclusters;

    for (i = 0; i < list->n; i++) {
        list->clusters[i] = &list->view->clusters[i];
    }

    ngx_qsort((void *) list->clusters, list->n,
              sizeof(struct sluice_cluster *), ngx_http_sluice_cmp_clusters);

    return NGX_OK;
}


static int ngx_libc_cdecl
ngx_http_sluice_cmp_clusters(const void *one, const void *two)
{
    const struct sluice_cluster  *first, *second;

    first = *(const struct sluice_cluster **) one;
    second = *(const struct sluice_cluster **) two;

    return ngx_strcmp(first->name, second->name);
}


/* "first" is where the first key was written: others follow a comma */

static u_char *
ngx_http_sluice_key(u_char *p, u_char *first,
    const struct sluice_cluster *cluster, const char *metric)
{
    if (p != first) {
        *p++ = ',';
    }

    p = ngx_cpymem(p, "\"mysql/", sizeof("\"mysql/") - 1);
    p += sluice_format_string(cluster->name, ngx_strlen(cluster->name),
                              (char *) p, 6 * SLUICE_NAME_SIZE);

    if (metric) {
        *p++ = '/';
        p += sluice_format_string(metric, ngx_strlen(metric), (char *) p,
                                  6 * SLUICE_NAME_SIZE);
    }

    *p++ = '"';
    *p++ = ':';

    return p;
}
