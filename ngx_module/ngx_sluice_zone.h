
/*
 * The zone: memory that all workers share and that outlives them and their
 * configuration.  Arrays laid out once; who reads takes no lock, and a worker
 * may be killed anywhere.
 */


#ifndef _NGX_SLUICE_ZONE_H_INCLUDED_
#define _NGX_SLUICE_ZONE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_sluice.h"
#include "sluice_overlay.h"


/* part of the layout: the zone's memory meets newer modules on reload */

#define NGX_SLUICE_LAYOUT       3

#define NGX_SLUICE_ZONE_LEAST   (1024 * 1024)

#define NGX_SLUICE_STATUSES     5          /* 200 404 417 429 500 */
#define NGX_SLUICE_WORKERS      256

#define NGX_SLUICE_RECENT_MAX   10000
#define NGX_SLUICE_RECENT_APP   128        /* longer names are not kept */
#define NGX_SLUICE_RECENT_ADDR  48
#define NGX_SLUICE_RECENT_MS    (24 * 60 * 60 * 1000)

#define NGX_SLUICE_SEATS_MAX    4096
#define NGX_SLUICE_SEAT_ROWS    64
#define NGX_SLUICE_SEAT_NAME    (SLUICE_NAME_SIZE + SLUICE_HOST_NAME_SIZE + 8)

#define NGX_SLUICE_TALLY_MAX    10000
#define NGX_SLUICE_TALLY_APP    128        /* longer names: counted together */


/* never removed; "ready" is set last and never cleared */

typedef struct {
    ngx_atomic_t                 ready;
    ngx_atomic_t                 low_until;      /* p=low is 417 until then */
    ngx_atomic_t                 counts[NGX_SLUICE_STATUSES];
    ngx_atomic_t                 others[NGX_SLUICE_STATUSES];
                                                 /* of them, in no tally */
    ngx_atomic_t                 reserved[4];
    u_char                       name[SLUICE_NAME_SIZE];
} ngx_sluice_cluster_t;


/*
 * What was answered an app for a cluster; never removed, and "ready" is set
 * last and never cleared.
 */

typedef struct {
    ngx_atomic_t                 ready;
    ngx_atomic_t                 counts[NGX_SLUICE_STATUSES];
    uint32_t                     hash;
    uint32_t                     cluster;        /* its number */
    uint32_t                     app_len;
    uint32_t                     reserved;
    u_char                       app[NGX_SLUICE_TALLY_APP];
} ngx_sluice_tally_t;


/* more places than tallies, so that a look-up is short */

typedef struct {
    ngx_atomic_t                 full;
    uint32_t                     ntallies;       /* that may be used */
    uint32_t                     nplaces;
    uint32_t                     used;           /* or a little less */
    ngx_sluice_tally_t          *places;
} ngx_sluice_tallies_t;


/* what a worker says of itself; only that worker writes it */

typedef struct {
    ngx_atomic_t                 pid;
    ngx_atomic_t                 connected;      /* to Redis */
    ngx_atomic_t                 orders;
    ngx_atomic_t                 garbage;
    ngx_atomic_t                 reserved[4];
} ngx_sluice_worker_t;


/* "sequence" is odd while it is written; 0: never used */

typedef struct {
    ngx_atomic_t                 sequence;
    uint32_t                     hash;
    uint16_t                     app_len;
    uint16_t                     addr_len;
    u_char                       data[NGX_SLUICE_RECENT_APP
                                      + NGX_SLUICE_RECENT_ADDR];
} ngx_sluice_pair_t;


/*
 * Pairs of an app and a client's address.  "index" leads from the hash to the
 * pair (its number + 1); what it says is checked, and it is made anew when
 * "dirty" tells that a worker was killed over it.
 */

typedef struct {
    ngx_atomic_t                 dirty;
    uint32_t                     npairs;
    uint32_t                     used;
    uint32_t                     mask;           /* of the index */
    uint32_t                     gone;           /* places no pair needs */
    ngx_atomic_t                *times;          /* of the last check */
    volatile uint32_t           *index;
    ngx_sluice_pair_t           *pairs;
} ngx_sluice_recent_t;


/*
 * A host that sessions go to; never removed, for its name comes from a
 * configuration.  "ready" is set last and never cleared.
 */

typedef struct {
    ngx_atomic_t                 ready;
    uint32_t                     hash;
    u_char                       name[NGX_SLUICE_SEAT_NAME];
} ngx_sluice_seat_t;


/*
 * How many sessions there are.  Each worker counts in a row of its own, which
 * is forgotten when it dies with sessions; those who find no row count in the
 * first, together.
 */

typedef struct {
    uint32_t                     nseats;
    ngx_sluice_seat_t           *seats;
    ngx_atomic_t                *pids;           /* of the rows; 0: free */
    ngx_atomic_t                *counts;         /* rows of nseats */
} ngx_sluice_seats_t;


