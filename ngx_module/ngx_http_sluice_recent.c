
/*
 * The page of recent apps: who asked in the last day, or the last N minutes.
 */


#include "ngx_http_sluice.h"
#include "ngx_sluice_zone.h"

#include "sluice_format.h"


typedef struct {
    ngx_str_t    key;          /* APP/ADDRESS */
    uint64_t     age;
} ngx_http_sluice_pair_t;


static ngx_int_t ngx_http_sluice_recent_minutes(ngx_http_request_t *r,
    ngx_str_t *text);
static ngx_int_t ngx_http_sluice_recent_integer(ngx_str_t *text,
    int64_t *value);
static ngx_array_t *ngx_http_sluice_recent_pairs(ngx_http_request_t *r,
    int64_t minutes);
static int ngx_libc_cdecl ngx_http_sluice_recent_cmp(const void *one,
    const void *two);
static u_char *ngx_http_sluice_recent_write(u_char *p,
    ngx_http_sluice_pair_t *recent);


ngx_int_t
ngx_http_sluice_recent(ngx_http_request_t *r)
{
    size_t                    size;
    int64_t                   minutes;
    ngx_buf_t                *b;
    ngx_int_t                 rc;
    ngx_str_t                 text;
    ngx_uint_t                i;
    ngx_array_t              *recent;
    ngx_http_sluice_pair_t  **pair;

    if (ngx_http_sluice_recent_minutes(r, &text) != NGX_OK) {
        return NGX_HTTP_NOT_FOUND;
    }

    minutes = 0;

    if (text.len) {
        rc = ngx_http_sluice_recent_integer(&text, &minutes);

        if (rc != NGX_OK) {
            return ngx_http_sluice_bad_number(r, "ParseInt", &text,
                                              rc == NGX_DECLINED);
        }
    }

    recent = ngx_http_sluice_recent_pairs(r, minutes);
    if (recent == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    pair = recent->elts;
    size = sizeof("{}\n");

    for (i = 0; i < recent->nelts; i++) {
        size += 6 * pair[i]->key.len + 2 * NGX_INT64_LEN
                + sizeof(",\"\":{\"CheckedAtEpoch\":,"
                         "\"MinutesSinceChecked\":}");
    }

    b = ngx_create_temp_buf(r->pool, size);
    if (b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    *b->last++ = '{';

    for (i = 0; i < recent->nelts; i++) {

        if (i) {
            *b->last++ = ',';
        }

        b->last = ngx_http_sluice_recent_write(b->last, pair[i]);
    }

    *b->last++ = '}';
    *b->last++ = LF;

    return ngx_http_sluice_send(r, NGX_HTTP_OK, NGX_HTTP_SLUICE_JSON, b);
}


/* what follows the name of a location that ends with a slash */

static ngx_int_t
ngx_http_sluice_recent_minutes(ngx_http_request_t *r, ngx_str_t *text)
{
    ngx_http_core_loc_conf_t  *clcf;

    ngx_str_null(text);

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    if (clcf->name.len == 0
        || clcf->name.data[clcf->name.len - 1] != '/'
        || r->uri.len <= clcf->name.len
        || ngx_memcmp(r->uri.data, clcf->name.data, clcf->name.len) != 0)
    {
        return NGX_OK;
    }

    text->data = r->uri.data + clcf->name.len;
    text->len = r->uri.len - clcf->name.len;

    return ngx_strlchr(text->data, text->data + text->len, '/')
           ? NGX_DECLINED : NGX_OK;
}


/* NGX_ERROR: not an integer, NGX_DECLINED: one that is too large */

static ngx_int_t
ngx_http_sluice_recent_integer(ngx_str_t *text, int64_t *value)
{
    size_t     i;
    ngx_int_t  n;
    ngx_str_t  digits;

    digits = *text;

    if (digits.data[0] == '-' || digits.data[0] == '+') {
        digits.data++;
        digits.len--;
    }

    if (digits.len == 0) {
        return NGX_ERROR;
    }

    for (i = 0; i < digits.len; i++) {
        if (digits.data[i] < '0' || digits.data[i] > '9') {
            return NGX_ERROR;
        }
    }

    n = ngx_atoi(digits.data, digits.len);

    if (n == NGX_ERROR) {
        return NGX_DECLINED;
    }

    *value = (text->data[0] == '-') ? -n : n;

    return NGX_OK;
}


/* pointers to copies, in the order of their keys */

static ngx_array_t *
ngx_http_sluice_recent_pairs(ngx_http_request_t *r, int64_t minutes)
{
    u_char                   *p;
    uint32_t                  i, used;
    uint64_t                  now, time;
    ngx_array_t              *recent;
    ngx_sluice_zone_t        *zone;
    ngx_sluice_pair_t         copy;
    ngx_http_sluice_pair_t   *pair, **slot;

    zone = ngx_sluice_zone();
    now = ngx_sluice_now();
    used = zone->recent.used;

    recent = ngx_array_create(r->pool, used + 1,
                              sizeof(ngx_http_sluice_pair_t *));
    if (recent == NULL) {
        return NULL;
    }

    for (i = 0; i < used; i++) {

        if (ngx_sluice_recent_pair(&zone->recent, i, now, &copy, &time)
            != NGX_OK)
        {
            continue;
        }

        time = now > time ? now - time : 0;

        if (minutes > 0 && (int64_t) (time / 60000) > minutes) {
            continue;
        }

        pair = ngx_palloc(r->pool, sizeof(ngx_http_sluice_pair_t)
                                   + copy.app_len + 1 + copy.addr_len);
        slot = ngx_array_push(recent);

        if (pair == NULL || slot == NULL) {
            return NULL;
        }

        p = (u_char *) (pair + 1);

        pair->age = time;
        pair->key.data = p;
        p = ngx_cpymem(p, copy.data, copy.app_len);
        *p++ = '/';
        p = ngx_cpymem(p, copy.data + copy.app_len, copy.addr_len);
        pair->key.len = p - pair->key.data;

        *slot = pair;
    }

    ngx_qsort(recent->elts, recent->nelts, sizeof(ngx_http_sluice_pair_t *),
              ngx_http_sluice_recent_cmp);

    return recent;
}


static int ngx_libc_cdecl
ngx_http_sluice_recent_cmp(const void *one, const void *two)
{
    ngx_http_sluice_pair_t  *first, *second;

    first = *(ngx_http_sluice_pair_t **) one;
    second = *(ngx_http_sluice_pair_t **) two;

    return ngx_memn2cmp(first->key.data, second->key.data, first->key.len,
                        second->key.len);
}


static u_char *
ngx_http_sluice_recent_write(u_char *p, ngx_http_sluice_pair_t *recent)
{
    *p++ = '"';
    p += sluice_format_string((char *) recent->key.data, recent->key.len,
                              (char *) p, 6 * recent->key.len);

    return ngx_sprintf(p, "\":{\"CheckedAtEpoch\":%T,"
                       "\"MinutesSinceChecked\":%uL}",
                       ngx_time() - (time_t) (recent->age / 1000),
                       recent->age / 60000);
}
