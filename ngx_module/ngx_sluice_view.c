
/*
 * A worker's view of the state file: mapped once, each part copied when its
 * generation changed, opened again when the path leads to another file.
 */


#include "ngx_sluice.h"

#include <sys/mman.h>


typedef struct {
    uint32_t             kind;
    uint64_t             generation;       /* of the view, 0: none */
    struct sluice_view   view;

    void                *image;            /* snapshots are taken into it */
    size_t               size;
} ngx_sluice_part_t;


typedef struct {
    struct sluice_map    map;
    ngx_sluice_part_t    verdicts;
    ngx_sluice_part_t    rules;            /* the last ones stay */
    ngx_sluice_part_t    detail;           /* on demand */
    ngx_sluice_part_t    routes;           /* the last ones stay */

    u_char              *no_state;         /* NULL: there is a view */
    u_char               err[NGX_SLUICE_ERRSTR];
    u_char               no_rules[NGX_SLUICE_ERRSTR];    /* "": they are good */
    u_char               no_routes[NGX_SLUICE_ERRSTR];   /* as logged */
    u_char               logged[NGX_SLUICE_ERRSTR];
} ngx_sluice_reader_t;


static void ngx_sluice_view_open(ngx_sluice_conf_t *scf);
static void ngx_sluice_view_close(void);
static void ngx_sluice_view_load(void);
static void ngx_sluice_rules_load(void);
static void ngx_sluice_routes_load(void);
static ngx_int_t ngx_sluice_part_load(ngx_sluice_part_t *part, char *err);
static ngx_int_t ngx_sluice_part_room(ngx_sluice_part_t *part);
static void ngx_sluice_part_done(ngx_sluice_part_t *part);
static void ngx_sluice_view_age(struct sluice_freshness *fresh);
static void ngx_sluice_view_none(const char *why);
static void ngx_sluice_view_report(ngx_sluice_conf_t *scf, u_char *trouble);
static ngx_int_t ngx_sluice_view_guard(void);
static void ngx_sluice_view_sigbus(int signo, siginfo_t *info, void *context);


static ngx_sluice_reader_t  ngx_sluice_reader = {
    .verdicts = { .kind = SLUICE_PART_VERDICTS },
    .rules = { .kind = SLUICE_PART_RULES },
    .detail = { .kind = SLUICE_PART_DETAIL },
    .routes = { .kind = SLUICE_PART_ROUTES }
};


void  (*ngx_sluice_routes_handler)(void);


void
ngx_sluice_view_init(ngx_sluice_conf_t *scf)
{
    if (ngx_sluice_view_guard() != NGX_OK) {
        ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, ngx_errno,
                      "sigaction(SIGBUS) failed");
    }

    /* what the master has warned of is not said again by each worker */

    if (scf->trouble.len) {
        ngx_cpystrn(ngx_sluice_reader.logged, scf->trouble.data,
                    NGX_SLUICE_ERRSTR);
    }

    ngx_sluice_view_refresh(scf);
}


void
ngx_sluice_view_done(void)
{
    ngx_sluice_view_close();
    ngx_sluice_part_done(&ngx_sluice_reader.verdicts);
    ngx_sluice_part_done(&ngx_sluice_reader.rules);
    ngx_sluice_part_done(&ngx_sluice_reader.detail);
    ngx_sluice_part_done(&ngx_sluice_reader.routes);
}


const struct sluice_view *
ngx_sluice_view(struct sluice_freshness *fresh)
{
    ngx_sluice_reader_t  *sr;

    sr = &ngx_sluice_reader;

    if (sr->map.base) {

        /* who is throttled first: who may ask comes before the answer */

        if (sluice_map_generation(&sr->map, SLUICE_PART_RULES)
            != sr->rules.generation)
        {
            ngx_sluice_rules_load();
        }

        if (sluice_map_generation(&sr->map, SLUICE_PART_VERDICTS)
            != sr->verdicts.generation)
        {
            ngx_sluice_view_load();
        }
    }

    ngx_sluice_view_age(fresh);

    return sr->no_state ? NULL : &sr->verdicts.view;
}


