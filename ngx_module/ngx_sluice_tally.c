
/*
 * Tallies: what was answered each app for each cluster.  Apps' names are the
 * clients', so there is room for so many and no more; who comes later is
 * counted together with all others.
 */


#include "ngx_sluice_zone.h"


static ngx_sluice_tally_t *ngx_sluice_tally_find(ngx_sluice_tallies_t *tallies,
    ngx_sluice_tally_t *key, u_char *app, ngx_sluice_tally_t **place);
static ngx_sluice_tally_t *ngx_sluice_tally_insert(
    ngx_sluice_tallies_t *tallies, ngx_sluice_tally_t *key, u_char *app);
static uint32_t ngx_sluice_tally_used(ngx_sluice_tallies_t *tallies);


size_t
ngx_sluice_tally_size(uint32_t ntallies)
{
    return ntallies * NGX_SLUICE_TALLY_SIZE;
}


void
ngx_sluice_tally_init(ngx_sluice_tallies_t *tallies, uint32_t ntallies,
    u_char *p)
{
    tallies->ntallies = ntallies;
    tallies->nplaces = 2 * ntallies;
    tallies->places = (ngx_sluice_tally_t *) p;
}


/* a pair that is there takes no lock, nor does any when all are used */

ngx_sluice_tally_t *
ngx_sluice_tally(ngx_sluice_zone_t *zone, uint32_t cluster,
    struct sluice_text *app)
{
    u_char              *name;
    ngx_sluice_tally_t   key, *tally, *place;

    if (app->len > NGX_SLUICE_TALLY_APP) {
        return NULL;
    }

    name = (u_char *) app->data;

    key.app_len = app->len;
    key.cluster = cluster;
    key.hash = ngx_murmur_hash2(name, app->len) + cluster * 0x9e3779b9;

    tally = ngx_sluice_tally_find(&zone->tallies, &key, name, &place);

    if (tally || zone->tallies.full) {
        return tally;
    }

    ngx_shmtx_lock(&zone->shpool->mutex);

    tally = ngx_sluice_tally_insert(&zone->tallies, &key, name);

    ngx_shmtx_unlock(&zone->shpool->mutex);

    return tally;
}


/* NULL: not there, and "place" is where it would be, if anywhere */

static ngx_sluice_tally_t *
ngx_sluice_tally_find(ngx_sluice_tallies_t *tallies, ngx_sluice_tally_t *key,
    u_char *app, ngx_sluice_tally_t **place)
{
    uint32_t             i;
    ngx_sluice_tally_t  *tally;

    for (i = 0; i < tallies->nplaces; i++) {

        tally = &tallies->places[(key->hash + i) % tallies->nplaces];

        if (!tally->ready) {
            *place = tally;
            return NULL;
        }

        if (tally->hash == key->hash
            && tally->cluster == key->cluster
            && tally->app_len == key->app_len
            && ngx_memcmp(tally->app, app, key->app_len) == 0)
        {
            return tally;
        }
    }

    *place = NULL;

    return NULL;
}


/* under the lock: what is not ready was left half-written by the dead */

static ngx_sluice_tally_t *
ngx_sluice_tally_insert(ngx_sluice_tallies_t *tallies,
    ngx_sluice_tally_t *key, u_char *app)
{
    ngx_sluice_tally_t  *tally, *place;

    tally = ngx_sluice_tally_find(tallies, key, app, &place);

    if (tally) {
        return tally;
    }

    /* counts one too many for each writer that died, so it is looked up */

    if (tallies->used >= tallies->ntallies) {
        tallies->used = ngx_sluice_tally_used(tallies);
    }

    if (place == NULL || tallies->used >= tallies->ntallies) {
        tallies->full = 1;
        return NULL;
    }

    tallies->used++;

    place->hash = key->hash;
    place->cluster = key->cluster;
    place->app_len = key->app_len;
    ngx_memcpy(place->app, app, key->app_len);

    ngx_memory_barrier();

    place->ready = 1;

    return place;
}


static uint32_t
ngx_sluice_tally_used(ngx_sluice_tallies_t *tallies)
{
    uint32_t  i, used;

    used = 0;

    for (i = 0; i < tallies->nplaces; i++) {
        used += tallies->places[i].ready ? 1 : 0;
    }

    return used;
}
