/* The state file for scripts. */
#include "statedump.h"

#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "sluice_words.h"

static json_t *
json_ms(uint64_t ms)
{
    return ms > INT64_MAX ? json_null() : json_integer((json_int_t)ms);
}

/* Text that is no UTF-8 is still shown, as far as it can be. */
static json_t *
json_text(const char *text)
{
    json_t *string = json_string(text);
    char ascii[SLUICE_ERROR_SIZE];
    size_t n;

    if (string)
        return string;
    for (n = 0; n < sizeof(ascii) - 1 && text[n]; n++)
        ascii[n] = (text[n] & 0x80) ? '?' : text[n];
    ascii[n] = '\0';
    return json_string(ascii);
}

static json_t *
json_cluster(const struct dump *d, const struct sluice_cluster *c)
{
    int has_value = c->status == SLUICE_METRIC_VALUE;
    int64_t share_s = dump_share_s(d, c);
    json_t *valid_for = json_null();

    if (has_value && c->valid_until_mono_ms <= INT64_MAX)
        valid_for = json_integer((json_int_t)c->valid_until_mono_ms -
                                 (json_int_t)d->now_ms);
    return json_pack(
        "{s:o, s:s, s:o, s:f, s:o, s:o, s:o, s:I, s:o, s:o}", "name",
        json_text(c->name), "status", sluice_metric_word(c->status), "value",
        has_value ? json_real(c->value) : json_null(), "threshold",
        c->threshold, "age_ms", json_ms(dump_age(d, c->sampled_mono_ms)),
        "valid_for_ms", valid_for, "healthy_age_ms",
        json_ms(dump_age(d, c->healthy_mono_ms)), "healthy_real_ms",
        (json_int_t)c->healthy_real_ms, "share_domain_s",
        share_s < 0 ? json_null() : json_integer(share_s), "error",
        json_text(c->error));
}

static json_t *
json_metric(const struct dump *d, const struct sluice_metric *m)
{
    int has_value = m->status == SLUICE_METRIC_VALUE;

    return json_pack(
        "{s:o, s:o, s:s, s:s, s:o, s:f, s:o, s:b, s:o}", "cluster",
        json_text(m->cluster), "name", json_text(m->name), "scope",
        sluice_scope_word(m->scope), "status", sluice_metric_word(m->status),
        "value", has_value ? json_real(m->value) : json_null(), "threshold",
        m->threshold, "age_ms", json_ms(dump_age(d, m->sampled_mono_ms)),
        "stale", has_value && m->valid_until_mono_ms < d->now_ms, "error",
        json_text(m->error));
}

static json_t *
json_app(const struct sluice_app *a)
{
    return json_pack("{s:o, s:o, s:f}", "cluster", json_text(a->cluster), "app",
                     json_text(a->app), "threshold", a->threshold);
}

static json_t *
json_inventory(const struct dump *d, const struct sluice_inventory *n)
{
    return json_pack("{s:o, s:o, s:o, s:I, s:I, s:o}", "cluster",
                     json_text(n->cluster), "provider", json_text(n->provider),
                     "age_ms", json_ms(dump_age(d, n->answered_mono_ms)),
                     "failures", (json_int_t)n->failures, "hosts",
                     (json_int_t)n->hosts, "error", json_text(n->error));
}

static json_t *
json_host_metric(const struct dump *d, const struct sluice_host_metric *m)
{
    return json_pack("{s:o, s:o, s:i, s:o, s:s, s:o, s:o, s:o}", "cluster",
                     json_text(m->cluster), "host", json_text(m->host), "port",
                     m->port, "metric", json_text(m->metric), "status",
                     sluice_host_word(m->status), "value",
                     m->status == SLUICE_HOST_VALUE ? json_real(m->value)
                                                    : json_null(),
                     "age_ms", json_ms(dump_age(d, m->sampled_mono_ms)), "text",
                     json_text(m->text));
}

static json_t *
json_counter(const struct sluice_counter *c)
{
    return json_pack("{s:o, s:o}", "name", json_text(c->name), "value",
                     c->text[0] ? json_text(c->text) : json_real(c->value));
}