const struct sluice_view *
ngx_sluice_view_rules(void)
{
    return &ngx_sluice_reader.rules.view;
}


const struct sluice_view *
ngx_sluice_view_detail(char *err)
{
    ngx_int_t             rc;
    ngx_sluice_reader_t  *sr;

    sr = &ngx_sluice_reader;

    if (sr->map.base == NULL) {
        ngx_cpystrn((u_char *) err, sr->no_state, NGX_SLUICE_ERRSTR);
        return NULL;
    }

    if (sr->detail.generation != 0
        && sluice_map_generation(&sr->map, SLUICE_PART_DETAIL)
           == sr->detail.generation)
    {
        return &sr->detail.view;
    }

    if (sluice_map_slot_size(&sr->map, SLUICE_PART_DETAIL) == 0) {
        ngx_cpystrn((u_char *) err, (u_char *) "the state file has no part "
                    "for hosts", NGX_SLUICE_ERRSTR);
        return NULL;
    }

    rc = ngx_sluice_part_load(&sr->detail, err);

    if (rc == NGX_OK || (rc == NGX_AGAIN && sr->detail.generation != 0)) {
        return &sr->detail.view;
    }

    sr->detail.generation = 0;

    return NULL;
}


const struct sluice_view *
ngx_sluice_view_routes(void)
{
    ngx_sluice_reader_t  *sr;

    sr = &ngx_sluice_reader;

    if (sr->map.base
        && sluice_map_generation(&sr->map, SLUICE_PART_ROUTES)
           != sr->routes.generation)
    {
        ngx_sluice_routes_load();
    }

    return &sr->routes.view;
}


/* the tick and the doorbell: is it the same file, is it alive */

void
ngx_sluice_view_refresh(ngx_sluice_conf_t *scf)
{
    u_char                   *trouble;
    struct sluice_freshness   fresh;

    if (ngx_sluice_reader.no_state
        || sluice_map_moved(&ngx_sluice_reader.map, (char *) scf->state.data))
    {
        ngx_sluice_view_open(scf);
    }

    (void) ngx_sluice_view(&fresh);
    (void) ngx_sluice_view_routes();

    trouble = ngx_sluice_reader.no_state;

    if (trouble == NULL) {
        trouble = (u_char *) (fresh.heartbeat_age_ms > fresh.max_age_ms
                              ? "stale: sluiced has stopped its heartbeat"
                              : "");
    }

    ngx_sluice_view_report(scf, trouble);
}


static void
ngx_sluice_view_open(ngx_sluice_conf_t *scf)
{
    char                  err[NGX_SLUICE_ERRSTR];
    ngx_sluice_reader_t  *sr;

    sr = &ngx_sluice_reader;

    ngx_sluice_view_close();

    if (sluice_map_open(&sr->map, (char *) scf->state.data, err, sizeof(err))
        != 0)
    {
        ngx_sluice_view_none(err);
        return;
    }

    ngx_sluice_rules_load();
    ngx_sluice_view_load();
}


static void
ngx_sluice_view_close(void)
{
    ngx_sluice_reader_t  *sr;

    sr = &ngx_sluice_reader;

    if (sr->map.base) {
        sluice_map_close(&sr->map);
    }

    sr->verdicts.generation = 0;
    sr->rules.generation = 0;
    sr->detail.generation = 0;
    sr->routes.generation = 0;
    ngx_sluice_view_none("closed");
}


static void
ngx_sluice_view_load(void)
{
    char                  err[NGX_SLUICE_ERRSTR];
    ngx_int_t             rc;
    ngx_sluice_reader_t  *sr;

    sr = &ngx_sluice_reader;

    rc = ngx_sluice_part_load(&sr->verdicts, err);

    if (rc == NGX_OK) {
        sr->no_state = sr->no_rules[0] ? sr->no_rules : NULL;
        return;
    }

    /* a writer that never rests: the old view will do for now */

    if (rc == NGX_AGAIN
        && sr->verdicts.generation != 0
        && sluice_map_generation(&sr->map, SLUICE_PART_VERDICTS) != 0)
    {
        return;
    }

    ngx_sluice_view_none(err);
}


