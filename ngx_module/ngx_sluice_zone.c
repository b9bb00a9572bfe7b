
/*
 * The zone's memory: the "zone" directive's part in it, its layout, and what
 * clusters and workers have there.
 */


#include "ngx_sluice_zone.h"


#define NGX_SLUICE_ZONE_SIZE  (8 * 1024 * 1024)

#define NGX_SLUICE_ALIGN      64


static ngx_int_t ngx_sluice_zone_init(ngx_shm_zone_t *shm_zone, void *data);
static uint32_t ngx_sluice_zone_fit(size_t size, size_t record, uint32_t max);
static int ngx_sluice_zone_overlay(void *data, const char *key, size_t len,
    double *ratio, uint64_t *expires);
static double ngx_sluice_zone_dice(void *data);
static ngx_sluice_cluster_t *ngx_sluice_zone_insert(ngx_sluice_zone_t *zone,
    struct sluice_text *name, uint32_t hash);


ngx_uint_t  ngx_sluice_statuses[] = { 200, 404, 417, 429, 500, 0 };


ngx_int_t
ngx_sluice_zone_add(ngx_conf_t *cf, ngx_sluice_conf_t *scf)
{
    ngx_str_t  name = ngx_string("sluice");

    if (scf->zone_size == 0) {
        scf->zone_size = NGX_SLUICE_ZONE_SIZE;
    }

    scf->zone = ngx_shared_memory_add(cf, &name, scf->zone_size,
                                      &ngx_sluice_module);
    if (scf->zone == NULL) {
        return NGX_ERROR;
    }

    scf->zone->init = ngx_sluice_zone_init;

    return NGX_OK;
}


static ngx_int_t
ngx_sluice_zone_init(ngx_shm_zone_t *shm_zone, void *data)
{
    u_char             *p;
    size_t              size, clusters, overlay, recent, tallies, seats;
    uint32_t            nclusters, npairs, norders, ntallies, nseats;
    ngx_sluice_zone_t  *zone;

    if (data) {
        zone = data;

        if (zone->layout != NGX_SLUICE_LAYOUT) {
            ngx_log_error(NGX_LOG_EMERG, shm_zone->shm.log, 0,
                          "the zone of sluice has layout %uD, this module "
                          "knows %d: restart nginx", zone->layout,
                          NGX_SLUICE_LAYOUT);
            return NGX_ERROR;
        }

        shm_zone->data = data;
        return NGX_OK;
    }

    /* less what nginx itself has at the beginning, and 1/128 for pages */

    size = shm_zone->shm.size - shm_zone->shm.size / 64 - 4 * ngx_pagesize;
    size -= sizeof(ngx_sluice_zone_t)
            + NGX_SLUICE_WORKERS * sizeof(ngx_sluice_worker_t)
            + 8 * NGX_SLUICE_ALIGN;

    nclusters = ngx_sluice_zone_fit(size / 8, sizeof(ngx_sluice_cluster_t),
                                    65536);
    npairs = ngx_sluice_zone_fit(size * 3 / 8, NGX_SLUICE_RECENT_SIZE,
                                 NGX_SLUICE_RECENT_MAX);
    ntallies = ngx_sluice_zone_fit(size / 16, NGX_SLUICE_TALLY_SIZE,
                                   NGX_SLUICE_TALLY_MAX);

    nseats = ngx_sluice_zone_fit(size / 8, NGX_SLUICE_SEAT_SIZE,
                                 NGX_SLUICE_SEATS_MAX);

    clusters = ngx_align(nclusters * sizeof(ngx_sluice_cluster_t),
                         NGX_SLUICE_ALIGN);
    recent = ngx_align(ngx_sluice_recent_size(npairs), NGX_SLUICE_ALIGN);
    tallies = ngx_align(ngx_sluice_tally_size(ntallies), NGX_SLUICE_ALIGN);

    seats = ngx_align(ngx_sluice_seats_size(nseats), NGX_SLUICE_ALIGN);

    norders = ngx_sluice_zone_fit(size - clusters - recent - tallies - seats
                                  - sluice_overlay_size(0),
                                  sizeof(struct sluice_overlay_entry),
                                  1 << 20);
    overlay = sluice_overlay_size(norders);

    size = ngx_align(sizeof(ngx_sluice_zone_t), NGX_SLUICE_ALIGN) + overlay
           + clusters + NGX_SLUICE_WORKERS * sizeof(ngx_sluice_worker_t)
           + recent + tallies + seats;

    p = ngx_slab_calloc((ngx_slab_pool_t *) shm_zone->shm.addr, size);
    if (p == NULL) {
        return NGX_ERROR;
    }

    zone = (ngx_sluice_zone_t *) p;
    p += ngx_align(sizeof(ngx_sluice_zone_t), NGX_SLUICE_ALIGN);

    zone->shpool = (ngx_slab_pool_t *) shm_zone->shm.addr;
    zone->layout = NGX_SLUICE_LAYOUT;

    zone->overlay = (struct sluice_overlay *) p;
    sluice_overlay_init(zone->overlay, norders);
    p += overlay;

    zone->nclusters = nclusters;
    zone->clusters = (ngx_sluice_cluster_t *) p;
    zone->clusters[0].ready = 1;
    p += clusters;

    zone->workers = (ngx_sluice_worker_t *) p;
    p += NGX_SLUICE_WORKERS * sizeof(ngx_sluice_worker_t);

    ngx_sluice_tally_init(&zone->tallies, ntallies, p);
    p += tallies;

    ngx_sluice_seats_init(&zone->seats, nseats, p);
    p += seats;

    ngx_sluice_recent_init(&zone->recent, npairs, p);

    shm_zone->data = zone;

    return NGX_OK;
}