static json_t *
json_host(const struct dump *d, const struct sluice_host *h)
{
    return json_pack(
        "{s:o, s:o, s:i, s:o, s:s, s:s, s:s, s:o, s:o, s:I, s:o}", "cluster",
        json_text(h->cluster), "name", json_text(h->name), "port", h->port,
        "address", json_text(h->address), "status", sluice_host_word(h->status),
        "role", sluice_role_word(h->role), "excluded",
        sluice_excluded_word(h->excluded), "value",
        dump_has_value(h) ? json_real(h->value) : json_null(), "age_ms",
        json_ms(dump_age(d, h->sampled_mono_ms)), "took_us",
        (json_int_t)h->took_us, "text", json_text(h->text));
}

static json_t *
json_facts(const struct dump *d)
{
    const struct sluice_facts *f = &d->rules->facts;

    if (d->generations[SLUICE_PART_RULES - 1] == 0)
        return json_null();
    return json_pack("{s:b, s:I, s:o, s:o, s:o}", "unknown",
                     (f->flags & SLUICE_FACTS_UNKNOWN) != 0, "revision",
                     (json_int_t)f->revision, "store_id",
                     json_text(f->store_id), "redis_channel",
                     json_text(f->redis_channel), "read_age_ms",
                     json_ms(dump_age(d, f->read_mono_ms)));
}

static json_t *
json_throttle(const struct dump *d, const struct sluice_throttle *t)
{
    json_t *left = json_null();

    if (t->expires_mono_ms != 0 && t->expires_mono_ms <= INT64_MAX)
        left = json_integer((json_int_t)t->expires_mono_ms -
                            (json_int_t)d->now_ms);
    return json_pack("{s:o, s:f, s:o}", "key", json_text(t->key), "ratio",
                     t->ratio, "expires_in_ms", left);
}

static json_t *
json_part(const struct dump *d, uint32_t kind)
{
    return json_pack(
        "{s:I, s:o}", "generation", (json_int_t)d->generations[kind - 1],
        "age_ms", json_ms(dump_age(d, d->views[kind - 1].published_mono_ms)));
}

static json_t *
json_capacity(const struct sluice_header *h)
{
    return json_pack(
        "{s:I, s:I, s:I, s:I, s:I}", "clusters",
        (json_int_t)h->cluster_capacity, "hosts", (json_int_t)h->host_capacity,
        "throttles", (json_int_t)h->throttle_capacity, "metrics",
        (json_int_t)h->metric_capacity, "apps", (json_int_t)h->app_capacity);
}

/* What stands in the file, in its parts. */
static json_t *
json_lists(const struct dump *d)
{
    json_t *clusters = json_array(), *metrics = json_array();
    json_t *throttles = json_array(), *apps = json_array();

    for (uint32_t i = 0; i < d->verdicts->nclusters; i++)
        json_array_append_new(clusters,
                              json_cluster(d, &d->verdicts->clusters[i]));
    for (uint32_t i = 0; i < d->verdicts->nmetrics; i++)
        json_array_append_new(metrics,
                              json_metric(d, &d->verdicts->metrics[i]));
    for (uint32_t i = 0; i < d->rules->nthrottles; i++)
        json_array_append_new(throttles,
                              json_throttle(d, &d->rules->throttles[i]));
    for (uint32_t i = 0; i < d->rules->napps; i++)
        json_array_append_new(apps, json_app(&d->rules->apps[i]));
    return json_pack("{s:o, s:o, s:o, s:o, s:o}", "clusters", clusters,
                     "metrics", metrics, "facts", json_facts(d), "throttles",
                     throttles, "apps", apps);
}

static json_t *
json_detail(const struct dump *d)
{
    const struct sluice_view *v = d->detail;
    json_t *hosts = json_array(), *inventories = json_array();
    json_t *metrics = json_array(), *counters = json_array();

    for (uint32_t i = 0; i < v->nhosts; i++)
        json_array_append_new(hosts, json_host(d, &v->hosts[i]));
    for (uint32_t i = 0; i < v->ninventories; i++)
        json_array_append_new(inventories,
                              json_inventory(d, &v->inventories[i]));
    for (uint32_t i = 0; i < v->nhost_metrics; i++)
        json_array_append_new(metrics,
                              json_host_metric(d, &v->host_metrics[i]));
    for (uint32_t i = 0; i < v->ncounters; i++)
        json_array_append_new(counters, json_counter(&v->counters[i]));
    return json_pack("{s:o, s:o, s:o, s:o}", "hosts", hosts, "inventories",
                     inventories, "host_metrics", metrics, "counters",
                     counters);
}