/* rules that cannot be read are not the same as no rules */

static void
ngx_sluice_rules_load(void)
{
    char                  err[NGX_SLUICE_ERRSTR];
    ngx_int_t             rc;
    ngx_sluice_reader_t  *sr;

    sr = &ngx_sluice_reader;
    rc = NGX_OK;

    if (sluice_map_slot_size(&sr->map, SLUICE_PART_RULES) == 0) {

        /* a writer that knows of none */

        sluice_view_free(&sr->rules.view);

    } else {
        rc = ngx_sluice_part_load(&sr->rules, err);
    }

    if (rc == NGX_ERROR) {
        (void) ngx_snprintf(sr->no_rules, NGX_SLUICE_ERRSTR,
                            NGX_SLUICE_NO_STATE "%Z", err);
        sr->no_rules[NGX_SLUICE_ERRSTR - 1] = '\0';
        sr->verdicts.generation = 0;

    } else if (sr->no_rules[0]) {
        sr->no_rules[0] = '\0';
        sr->verdicts.generation = 0;
    }
}


/*
 * Sessions outlive sluiced and its files: what cannot be read changes nothing,
 * and neither does a file that says nothing of routes.
 */

static void
ngx_sluice_routes_load(void)
{
    char                  err[NGX_SLUICE_ERRSTR];
    ngx_int_t             rc;
    ngx_sluice_reader_t  *sr;

    sr = &ngx_sluice_reader;

    rc = ngx_sluice_part_load(&sr->routes, err);

    if (rc == NGX_ERROR) {

        /* a writer that errs does so again and again */

        if (ngx_strcmp(sr->no_routes, err) != 0) {
            ngx_cpystrn(sr->no_routes, (u_char *) err, NGX_SLUICE_ERRSTR);
            ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                          "sluice: routes cannot be read: %s; "
                          "those known before stand", err);
        }

        return;
    }

    if (rc == NGX_OK) {
        sr->no_routes[0] = '\0';
    }

    if (rc == NGX_OK && ngx_sluice_routes_handler) {
        ngx_sluice_routes_handler();
    }
}


/* NGX_AGAIN: there is nothing, or nothing whole, to be had */

