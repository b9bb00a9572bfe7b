
/*
 * The http module: directives, variables, and what the handlers have in
 * common.
 */


#include "ngx_http_sluice.h"

#include "sluice_format.h"


static ngx_int_t ngx_http_sluice_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_sluice_add_variables(ngx_conf_t *cf);
static void *ngx_http_sluice_create_loc_conf(ngx_conf_t *cf);
static char *ngx_http_sluice_merge_loc_conf(ngx_conf_t *cf, void *parent,
    void *child);
static char *ngx_http_sluice_check(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_sluice_explain(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_sluice_status(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static ngx_int_t ngx_http_sluice_prefix(ngx_conf_t *cf);


/* whatever the context is, it is the setter that says what would be right */

#define NGX_HTTP_SLUICE_CONF  (NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF           \
                               |NGX_HTTP_SIF_CONF|NGX_HTTP_LOC_CONF           \
                               |NGX_HTTP_LIF_CONF|NGX_HTTP_LMT_CONF)


static ngx_command_t  ngx_http_sluice_commands[] = {

    { ngx_string("sluice_check"),
      NGX_HTTP_SLUICE_CONF|NGX_CONF_ANY,
      ngx_http_sluice_check,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("sluice_explain"),
      NGX_HTTP_SLUICE_CONF|NGX_CONF_ANY,
      ngx_http_sluice_explain,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("sluice_status"),
      NGX_HTTP_SLUICE_CONF|NGX_CONF_ANY,
      ngx_http_sluice_status,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("sluice_backends"),
      NGX_HTTP_SLUICE_CONF|NGX_CONF_ANY,
      ngx_http_sluice_route_page,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("sluice_cluster"),
      NGX_HTTP_SLUICE_CONF|NGX_CONF_ANY,
      ngx_http_sluice_route_page,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("sluice_active"),
      NGX_HTTP_SLUICE_CONF|NGX_CONF_ANY,
      ngx_http_sluice_route_page,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_http_sluice_module_ctx = {
    ngx_http_sluice_add_variables,         /* preconfiguration */
    NULL,                                  /* postconfiguration */

    NULL,                                  /* create main configuration */
    NULL,                                  /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_http_sluice_create_loc_conf,       /* create location configuration */
    ngx_http_sluice_merge_loc_conf         /* merge location configuration */
};


ngx_module_t  ngx_http_sluice_module = {
    NGX_MODULE_V1,
    &ngx_http_sluice_module_ctx,           /* module context */
    ngx_http_sluice_commands,              /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    NULL,                                  /* init module */
    NULL,                                  /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    NULL,                                  /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


static ngx_http_variable_t  ngx_http_sluice_variables[] = {

    { ngx_string("sluice_status"), NULL, ngx_http_sluice_variable,
      0, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("sluice_reason"), NULL, ngx_http_sluice_variable,
      1, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("sluice_value"), NULL, ngx_http_sluice_variable,
      2, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("sluice_age_ms"), NULL, ngx_http_sluice_variable,
      3, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("sluice_metric"), NULL, ngx_http_sluice_variable,
      4, NGX_HTTP_VAR_NOCACHEABLE, 0 },

      ngx_http_null_variable
};


ngx_int_t
ngx_http_sluice_begin(ngx_http_request_t *r)
{
    if (r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD)) {
        return ngx_http_discard_request_body(r);
    }

    if (ngx_http_sluice_header(r, "Allow", (u_char *) "GET, HEAD",
                               sizeof("GET, HEAD") - 1)
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return NGX_HTTP_NOT_ALLOWED;
}


ngx_int_t
ngx_http_sluice_header(ngx_http_request_t *r, char *key, u_char *value,
    size_t len)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    h->hash = 1;
#if (nginx_version >= 1023000)
    h->next = NULL;
#endif
    h->lowcase_key = NULL;
    h->key.len = ngx_strlen(key);
    h->key.data = (u_char *) key;
    h->value.len = len;
    h->value.data = value;

    return NGX_OK;
}


ngx_int_t
ngx_http_sluice_send(ngx_http_request_t *r, ngx_uint_t status, char *type,
    ngx_buf_t *b)
{
    char         *p;
    ngx_int_t     rc;
    ngx_chain_t   out;

    /* conditions are for documents, a verdict has none to meet */
    r->disable_not_modified = 1;

    r->headers_out.status = status;
    r->headers_out.content_length_n = b->last - b->pos;

    if (status == 417) {
        /* nginx has no words for it */
        ngx_str_set(&r->headers_out.status_line, "417 Expectation Failed");
    }

    r->headers_out.content_type.len = ngx_strlen(type);
    r->headers_out.content_type.data = (u_char *) type;
    r->headers_out.content_type_lowcase = NULL;

    p = ngx_strchr(type, ';');
    r->headers_out.content_type_len = p ? (size_t) (p - type)
                                        : r->headers_out.content_type.len;

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    b->last_buf = (r == r->main) ? 1 : 0;
    b->last_in_chain = 1;

    out.buf = b;
    out.next = NULL;

    return ngx_http_output_filter(r, &out);
}


ngx_int_t
ngx_http_sluice_send_static(ngx_http_request_t *r, ngx_uint_t status,
    char *type, char *body)
{
    ngx_buf_t  *b;

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    b->pos = (u_char *) body;
    b->last = b->pos + ngx_strlen(body);
    b->memory = 1;

    return ngx_http_sluice_send(r, status, type, b);
}


static ngx_int_t
ngx_http_sluice_variable(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    uintptr_t data)
{
    u_char                 *p;
    ngx_http_sluice_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sluice_module);

    if (ctx == NULL
        || (data == 3 && ctx->age == SLUICE_AGE_UNKNOWN)
        || (data == 4 && ctx->metric.len == 0))
    {
        v->not_found = 1;
        return NGX_OK;
    }

    p = ngx_pnalloc(r->pool, ngx_max(SLUICE_NUMBER_SIZE, NGX_INT64_LEN));
    if (p == NULL) {
        return NGX_ERROR;
    }

    v->data = p;

    switch (data) {

    case 0:
        v->len = ngx_sprintf(p, "%ui", ctx->status) - p;
        break;

    case 1:
        v->data = (u_char *) sluice_reason_name(ctx->reason);
        v->len = ngx_strlen(v->data);
        break;

    case 2:
        v->len = sluice_format_number(ctx->value, (char *) p);
        break;

    case 4:
        v->data = ctx->metric.data;
        v->len = ctx->metric.len;
        break;

    default: /* 3 */
        v->len = ngx_sprintf(p, "%uL", ctx->age) - p;
        break;
    }

    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;

    return NGX_OK;
}


static ngx_int_t
ngx_http_sluice_add_variables(ngx_conf_t *cf)
{
    ngx_http_variable_t  *var, *v;

    for (v = ngx_http_sluice_variables; v->name.len; v++) {
        var = ngx_http_add_variable(cf, &v->name, v->flags);
        if (var == NULL) {
            return NGX_ERROR;
        }

        var->get_handler = v->get_handler;
        var->data = v->data;
    }

    return NGX_OK;
}


static void *
ngx_http_sluice_create_loc_conf(ngx_conf_t *cf)
{
    ngx_http_sluice_loc_conf_t  *slcf;

    slcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_sluice_loc_conf_t));
    if (slcf == NULL) {
        return NULL;
    }

    /*
     * set by ngx_pcalloc():
     *
     *     slcf->handler = NULL;
     *     slcf->page = NULL;
     *     slcf->read = 0;
     *     slcf->if_exists = 0;
     */

    return slcf;
}


/*
 * "if" and "limit_except" run the location's handler with a configuration of
 * their own
 */

static char *
ngx_http_sluice_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_http_sluice_loc_conf_t  *prev = parent;
    ngx_http_sluice_loc_conf_t  *conf = child;

    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (!clcf->noname || prev->handler == NULL) {
        return NGX_CONF_OK;
    }

    *conf = *prev;

    if (clcf->lmt_excpt && clcf->handler == NULL) {
        clcf->handler = conf->handler;
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_sluice_check(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_sluice_loc_conf_t  *slcf = conf;

    char                      *rv;
    ngx_str_t                 *value;
    ngx_uint_t                 i;
    ngx_http_core_loc_conf_t  *clcf;

    rv = ngx_http_sluice_place(cf, cmd, slcf);

    if (rv != NGX_CONF_OK) {
        return rv;
    }

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        if (ngx_strcmp(value[i].data, "read") == 0 && !slcf->read) {
            slcf->read = 1;
            continue;
        }

        if (ngx_strcmp(value[i].data, "if_exists") == 0 && !slcf->if_exists) {
            slcf->if_exists = 1;
            continue;
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid or repeated parameter \"%V\": write "
                           "\"sluice_check [read] [if_exists];\"", &value[i]);
        return NGX_CONF_ERROR;
    }

    if (ngx_http_sluice_prefix(cf) != NGX_OK) {
        return "needs a plain prefix location that ends with a slash: "
               "write \"location /check/ { sluice_check; }\"";
    }

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    slcf->handler = ngx_http_sluice_check_handler;
    clcf->handler = slcf->handler;

    return NGX_CONF_OK;
}


static char *
ngx_http_sluice_explain(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_sluice_loc_conf_t  *slcf = conf;

    char                      *rv;
    ngx_http_core_loc_conf_t  *clcf;

    rv = ngx_http_sluice_place(cf, cmd, slcf);

    if (rv != NGX_CONF_OK) {
        return rv;
    }

    if (cf->args->nelts != 1) {
        return "takes no parameters: write \"sluice_explain;\"";
    }

    if (ngx_http_sluice_prefix(cf) != NGX_OK) {
        return "needs a plain prefix location that ends with a slash: "
               "write \"location /explain/ { sluice_explain; }\"";
    }

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    slcf->handler = ngx_http_sluice_explain_handler;
    clcf->handler = slcf->handler;

    return NGX_CONF_OK;
}


/* a location whose name can be cut off, and segments are left */

static ngx_int_t
ngx_http_sluice_prefix(ngx_conf_t *cf)
{
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

#if (NGX_PCRE)
    if (clcf->regex) {
        return NGX_DECLINED;
    }
#endif

    if (clcf->exact_match
        || clcf->named
        || clcf->name.len == 0
        || clcf->name.data[clcf->name.len - 1] != '/')
    {
        return NGX_DECLINED;
    }

    return NGX_OK;
}


static char *
ngx_http_sluice_status(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_sluice_loc_conf_t  *slcf = conf;

    char                      *rv;
    ngx_str_t                 *value;
    ngx_http_core_loc_conf_t  *clcf;

    rv = ngx_http_sluice_place(cf, cmd, slcf);

    if (rv != NGX_CONF_OK) {
        return rv;
    }

    value = cf->args->elts;

    if (cf->args->nelts == 2) {
        slcf->page = ngx_http_sluice_status_page(&value[1]);
    }

    if (slcf->page == NULL) {
        return "needs one of these words: \"ok\", \"hostname\", \"leader\", "
               "\"ready\", \"aggregated_metrics\", \"metrics_health\", "
               "\"recent_apps\", \"counters\", \"state\", \"vars\", "
               "\"help\"";
    }

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    slcf->handler = ngx_http_sluice_status_handler;
    clcf->handler = slcf->handler;

    return NGX_CONF_OK;
}


char *
ngx_http_sluice_place(ngx_conf_t *cf, ngx_command_t *cmd,
    ngx_http_sluice_loc_conf_t *slcf)
{
    ngx_http_core_loc_conf_t  *clcf;

    if (cf->cmd_type != NGX_HTTP_LOC_CONF) {
        return "is not allowed here: it stands in a location, outside \"if\" "
               "and \"limit_except\"";
    }

    if (slcf->handler) {
        return "is duplicate: a location holds one \"sluice_check\", one "
               "\"sluice_explain\" or one \"sluice_status\"";
    }

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->handler) {
        return "cannot share a location with another handler";
    }

    if (ngx_sluice_need(cf, "directive", &cmd->name) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}
