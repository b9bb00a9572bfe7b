
/*
 * Recent apps: who asked, from where, and when last.  A check of a known pair
 * stores the time; the lock is for a new one, which takes the place of the
 * pair that has been silent the longest.
 */


#include "ngx_sluice_zone.h"


#define NGX_SLUICE_RECENT_GONE    0xffffffff


/* the pairs by time, as this worker last put them in order */

typedef struct {
    uint64_t                  time;
    uint32_t                  n;
} ngx_sluice_silent_t;


typedef struct {
    ngx_sluice_recent_t      *recent;
    ngx_sluice_silent_t      *pairs;
    uint32_t                  next;
} ngx_sluice_silence_t;


static uint32_t ngx_sluice_recent_places(uint32_t npairs);
static ngx_int_t ngx_sluice_recent_find(ngx_sluice_recent_t *recent,
    ngx_sluice_pair_t *key);
static void ngx_sluice_recent_insert(ngx_sluice_recent_t *recent,
    ngx_sluice_pair_t *key, uint64_t now);
static void ngx_sluice_recent_write(ngx_sluice_pair_t *pair,
    ngx_sluice_pair_t *key);
static void ngx_sluice_recent_enter(ngx_sluice_recent_t *recent, uint32_t n);
static void ngx_sluice_recent_leave(ngx_sluice_recent_t *recent, uint32_t n);
static void ngx_sluice_recent_rebuild(ngx_sluice_recent_t *recent);
static uint32_t ngx_sluice_recent_oldest(ngx_sluice_recent_t *recent);
static ngx_int_t ngx_sluice_recent_sort(ngx_sluice_recent_t *recent);
static int ngx_libc_cdecl ngx_sluice_recent_cmp(const void *one,
    const void *two);


static ngx_sluice_silence_t  ngx_sluice_silence;


/* at least half of the places are free: a look-up is short */

static uint32_t
ngx_sluice_recent_places(uint32_t npairs)
{
    uint32_t  n;

    for (n = 64; n < 2 * npairs; n *= 2) { /* void */ }

    return n;
}


size_t
ngx_sluice_recent_size(uint32_t npairs)
{
    return ngx_sluice_recent_places(npairs) * sizeof(uint32_t)
           + npairs * (sizeof(ngx_atomic_t) + sizeof(ngx_sluice_pair_t));
}


void
ngx_sluice_recent_init(ngx_sluice_recent_t *recent, uint32_t npairs,
    u_char *p)
{
    recent->npairs = npairs;
    recent->mask = ngx_sluice_recent_places(npairs) - 1;

    recent->pairs = (ngx_sluice_pair_t *) p;
    p += npairs * sizeof(ngx_sluice_pair_t);

    recent->times = (ngx_atomic_t *) p;
    p += npairs * sizeof(ngx_atomic_t);

    recent->index = (uint32_t *) p;
}


void
ngx_sluice_recent_check(ngx_sluice_zone_t *zone, struct sluice_text *app,
    ngx_str_t *addr, uint64_t now)
{
    ngx_int_t             n;
    ngx_sluice_pair_t     key;
    ngx_sluice_recent_t  *recent;

    if (app->len > NGX_SLUICE_RECENT_APP
        || addr->len > NGX_SLUICE_RECENT_ADDR)
    {
        return;
    }

    key.app_len = app->len;
    key.addr_len = addr->len;

    ngx_memcpy(key.data, app->data, app->len);
    ngx_memcpy(key.data + app->len, addr->data, addr->len);

    key.hash = ngx_murmur_hash2(key.data, app->len + addr->len);

    recent = &zone->recent;
    n = ngx_sluice_recent_find(recent, &key);

    if (n != NGX_DECLINED) {

        /* meanwhile another pair may live there, which was just checked too */

        if (recent->times[n] != now) {
            recent->times[n] = now;
        }

        return;
    }

    ngx_shmtx_lock(&zone->shpool->mutex);

    ngx_sluice_recent_insert(recent, &key, now);

    ngx_shmtx_unlock(&zone->shpool->mutex);
}


/* the number of the pair; without the lock it may be missed, never mistaken */

static ngx_int_t
ngx_sluice_recent_find(ngx_sluice_recent_t *recent, ngx_sluice_pair_t *key)
{
    uint32_t            i, place;
    ngx_uint_t          same;
    ngx_sluice_pair_t  *pair;
    ngx_atomic_uint_t   sequence;

    for (i = 0; i <= recent->mask; i++) {

        place = recent->index[(key->hash + i) & recent->mask];

        if (place == 0) {
            break;
        }

        if (place > recent->npairs) {
            continue;
        }

        pair = &recent->pairs[place - 1];
        sequence = pair->sequence;

        ngx_memory_barrier();

        same = pair->hash == key->hash
               && pair->app_len == key->app_len
               && pair->addr_len == key->addr_len
               && ngx_memcmp(pair->data, key->data,
                             key->app_len + key->addr_len)
                  == 0;

        ngx_memory_barrier();

        if (same && !(sequence & 1) && pair->sequence == sequence) {
            return place - 1;
        }
    }

    return NGX_DECLINED;
}


static void
ngx_sluice_recent_insert(ngx_sluice_recent_t *recent, ngx_sluice_pair_t *key,
    uint64_t now)
{
    uint32_t   i;
    ngx_int_t  n;

    if (recent->dirty || recent->gone > recent->mask / 4) {
        ngx_sluice_recent_rebuild(recent);
    }

    n = ngx_sluice_recent_find(recent, key);

    if (n != NGX_DECLINED) {
        recent->times[n] = now;
        return;
    }

    recent->dirty = 1;
    ngx_memory_barrier();

    if (recent->used < recent->npairs) {
        i = recent->used++;

    } else {
        i = ngx_sluice_recent_oldest(recent);
        ngx_sluice_recent_leave(recent, i);
    }

    ngx_sluice_recent_write(&recent->pairs[i], key);
    recent->times[i] = now;
    ngx_sluice_recent_enter(recent, i);

    ngx_memory_barrier();
    recent->dirty = 0;
}


