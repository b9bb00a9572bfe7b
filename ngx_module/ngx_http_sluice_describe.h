
/*
 * What is known of this node and of a cluster, as JSON.
 */


#ifndef _NGX_HTTP_SLUICE_DESCRIBE_H_INCLUDED_
#define _NGX_HTTP_SLUICE_DESCRIBE_H_INCLUDED_


#include "ngx_http_sluice.h"
#include "ngx_http_sluice_json.h"


/* the views as they are just now */

typedef struct {
    const struct sluice_view  *view;       /* NULL: fresh.no_state says why */
    const struct sluice_view  *detail;     /* NULL: err says why */
    struct sluice_freshness    fresh;
    char                       err[NGX_SLUICE_ERRSTR];
} ngx_http_sluice_known_t;


void ngx_http_sluice_know(ngx_http_sluice_known_t *known);

/* members of the object that is open */

void ngx_http_sluice_describe_node(ngx_http_sluice_json_t *j,
    ngx_http_sluice_known_t *known);
void ngx_http_sluice_describe_cluster(ngx_http_sluice_json_t *j,
    ngx_http_sluice_known_t *known, const struct sluice_cluster *cluster);
void ngx_http_sluice_describe_routes(ngx_http_sluice_json_t *j,
    ngx_http_sluice_known_t *known);

/* every rule that stands, of those heard too; and one of them */

void ngx_http_sluice_describe_throttles(ngx_http_sluice_json_t *j,
    uint64_t now);
void ngx_http_sluice_describe_throttle(ngx_http_sluice_json_t *j,
    const char *key, size_t len, struct sluice_rule *rule, uint64_t now);

/* null where it is not known */

void ngx_http_sluice_describe_age(ngx_http_sluice_json_t *j, const char *key,
    uint64_t then, uint64_t now);
void ngx_http_sluice_describe_ms(ngx_http_sluice_json_t *j, const char *key,
    uint64_t age);


#endif /* _NGX_HTTP_SLUICE_DESCRIBE_H_INCLUDED_ */
