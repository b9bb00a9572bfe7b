
/*
 * The page of variables: what freno's /debug/vars has, by freno's names and
 * in the shape of Go's expvar.
 */


#include "ngx_http_sluice_describe.h"
#include "ngx_sluice_zone.h"

#include "sluice_format.h"


#define NGX_HTTP_SLUICE_VARS_JSON  "application/json; charset=utf-8"

#define NGX_HTTP_SLUICE_OTHER      "other"


typedef struct {
    ngx_str_t                      name;
    uint64_t                       count;     /* what else there is: 0 */
    double                         value;
    const char                    *text;      /* NULL: none */
    unsigned                       counts:1;
} ngx_http_sluice_var_t;


typedef struct {
    ngx_pool_t                    *pool;
    ngx_array_t                    vars;      /* ngx_http_sluice_var_t */
    unsigned                       failed:1;
} ngx_http_sluice_vars_t;


static void ngx_http_sluice_vars_checks(ngx_http_sluice_vars_t *vars,
    ngx_sluice_zone_t *zone);
static void ngx_http_sluice_vars_check(ngx_http_sluice_vars_t *vars,
    ngx_str_t *app, ngx_str_t *store, ngx_atomic_t *counts);
static void ngx_http_sluice_vars_count(ngx_http_sluice_vars_t *vars,
    ngx_str_t *app, ngx_str_t *store, char *kind, uint64_t count);
static void ngx_http_sluice_vars_store(ngx_sluice_zone_t *zone,
    ngx_uint_t n, ngx_str_t *store);
static void ngx_http_sluice_vars_clusters(ngx_http_sluice_vars_t *vars,
    ngx_http_sluice_known_t *known, struct sluice_rules *rules);
static void ngx_http_sluice_vars_throttles(ngx_http_sluice_vars_t *vars,
    ngx_http_sluice_known_t *known, struct sluice_rules *rules);
static void ngx_http_sluice_vars_consensus(ngx_http_sluice_vars_t *vars,
    ngx_http_sluice_known_t *known, struct sluice_rules *rules);
static void ngx_http_sluice_vars_counters(ngx_http_sluice_vars_t *vars,
    ngx_http_sluice_known_t *known);
static ngx_http_sluice_var_t *ngx_http_sluice_vars_add(
    ngx_http_sluice_vars_t *vars, const char *before, const char *name,
    const char *after);
static void ngx_http_sluice_vars_merge(ngx_http_sluice_vars_t *vars);
static int ngx_libc_cdecl ngx_http_sluice_vars_cmp(const void *one,
    const void *two);
static ngx_buf_t *ngx_http_sluice_vars_body(ngx_http_sluice_vars_t *vars);
static u_char *ngx_http_sluice_vars_write(u_char *p,
    ngx_http_sluice_var_t *var);