static void
ngx_sluice_recent_write(ngx_sluice_pair_t *pair, ngx_sluice_pair_t *key)
{
    pair->sequence |= 1;
    ngx_memory_barrier();

    pair->hash = key->hash;
    pair->app_len = key->app_len;
    pair->addr_len = key->addr_len;
    ngx_memcpy(pair->data, key->data, key->app_len + key->addr_len);

    ngx_memory_barrier();
    pair->sequence++;
}


static void
ngx_sluice_recent_enter(ngx_sluice_recent_t *recent, uint32_t n)
{
    uint32_t            i;
    volatile uint32_t  *place;

    for (i = 0; i <= recent->mask; i++) {

        place = &recent->index[(recent->pairs[n].hash + i) & recent->mask];

        if (*place == NGX_SLUICE_RECENT_GONE) {
            recent->gone--;

        } else if (*place != 0) {
            continue;
        }

        *place = n + 1;
        return;
    }
}


static void
ngx_sluice_recent_leave(ngx_sluice_recent_t *recent, uint32_t n)
{
    uint32_t            i;
    volatile uint32_t  *place;

    for (i = 0; i <= recent->mask; i++) {

        place = &recent->index[(recent->pairs[n].hash + i) & recent->mask];

        if (*place == 0) {
            return;
        }

        if (*place == n + 1) {
            *place = NGX_SLUICE_RECENT_GONE;
            recent->gone++;
            return;
        }
    }
}


/* from the pairs, of which at most one is half-written: it goes first */

static void
ngx_sluice_recent_rebuild(ngx_sluice_recent_t *recent)
{
    uint32_t  i;

    recent->dirty = 1;
    ngx_memory_barrier();

    for (i = 0; i <= recent->mask; i++) {
        recent->index[i] = 0;
    }

    recent->gone = 0;

    for (i = 0; i < recent->used; i++) {

        if ((recent->pairs[i].sequence & 1)
            || recent->pairs[i].sequence == 0)
        {
            recent->times[i] = 0;
            continue;
        }

        ngx_sluice_recent_enter(recent, i);
    }

    ngx_memory_barrier();
    recent->dirty = 0;
}


/*
 * Times only grow: of the pairs in their old order the first whose time still
 * is what it was has been silent longer than all others.
 */

static uint32_t
ngx_sluice_recent_oldest(ngx_sluice_recent_t *recent)
{
    ngx_uint_t            tries;
    ngx_sluice_silent_t  *silent;

    for (tries = 0; tries < 2; tries++) {

        if (ngx_sluice_silence.recent == recent) {

            while (ngx_sluice_silence.next < recent->npairs) {

                silent = ngx_sluice_silence.pairs + ngx_sluice_silence.next++;

                if (recent->times[silent->n] == silent->time) {
                    return silent->n;
                }
            }
        }

        if (ngx_sluice_recent_sort(recent) != NGX_OK) {
            break;
        }
    }

    return ngx_random() % recent->npairs;
}


static ngx_int_t
ngx_sluice_recent_sort(ngx_sluice_recent_t *recent)
{
    uint32_t              i;
    ngx_sluice_silent_t  *pairs;

    if (ngx_sluice_silence.recent != recent) {

        pairs = ngx_alloc(recent->npairs * sizeof(ngx_sluice_silent_t),
                          ngx_cycle->log);
        if (pairs == NULL) {
            return NGX_ERROR;
        }

        if (ngx_sluice_silence.pairs) {
            ngx_free(ngx_sluice_silence.pairs);
        }

        ngx_sluice_silence.pairs = pairs;
        ngx_sluice_silence.recent = recent;
    }

    pairs = ngx_sluice_silence.pairs;

    for (i = 0; i < recent->npairs; i++) {
        pairs[i].time = recent->times[i];
        pairs[i].n = i;
    }

    ngx_qsort(pairs, recent->npairs, sizeof(ngx_sluice_silent_t),
              ngx_sluice_recent_cmp);

    ngx_sluice_silence.next = 0;

    return NGX_OK;
}


static int ngx_libc_cdecl
ngx_sluice_recent_cmp(const void *one, const void *two)
{
    const ngx_sluice_silent_t  *first, *second;

    first = one;
    second = two;

    if (first->time == second->time) {
        return 0;
    }

    return first->time < second->time ? -1 : 1;
}


ngx_int_t
ngx_sluice_recent_pair(ngx_sluice_recent_t *recent, ngx_uint_t n,
    uint64_t now, ngx_sluice_pair_t *pair, uint64_t *time)
{
    ngx_uint_t          tries;
    ngx_atomic_uint_t   sequence;
    ngx_sluice_pair_t  *shared;

    shared = &recent->pairs[n];

    for (tries = 0; tries < 8; tries++) {

        sequence = shared->sequence;

        if (sequence == 0) {
            return NGX_DECLINED;
        }

        ngx_memory_barrier();

        ngx_memcpy(pair, shared, sizeof(ngx_sluice_pair_t));
        *time = recent->times[n];

        ngx_memory_barrier();

        if (!(sequence & 1) && shared->sequence == sequence) {
            return (*time + NGX_SLUICE_RECENT_MS > now) ? NGX_OK
                                                        : NGX_DECLINED;
        }
    }

    return NGX_DECLINED;
}
