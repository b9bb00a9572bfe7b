
/*
 * What the nginx files of Sluice share: the sluice{} block, the view that
 * each worker has of the state file, and the rules that it holds.
 */


#ifndef _NGX_SLUICE_H_INCLUDED_
#define _NGX_SLUICE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "sluice_state.h"
#include "sluice_verdict.h"


#define NGX_SLUICE_ERRSTR    512

/* what checks and logs say when there is no view, with the reason */
#define NGX_SLUICE_NO_STATE  "no state: %s"


/* where Redis is, and as whom it is asked */

typedef struct {
    ngx_str_t                  name;       /* as it was written */
    ngx_addr_t                *addrs;
    ngx_uint_t                 naddrs;
    ngx_str_t                  user;
    ngx_str_t                  password;   /* in a file, said to nobody */
} ngx_sluice_redis_conf_t;


typedef struct {
    ngx_str_t                  state;
    ngx_str_t                  directory;  /* of the state file */
    ngx_str_t                  name;       /* of the state file in it */
    ngx_msec_t                 max_age;

    ssize_t                    zone_size;
    ngx_shm_zone_t            *zone;       /* its data: ngx_sluice_zone_t */
    ngx_sluice_redis_conf_t   *redis;      /* NULL: orders come by the state */

    ngx_str_t                  needed;     /* what needs the block, and where */
    ngx_array_t               *routes;     /* of ngx_str_t: clusters */
    ngx_str_t                  trouble;    /* logged when the file was parsed */

    ngx_flag_t                 present;
} ngx_sluice_conf_t;


/* CLOCK_MONOTONIC in milliseconds, just now */

uint64_t ngx_sluice_now(void);


/* remembers that a directive needs the block, which may stand further down */

ngx_int_t ngx_sluice_need(ngx_conf_t *cf, char *kind, ngx_str_t *name);


/*
 * The worker's view and how old it is, judged now.  NULL when there is none:
 * fresh->no_state then says why.  Valid until control returns to the loop.
 */

const struct sluice_view *ngx_sluice_view(struct sluice_freshness *fresh);


/*
 * Who is throttled, by what the view and the overlay say.  To be asked for
 * after ngx_sluice_view(), which reads the rules too.
 */

void ngx_sluice_rules(struct sluice_rules *rules);

/* what the rules are a read of; zeroes while there are none */

const struct sluice_view *ngx_sluice_view_rules(void);

/*
 * Hosts and what else a check does not need, copied when asked for.  NULL:
 * there is nothing to be had, and "err", of NGX_SLUICE_ERRSTR bytes, says why.
 * To be asked for after ngx_sluice_view(), and valid as long.
 */

const struct sluice_view *ngx_sluice_view_detail(char *err);


/*
 * Where sessions go, as it was said last: it stands while there is no state.
 * Valid until control returns to the loop.
 */

const struct sluice_view *ngx_sluice_view_routes(void);

/* called when that has changed, wherever it was noticed: may post an event */

extern void  (*ngx_sluice_routes_handler)(void);

/* remembers that a directive sends sessions there, to warn if nobody does */

ngx_int_t ngx_sluice_need_route(ngx_conf_t *cf, ngx_str_t *cluster);

/* CLOCK_BOOTTIME in milliseconds, just now */

uint64_t ngx_sluice_boot_now(void);


/* life of the view in a worker */

void ngx_sluice_view_init(ngx_sluice_conf_t *scf);
void ngx_sluice_view_refresh(ngx_sluice_conf_t *scf);
void ngx_sluice_view_done(void);


/* life of the tick and the doorbell that refresh it */

void ngx_sluice_watch_start(ngx_cycle_t *cycle);
void ngx_sluice_watch_stop(void);


/* the "redis" directive, and the life of a worker's connection */

char *ngx_sluice_redis(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

void ngx_sluice_redis_start(ngx_cycle_t *cycle);
void ngx_sluice_redis_look(void);
void ngx_sluice_redis_stop(void);


extern ngx_module_t  ngx_sluice_module;


#endif /* _NGX_SLUICE_H_INCLUDED_ */
