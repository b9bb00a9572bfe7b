
/*
 * What the nginx files of Sluice share: the sluice{} block and the view that
 * each worker has of the state file.
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


typedef struct {
    ngx_str_t    state;
    ngx_str_t    directory;    /* of the state file, as inotify wants it */
    ngx_str_t    name;         /* of the state file in its directory */
    ngx_msec_t   max_age;

    ngx_str_t    needed;       /* what cannot do without the block, and where */
    ngx_str_t    trouble;      /* already logged when the file was parsed */

    ngx_flag_t   present;
} ngx_sluice_conf_t;


/* remembers that a directive needs the block, which may stand further down */

ngx_int_t ngx_sluice_need(ngx_conf_t *cf, char *kind, ngx_str_t *name);


/*
 * The worker's view and how old it is, judged now.  NULL when there is none:
 * fresh->no_state then says why.  Valid until control returns to the loop.
 */

const struct sluice_view *ngx_sluice_view(struct sluice_freshness *fresh);


/* life of the view in a worker */

void ngx_sluice_view_init(ngx_sluice_conf_t *scf);
void ngx_sluice_view_refresh(ngx_sluice_conf_t *scf);
void ngx_sluice_view_done(void);


/* life of the tick and the doorbell that refresh it */

void ngx_sluice_watch_start(ngx_cycle_t *cycle);
void ngx_sluice_watch_stop(void);


extern ngx_module_t  ngx_sluice_module;


#endif /* _NGX_SLUICE_H_INCLUDED_ */