ngx_int_t
ngx_http_sluice_vars(ngx_http_request_t *r)
{
    ngx_buf_t                *b;
    struct sluice_rules       rules;
    ngx_http_sluice_vars_t    vars;
    ngx_http_sluice_known_t   known;

    vars.pool = r->pool;
    vars.failed = 0;

    if (ngx_array_init(&vars.vars, r->pool, 256,
                       sizeof(ngx_http_sluice_var_t))
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_http_sluice_know(&known);
    ngx_sluice_rules(&rules);

    ngx_http_sluice_vars_checks(&vars, ngx_sluice_zone());
    ngx_http_sluice_vars_clusters(&vars, &known, &rules);
    ngx_http_sluice_vars_throttles(&vars, &known, &rules);
    ngx_http_sluice_vars_consensus(&vars, &known, &rules);
    ngx_http_sluice_vars_counters(&vars, &known);

    if (vars.failed) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_http_sluice_vars_merge(&vars);

    b = ngx_http_sluice_vars_body(&vars);
    if (b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_sluice_send(r, NGX_HTTP_OK, NGX_HTTP_SLUICE_VARS_JSON, b);
}


static void
ngx_http_sluice_vars_checks(ngx_http_sluice_vars_t *vars,
    ngx_sluice_zone_t *zone)
{
    uint32_t              i;
    ngx_str_t             app, store;
    ngx_str_t             any = ngx_string("any");
    ngx_str_t             other = ngx_string(NGX_HTTP_SLUICE_OTHER);
    ngx_sluice_tally_t   *tally;
    ngx_sluice_cluster_t *cluster;

    for (i = 0; i < zone->nclusters; i++) {

        cluster = &zone->clusters[i];

        if (cluster->ready) {
            ngx_http_sluice_vars_store(zone, i, &store);
            ngx_http_sluice_vars_check(vars, &any, &store, cluster->counts);
            ngx_http_sluice_vars_check(vars, &other, &store, cluster->others);
        }
    }

    for (i = 0; i < zone->tallies.nplaces; i++) {

        tally = &zone->tallies.places[i];

        if (tally->ready) {
            app.data = tally->app;
            app.len = tally->app_len;

            ngx_http_sluice_vars_store(zone, tally->cluster, &store);
            ngx_http_sluice_vars_check(vars, &app, &store, tally->counts);
        }
    }
}


/* no counter without anything counted */

static void
ngx_http_sluice_vars_check(ngx_http_sluice_vars_t *vars, ngx_str_t *app,
    ngx_str_t *store, ngx_atomic_t *counts)
{
    uint64_t    total, error, internal, count;
    ngx_uint_t  i;

    total = 0;
    error = 0;
    internal = 0;

    for (i = 0; i < NGX_SLUICE_STATUSES; i++) {

        count = counts[i];
        total += count;

        if (ngx_sluice_statuses[i] != NGX_HTTP_OK) {
            error += count;
        }

        if (ngx_sluice_statuses[i] == NGX_HTTP_INTERNAL_SERVER_ERROR) {
            internal += count;
        }
    }

    ngx_http_sluice_vars_count(vars, app, store, "total", total);
    ngx_http_sluice_vars_count(vars, app, store, "error", error);
    ngx_http_sluice_vars_count(vars, app, store, "internal-error", internal);
}


/* that of the app too: equal names are added up in the end */

static void
ngx_http_sluice_vars_count(ngx_http_sluice_vars_t *vars, ngx_str_t *app,
    ngx_str_t *store, char *kind, uint64_t count)
{
    u_char                 *p;
    ngx_uint_t              i;
    ngx_http_sluice_var_t  *var;

    if (count == 0 || vars->failed) {
        return;
    }

    for (i = 0; i < 2; i++) {

        var = ngx_array_push(&vars->vars);
        p = ngx_pnalloc(vars->pool, sizeof("check..mysql..") + app->len
                                    + store->len + ngx_strlen(kind));
        if (var == NULL || p == NULL) {
            vars->failed = 1;
            return;
        }

        ngx_memzero(var, sizeof(ngx_http_sluice_var_t));

        var->counts = 1;
        var->count = count;
        var->name.data = p;

        p = ngx_sprintf(p, "check.%V.", app);

        if (i) {
            p = ngx_sprintf(p, "mysql.%V.", store);
        }

        p = ngx_cpymem(p, kind, ngx_strlen(kind));
        var->name.len = p - var->name.data;
    }
}


/* cluster 0 stands for all that are not known */

static void
ngx_http_sluice_vars_store(ngx_sluice_zone_t *zone, ngx_uint_t n,
    ngx_str_t *store)
{
    if (n == 0 || n >= zone->nclusters) {
        ngx_str_set(store, NGX_HTTP_SLUICE_OTHER);
        return;
    }

    store->data = zone->clusters[n].name;
    store->len = ngx_strlen(store->data);
}


static void
ngx_http_sluice_vars_clusters(ngx_http_sluice_vars_t *vars,
    ngx_http_sluice_known_t *known, struct sluice_rules *rules)
{
    uint32_t                      i;
    uint64_t                      age;
    ngx_http_sluice_var_t        *var;
    const struct sluice_cluster  *cluster;

    for (i = 0; known->view && i < known->view->nclusters; i++) {

        cluster = &known->view->clusters[i];

        if (cluster->status == SLUICE_METRIC_VALUE
            || (cluster->flags & SLUICE_CLUSTER_HAD_VALUE))
        {
            var = ngx_http_sluice_vars_add(vars, "aggregated.mysql.",
                                           cluster->name, "");
            if (var) {
                var->value = cluster->value;
            }
        }

        if (ngx_http_sluice_health_age(known->view, &known->fresh, rules,
                                       cluster, &age)
            == NGX_OK)
        {
            var = ngx_http_sluice_vars_add(vars, "check.mysql.",
                                           cluster->name,
                                           ".seconds_since_healthy");
            if (var) {
                var->value = age / 1000;
            }
        }
    }
}


/* those of the rules that stand; an order of Redis' is there soon */

static void
ngx_http_sluice_vars_throttles(ngx_http_sluice_vars_t *vars,
    ngx_http_sluice_known_t *known, struct sluice_rules *rules)
{
    uint32_t                 i;
    struct sluice_rule       rule;
    struct sluice_text       key, none;
    ngx_http_sluice_var_t   *var;

    none.data = "";
    none.len = 0;

    for (i = 0; rules->view && i < rules->view->nthrottles; i++) {

        key.data = rules->view->throttles[i].key;
        key.len = ngx_strlen(key.data);

        if (!sluice_throttle_rule(rules, key, none, known->fresh.now_mono_ms,
                                  &rule))
        {
            continue;
        }

        var = ngx_http_sluice_vars_add(vars, "throttled_states.", key.data,
                                       "");
        if (var) {
            var->value = 1;
        }
    }
}


static void
ngx_http_sluice_vars_consensus(ngx_http_sluice_vars_t *vars,
    ngx_http_sluice_known_t *known, struct sluice_rules *rules)
{
    ngx_http_sluice_var_t    *var;
    struct sluice_freshness  *fresh;

    fresh = &known->fresh;

    var = ngx_http_sluice_vars_add(vars, "consensus.is_leader", "", "");
    if (var) {
        var->value = known->view && sluice_view_leads(known->view, fresh);
    }

    var = ngx_http_sluice_vars_add(vars, "consensus.is_healthy", "", "");
    if (var) {
        var->value = known->view
                     && fresh->heartbeat_age_ms <= fresh->max_age_ms
                     && !sluice_rules_unknown(rules);
    }
}


/* what sluiced counts, by the names that it has for it */

static void
ngx_http_sluice_vars_counters(ngx_http_sluice_vars_t *vars,
    ngx_http_sluice_known_t *known)
{
    uint32_t                      i;
    ngx_http_sluice_var_t        *var;
    const struct sluice_counter  *counter;

    for (i = 0; known->detail && i < known->detail->ncounters; i++) {

        counter = &known->detail->counters[i];

        var = ngx_http_sluice_vars_add(vars, counter->name, "", "");
        if (var) {
            var->value = counter->value;
            var->text = counter->text[0] ? counter->text : NULL;
        }
    }
}


static ngx_http_sluice_var_t *
ngx_http_sluice_vars_add(ngx_http_sluice_vars_t *vars, const char *before,
    const char *name, const char *after)
{
    u_char                 *p;
    ngx_http_sluice_var_t  *var;

    if (vars->failed) {
        return NULL;
    }

    var = ngx_array_push(&vars->vars);
    p = ngx_pnalloc(vars->pool, ngx_strlen(before) + ngx_strlen(name)
                                + ngx_strlen(after) + 1);
    if (var == NULL || p == NULL) {
        vars->failed = 1;
        return NULL;
    }

    ngx_memzero(var, sizeof(ngx_http_sluice_var_t));

    var->name.data = p;
    var->name.len = ngx_sprintf(p, "%s%s%s", before, name, after) - p;

    return var;
}


/*
 * In the order of names, each once.  Counters of one name are one, as they
 * are in freno: an app may be called "any", or "a.mysql.b".
 */

static void
ngx_http_sluice_vars_merge(ngx_http_sluice_vars_t *vars)
{
    ngx_uint_t              i, n;
    ngx_http_sluice_var_t  *var;

    var = vars->vars.elts;

    ngx_qsort(var, vars->vars.nelts, sizeof(ngx_http_sluice_var_t),
              ngx_http_sluice_vars_cmp);

    n = 0;

    for (i = 1; i < vars->vars.nelts; i++) {

        if (ngx_http_sluice_vars_cmp(&var[n], &var[i]) != 0) {
            var[++n] = var[i];

        } else if (var[n].counts && var[i].counts) {
            var[n].count += var[i].count;
        }
    }

    vars->vars.nelts = n + 1;
}


static int ngx_libc_cdecl
ngx_http_sluice_vars_cmp(const void *one, const void *two)
{
    const ngx_http_sluice_var_t  *first, *second;

    first = one;
    second = two;

    return ngx_memn2cmp(first->name.data, second->name.data, first->name.len,
                        second->name.len);
}


static ngx_buf_t *
ngx_http_sluice_vars_body(ngx_http_sluice_vars_t *vars)
{
    size_t                  size;
    ngx_buf_t              *b;
    ngx_uint_t              i;
    ngx_http_sluice_var_t  *var;

    var = vars->vars.elts;
    size = sizeof("{\n\n}\n");

    for (i = 0; i < vars->vars.nelts; i++) {
        size += sizeof(",\n\"\": ") + 6 * var[i].name.len
                + (var[i].text ? 6 * SLUICE_COUNTER_TEXT_SIZE + 2
                               : SLUICE_NUMBER_SIZE);
    }

    b = ngx_create_temp_buf(vars->pool, size);
    if (b == NULL) {
        return NULL;
    }

    for (i = 0; i < vars->vars.nelts; i++) {
        b->last = ngx_cpymem(b->last, i ? ",\n" : "{\n", 2);
        b->last = ngx_http_sluice_vars_write(b->last, &var[i]);
    }

    b->last = ngx_cpymem(b->last, "\n}\n", 3);

    return b;
}


static u_char *
ngx_http_sluice_vars_write(u_char *p, ngx_http_sluice_var_t *var)
{
    size_t  len;

    *p++ = '"';
    p += sluice_format_string((char *) var->name.data, var->name.len,
                              (char *) p, 6 * var->name.len);
    p = ngx_cpymem(p, "\": ", 3);

    if (var->text) {
        len = ngx_strlen(var->text);

        *p++ = '"';
        p += sluice_format_string(var->text, len, (char *) p, 6 * len);
        *p++ = '"';
        return p;
    }

    if (var->counts) {
        return ngx_sprintf(p, "%uL", var->count);
    }

    return p + sluice_format_number(var->value, (char *) p);
}
