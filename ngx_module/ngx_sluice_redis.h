
/*
 * What the two files of the worker's connection to Redis share.
 */


#ifndef _NGX_SLUICE_REDIS_H_INCLUDED_
#define _NGX_SLUICE_REDIS_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "ngx_sluice_zone.h"


#define NGX_SLUICE_REDIS_MINUTE  60000


typedef enum {
    ngx_sluice_redis_off = 0,
    ngx_sluice_redis_waiting,
    ngx_sluice_redis_connecting,
    ngx_sluice_redis_asking,
    ngx_sluice_redis_up
} ngx_sluice_redis_state_e;


typedef struct {
    ngx_sluice_redis_state_e   state;
    ngx_connection_t          *connection;
    ngx_sluice_redis_conf_t   *conf;       /* to see that it is another */
    ngx_uint_t                 addr;       /* the next to be tried */
    ngx_uint_t                 failures;
    ngx_event_t                timer;
    ngx_log_t                  log;        /* of the connection */

    void                      *reader;     /* hiredis' */
    size_t                     fed;        /* since the last whole reply */
    ngx_uint_t                 replies;    /* to come before confirmation */
    ngx_str_t                  out;        /* what is left to be sent */
    u_char                    *request;    /* with the password in it */
    size_t                     request_len;

    ngx_msec_t                 said;       /* when the log was last told */
    ngx_msec_t                 complained; /* when of garbage; 0: never */
    ngx_uint_t                 garbage;    /* since then */
    u_char                     trouble[NGX_SLUICE_ERRSTR];
    char                       channel[SLUICE_CHANNEL_SIZE];
} ngx_sluice_subscriber_t;


/* a new reader and the words to be sent; what ends them */

ngx_int_t ngx_sluice_redis_begin(ngx_sluice_subscriber_t *ss);
void ngx_sluice_redis_end(ngx_sluice_subscriber_t *ss);

/* what was received; NGX_ERROR: the connection is gone */

ngx_int_t ngx_sluice_redis_feed(ngx_sluice_subscriber_t *ss, char *buf,
    size_t len);


/* what the talk means for the connection */

void ngx_sluice_redis_confirmed(ngx_sluice_subscriber_t *ss);
void ngx_sluice_redis_heard(ngx_sluice_subscriber_t *ss);
void ngx_sluice_redis_lost(ngx_sluice_subscriber_t *ss, ngx_err_t err,
    const char *fmt, ...);


#endif /* _NGX_SLUICE_REDIS_H_INCLUDED_ */
