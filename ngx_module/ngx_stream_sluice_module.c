
/*
 * The stream module: $sluice_verdict_CLUSTER, for "map" and access logs.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_stream.h>

#include "ngx_sluice.h"


#define NGX_STREAM_SLUICE_PREFIX  "sluice_verdict_"


static ngx_int_t ngx_stream_sluice_variable(ngx_stream_session_t *s,
    ngx_stream_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_stream_sluice_add_variables(ngx_conf_t *cf);
static ngx_int_t ngx_stream_sluice_init(ngx_conf_t *cf);


static ngx_stream_module_t  ngx_stream_sluice_module_ctx = {
    ngx_stream_sluice_add_variables,       /* preconfiguration */
    ngx_stream_sluice_init,                /* postconfiguration */

    NULL,                                  /* create main configuration */
    NULL,                                  /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL                                   /* merge server configuration */
};


ngx_module_t  ngx_stream_sluice_module = {
    NGX_MODULE_V1,
    &ngx_stream_sluice_module_ctx,         /* module context */
    NULL,                                  /* module directives */
    NGX_STREAM_MODULE,                     /* module type */
    NULL,                                  /* init master */
    NULL,                                  /* init module */
    NULL,                                  /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    NULL,                                  /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


static ngx_str_t  ngx_stream_sluice_prefix =
    ngx_string(NGX_STREAM_SLUICE_PREFIX);


/* the status that a check of the cluster would be answered with */

static ngx_int_t
ngx_stream_sluice_variable(ngx_stream_session_t *s,
    ngx_stream_variable_value_t *v, uintptr_t data)
{
    ngx_str_t  *name = (ngx_str_t *) data;

    const struct sluice_view  *view;
    struct sluice_request      request;
    struct sluice_verdict      verdict;
    struct sluice_freshness    fresh;

    ngx_memzero(&request, sizeof(struct sluice_request));

    request.app.data = "nginx";
    request.app.len = sizeof("nginx") - 1;
    request.store_type.data = "mysql";
    request.store_type.len = sizeof("mysql") - 1;
    request.store_name.data = (char *) name->data
                              + sizeof(NGX_STREAM_SLUICE_PREFIX) - 1;
    request.store_name.len = name->len
                             - (sizeof(NGX_STREAM_SLUICE_PREFIX) - 1);

    view = ngx_sluice_view(&fresh);

    sluice_verdict_check(view, &fresh, NULL, &request, &verdict);

    v->data = ngx_pnalloc(s->connection->pool, NGX_INT_T_LEN);
    if (v->data == NULL) {
        return NGX_ERROR;
    }

    v->len = ngx_sprintf(v->data, "%ui", (ngx_uint_t) verdict.status)
             - v->data;
    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;

    return NGX_OK;
}


static ngx_int_t
ngx_stream_sluice_add_variables(ngx_conf_t *cf)
{
    ngx_stream_variable_t  *var;

    var = ngx_stream_add_variable(cf, &ngx_stream_sluice_prefix,
                                  NGX_STREAM_VAR_PREFIX);
    if (var == NULL) {
        return NGX_ERROR;
    }

    var->get_handler = ngx_stream_sluice_variable;

    return NGX_OK;
}


/* a variable that is used needs the sluice{} block as a directive does */

static ngx_int_t
ngx_stream_sluice_init(ngx_conf_t *cf)
{
    size_t                        len;
    ngx_uint_t                    i;
    ngx_stream_variable_t        *v;
    ngx_stream_core_main_conf_t  *cmcf;

    cmcf = ngx_stream_conf_get_module_main_conf(cf, ngx_stream_core_module);

    len = ngx_stream_sluice_prefix.len;
    v = cmcf->variables.elts;

    for (i = 0; i < cmcf->variables.nelts; i++) {

        if (v[i].name.len > len
            && ngx_strncmp(v[i].name.data, ngx_stream_sluice_prefix.data, len)
               == 0)
        {
            return ngx_sluice_need(cf, "variable", &v[i].name);
        }
    }

    return NGX_OK;
}