static ngx_int_t
ngx_sluice_part_load(ngx_sluice_part_t *part, char *err)
{
    uint64_t  generation;

    if (ngx_sluice_part_room(part) != NGX_OK) {
        ngx_cpystrn((u_char *) err, (u_char *) "no memory for a copy of it",
                    NGX_SLUICE_ERRSTR);
        return NGX_ERROR;
    }

    generation = sluice_map_snapshot(&ngx_sluice_reader.map, part->kind,
                                     part->image);

    if (generation == 0) {
        ngx_cpystrn((u_char *) err,
                    (u_char *) "nothing has been published in it yet",
                    NGX_SLUICE_ERRSTR);
        return NGX_AGAIN;
    }

    part->generation = generation;

    if (sluice_view_load(&part->view, part->image, part->size, err,
                         NGX_SLUICE_ERRSTR)
        != 0)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_sluice_part_room(ngx_sluice_part_t *part)
{
    size_t  size;

    size = sluice_map_slot_size(&ngx_sluice_reader.map, part->kind);

    if (size == part->size) {
        return NGX_OK;
    }

    if (part->image) {
        ngx_free(part->image);
        part->size = 0;
    }

    part->image = ngx_alloc(size, ngx_cycle->log);
    if (part->image == NULL) {
        return NGX_ERROR;
    }

    part->size = size;

    return NGX_OK;
}


static void
ngx_sluice_part_done(ngx_sluice_part_t *part)
{
    sluice_view_free(&part->view);

    if (part->image) {
        ngx_free(part->image);
        part->image = NULL;
        part->size = 0;
    }
}


static void
ngx_sluice_view_age(struct sluice_freshness *fresh)
{
    uint64_t              heartbeat;
    ngx_sluice_conf_t    *scf;
    ngx_sluice_reader_t  *sr;

    sr = &ngx_sluice_reader;

    scf = (ngx_sluice_conf_t *) ngx_get_conf(ngx_cycle->conf_ctx,
                                             ngx_sluice_module);

    heartbeat = sr->map.base ? sluice_map_heartbeat(&sr->map) : 0;

    fresh->now_mono_ms = ngx_sluice_now();
    fresh->now_boot_ms = ngx_sluice_boot_now();
    fresh->heartbeat_age_ms = sluice_heartbeat_age(heartbeat,
                                                   fresh->now_mono_ms);
    fresh->max_age_ms = scf->max_age;
    fresh->no_state = (char *) sr->no_state;
}


uint64_t
ngx_sluice_now(void)
{
    struct timespec  mono;

    /* ngx_current_msec is as old as the last round of the event loop */

    (void) clock_gettime(CLOCK_MONOTONIC, &mono);

    return (uint64_t) mono.tv_sec * 1000 + mono.tv_nsec / 1000000;
}


uint64_t
ngx_sluice_boot_now(void)
{
    struct timespec  boot;

    (void) clock_gettime(CLOCK_BOOTTIME, &boot);

    return (uint64_t) boot.tv_sec * 1000 + boot.tv_nsec / 1000000;
}


static void
ngx_sluice_view_none(const char *why)
{
    ngx_sluice_reader_t  *sr;

    sr = &ngx_sluice_reader;

    (void) ngx_snprintf(sr->err, NGX_SLUICE_ERRSTR, NGX_SLUICE_NO_STATE "%Z",
                        why);

    sr->err[NGX_SLUICE_ERRSTR - 1] = '\0';
    sr->no_state = sr->err;
}


/* once per change */

static void
ngx_sluice_view_report(ngx_sluice_conf_t *scf, u_char *trouble)
{
    u_char  *logged;

    logged = ngx_sluice_reader.logged;

    if (ngx_strcmp(trouble, logged) == 0) {
        return;
    }

    if (*trouble) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "sluice: \"%V\": %s; checks answer 500",
                      &scf->state, trouble);

    } else {
        ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                      "sluice: \"%V\" is good again", &scf->state);
    }

    ngx_cpystrn(logged, trouble, NGX_SLUICE_ERRSTR);
}


/*
 * The writer never cuts a live file short, but somebody else may ("cp new
 * state"), and then reading the map raises SIGBUS.  Zeroes in its place read
 * as "nothing published", which costs checks and no sessions.
 */

static ngx_int_t
ngx_sluice_view_guard(void)
{
    struct sigaction  sa;

    ngx_memzero(&sa, sizeof(struct sigaction));
    sa.sa_sigaction = ngx_sluice_view_sigbus;
    sa.sa_flags = SA_SIGINFO;
    sigemptyset(&sa.sa_mask);

    return sigaction(SIGBUS, &sa, NULL) == 0 ? NGX_OK : NGX_ERROR;
}


static void
ngx_sluice_view_sigbus(int signo, siginfo_t *info, void *context)
{
    u_char             *addr;
    struct sluice_map  *map;

    addr = info->si_addr;
    map = &ngx_sluice_reader.map;

    if (info->si_code == BUS_ADRERR
        && map->base
        && addr >= map->base
        && addr < map->base + map->size
        && mmap((void *) map->base, map->size, PROT_READ,
                MAP_PRIVATE|MAP_ANONYMOUS|MAP_FIXED, -1, 0)
           != MAP_FAILED)
    {
        return;
    }

    /* not ours: the instruction is run again and meets the default action */

    (void) signal(signo, SIG_DFL);
}
