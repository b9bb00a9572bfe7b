
/*
 * How many sessions each host has, in all workers.
 */


#include "ngx_sluice_zone.h"


static ngx_sluice_seat_t *ngx_sluice_seat_find(ngx_sluice_seats_t *seats,
    u_char *name, size_t len, uint32_t hash, ngx_sluice_seat_t **free);


static ngx_uint_t ngx_sluice_seats_dead(ngx_pid_t pid);
static void ngx_sluice_seats_full(ngx_sluice_seats_t *seats);


static ngx_uint_t  ngx_sluice_seat_row;
static ngx_uint_t  ngx_sluice_seats_said;


size_t
ngx_sluice_seats_size(uint32_t nseats)
{
    return nseats * NGX_SLUICE_SEAT_SIZE
           + NGX_SLUICE_SEAT_ROWS * sizeof(ngx_atomic_t);
}


void
ngx_sluice_seats_init(ngx_sluice_seats_t *seats, uint32_t nseats, u_char *p)
{
    seats->nseats = nseats;

    seats->pids = (ngx_atomic_t *) p;
    p += NGX_SLUICE_SEAT_ROWS * sizeof(ngx_atomic_t);

    seats->counts = (ngx_atomic_t *) p;
    p += NGX_SLUICE_SEAT_ROWS * nseats * sizeof(ngx_atomic_t);

    seats->seats = (ngx_sluice_seat_t *) p;
}


void
ngx_sluice_seats_claim(ngx_sluice_zone_t *zone)
{
    ngx_uint_t           i;
    ngx_pid_t            pid;
    ngx_sluice_seats_t  *seats;

    seats = &zone->seats;
    ngx_sluice_seat_row = 0;

    ngx_shmtx_lock(&zone->shpool->mutex);

    for (i = 1; i < NGX_SLUICE_SEAT_ROWS; i++) {
        pid = (ngx_pid_t) seats->pids[i];

        if (pid != 0 && pid != ngx_pid && !ngx_sluice_seats_dead(pid)) {
            continue;
        }

        ngx_memzero((void *) (seats->counts + i * seats->nseats),
                    seats->nseats * sizeof(ngx_atomic_t));
        seats->pids[i] = 0;

        if (ngx_sluice_seat_row == 0) {
            seats->pids[i] = ngx_pid;
            ngx_sluice_seat_row = i;
        }
    }

    ngx_shmtx_unlock(&zone->shpool->mutex);
}


/* one that was to shut down has no successor which would clear its row */

void
ngx_sluice_seats_look(ngx_sluice_zone_t *zone)
{
    ngx_uint_t           i;
    ngx_pid_t            pid;
    ngx_sluice_seats_t  *seats;

    seats = &zone->seats;

    for (i = 1; i < NGX_SLUICE_SEAT_ROWS; i++) {
        pid = (ngx_pid_t) seats->pids[i];

        if (pid == 0 || pid == ngx_pid || !ngx_sluice_seats_dead(pid)) {
            continue;
        }

        ngx_shmtx_lock(&zone->shpool->mutex);

        if ((ngx_pid_t) seats->pids[i] == pid) {
            ngx_memzero((void *) (seats->counts + i * seats->nseats),
                        seats->nseats * sizeof(ngx_atomic_t));
            seats->pids[i] = 0;
        }

        ngx_shmtx_unlock(&zone->shpool->mutex);
    }
}


static ngx_uint_t
ngx_sluice_seats_dead(ngx_pid_t pid)
{
    return kill(pid, 0) == -1 && ngx_errno == NGX_ESRCH;
}


ngx_sluice_seat_t *
ngx_sluice_seat(ngx_sluice_zone_t *zone, const char *cluster,
    const struct sluice_route_host *host)
{
    size_t              len;
    u_char              name[NGX_SLUICE_SEAT_NAME];
    uint32_t            hash;
    ngx_sluice_seat_t  *seat, *free;

    len = ngx_snprintf(name, sizeof(name), "%s/%s:%ui", cluster, host->name,
                       (ngx_uint_t) host->port)
          - name;
    hash = ngx_murmur_hash2(name, len);

    seat = ngx_sluice_seat_find(&zone->seats, name, len, hash, &free);

    if (seat) {
        return seat;
    }

    if (free == NULL) {
        ngx_sluice_seats_full(&zone->seats);
        return NULL;
    }

    ngx_shmtx_lock(&zone->shpool->mutex);

    seat = ngx_sluice_seat_find(&zone->seats, name, len, hash, &free);

    if (seat == NULL && free) {
        seat = free;
        seat->hash = hash;
        ngx_memzero(seat->name, NGX_SLUICE_SEAT_NAME);
        ngx_memcpy(seat->name, name, len);

        ngx_memory_barrier();

        seat->ready = 1;
    }

    ngx_shmtx_unlock(&zone->shpool->mutex);

    return seat;
}


/* said once: names are never removed */

static void
ngx_sluice_seats_full(ngx_sluice_seats_t *seats)
{
    if (ngx_sluice_seats_said) {
        return;
    }

    ngx_sluice_seats_said = 1;
    ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                  "sluice: no room to count sessions of more than %uD hosts: "
                  "where some are not counted, replicas are taken at random; "
                  "make \"zone\" larger", seats->nseats);
}


static ngx_sluice_seat_t *
ngx_sluice_seat_find(ngx_sluice_seats_t *seats, u_char *name, size_t len,
    uint32_t hash, ngx_sluice_seat_t **free)
{
    uint32_t            i;
    ngx_sluice_seat_t  *seat;

    *free = NULL;

    for (i = 0; i < seats->nseats; i++) {

        seat = &seats->seats[(hash + i) % seats->nseats];

        if (!seat->ready) {
            *free = seat;
            return NULL;
        }

        if (seat->hash == hash
            && ngx_memcmp(seat->name, name, len) == 0
            && (len == NGX_SLUICE_SEAT_NAME || seat->name[len] == '\0'))
        {
            return seat;
        }
    }

    return NULL;
}


void
ngx_sluice_seat_add(ngx_sluice_zone_t *zone, ngx_sluice_seat_t *seat,
    ngx_int_t n)
{
    ngx_sluice_seats_t  *seats;

    seats = &zone->seats;

    (void) ngx_atomic_fetch_add(&seats->counts[ngx_sluice_seat_row
                                               * seats->nseats
                                               + (seat - seats->seats)], n);
}


ngx_uint_t
ngx_sluice_seat_count(ngx_sluice_zone_t *zone, ngx_sluice_seat_t *seat)
{
    ngx_uint_t           i, n;
    ngx_sluice_seats_t  *seats;

    n = 0;
    seats = &zone->seats;

    for (i = 0; i < NGX_SLUICE_SEAT_ROWS; i++) {
        if (i == 0 || seats->pids[i]) {
            n += seats->counts[i * seats->nseats + (seat - seats->seats)];
        }
    }

    return n;
}
