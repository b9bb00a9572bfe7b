
/*
 * What a request asks for: the segments of its path and its arguments.
 */


#include "ngx_http_sluice.h"


static ngx_int_t ngx_http_sluice_arg(ngx_http_request_t *r, char *name,
    ngx_str_t *value);
static ngx_int_t ngx_http_sluice_metric(ngx_http_request_t *r,
    struct sluice_text *metric);


/*
 * Splits what follows the location's name into exactly "n" segments.  Only
 * the last may not be empty: a path that ends with a slash is another path.
 */

ngx_int_t
ngx_http_sluice_segments(ngx_http_request_t *r, ngx_str_t *segment,
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


ngx_int_t
ngx_http_sluice_request(ngx_http_request_t *r, ngx_str_t *segment,
    struct sluice_request *request)
{
    ngx_str_t  p;

    ngx_memzero(request, sizeof(struct sluice_request));

    request->app.data = (char *) segment[0].data;
    request->app.len = segment[0].len;
    request->store_type.data = (char *) segment[1].data;
    request->store_type.len = segment[1].len;
    request->store_name.data = (char *) segment[2].data;
    request->store_name.len = segment[2].len;

    if (r->args.len == 0) {
        return NGX_OK;
    }

    request->low_priority = ngx_http_sluice_arg(r, "p", &p) == NGX_OK
                            && p.len == 3
                            && ngx_memcmp(p.data, "low", 3) == 0;

    return ngx_http_sluice_metric(r, &request->metric);
}


/* the first argument of exactly that name, as it was sent */

static ngx_int_t
ngx_http_sluice_arg(ngx_http_request_t *r, char *name, ngx_str_t *value)
{
    u_char  *p, *next, *last;
    size_t   len;

    len = ngx_strlen(name);

    p = r->args.data;
    last = p + r->args.len;

    for ( /* void */ ; p < last; p = next + 1) {

        next = ngx_strlchr(p, last, '&');
        if (next == NULL) {
            next = last;
        }

        if ((size_t) (next - p) > len
            && p[len] == '='
            && ngx_memcmp(p, name, len) == 0)
        {
            value->data = p + len + 1;
            value->len = next - value->data;
            return NGX_OK;
        }
    }

    return NGX_DECLINED;
}


static ngx_int_t
ngx_http_sluice_metric(ngx_http_request_t *r, struct sluice_text *metric)
{
    u_char     *dst, *src;
    ngx_str_t   value;

    if (ngx_http_sluice_arg(r, "metric", &value) != NGX_OK || value.len == 0) {
        return NGX_OK;
    }

    dst = ngx_pnalloc(r->pool, value.len);
    if (dst == NULL) {
        return NGX_ERROR;
    }

    metric->data = (char *) dst;
    src = value.data;

    ngx_unescape_uri(&dst, &src, value.len, 0);

    metric->len = dst - (u_char *) metric->data;

    return NGX_OK;
}
