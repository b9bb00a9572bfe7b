
/*
 * What the stream files of Sluice share: clusters and their sessions in this
 * process, which live as long as the epoch they were born in.
 */


#ifndef _NGX_STREAM_SLUICE_H_INCLUDED_
#define _NGX_STREAM_SLUICE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_stream.h>

#include "ngx_sluice.h"
#include "ngx_sluice_zone.h"


#define NGX_STREAM_SLUICE_PRIMARY    0
#define NGX_STREAM_SLUICE_REPLICA    1
#define NGX_STREAM_SLUICE_INACTIVE   2

#define NGX_STREAM_SLUICE_MYSQL      0
#define NGX_STREAM_SLUICE_CLOSE      1

#define NGX_STREAM_SLUICE_TRIED      8     /* hosts that one session tries */


/* a cluster that directives name; one for each name */

typedef struct {
    ngx_str_t                      name;
    ngx_queue_t                    queue;      /* all of this process */

    ngx_queue_t                    writers;    /* ngx_stream_sluice_peer_t */
    ngx_queue_t                    readers;
    ngx_queue_t                    held;       /* ngx_stream_sluice_held_t */
    ngx_uint_t                     nheld;

    uint64_t                       swept;      /* what all sessions were
                                                  judged by; 0: nothing */
    uint64_t                       sweeping;   /* what they are judged by */
    ngx_uint_t                     turn;       /* counts such looks */
} ngx_stream_sluice_cluster_t;


typedef struct {
    ngx_array_t                    clusters;   /* of pointers */
} ngx_stream_sluice_main_conf_t;


typedef struct {

    /* of an upstream */

    ngx_stream_sluice_cluster_t   *cluster;
    ngx_uint_t                     role;
    ngx_msec_t                     max_lag;    /* NGX_CONF_UNSET_MSEC: any */
    ngx_uint_t                     fallback;   /* the primary, if no other */

    /* of a server */

    ngx_stream_sluice_cluster_t   *hold;       /* NULL: do not */
    ngx_msec_t                     hold_time;
    ngx_uint_t                     hold_max;
    ngx_flag_t                     hold_off;
    ngx_uint_t                     refuse;
} ngx_stream_sluice_srv_conf_t;


typedef struct ngx_stream_sluice_held_s  ngx_stream_sluice_held_t;


/* of a session; what variables say */

typedef struct {
    ngx_stream_sluice_cluster_t   *cluster;
    uint64_t                       epoch;      /* 0: none yet */
    ngx_str_t                      host;
    char                          *outcome;

    ngx_stream_sluice_held_t      *held;       /* NULL: it never was */
} ngx_stream_sluice_ctx_t;


/* a session on its way to a host, from before the dial */

typedef struct {
    ngx_queue_t                    queue;
    ngx_stream_session_t          *session;
    ngx_stream_sluice_srv_conf_t  *conf;
    ngx_stream_sluice_ctx_t       *ctx;

    uint64_t                       epoch;      /* cluster's, or host's */
    uint64_t                       host;       /* which; readers only */
    ngx_uint_t                     turn;       /* it was judged in */
    ngx_sluice_seat_t             *seat;

    uint64_t                       tried[NGX_STREAM_SLUICE_TRIED];
    ngx_uint_t                     ntried;

    unsigned                       queued:1;
    unsigned                       cut:1;
} ngx_stream_sluice_peer_t;


/* made when first named; NULL: no memory */

ngx_stream_sluice_cluster_t *ngx_stream_sluice_cluster(ngx_conf_t *cf,
    ngx_str_t *name);

/* the session's, made when first asked for; NULL: no memory */

ngx_stream_sluice_ctx_t *ngx_stream_sluice_ctx(ngx_stream_session_t *s,
    ngx_stream_sluice_cluster_t *cluster);

/* a host's name and port as a number */

uint64_t ngx_stream_sluice_host(const struct sluice_route_host *host);

/* why nobody can go to the cluster's active host; NULL: one can */

const char *ngx_stream_sluice_closed(const struct sluice_view *view,
    const struct sluice_route *route);

/*
 * Tells the client why it goes away, as a MySQL server would, or not, as
 * "sluice_refuse" has it.  The caller ends the session.
 */

void ngx_stream_sluice_refuse(ngx_stream_session_t *s,
    ngx_stream_sluice_cluster_t *cluster);


/* the "sluice" directive of an upstream */

char *ngx_stream_sluice_upstream(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* "sluice_hold", and its handler in the access phase */

char *ngx_stream_sluice_hold(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
ngx_int_t ngx_stream_sluice_hold_handler(ngx_stream_session_t *s);
void ngx_stream_sluice_release(ngx_stream_sluice_cluster_t *cluster);


/* life in a process, and the look at all sessions when routes changed */

void ngx_stream_sluice_sweep_init(ngx_cycle_t *cycle,
    ngx_stream_sluice_main_conf_t *smcf);
void ngx_stream_sluice_sweep_soon(void);


extern ngx_module_t  ngx_stream_sluice_module;


#endif /* _NGX_STREAM_SLUICE_H_INCLUDED_ */
