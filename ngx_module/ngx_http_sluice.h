
/*
 * What the http files of Sluice share.
 */


#ifndef _NGX_HTTP_SLUICE_H_INCLUDED_
#define _NGX_HTTP_SLUICE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_sluice.h"


#define NGX_HTTP_SLUICE_JSON  "application/json"
#define NGX_HTTP_SLUICE_TEXT  "text/plain; charset=utf-8"


typedef ngx_int_t (*ngx_http_sluice_page_pt)(ngx_http_request_t *r);


typedef struct {
    ngx_http_handler_pt        handler;    /* NULL: neither is served here */
    ngx_http_sluice_page_pt    page;       /* sluice_status */
    ngx_http_complex_value_t  *cluster;    /* sluice_backends and the like */

    unsigned                   read:1;     /* sluice_check */
    unsigned                   if_exists:1;
} ngx_http_sluice_loc_conf_t;


/* what was answered, for the variables */

typedef struct {
    uint64_t                   age;
    double                     value;
    ngx_uint_t                 status;
    enum sluice_reason         reason;
    ngx_str_t                  metric;     /* "": goes without saying */
} ngx_http_sluice_ctx_t;


ngx_int_t ngx_http_sluice_check_handler(ngx_http_request_t *r);
ngx_int_t ngx_http_sluice_explain_handler(ngx_http_request_t *r);
ngx_int_t ngx_http_sluice_status_handler(ngx_http_request_t *r);

ngx_int_t ngx_http_sluice_backends_handler(ngx_http_request_t *r);
ngx_int_t ngx_http_sluice_cluster_handler(ngx_http_request_t *r);
ngx_int_t ngx_http_sluice_active_handler(ngx_http_request_t *r);

/* directives that need a location for themselves, and the block */

char *ngx_http_sluice_place(ngx_conf_t *cf, ngx_command_t *cmd,
    ngx_http_sluice_loc_conf_t *slcf);
char *ngx_http_sluice_route_page(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* the page of that name, NULL if there is none */

ngx_http_sluice_page_pt ngx_http_sluice_status_page(ngx_str_t *name);

/* what follows the location's name, or NGX_DECLINED: not so many segments */

ngx_int_t ngx_http_sluice_segments(ngx_http_request_t *r, ngx_str_t *segment,
    ngx_uint_t n);

/* app, type and name of the store from the segments, and the arguments */

ngx_int_t ngx_http_sluice_request(ngx_http_request_t *r, ngx_str_t *segment,
    struct sluice_request *request);

/* NGX_OK for GET and HEAD, else what to return; the body is discarded */

ngx_int_t ngx_http_sluice_begin(ngx_http_request_t *r);

/* "key" is a literal; "value" has to live as long as the request */

ngx_int_t ngx_http_sluice_header(ngx_http_request_t *r, char *key,
    u_char *value, size_t len);

/* headers as they are, then the body; "type" may have parameters */

ngx_int_t ngx_http_sluice_send(ngx_http_request_t *r, ngx_uint_t status,
    char *type, ngx_buf_t *b);

/* freno's 500 for a number of a path that is none, or too large */

ngx_int_t ngx_http_sluice_bad_number(ngx_http_request_t *r, char *parser,
    ngx_str_t *text, ngx_uint_t range);

/* pages of files of their own */

ngx_int_t ngx_http_sluice_recent(ngx_http_request_t *r);
ngx_int_t ngx_http_sluice_counters(ngx_http_request_t *r);
ngx_int_t ngx_http_sluice_state(ngx_http_request_t *r);
ngx_int_t ngx_http_sluice_vars(ngx_http_request_t *r);

/*
 * How many milliseconds ago a check of the app freno would have been answered
 * 200 by the cluster's own metric; NGX_DECLINED: never
 */

ngx_int_t ngx_http_sluice_health_age(const struct sluice_view *view,
    const struct sluice_freshness *fresh, struct sluice_rules *rules,
    const struct sluice_cluster *cluster, uint64_t *age);

/* a body in memory that stays */

ngx_int_t ngx_http_sluice_send_static(ngx_http_request_t *r,
    ngx_uint_t status, char *type, char *body);


extern ngx_module_t  ngx_http_sluice_module;


#endif /* _NGX_HTTP_SLUICE_H_INCLUDED_ */
