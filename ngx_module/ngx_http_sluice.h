
/*
 * What the http files of Sluice share.
 */


#ifndef _NGX_HTTP_SLUICE_H_INCLUDED_
#define _NGX_HTTP_SLUICE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_sluice.h"


typedef ngx_int_t (*ngx_http_sluice_page_pt)(ngx_http_request_t *r);


typedef struct {
    ngx_http_handler_pt        handler;    /* NULL: neither is served here */
    ngx_http_sluice_page_pt    page;       /* sluice_status */

    unsigned                   read:1;     /* sluice_check */
    unsigned                   if_exists:1;
} ngx_http_sluice_loc_conf_t;


/* what was answered, for the variables */

typedef struct {
    uint64_t                   age;
    double                     value;
    ngx_uint_t                 status;
    enum sluice_reason         reason;
} ngx_http_sluice_ctx_t;


ngx_int_t ngx_http_sluice_check_handler(ngx_http_request_t *r);
ngx_int_t ngx_http_sluice_status_handler(ngx_http_request_t *r);

/* the page of that name, NULL if there is none */

ngx_http_sluice_page_pt ngx_http_sluice_status_page(ngx_str_t *name);

/* NGX_OK for GET and HEAD, else what to return; the body is discarded */

ngx_int_t ngx_http_sluice_begin(ngx_http_request_t *r);

/* "key" is a literal; "value" has to live as long as the request */

ngx_int_t ngx_http_sluice_header(ngx_http_request_t *r, char *key,
    u_char *value, size_t len);

/* headers as they are, then the body; "type" may have parameters */

ngx_int_t ngx_http_sluice_send(ngx_http_request_t *r, ngx_uint_t status,
    char *type, ngx_buf_t *b);

/* a body in memory that stays */

ngx_int_t ngx_http_sluice_send_static(ngx_http_request_t *r,
    ngx_uint_t status, char *type, char *body);


extern ngx_module_t  ngx_http_sluice_module;


#endif /* _NGX_HTTP_SLUICE_H_INCLUDED_ */