static json_t *
json_route_host(const struct dump *d, const struct sluice_route_host *h)
{
    return json_pack(
        "{s:o, s:i, s:o, s:o, s:I, s:b, s:b, s:b, s:b, s:b, s:o, s:o, s:o}",
        "name", json_text(h->name), "port", h->port, "address",
        json_text(h->address), "label", json_text(h->label), "epoch",
        (json_int_t)h->epoch, "healthy", (h->flags & SLUICE_ROUTE_HEALTHY) != 0,
        "replica", (h->flags & SLUICE_ROUTE_REPLICA) != 0, "inactive",
        (h->flags & SLUICE_ROUTE_INACTIVE) != 0, "down",
        (h->flags & SLUICE_ROUTE_DOWN) != 0, "drained",
        (h->flags & SLUICE_ROUTE_DRAINED) != 0, "lag_s",
        h->flags & SLUICE_ROUTE_HAS_LAG ? json_real(h->lag_s) : json_null(),
        "age_ms", json_ms(dump_age(d, h->sampled_mono_ms)), "text",
        json_text(h->text));
}

/* null: for ever. */
static json_t *
json_writers(const struct dump *d, const struct sluice_route *r)
{
    if (r->writers_until_boot_ms == SLUICE_WRITERS_ALWAYS)
        return json_null();
    if (r->writers_until_boot_ms <= d->now_boot_ms)
        return json_integer(0);
    return json_ms(r->writers_until_boot_ms - d->now_boot_ms);
}

static json_t *
json_route(const struct dump *d, const struct sluice_route *r)
{
    const struct sluice_route_host *h = sluice_view_route_hosts(d->routes, r);
    json_t *hosts = json_array();

    for (uint32_t i = 0; i < r->nhosts; i++)
        json_array_append_new(hosts, json_route_host(d, &h[i]));
    return json_pack(
        "{s:o, s:I, s:o, s:o, s:I, s:b, s:I, s:b, s:o, s:o, s:o}", "cluster",
        json_text(r->cluster), "epoch", (json_int_t)r->epoch, "active",
        r->flags & SLUICE_ROUTE_ACTIVE ? json_integer(r->active) : json_null(),
        "writers_for_ms", json_writers(d, r), "changed_real_ms",
        (json_int_t)r->changed_real_ms, "traffic",
        !(r->flags & SLUICE_ROUTE_TRAFFIC_OFF), "traffic_real_ms",
        (json_int_t)r->traffic_real_ms, "manual",
        (r->flags & SLUICE_ROUTE_MANUAL) != 0, "reason", json_text(r->reason),
        "message", json_text(r->message), "hosts", hosts);
}

static json_t *
json_routes(const struct dump *d)
{
    json_t *routes = json_array();

    for (uint32_t i = 0; i < d->routes->nroutes; i++)
        json_array_append_new(routes, json_route(d, &d->routes->routes[i]));
    return json_pack("{s:o}", "routes", routes);
}

/* Moves the members of an object to the end of another. */
static void
join(json_t *root, json_t *more)
{
    json_object_update(root, more);
    json_decref(more);
}

int
dump_json(const struct dump *d)
{
    const struct sluice_header *h = &d->header;
    uint32_t flags = d->verdicts->node.flags;
    json_t *root = json_pack(
        "{s:o, s:i, s:i, s:I, s:I, s:o, s:o, s:b, s:b, s:b, s:o, s:o, s:o}",
        "file", json_text(d->file), "major", h->major, "minor", h->minor, "pid",
        (json_int_t)h->pid, "born_real_ms", (json_int_t)h->born_real_ms,
        "heartbeat_age_ms", json_ms(d->heartbeat_age_ms), "capacity",
        json_capacity(h), "ready", (flags & SLUICE_NODE_READY) != 0,
        "leader_only", (flags & SLUICE_NODE_LEADER_ONLY) != 0, "leader",
        dump_leads(d), "verdicts", json_part(d, SLUICE_PART_VERDICTS), "detail",
        json_part(d, SLUICE_PART_DETAIL), "rules",
        json_part(d, SLUICE_PART_RULES));
    int rc;

    join(root, json_lists(d));
    join(root, json_detail(d));
    join(root, json_routes(d));
    rc = root ? json_dumpf(root, stdout, JSON_INDENT(2)) : -1;
    json_decref(root);
    putchar('\n');
    return rc;
}
