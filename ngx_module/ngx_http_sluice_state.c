
/*
 * The page of the state: this node, every cluster with its hosts, where
 * sessions go, and who is throttled.
 */


#include "ngx_http_sluice_describe.h"


ngx_int_t
ngx_http_sluice_state(ngx_http_request_t *r)
{
    uint32_t                  i;
    ngx_buf_t                *b;
    ngx_http_sluice_json_t    j;
    ngx_http_sluice_known_t   known;

    ngx_http_sluice_know(&known);

    ngx_http_sluice_json_begin(&j, r->pool);

    ngx_http_sluice_json_open(&j, NULL, '{');
    ngx_http_sluice_describe_node(&j, &known);
    ngx_http_sluice_json_open(&j, "Clusters", '{');

    for (i = 0; known.view && i < known.view->nclusters; i++) {
        ngx_http_sluice_json_open(&j, known.view->clusters[i].name, '{');
        ngx_http_sluice_describe_cluster(&j, &known,
                                         &known.view->clusters[i]);
        ngx_http_sluice_json_close(&j, '}');
    }

    ngx_http_sluice_json_close(&j, '}');
    ngx_http_sluice_describe_routes(&j, &known);
    ngx_http_sluice_describe_throttles(&j, known.fresh.now_mono_ms);
    ngx_http_sluice_json_close(&j, '}');

    b = ngx_http_sluice_json_end(&j);
    if (b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_sluice_send(r, NGX_HTTP_OK, NGX_HTTP_SLUICE_JSON, b);
}