typedef struct {
    uint32_t                     layout;
    uint32_t                     nclusters;
    ngx_slab_pool_t             *shpool;         /* its mutex is the lock */
    struct sluice_overlay       *overlay;
    ngx_sluice_cluster_t        *clusters;       /* the first: all others */
    ngx_sluice_worker_t         *workers;
    ngx_sluice_recent_t          recent;
    ngx_sluice_tallies_t         tallies;
    ngx_sluice_seats_t           seats;
} ngx_sluice_zone_t;


/* of the default or the given size; at the end of the block */

ngx_int_t ngx_sluice_zone_add(ngx_conf_t *cf, ngx_sluice_conf_t *scf);

/* NULL: no sluice{} block */

ngx_sluice_zone_t *ngx_sluice_zone(void);

/*
 * This worker's slot: claimed once, since a worker that is to shut down lives
 * on beside its successor.  NULL: the successor has it.
 */

void ngx_sluice_zone_claim(ngx_sluice_zone_t *zone);
ngx_sluice_worker_t *ngx_sluice_zone_worker(ngx_sluice_zone_t *zone);

/* NGX_OK, NGX_DECLINED: ignored, NGX_BUSY: no place in the overlay */

ngx_int_t ngx_sluice_zone_apply(ngx_sluice_zone_t *zone,
    const struct sluice_order *order, uint64_t now);

/*
 * The cluster's counters and mark.  One that is not in the view gets none of
 * its own: names come from clients.
 */

ngx_sluice_cluster_t *ngx_sluice_zone_cluster(ngx_sluice_zone_t *zone,
    const struct sluice_view *view, struct sluice_text *name);

void ngx_sluice_zone_count(ngx_sluice_zone_t *zone,
    ngx_sluice_cluster_t *cluster, struct sluice_text *app,
    ngx_uint_t status);

/* what ngx_sluice_zone_count() counts, in its order; 0 ends it */

extern ngx_uint_t  ngx_sluice_statuses[];


/* recent apps; a pair needs no more than this */

#define NGX_SLUICE_RECENT_SIZE                                                \
    (sizeof(ngx_sluice_pair_t) + sizeof(ngx_atomic_t) + 4 * sizeof(uint32_t))

size_t ngx_sluice_recent_size(uint32_t npairs);
void ngx_sluice_recent_init(ngx_sluice_recent_t *recent, uint32_t npairs,
    u_char *p);
void ngx_sluice_recent_check(ngx_sluice_zone_t *zone, struct sluice_text *app,
    ngx_str_t *addr, uint64_t now);

/* a copy of pair "n", or NGX_DECLINED: it is none, or too old */

ngx_int_t ngx_sluice_recent_pair(ngx_sluice_recent_t *recent, ngx_uint_t n,
    uint64_t now, ngx_sluice_pair_t *pair, uint64_t *time);


/*
 * Tallies.  NULL: there is no room for the pair, whose app is one of others
 * then.  Which pairs have one does not change any more once all are used.
 */

#define NGX_SLUICE_TALLY_SIZE  (2 * sizeof(ngx_sluice_tally_t))

size_t ngx_sluice_tally_size(uint32_t ntallies);
void ngx_sluice_tally_init(ngx_sluice_tallies_t *tallies, uint32_t ntallies,
    u_char *p);
ngx_sluice_tally_t *ngx_sluice_tally(ngx_sluice_zone_t *zone,
    uint32_t cluster, struct sluice_text *app);


/* Sessions. */

#define NGX_SLUICE_SEAT_SIZE                                                  \
    (sizeof(ngx_sluice_seat_t) + NGX_SLUICE_SEAT_ROWS * sizeof(ngx_atomic_t))

size_t ngx_sluice_seats_size(uint32_t nseats);
void ngx_sluice_seats_init(ngx_sluice_seats_t *seats, uint32_t nseats,
    u_char *p);

/* this worker's row, once; the rows of the dead are cleared */

void ngx_sluice_seats_claim(ngx_sluice_zone_t *zone);

/* clears the rows of those who died meanwhile */

void ngx_sluice_seats_look(ngx_sluice_zone_t *zone);

/* NULL: there is no room for another host */

ngx_sluice_seat_t *ngx_sluice_seat(ngx_sluice_zone_t *zone,
    const char *cluster, const struct sluice_route_host *host);

/* a session comes, or (-1) goes */

void ngx_sluice_seat_add(ngx_sluice_zone_t *zone, ngx_sluice_seat_t *seat,
    ngx_int_t n);

/* of all workers */

ngx_uint_t ngx_sluice_seat_count(ngx_sluice_zone_t *zone,
    ngx_sluice_seat_t *seat);


#endif /* _NGX_SLUICE_ZONE_H_INCLUDED_ */
