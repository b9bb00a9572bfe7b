
/*
 * The "redis" directive.
 */


#include "ngx_sluice.h"


#define NGX_SLUICE_REDIS_PORT      6379
#define NGX_SLUICE_REDIS_PASSWORD  1023


static char *ngx_sluice_redis_address(ngx_conf_t *cf,
    ngx_sluice_redis_conf_t *rcf, ngx_str_t *name);
static char *ngx_sluice_redis_parameter(ngx_conf_t *cf,
    ngx_sluice_redis_conf_t *rcf, ngx_str_t *value);
static char *ngx_sluice_redis_password(ngx_conf_t *cf,
    ngx_sluice_redis_conf_t *rcf, ngx_str_t *path);


char *
ngx_sluice_redis(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_sluice_conf_t  *scf = conf;

    char                     *rv;
    ngx_str_t                *value;
    ngx_uint_t                i;
    ngx_sluice_redis_conf_t  *rcf;

    if (scf->redis) {
        return "is duplicate";
    }

    rcf = ngx_pcalloc(cf->pool, sizeof(ngx_sluice_redis_conf_t));
    if (rcf == NULL) {
        return NGX_CONF_ERROR;
    }

    scf->redis = rcf;
    value = cf->args->elts;

    rv = ngx_sluice_redis_address(cf, rcf, &value[1]);

    for (i = 2; rv == NGX_CONF_OK && i < cf->args->nelts; i++) {
        rv = ngx_sluice_redis_parameter(cf, rcf, &value[i]);
    }

    if (rv != NGX_CONF_OK) {
        return rv;
    }

    if (rcf->user.len && rcf->password.len == 0) {
        return "has a user without a password: "
               "add \"password_file=PATH\"";
    }

    return NGX_CONF_OK;
}


static char *
ngx_sluice_redis_address(ngx_conf_t *cf, ngx_sluice_redis_conf_t *rcf,
    ngx_str_t *name)
{
    ngx_url_t  u;

    ngx_memzero(&u, sizeof(ngx_url_t));

    u.url = *name;
    u.default_port = NGX_SLUICE_REDIS_PORT;

    if (ngx_parse_url(cf->pool, &u) != NGX_OK || u.uri.len) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "%s in redis \"%V\": write \"HOST[:PORT]\" or "
                           "\"unix:PATH\"",
                           u.err ? u.err : "invalid address", name);
        return NGX_CONF_ERROR;
    }

    rcf->name = *name;
    rcf->addrs = u.addrs;
    rcf->naddrs = u.naddrs;

    return NGX_CONF_OK;
}


static char *
ngx_sluice_redis_parameter(ngx_conf_t *cf, ngx_sluice_redis_conf_t *rcf,
    ngx_str_t *value)
{
    ngx_str_t  s;

    if (ngx_strncmp(value->data, "user=", 5) == 0
        && value->len > 5
        && rcf->user.len == 0)
    {
        rcf->user.len = value->len - 5;
        rcf->user.data = value->data + 5;

        return NGX_CONF_OK;
    }

    if (ngx_strncmp(value->data, "password_file=", 14) == 0
        && value->len > 14
        && rcf->password.len == 0)
    {
        s.len = value->len - 14;
        s.data = value->data + 14;

        return ngx_sluice_redis_password(cf, rcf, &s);
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid or repeated parameter \"%V\": write \"redis "
                       "ADDRESS [user=NAME] [password_file=PATH];\"", value);

    return NGX_CONF_ERROR;
}


/* one line; read here, since workers may not be allowed to */

static char *
ngx_sluice_redis_password(ngx_conf_t *cf, ngx_sluice_redis_conf_t *rcf,
    ngx_str_t *path)
{
    u_char    *p, buf[NGX_SLUICE_REDIS_PASSWORD + 2];
    size_t     len;
    ssize_t    n;
    ngx_fd_t   fd;

    if (ngx_conf_full_name(cf->cycle, path, 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    fd = ngx_open_file(path->data, NGX_FILE_RDONLY|NGX_FILE_NONBLOCK,
                       NGX_FILE_OPEN, 0);

    if (fd == NGX_INVALID_FILE) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           ngx_open_file_n " password_file \"%V\" failed",
                           path);
        return NGX_CONF_ERROR;
    }

    n = ngx_read_fd(fd, buf, sizeof(buf));

    if (n == -1) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           ngx_read_fd_n " password_file \"%V\" failed", path);
    }

    if (ngx_close_file(fd) == NGX_FILE_ERROR) {
        ngx_log_error(NGX_LOG_ALERT, cf->log, ngx_errno,
                      ngx_close_file_n " \"%V\" failed", path);
    }

    if (n == -1) {
        return NGX_CONF_ERROR;
    }

    len = n;

    if (len && buf[len - 1] == LF) {
        len--;
    }

    if (len && buf[len - 1] == CR) {
        len--;
    }

    if (len == 0
        || len > NGX_SLUICE_REDIS_PASSWORD
        || ngx_strlchr(buf, buf + len, LF)
        || ngx_strlchr(buf, buf + len, '\0'))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "password_file \"%V\": expected one line with the "
                           "password, of 1 to %d bytes", path,
                           NGX_SLUICE_REDIS_PASSWORD);
        ngx_explicit_memzero(buf, sizeof(buf));
        return NGX_CONF_ERROR;
    }

    p = ngx_pnalloc(cf->pool, len);
    if (p == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memcpy(p, buf, len);
    ngx_explicit_memzero(buf, sizeof(buf));

    rcf->password.data = p;
    rcf->password.len = len;

    return NGX_CONF_OK;
}
