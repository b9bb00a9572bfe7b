
/*
 * The page of counters: what was answered for each cluster, and how each
 * worker hears of orders.
 */


#include "ngx_http_sluice.h"
#include "ngx_sluice_zone.h"

#include "sluice_format.h"


static ngx_uint_t ngx_http_sluice_counters_list(ngx_http_request_t *r,
    ngx_sluice_zone_t *zone, ngx_sluice_cluster_t ***clusters);
static int ngx_libc_cdecl ngx_http_sluice_counters_cmp(const void *one,
    const void *two);
static u_char *ngx_http_sluice_counters_counts(u_char *p,
    ngx_sluice_cluster_t *cluster);
static u_char *ngx_http_sluice_counters_redis(u_char *p,
    ngx_sluice_zone_t *zone, ngx_uint_t workers);
static ngx_uint_t ngx_http_sluice_counters_workers(void);


ngx_int_t
ngx_http_sluice_counters(ngx_http_request_t *r)
{
    size_t                  size;
    ngx_buf_t              *b;
    ngx_uint_t              i, n, workers;
    ngx_sluice_zone_t      *zone;
    ngx_sluice_cluster_t  **clusters;

    zone = ngx_sluice_zone();
    workers = ngx_http_sluice_counters_workers();

    n = ngx_http_sluice_counters_list(r, zone, &clusters);

    if (n == 0) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    size = sizeof("{\"Checks\":{},\"UnknownClusters\":,\"Redis\":"
                  "{\"Configured\":false,\"Channel\":\"\",\"Workers\":[]}}\n")
           + 6 * SLUICE_CHANNEL_SIZE
           + n * (6 * SLUICE_NAME_SIZE + sizeof(",\"\":{}")
                  + NGX_SLUICE_STATUSES * (NGX_INT64_LEN + sizeof(",\"200\":")))
           + workers * (4 * NGX_INT64_LEN
                        + sizeof(",{\"Worker\":,\"Pid\":,\"Connected\":false,"
                                 "\"Orders\":,\"Garbage\":}"));

    b = ngx_create_temp_buf(r->pool, size);
    if (b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    b->last = ngx_sprintf(b->last, "{\"Checks\":{");

    for (i = 1; i < n; i++) {
        b->last = ngx_sprintf(b->last, i > 1 ? ",\"" : "\"");
        b->last += sluice_format_string((char *) clusters[i]->name,
                                        ngx_strlen(clusters[i]->name),
                                        (char *) b->last,
                                        6 * SLUICE_NAME_SIZE);
        b->last = ngx_sprintf(b->last, "\":");
        b->last = ngx_http_sluice_counters_counts(b->last, clusters[i]);
    }

    b->last = ngx_sprintf(b->last, "},\"UnknownClusters\":");
    b->last = ngx_http_sluice_counters_counts(b->last, clusters[0]);
    b->last = ngx_http_sluice_counters_redis(b->last, zone, workers);
    b->last = ngx_sprintf(b->last, "}\n");

    return ngx_http_sluice_send(r, NGX_HTTP_OK, NGX_HTTP_SLUICE_JSON, b);
}


/* the first is that of all unknown ones, the others follow by name */

static ngx_uint_t
ngx_http_sluice_counters_list(ngx_http_request_t *r, ngx_sluice_zone_t *zone,
    ngx_sluice_cluster_t ***clusters)
{
    uint32_t                i;
    ngx_uint_t              n;
    ngx_sluice_cluster_t  **list;

    list = ngx_palloc(r->pool,
                      zone->nclusters * sizeof(ngx_sluice_cluster_t *));
    if (list == NULL) {
        return 0;
    }

    n = 0;

    for (i = 0; i < zone->nclusters; i++) {
        if (zone->clusters[i].ready) {
            list[n++] = &zone->clusters[i];
        }
    }

    ngx_qsort(list + 1, n - 1, sizeof(ngx_sluice_cluster_t *),
              ngx_http_sluice_counters_cmp);

    *clusters = list;

    return n;
}


static int ngx_libc_cdecl
ngx_http_sluice_counters_cmp(const void *one, const void *two)
{
    return ngx_strcmp((*(ngx_sluice_cluster_t **) one)->name,
                      (*(ngx_sluice_cluster_t **) two)->name);
}


static u_char *
ngx_http_sluice_counters_counts(u_char *p, ngx_sluice_cluster_t *cluster)
{
    ngx_uint_t  i;

    *p++ = '{';

    for (i = 0; i < NGX_SLUICE_STATUSES; i++) {
        p = ngx_sprintf(p, "%s\"%ui\":%uA", i ? "," : "",
                        ngx_sluice_statuses[i], cluster->counts[i]);
    }

    *p++ = '}';

    return p;
}


static u_char *
ngx_http_sluice_counters_redis(u_char *p, ngx_sluice_zone_t *zone,
    ngx_uint_t workers)
{
    ngx_uint_t            i;
    const char           *channel;
    ngx_sluice_conf_t    *scf;
    ngx_sluice_worker_t  *worker;

    scf = (ngx_sluice_conf_t *) ngx_get_conf(ngx_cycle->conf_ctx,
                                             ngx_sluice_module);

    channel = ngx_sluice_view_rules()->facts.redis_channel;

    p = ngx_sprintf(p, ",\"Redis\":{\"Configured\":%s,\"Channel\":\"",
                    scf->redis ? "true" : "false");
    p += sluice_format_string(channel, ngx_strlen(channel), (char *) p,
                              6 * SLUICE_CHANNEL_SIZE);
    p = ngx_sprintf(p, "\",\"Workers\":[");

    for (i = 0; i < workers; i++) {
        worker = &zone->workers[i];

        p = ngx_sprintf(p, "%s{\"Worker\":%ui,\"Pid\":%uA,\"Connected\":%s,"
                        "\"Orders\":%uA,\"Garbage\":%uA}",
                        i ? "," : "", i, worker->pid,
                        worker->connected ? "true" : "false",
                        worker->orders, worker->garbage);
    }

    return ngx_sprintf(p, "]}");
}


static ngx_uint_t
ngx_http_sluice_counters_workers(void)
{
    ngx_core_conf_t  *ccf;

    ccf = (ngx_core_conf_t *) ngx_get_conf(ngx_cycle->conf_ctx,
                                           ngx_core_module);

    if (ngx_process == NGX_PROCESS_SINGLE) {
        return 1;
    }

    return ngx_min(ccf->worker_processes, NGX_SLUICE_WORKERS);
}