static uint32_t
ngx_sluice_zone_fit(size_t size, size_t record, uint32_t max)
{
    return ngx_min(size / record, max);
}


ngx_sluice_zone_t *
ngx_sluice_zone(void)
{
    ngx_sluice_conf_t  *scf;

    scf = (ngx_sluice_conf_t *) ngx_get_conf(ngx_cycle->conf_ctx,
                                             ngx_sluice_module);

    return scf->zone ? scf->zone->data : NULL;
}


void
ngx_sluice_zone_claim(ngx_sluice_zone_t *zone)
{
    ngx_sluice_worker_t  *worker;

    worker = &zone->workers[ngx_worker % NGX_SLUICE_WORKERS];

    worker->connected = 0;
    worker->orders = 0;
    worker->garbage = 0;
    worker->pid = ngx_pid;
}


ngx_sluice_worker_t *
ngx_sluice_zone_worker(ngx_sluice_zone_t *zone)
{
    ngx_sluice_worker_t  *worker;

    worker = &zone->workers[ngx_worker % NGX_SLUICE_WORKERS];

    return worker->pid == (ngx_atomic_uint_t) ngx_pid ? worker : NULL;
}


ngx_int_t
ngx_sluice_zone_apply(ngx_sluice_zone_t *zone,
    const struct sluice_order *order, uint64_t now)
{
    int  rc;

    /* the master unlocks it when a worker dies with it */

    ngx_shmtx_lock(&zone->shpool->mutex);

    rc = sluice_overlay_apply(zone->overlay, order,
                              &ngx_sluice_view_rules()->facts, now);

    ngx_shmtx_unlock(&zone->shpool->mutex);

    if (rc < 0) {
        return NGX_BUSY;
    }

    return rc ? NGX_OK : NGX_DECLINED;
}


void
ngx_sluice_rules(struct sluice_rules *rules)
{
    ngx_sluice_zone_t  *zone;

    zone = ngx_sluice_zone();

    rules->view = ngx_sluice_view_rules();
    rules->overlay = zone ? ngx_sluice_zone_overlay : NULL;
    rules->dice = ngx_sluice_zone_dice;
    rules->data = zone;
}


static int
ngx_sluice_zone_overlay(void *data, const char *key, size_t len,
    double *ratio, uint64_t *expires)
{
    ngx_sluice_zone_t  *zone = data;

    int                          kind;
    struct sluice_overlay_order  found;

    kind = sluice_overlay_find(zone->overlay, key, len,
                               &ngx_sluice_view_rules()->facts, &found);

    if (kind == SLUICE_OVERLAY_THROTTLE) {
        *ratio = found.ratio;
        *expires = found.expires_mono_ms;
    }

    return kind;
}


static double
ngx_sluice_zone_dice(void *data)
{
    return ngx_random() / 2147483648.0;
}


ngx_sluice_cluster_t *
ngx_sluice_zone_cluster(ngx_sluice_zone_t *zone,
    const struct sluice_view *view, struct sluice_text *name)
{
    uint32_t               hash, i;
    ngx_sluice_cluster_t  *cluster;

    if (name->len == 0 || name->len >= SLUICE_NAME_SIZE) {
        return zone->clusters;
    }

    hash = ngx_murmur_hash2((u_char *) name->data, name->len);

    for (i = 0; i < zone->nclusters; i++) {

        cluster = &zone->clusters[(hash + i) % zone->nclusters];

        if (!cluster->ready) {
            break;
        }

        if (ngx_memcmp(cluster->name, name->data, name->len) == 0
            && cluster->name[name->len] == '\0')
        {
            return cluster;
        }
    }

    if (view == NULL || sluice_view_cluster(view, name->data, name->len)
                        == NULL)
    {
        return zone->clusters;
    }

    ngx_shmtx_lock(&zone->shpool->mutex);

    cluster = ngx_sluice_zone_insert(zone, name, hash);

    ngx_shmtx_unlock(&zone->shpool->mutex);

    return cluster;
}


/* under the lock: what is not ready was left half-written by the dead */

static ngx_sluice_cluster_t *
ngx_sluice_zone_insert(ngx_sluice_zone_t *zone, struct sluice_text *name,
    uint32_t hash)
{
    uint32_t               i;
    ngx_sluice_cluster_t  *cluster;

    for (i = 0; i < zone->nclusters; i++) {

        cluster = &zone->clusters[(hash + i) % zone->nclusters];

        if (!cluster->ready) {
            ngx_memzero(cluster->name, SLUICE_NAME_SIZE);
            ngx_memcpy(cluster->name, name->data, name->len);

            ngx_memory_barrier();

            cluster->ready = 1;
            return cluster;
        }

        if (ngx_memcmp(cluster->name, name->data, name->len) == 0
            && cluster->name[name->len] == '\0')
        {
            return cluster;
        }
    }

    return zone->clusters;
}


void
ngx_sluice_zone_count(ngx_sluice_zone_t *zone, ngx_sluice_cluster_t *cluster,
    struct sluice_text *app, ngx_uint_t status)
{
    ngx_uint_t           i;
    ngx_atomic_t        *counts;
    ngx_sluice_tally_t  *tally;

    tally = ngx_sluice_tally(zone, cluster - zone->clusters, app);
    counts = tally ? tally->counts : cluster->others;

    for (i = 0; ngx_sluice_statuses[i]; i++) {

        if (ngx_sluice_statuses[i] == status) {
            (void) ngx_atomic_fetch_add(&cluster->counts[i], 1);
            (void) ngx_atomic_fetch_add(&counts[i], 1);
            return;
        }
    }
}
