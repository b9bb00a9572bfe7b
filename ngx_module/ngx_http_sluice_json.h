
/*
 * JSON of any length, written member by member.  Memory that is not to be had
 * shows once, at the end.
 */


#ifndef _NGX_HTTP_SLUICE_JSON_H_INCLUDED_
#define _NGX_HTTP_SLUICE_JSON_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


typedef struct {
    ngx_pool_t                *pool;
    u_char                    *start;
    u_char                    *last;
    u_char                    *end;

    unsigned                   comma:1;    /* something stands before */
    unsigned                   failed:1;
} ngx_http_sluice_json_t;


void ngx_http_sluice_json_begin(ngx_http_sluice_json_t *j, ngx_pool_t *pool);

/* the object or list and a newline; NULL: no memory */

ngx_buf_t *ngx_http_sluice_json_end(ngx_http_sluice_json_t *j);


/* "key" is NULL in lists; "bracket" is one of { [ and } ] */

void ngx_http_sluice_json_open(ngx_http_sluice_json_t *j, const char *key,
    u_char bracket);
void ngx_http_sluice_json_close(ngx_http_sluice_json_t *j, u_char bracket);

void ngx_http_sluice_json_text(ngx_http_sluice_json_t *j, const char *key,
    const char *text, size_t len);
void ngx_http_sluice_json_string(ngx_http_sluice_json_t *j, const char *key,
    const char *string);
void ngx_http_sluice_json_number(ngx_http_sluice_json_t *j, const char *key,
    double number);
void ngx_http_sluice_json_integer(ngx_http_sluice_json_t *j, const char *key,
    int64_t integer);
void ngx_http_sluice_json_flag(ngx_http_sluice_json_t *j, const char *key,
    ngx_uint_t flag);
void ngx_http_sluice_json_null(ngx_http_sluice_json_t *j, const char *key);


#endif /* _NGX_HTTP_SLUICE_JSON_H_INCLUDED_ */
