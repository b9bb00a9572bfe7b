
/*
 * The stream module: its directives, and variables for "map" and access logs.
 */


#include "ngx_stream_sluice.h"


#define NGX_STREAM_SLUICE_PREFIX    "sluice_verdict_"

#define NGX_STREAM_SLUICE_CLUSTER   0
#define NGX_STREAM_SLUICE_EPOCH     1
#define NGX_STREAM_SLUICE_HOST      2
#define NGX_STREAM_SLUICE_OUTCOME   3


static ngx_int_t ngx_stream_sluice_variable(ngx_stream_session_t *s,
    ngx_stream_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_stream_sluice_session_variable(ngx_stream_session_t *s,
    ngx_stream_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_stream_sluice_add_variables(ngx_conf_t *cf);
static ngx_int_t ngx_stream_sluice_init(ngx_conf_t *cf);
static ngx_int_t ngx_stream_sluice_check_listen(ngx_conf_t *cf,
    ngx_stream_core_main_conf_t *cmcf);
static void *ngx_stream_sluice_create_main_conf(ngx_conf_t *cf);
static void *ngx_stream_sluice_create_srv_conf(ngx_conf_t *cf);
static char *ngx_stream_sluice_merge_srv_conf(ngx_conf_t *cf, void *parent,
    void *child);
static ngx_int_t ngx_stream_sluice_init_process(ngx_cycle_t *cycle);


static ngx_conf_enum_t  ngx_stream_sluice_refusals[] = {
    { ngx_string("mysql"), NGX_STREAM_SLUICE_MYSQL },
    { ngx_string("close"), NGX_STREAM_SLUICE_CLOSE },
    { ngx_null_string, 0 }
};


static ngx_command_t  ngx_stream_sluice_commands[] = {

    { ngx_string("sluice"),
      NGX_STREAM_UPS_CONF|NGX_CONF_1MORE,
      ngx_stream_sluice_upstream,
      NGX_STREAM_SRV_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("sluice_hold"),
      NGX_STREAM_MAIN_CONF|NGX_STREAM_SRV_CONF|NGX_CONF_TAKE123,
      ngx_stream_sluice_hold,
      NGX_STREAM_SRV_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("sluice_refuse"),
      NGX_STREAM_MAIN_CONF|NGX_STREAM_SRV_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_enum_slot,
      NGX_STREAM_SRV_CONF_OFFSET,
      offsetof(ngx_stream_sluice_srv_conf_t, refuse),
      ngx_stream_sluice_refusals },

      ngx_null_command
};


static ngx_stream_module_t  ngx_stream_sluice_module_ctx = {
    ngx_stream_sluice_add_variables,       /* preconfiguration */
    ngx_stream_sluice_init,                /* postconfiguration */

    ngx_stream_sluice_create_main_conf,    /* create main configuration */
    NULL,                                  /* init main configuration */

    ngx_stream_sluice_create_srv_conf,     /* create server configuration */
    ngx_stream_sluice_merge_srv_conf       /* merge server configuration */
};


ngx_module_t  ngx_stream_sluice_module = {
    NGX_MODULE_V1,
    &ngx_stream_sluice_module_ctx,         /* module context */
    ngx_stream_sluice_commands,            /* module directives */
    NGX_STREAM_MODULE,                     /* module type */
    NULL,                                  /* init master */
    NULL,                                  /* init module */
    ngx_stream_sluice_init_process,        /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    NULL,                                  /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


static ngx_str_t  ngx_stream_sluice_prefix =
    ngx_string(NGX_STREAM_SLUICE_PREFIX);


static ngx_stream_variable_t  ngx_stream_sluice_vars[] = {

    { ngx_string("sluice_cluster"), NULL, ngx_stream_sluice_session_variable,
      NGX_STREAM_SLUICE_CLUSTER, NGX_STREAM_VAR_NOCACHEABLE, 0 },

    { ngx_string("sluice_epoch"), NULL, ngx_stream_sluice_session_variable,
      NGX_STREAM_SLUICE_EPOCH, NGX_STREAM_VAR_NOCACHEABLE, 0 },

    { ngx_string("sluice_host"), NULL, ngx_stream_sluice_session_variable,
      NGX_STREAM_SLUICE_HOST, NGX_STREAM_VAR_NOCACHEABLE, 0 },

    { ngx_string("sluice_outcome"), NULL, ngx_stream_sluice_session_variable,
      NGX_STREAM_SLUICE_OUTCOME, NGX_STREAM_VAR_NOCACHEABLE, 0 },

      ngx_stream_null_variable
};


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


/* empty in sessions that no cluster has to do with */

static ngx_int_t
ngx_stream_sluice_session_variable(ngx_stream_session_t *s,
    ngx_stream_variable_value_t *v, uintptr_t data)
{
    ngx_str_t                 text;
    ngx_stream_sluice_ctx_t  *ctx;

    ctx = ngx_stream_get_module_ctx(s, ngx_stream_sluice_module);

    if (ctx == NULL) {
        v->not_found = 1;
        return NGX_OK;
    }

    switch (data) {

    case NGX_STREAM_SLUICE_CLUSTER:
        text = ctx->cluster->name;
        break;

    case NGX_STREAM_SLUICE_HOST:
        text = ctx->host;
        break;

    case NGX_STREAM_SLUICE_OUTCOME:
        text.data = (u_char *) (ctx->outcome ? ctx->outcome : "ok");
        text.len = ngx_strlen(text.data);
        break;

    default: /* NGX_STREAM_SLUICE_EPOCH */
        text.data = ngx_pnalloc(s->connection->pool, NGX_INT64_LEN);
        if (text.data == NULL) {
            return NGX_ERROR;
        }

        text.len = ngx_sprintf(text.data, "%uL", ctx->epoch) - text.data;
    }

    v->data = text.data;
    v->len = text.len;
    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;

    return NGX_OK;
}


static ngx_int_t
ngx_stream_sluice_add_variables(ngx_conf_t *cf)
{
    ngx_stream_variable_t  *var, *v;

    for (v = ngx_stream_sluice_vars; v->name.len; v++) {
        var = ngx_stream_add_variable(cf, &v->name, v->flags);
        if (var == NULL) {
            return NGX_ERROR;
        }

        var->get_handler = v->get_handler;
        var->data = v->data;
    }

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
    ngx_stream_handler_pt        *h;
    ngx_stream_variable_t        *v;
    ngx_stream_core_main_conf_t  *cmcf;

    cmcf = ngx_stream_conf_get_module_main_conf(cf, ngx_stream_core_module);

    h = ngx_array_push(&cmcf->phases[NGX_STREAM_ACCESS_PHASE].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = ngx_stream_sluice_hold_handler;

    if (ngx_stream_sluice_check_listen(cf, cmcf) != NGX_OK) {
        return NGX_ERROR;
    }

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


/* MySQL is no datagram; later nginx says so at the first session */

static ngx_int_t
ngx_stream_sluice_check_listen(ngx_conf_t *cf,
    ngx_stream_core_main_conf_t *cmcf)
{
#if (nginx_version < 1025005)

    ngx_uint_t                     i;
    ngx_stream_listen_t           *ls;
    ngx_stream_sluice_srv_conf_t  *sscf;

    ls = cmcf->listen.elts;

    for (i = 0; i < cmcf->listen.nelts; i++) {

        sscf = ls[i].ctx->srv_conf[ngx_stream_sluice_module.ctx_index];

        if (ls[i].type != SOCK_STREAM && sscf->hold) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "\"sluice_hold %V\" in a server that listens on "
                          "\"%V udp\": remove \"udp\", MySQL speaks TCP",
                          &sscf->hold->name, &ls[i].addr_text);
            return NGX_ERROR;
        }
    }

#endif

    return NGX_OK;
}


static void *
ngx_stream_sluice_create_main_conf(ngx_conf_t *cf)
{
    ngx_stream_sluice_main_conf_t  *smcf;

    smcf = ngx_pcalloc(cf->pool, sizeof(ngx_stream_sluice_main_conf_t));
    if (smcf == NULL) {
        return NULL;
    }

    if (ngx_array_init(&smcf->clusters, cf->pool, 4,
                       sizeof(ngx_stream_sluice_cluster_t *))
        != NGX_OK)
    {
        return NULL;
    }

    return smcf;
}


static void *
ngx_stream_sluice_create_srv_conf(ngx_conf_t *cf)
{
    ngx_stream_sluice_srv_conf_t  *sscf;

    sscf = ngx_pcalloc(cf->pool, sizeof(ngx_stream_sluice_srv_conf_t));
    if (sscf == NULL) {
        return NULL;
    }

    /*
     * set by ngx_pcalloc():
     *
     *     sscf->cluster = NULL;
     *     sscf->role = NGX_STREAM_SLUICE_PRIMARY;
     *     sscf->fallback = 0;
     *     sscf->hold = NULL;
     *     sscf->hold_time = 0;
     *     sscf->hold_max = 0;
     */

    sscf->max_lag = NGX_CONF_UNSET_MSEC;
    sscf->hold_off = NGX_CONF_UNSET;
    sscf->refuse = NGX_CONF_UNSET_UINT;

    return sscf;
}


static char *
ngx_stream_sluice_merge_srv_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_stream_sluice_srv_conf_t  *prev = parent;
    ngx_stream_sluice_srv_conf_t  *conf = child;

    if (conf->hold_off == NGX_CONF_UNSET) {
        conf->hold = prev->hold;
        conf->hold_time = prev->hold_time;
        conf->hold_max = prev->hold_max;
    }

    ngx_conf_merge_uint_value(conf->refuse, prev->refuse,
                              NGX_STREAM_SLUICE_MYSQL);

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_stream_sluice_init_process(ngx_cycle_t *cycle)
{
    ngx_stream_sluice_main_conf_t  *smcf;

    if (ngx_process != NGX_PROCESS_WORKER && ngx_process != NGX_PROCESS_SINGLE)
    {
        return NGX_OK;
    }

    smcf = ngx_stream_cycle_get_module_main_conf(cycle,
                                                 ngx_stream_sluice_module);
    if (smcf && smcf->clusters.nelts) {
        ngx_stream_sluice_sweep_init(cycle, smcf);
    }

    return NGX_OK;
}


ngx_stream_sluice_cluster_t *
ngx_stream_sluice_cluster(ngx_conf_t *cf, ngx_str_t *name)
{
    ngx_uint_t                      i;
    ngx_stream_sluice_cluster_t    *cluster, **clusters;
    ngx_stream_sluice_main_conf_t  *smcf;

    if (name->len == 0 || name->len >= SLUICE_NAME_SIZE) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" cannot be a cluster: write its name in "
                           "sluiced's configuration, of at most %d bytes",
                           name, SLUICE_NAME_SIZE - 1);
        return NULL;
    }

    smcf = ngx_stream_conf_get_module_main_conf(cf, ngx_stream_sluice_module);
    clusters = smcf->clusters.elts;

    for (i = 0; i < smcf->clusters.nelts; i++) {
        if (clusters[i]->name.len == name->len
            && ngx_strncmp(clusters[i]->name.data, name->data, name->len) == 0)
        {
            return clusters[i];
        }
    }

    cluster = ngx_pcalloc(cf->pool, sizeof(ngx_stream_sluice_cluster_t));
    if (cluster == NULL) {
        return NULL;
    }

    cluster->name = *name;
    ngx_queue_init(&cluster->writers);
    ngx_queue_init(&cluster->readers);
    ngx_queue_init(&cluster->held);

    clusters = ngx_array_push(&smcf->clusters);
    if (clusters == NULL) {
        return NULL;
    }

    *clusters = cluster;

    return ngx_sluice_need_route(cf, name) == NGX_OK ? cluster : NULL;
}


ngx_stream_sluice_ctx_t *
ngx_stream_sluice_ctx(ngx_stream_session_t *s,
    ngx_stream_sluice_cluster_t *cluster)
{
    ngx_stream_sluice_ctx_t  *ctx;

    ctx = ngx_stream_get_module_ctx(s, ngx_stream_sluice_module);

    if (ctx == NULL) {
        ctx = ngx_pcalloc(s->connection->pool,
                          sizeof(ngx_stream_sluice_ctx_t));
        if (ctx == NULL) {
            return NULL;
        }

        ngx_stream_set_ctx(s, ctx, ngx_stream_sluice_module);
    }

    ctx->cluster = cluster;

    return ctx;
}
