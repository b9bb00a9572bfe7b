
/*
 * JSON in a buffer that grows.
 */


#include "ngx_http_sluice_json.h"

#include "sluice_format.h"


#define NGX_HTTP_SLUICE_JSON_FIRST  4096


static u_char *ngx_http_sluice_json_room(ngx_http_sluice_json_t *j,
    size_t size);
static u_char *ngx_http_sluice_json_key(ngx_http_sluice_json_t *j,
    const char *key, size_t size);


void
ngx_http_sluice_json_begin(ngx_http_sluice_json_t *j, ngx_pool_t *pool)
{
    ngx_memzero(j, sizeof(ngx_http_sluice_json_t));

    j->pool = pool;
}


ngx_buf_t *
ngx_http_sluice_json_end(ngx_http_sluice_json_t *j)
{
    u_char     *p;
    ngx_buf_t  *b;

    p = ngx_http_sluice_json_room(j, 1);
    if (p == NULL) {
        return NULL;
    }

    *p++ = LF;

    b = ngx_calloc_buf(j->pool);
    if (b == NULL) {
        return NULL;
    }

    b->pos = j->start;
    b->last = p;
    b->memory = 1;

    return b;
}


/* where "size" bytes can be written; NULL: nowhere, now or ever after */

static u_char *
ngx_http_sluice_json_room(ngx_http_sluice_json_t *j, size_t size)
{
    size_t   used, total;
    u_char  *p;

    if (j->failed) {
        return NULL;
    }

    if ((size_t) (j->end - j->last) >= size) {
        return j->last;
    }

    used = j->last - j->start;
    total = 2 * (used + size) + NGX_HTTP_SLUICE_JSON_FIRST;

    p = ngx_palloc(j->pool, total);
    if (p == NULL) {
        j->failed = 1;
        return NULL;
    }

    if (used) {
        ngx_memcpy(p, j->start, used);
        (void) ngx_pfree(j->pool, j->start);
    }

    j->start = p;
    j->last = p + used;
    j->end = p + total;

    return j->last;
}


/* comma and key, and room for a value */

static u_char *
ngx_http_sluice_json_key(ngx_http_sluice_json_t *j, const char *key,
    size_t size)
{
    size_t   len;
    u_char  *p;

    len = key ? ngx_strlen(key) : 0;

    p = ngx_http_sluice_json_room(j, 6 * len + sizeof(",\"\":") + size);
    if (p == NULL) {
        return NULL;
    }

    if (j->comma) {
        *p++ = ',';
    }

    j->comma = 1;

    if (key) {
        *p++ = '"';
        p += sluice_format_string(key, len, (char *) p, 6 * len);
        *p++ = '"';
        *p++ = ':';
    }

    return p;
}


void
ngx_http_sluice_json_open(ngx_http_sluice_json_t *j, const char *key,
    u_char bracket)
{
    u_char  *p;

    p = ngx_http_sluice_json_key(j, key, 1);

    if (p) {
        *p++ = bracket;
        j->last = p;
        j->comma = 0;
    }
}


void
ngx_http_sluice_json_close(ngx_http_sluice_json_t *j, u_char bracket)
{
    u_char  *p;

    p = ngx_http_sluice_json_room(j, 1);

    if (p) {
        *p++ = bracket;
        j->last = p;
        j->comma = 1;
    }
}


void
ngx_http_sluice_json_text(ngx_http_sluice_json_t *j, const char *key,
    const char *text, size_t len)
{
    u_char  *p;

    p = ngx_http_sluice_json_key(j, key, 6 * len + 2);

    if (p) {
        *p++ = '"';
        p += sluice_format_string(text, len, (char *) p, 6 * len);
        *p++ = '"';
        j->last = p;
    }
}


void
ngx_http_sluice_json_string(ngx_http_sluice_json_t *j, const char *key,
    const char *string)
{
    ngx_http_sluice_json_text(j, key, string, ngx_strlen(string));
}


void
ngx_http_sluice_json_number(ngx_http_sluice_json_t *j, const char *key,
    double number)
{
    u_char  *p;

    p = ngx_http_sluice_json_key(j, key, SLUICE_NUMBER_SIZE);

    if (p) {
        p += sluice_format_number(number, (char *) p);
        j->last = p;
    }
}


void
ngx_http_sluice_json_integer(ngx_http_sluice_json_t *j, const char *key,
    int64_t integer)
{
    u_char  *p;

    p = ngx_http_sluice_json_key(j, key, NGX_INT64_LEN);

    if (p) {
        j->last = ngx_sprintf(p, "%L", integer);
    }
}


void
ngx_http_sluice_json_flag(ngx_http_sluice_json_t *j, const char *key,
    ngx_uint_t flag)
{
    u_char  *p;

    p = ngx_http_sluice_json_key(j, key, sizeof("false") - 1);

    if (p) {
        j->last = ngx_sprintf(p, flag ? "true" : "false");
    }
}


void
ngx_http_sluice_json_null(ngx_http_sluice_json_t *j, const char *key)
{
    u_char  *p;

    p = ngx_http_sluice_json_key(j, key, sizeof("null") - 1);

    if (p) {
        j->last = ngx_sprintf(p, "null");
    }
}
