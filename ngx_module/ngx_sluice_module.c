
/*
 * The core module: the sluice{} block, and when a worker's view begins and
 * ends.
 */


#include "ngx_sluice_zone.h"


#define NGX_SLUICE_CONF   0x02000000

#define NGX_SLUICE_STATE  "/run/sluice/state"


static void *ngx_sluice_create_conf(ngx_cycle_t *cycle);
static char *ngx_sluice_init_conf(ngx_cycle_t *cycle, void *conf);
static char *ngx_sluice_block(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
static char *ngx_sluice_state(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
static char *ngx_sluice_max_age(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_sluice_zone_size(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static ngx_int_t ngx_sluice_state_path(ngx_cycle_t *cycle,
    ngx_sluice_conf_t *scf);
static void ngx_sluice_try_routes(ngx_cycle_t *cycle, ngx_sluice_conf_t *scf,
    struct sluice_map *map);
static ngx_int_t ngx_sluice_try_state(ngx_cycle_t *cycle,
    ngx_sluice_conf_t *scf);
static ngx_int_t ngx_sluice_init_process(ngx_cycle_t *cycle);
static void ngx_sluice_exit_process(ngx_cycle_t *cycle);


static ngx_command_t  ngx_sluice_commands[] = {

    { ngx_string("sluice"),
      NGX_MAIN_CONF|NGX_DIRECT_CONF|NGX_CONF_BLOCK|NGX_CONF_NOARGS,
      ngx_sluice_block,
      0,
      0,
      NULL },

    { ngx_string("state"),
      NGX_SLUICE_CONF|NGX_DIRECT_CONF|NGX_CONF_TAKE1,
      ngx_sluice_state,
      0,
      0,
      NULL },

    { ngx_string("max_age"),
      NGX_SLUICE_CONF|NGX_DIRECT_CONF|NGX_CONF_TAKE1,
      ngx_sluice_max_age,
      0,
      0,
      NULL },

    { ngx_string("zone"),
      NGX_SLUICE_CONF|NGX_DIRECT_CONF|NGX_CONF_TAKE1,
      ngx_sluice_zone_size,
      0,
      0,
      NULL },

    { ngx_string("redis"),
      NGX_SLUICE_CONF|NGX_DIRECT_CONF|NGX_CONF_TAKE123,
      ngx_sluice_redis,
      0,
      0,
      NULL },

      ngx_null_command
};


static ngx_core_module_t  ngx_sluice_module_ctx = {
    ngx_string("sluice"),
    ngx_sluice_create_conf,
    ngx_sluice_init_conf
};


ngx_module_t  ngx_sluice_module = {
    NGX_MODULE_V1,
    &ngx_sluice_module_ctx,                /* module context */
    ngx_sluice_commands,                   /* module directives */
    NGX_CORE_MODULE,                       /* module type */
    NULL,                                  /* init master */
    NULL,                                  /* init module */
    ngx_sluice_init_process,               /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    ngx_sluice_exit_process,               /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


static ngx_int_t
ngx_sluice_init_process(ngx_cycle_t *cycle)
{
    ngx_sluice_conf_t  *scf;

    scf = (ngx_sluice_conf_t *) ngx_get_conf(cycle->conf_ctx,
                                             ngx_sluice_module);

    /* the cache manager and the cache loader come here too */

    if (!scf->present
        || (ngx_process != NGX_PROCESS_WORKER
            && ngx_process != NGX_PROCESS_SINGLE))
    {
        return NGX_OK;
    }

    ngx_sluice_zone_claim(scf->zone->data);
    ngx_sluice_seats_claim(scf->zone->data);
    ngx_sluice_view_init(scf);
    ngx_sluice_redis_start(cycle);
    ngx_sluice_watch_start(cycle);

    return NGX_OK;
}


static void
ngx_sluice_exit_process(ngx_cycle_t *cycle)
{
    ngx_sluice_watch_stop();
    ngx_sluice_redis_stop();
    ngx_sluice_view_done();
}


ngx_int_t
ngx_sluice_need(ngx_conf_t *cf, char *kind, ngx_str_t *name)
{
    u_char             *p;
    size_t              len;
    ngx_sluice_conf_t  *scf;

    scf = (ngx_sluice_conf_t *) ngx_get_conf(cf->cycle->conf_ctx,
                                             ngx_sluice_module);

    if (scf->needed.len) {
        return NGX_OK;
    }

    len = ngx_strlen(kind) + sizeof(" \"\" in :") - 1 + name->len
          + cf->conf_file->file.name.len + NGX_INT_T_LEN;

    p = ngx_pnalloc(cf->pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    scf->needed.data = p;
    scf->needed.len = ngx_sprintf(p, "%s \"%V\" in %V:%ui", kind, name,
                                  &cf->conf_file->file.name,
                                  cf->conf_file->line)
                      - p;

    return NGX_OK;
}


static void *
ngx_sluice_create_conf(ngx_cycle_t *cycle)
{
    ngx_sluice_conf_t  *scf;

    scf = ngx_pcalloc(cycle->pool, sizeof(ngx_sluice_conf_t));
    if (scf == NULL) {
        return NULL;
    }

    /*
     * set by ngx_pcalloc():
     *
     *     scf->state = { 0, NULL };
     *     scf->directory = { 0, NULL };
     *     scf->name = { 0, NULL };
     *     scf->zone_size = 0;
     *     scf->zone = NULL;
     *     scf->redis = NULL;
     *     scf->needed = { 0, NULL };
     *     scf->routes = NULL;
     *     scf->trouble = { 0, NULL };
     *     scf->present = 0;
     */

    scf->max_age = NGX_CONF_UNSET_MSEC;

    return scf;
}


ngx_int_t
ngx_sluice_need_route(ngx_conf_t *cf, ngx_str_t *cluster)
{
    ngx_str_t          *name;
    ngx_uint_t          i;
    ngx_sluice_conf_t  *scf;

    scf = (ngx_sluice_conf_t *) ngx_get_conf(cf->cycle->conf_ctx,
                                             ngx_sluice_module);

    if (scf->routes == NULL) {
        scf->routes = ngx_array_create(cf->cycle->pool, 4, sizeof(ngx_str_t));
        if (scf->routes == NULL) {
            return NGX_ERROR;
        }
    }

    name = scf->routes->elts;

    for (i = 0; i < scf->routes->nelts; i++) {
        if (name[i].len == cluster->len
            && ngx_strncmp(name[i].data, cluster->data, cluster->len) == 0)
        {
            return NGX_OK;
        }
    }

    name = ngx_array_push(scf->routes);
    if (name == NULL) {
        return NGX_ERROR;
    }

    *name = *cluster;

    return NGX_OK;
}


static char *
ngx_sluice_init_conf(ngx_cycle_t *cycle, void *conf)
{
    ngx_sluice_conf_t  *scf = conf;

    if (!scf->present) {

        if (scf->needed.len == 0) {
            return NGX_CONF_OK;
        }

        ngx_log_error(NGX_LOG_EMERG, cycle->log, 0,
                      "%V needs a \"sluice\" block: add "
                      "\"sluice { state " NGX_SLUICE_STATE "; }\" "
                      "at the main level, beside \"events\"", &scf->needed);

        return NGX_CONF_ERROR;
    }

    if (scf->state.len == 0) {
        ngx_str_set(&scf->state, NGX_SLUICE_STATE);
    }

    ngx_conf_init_msec_value(scf->max_age, 1000);

    if (ngx_sluice_state_path(cycle, scf) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (ngx_process != NGX_PROCESS_SIGNALLER
        && ngx_sluice_try_state(cycle, scf) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_sluice_state_path(ngx_cycle_t *cycle, ngx_sluice_conf_t *scf)
{
    size_t  len;

    len = scf->state.len;

    while (scf->state.data[len - 1] != '/') {
        len--;
    }

    scf->name.len = scf->state.len - len;
    scf->name.data = scf->state.data + len;

    /* the root directory keeps its slash */

    len = (len > 1) ? len - 1 : len;

    scf->directory.data = ngx_pnalloc(cycle->pool, len + 1);
    if (scf->directory.data == NULL) {
        return NGX_ERROR;
    }

    scf->directory.len = len;
    ngx_cpystrn(scf->directory.data, scf->state.data, len + 1);

    return NGX_OK;
}


/* sessions of a cluster that nobody routes find no host */

static void
ngx_sluice_try_routes(ngx_cycle_t *cycle, ngx_sluice_conf_t *scf,
    struct sluice_map *map)
{
    char                err[NGX_SLUICE_ERRSTR];
    void               *image;
    size_t              size;
    ngx_str_t          *name;
    ngx_uint_t          i;
    struct sluice_view  view;

    ngx_memzero(&view, sizeof(struct sluice_view));

    size = sluice_map_slot_size(map, SLUICE_PART_ROUTES);

    if (scf->routes == NULL || size == 0) {
        return;
    }

    image = ngx_alloc(size, cycle->log);
    if (image == NULL) {
        return;
    }

    if (sluice_map_snapshot(map, SLUICE_PART_ROUTES, image) != 0
        && sluice_view_load(&view, image, size, err, sizeof(err)) == 0)
    {
        name = scf->routes->elts;

        for (i = 0; i < scf->routes->nelts; i++) {

            if (sluice_view_route(&view, (char *) name[i].data, name[i].len)) {
                continue;
            }

            ngx_log_error(NGX_LOG_WARN, cycle->log, 0,
                          "sluice: sluiced routes no cluster \"%V\": its "
                          "sessions find no host until its configuration has "
                          "a \"Routing\" block there", &name[i]);
        }
    }

    sluice_view_free(&view);
    ngx_free(image);
}


/* nginx comes first: a missing state is worth a warning and nothing more */

static ngx_int_t
ngx_sluice_try_state(ngx_cycle_t *cycle, ngx_sluice_conf_t *scf)
{
    char               err[NGX_SLUICE_ERRSTR];
    struct sluice_map  map;

    ngx_memzero(&map, sizeof(struct sluice_map));

    if (sluice_map_open(&map, (char *) scf->state.data, err, sizeof(err))
        == 0)
    {
        ngx_sluice_try_routes(cycle, scf, &map);
        sluice_map_close(&map);
        return NGX_OK;
    }

    scf->trouble.data = ngx_pnalloc(cycle->pool, NGX_SLUICE_ERRSTR);
    if (scf->trouble.data == NULL) {
        return NGX_ERROR;
    }

    scf->trouble.len = ngx_snprintf(scf->trouble.data, NGX_SLUICE_ERRSTR - 1,
                                    NGX_SLUICE_NO_STATE, err)
                       - scf->trouble.data;
    scf->trouble.data[scf->trouble.len] = '\0';

    ngx_log_error(NGX_LOG_WARN, cycle->log, 0,
                  "sluice: \"%V\": %V; "
                  "checks answer 500 until sluiced has written it",
                  &scf->state, &scf->trouble);

    return NGX_OK;
}


static char *
ngx_sluice_block(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_sluice_conf_t  *scf = conf;

    char        *rv;
    ngx_conf_t   save;

    if (scf->present) {
        return "is duplicate: write all of it in one block";
    }

    scf->present = 1;

    save = *cf;
    cf->cmd_type = NGX_SLUICE_CONF;

    rv = ngx_conf_parse(cf, NULL);

    *cf = save;

    if (rv != NGX_CONF_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the \"sluice\" block takes \"state PATH;\", "
                           "\"max_age TIME;\", \"zone SIZE;\" and \"redis "
                           "ADDRESS [user=NAME] [password_file=PATH];\", "
                           "each once");
        return rv;
    }

    return ngx_sluice_zone_add(cf, scf) == NGX_OK ? NGX_CONF_OK
                                                  : NGX_CONF_ERROR;
}


static char *
ngx_sluice_state(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_sluice_conf_t  *scf = conf;

    ngx_str_t  *value;

    if (scf->state.len) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (value[1].len == 0 || value[1].data[value[1].len - 1] == '/') {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" cannot be the state file: "
                           "write the path of a file, such as "
                           "\"" NGX_SLUICE_STATE "\"", &value[1]);
        return NGX_CONF_ERROR;
    }

    if (ngx_conf_full_name(cf->cycle, &value[1], 0) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    scf->state = value[1];

    return NGX_CONF_OK;
}


static char *
ngx_sluice_max_age(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_sluice_conf_t  *scf = conf;

    ngx_int_t   age;
    ngx_str_t  *value;

    if (scf->max_age != NGX_CONF_UNSET_MSEC) {
        return "is duplicate";
    }

    value = cf->args->elts;

    age = ngx_parse_time(&value[1], 0);

    if (age == NGX_ERROR || age == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid max_age \"%V\": write a time above zero, "
                           "such as \"1s\" or \"500ms\"", &value[1]);
        return NGX_CONF_ERROR;
    }

    scf->max_age = age;

    return NGX_CONF_OK;
}


static char *
ngx_sluice_zone_size(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_sluice_conf_t  *scf = conf;

    ngx_str_t  *value;

    if (scf->zone_size) {
        return "is duplicate";
    }

    value = cf->args->elts;

    scf->zone_size = ngx_parse_size(&value[1]);

    if (scf->zone_size == NGX_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid zone \"%V\": write a size, such as "
                           "\"8m\"", &value[1]);
        return NGX_CONF_ERROR;
    }

    if (scf->zone_size < NGX_SLUICE_ZONE_LEAST) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "zone \"%V\" is too small: write at least \"1m\"",
                           &value[1]);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}
