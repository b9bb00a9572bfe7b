/* The state file for scripts. */
#include "statedump.h"

#include <stdio.h>
#include <string.h>

#include <jansson.h>

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
    json_t *valid_for = json_null();

    if (has_value && c->valid_until_mono_ms <= INT64_MAX)
        valid_for = json_integer((json_int_t)c->valid_until_mono_ms -
                                 (json_int_t)d->now_ms);
    return json_pack(
        "{s:o, s:s, s:o, s:f, s:o, s:o, s:o, s:I, s:o}", "name",
        json_text(c->name), "status", dump_cluster_status(c), "value",
        has_value ? json_real(c->value) : json_null(), "threshold",
        c->threshold, "age_ms", json_ms(dump_age(d, c->sampled_mono_ms)),
        "valid_for_ms", valid_for, "healthy_age_ms",
        json_ms(dump_age(d, c->healthy_mono_ms)), "healthy_real_ms",
        (json_int_t)c->healthy_real_ms, "error", json_text(c->error));
}

static json_t *
json_host(const struct dump *d, const struct sluice_host *h)
{
    int has_value = h->status == SLUICE_HOST_VALUE;

    return json_pack("{s:o, s:o, s:i, s:o, s:s, s:o, s:o, s:I, s:o}", "cluster",
                     json_text(h->cluster), "name", json_text(h->name), "port",
                     h->port, "address", json_text(h->address), "status",
                     dump_host_status(h), "value",
                     has_value ? json_real(h->value) : json_null(), "age_ms",
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
    return json_pack("{s:I, s:I, s:I}", "clusters",
                     (json_int_t)h->cluster_capacity, "hosts",
                     (json_int_t)h->host_capacity, "throttles",
                     (json_int_t)h->throttle_capacity);
}

int
dump_json(const struct dump *d)
{
    const struct sluice_header *h = &d->header;
    uint32_t flags = d->verdicts->node.flags;
    json_t *clusters = json_array(), *hosts = json_array();
    json_t *throttles = json_array(), *root;
    int rc;

    for (uint32_t i = 0; i < d->verdicts->nclusters; i++)
        json_array_append_new(clusters,
                              json_cluster(d, &d->verdicts->clusters[i]));
    for (uint32_t i = 0; i < d->detail->nhosts; i++)
        json_array_append_new(hosts, json_host(d, &d->detail->hosts[i]));
    for (uint32_t i = 0; i < d->rules->nthrottles; i++)
        json_array_append_new(throttles,
                              json_throttle(d, &d->rules->throttles[i]));
    root = json_pack(
        "{s:o, s:i, s:i, s:I, s:I, s:o, s:o, s:b, s:b, s:b, s:o, s:o, s:o, "
        "s:o, s:o, s:o, s:o}",
        "file", json_text(d->file), "major", h->major, "minor", h->minor, "pid",
        (json_int_t)h->pid, "born_real_ms", (json_int_t)h->born_real_ms,
        "heartbeat_age_ms", json_ms(d->heartbeat_age_ms), "capacity",
        json_capacity(h), "ready", (flags & SLUICE_NODE_READY) != 0,
        "leader_only", (flags & SLUICE_NODE_LEADER_ONLY) != 0, "leader",
        dump_leads(d), "verdicts", json_part(d, SLUICE_PART_VERDICTS), "detail",
        json_part(d, SLUICE_PART_DETAIL), "rules",
        json_part(d, SLUICE_PART_RULES), "clusters", clusters, "hosts", hosts,
        "facts", json_facts(d), "throttles", throttles);
    rc = root ? json_dumpf(root, stdout, JSON_INDENT(2)) : -1;
    json_decref(root);
    putchar('\n');
    return rc;
}
