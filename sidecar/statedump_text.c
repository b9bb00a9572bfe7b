/* The state file for humans. */
#include "statedump.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "sluice_format.h"
#include "sluice_words.h"
#include "statedump_table.h"

static void
cell_validity(struct table *t,
              const struct dump *d,
              uint32_t status,
              uint64_t valid_until_ms)
{
    if (status != SLUICE_METRIC_VALUE)
        table_cell(t, "-");
    else if (valid_until_ms < d->now_ms)
        table_cell(t, "expired");
    else
        dump_cell_duration(t, valid_until_ms - d->now_ms);
}

/* Empty where nobody says anything. */
static void
cell_share(struct table *t,
           const struct dump *d,
           const struct sluice_cluster *c)
{
    int64_t share_s = dump_share_s(d, c);

    if (share_s < 0)
        table_cell(t, "%s", "");
    else
        table_cell(t, "%" PRIi64 " s", share_s);
}

static void
print_clusters(const struct dump *d)
{
    static const char *const head[] = {"CLUSTER",     "STATUS",    "VALUE",
                                       "THRESHOLD",   "AGE",       "VALID FOR",
                                       "HEALTHY AGO", "ELSEWHERE", "ERROR"};
    const struct sluice_cluster *c = d->verdicts->clusters;
    struct table t;

    dump_begin_table(&t, 9, d->verdicts->nclusters, head);
    for (uint32_t i = 0; i < d->verdicts->nclusters; i++, c++) {
        table_row(&t);
        table_cell(&t, "%s", c->name);
        table_cell(&t, "%s", sluice_metric_word(c->status));
        dump_cell_number(&t, c->status == SLUICE_METRIC_VALUE, c->value);
        dump_cell_number(&t, 1, c->threshold);
        dump_cell_duration(&t, dump_age(d, c->sampled_mono_ms));
        cell_validity(&t, d, c->status, c->valid_until_mono_ms);
        dump_cell_duration(&t, dump_age(d, c->healthy_mono_ms));
        cell_share(&t, d, c);
        table_cell(&t, "%s", c->error);
    }
    table_print(&t, stdout);
    table_free(&t);
}

static void
print_metrics(const struct dump *d)
{
    static const char *const head[] = {"METRIC", "CLUSTER",   "SCOPE",
                                       "STATUS", "VALUE",     "THRESHOLD",
                                       "AGE",    "VALID FOR", "ERROR"};
    const struct sluice_metric *m = d->verdicts->metrics;
    struct table t;

    dump_begin_table(&t, 9, d->verdicts->nmetrics, head);
    for (uint32_t i = 0; i < d->verdicts->nmetrics; i++, m++) {
        table_row(&t);
        table_cell(&t, "%s", m->name);
        table_cell(&t, "%s", m->cluster);
        table_cell(&t, "%s", sluice_scope_word(m->scope));
        table_cell(&t, "%s", sluice_metric_word(m->status));
        dump_cell_number(&t, m->status == SLUICE_METRIC_VALUE, m->value);
        dump_cell_number(&t, 1, m->threshold);
        dump_cell_duration(&t, dump_age(d, m->sampled_mono_ms));
        cell_validity(&t, d, m->status, m->valid_until_mono_ms);
        table_cell(&t, "%s", m->error);
    }
    table_print(&t, stdout);
    table_free(&t);
}

static void
print_inventories(const struct dump *d)
{
    static const char *const head[] = {"INVENTORY", "PROVIDER", "HOSTS",
                                       "AGE",       "FAILURES", "ERROR"};
    const struct sluice_inventory *n = d->detail->inventories;
    struct table t;

    dump_begin_table(&t, 6, d->detail->ninventories, head);
    for (uint32_t i = 0; i < d->detail->ninventories; i++, n++) {
        table_row(&t);
        table_cell(&t, "%s", n->cluster);
        table_cell(&t, "%s", n->provider[0] ? n->provider : "-");
        table_cell(&t, "%u", n->hosts);
        dump_cell_duration(&t, dump_age(d, n->answered_mono_ms));
        table_cell(&t, "%u", n->failures);
        table_cell(&t, "%s", n->error);
    }
    table_print(&t, stdout);
    table_free(&t);
}

static void
cell_host_status(struct table *t, const struct sluice_host *h)
{
    const char *why = sluice_excluded_word(h->excluded);

    if (h->status == SLUICE_HOST_EXCLUDED && why[0])
        table_cell(t, "%s", why);
    else
        table_cell(t, "%s", sluice_host_word(h->status));
}

static void
print_hosts(const struct dump *d)
{
    static const char *const head[] = {"HOST",   "CLUSTER", "ADDRESS",
                                       "STATUS", "VALUE",   "AGE",
                                       "TOOK",   "ROLE",    "TEXT"};
    const struct sluice_host *h = d->detail->hosts;
    struct table t;

    dump_begin_table(&t, 9, d->detail->nhosts, head);
    for (uint32_t i = 0; i < d->detail->nhosts; i++, h++) {
        table_row(&t);
        dump_cell_host(&t, h->name, h->port);
        table_cell(&t, "%s", h->cluster);
        table_cell(&t, "%s", h->address[0] ? h->address : "-");
        cell_host_status(&t, h);
        dump_cell_number(&t, dump_has_value(h), h->value);
        dump_cell_duration(&t, dump_age(d, h->sampled_mono_ms));
        if (h->status == SLUICE_HOST_VALUE || h->status == SLUICE_HOST_ERROR)
            table_cell(&t, "%.1f ms", h->took_us / 1000.0);
        else
            table_cell(&t, "-");
        table_cell(&t, "%s", sluice_role_word(h->role));
        table_cell(&t, "%s", h->text);
    }
    table_print(&t, stdout);
    table_free(&t);
}

static void
print_host_metrics(const struct dump *d)
{
    static const char *const head[] = {"HOST",  "CLUSTER", "METRIC", "STATUS",
                                       "VALUE", "AGE",     "TEXT"};
    const struct sluice_host_metric *m = d->detail->host_metrics;
    struct table t;

    dump_begin_table(&t, 7, d->detail->nhost_metrics, head);
    for (uint32_t i = 0; i < d->detail->nhost_metrics; i++, m++) {
        table_row(&t);
        dump_cell_host(&t, m->host, m->port);
        table_cell(&t, "%s", m->cluster);
        table_cell(&t, "%s", m->metric);
        table_cell(&t, "%s", sluice_host_word(m->status));
        dump_cell_number(&t, m->status == SLUICE_HOST_VALUE, m->value);
        dump_cell_duration(&t, dump_age(d, m->sampled_mono_ms));
        table_cell(&t, "%s", m->text);
    }
    table_print(&t, stdout);
    table_free(&t);
}

static void
print_apps(const struct dump *d)
{
    static const char *const head[] = {"APP", "CLUSTER", "THRESHOLD"};
    const struct sluice_app *a = d->rules->apps;
    struct table t;

    dump_begin_table(&t, 3, d->rules->napps, head);
    for (uint32_t i = 0; i < d->rules->napps; i++, a++) {
        table_row(&t);
        table_cell(&t, "%s", a->app);
        table_cell(&t, "%s", a->cluster[0] ? a->cluster : "(all)");
        dump_cell_number(&t, 1, a->threshold);
    }
    table_print(&t, stdout);
    table_free(&t);
}

static void
print_counters(const struct dump *d)
{
    static const char *const head[] = {"COUNTER", "VALUE"};
    const struct sluice_counter *c = d->detail->counters;
    struct table t;

    dump_begin_table(&t, 2, d->detail->ncounters, head);
    for (uint32_t i = 0; i < d->detail->ncounters; i++, c++) {
        table_row(&t);
        table_cell(&t, "%s", c->name);
        if (c->text[0])
            table_cell(&t, "%s", c->text);
        else
            dump_cell_number(&t, 1, c->value);
    }
    table_print(&t, stdout);
    table_free(&t);
}

static void
print_throttles(const struct dump *d)
{
    static const char *const head[] = {"THROTTLED", "RATIO", "EXPIRES IN"};
    const struct sluice_throttle *r = d->rules->throttles;
    struct table t;

    dump_begin_table(&t, 3, d->rules->nthrottles, head);
    for (uint32_t i = 0; i < d->rules->nthrottles; i++, r++) {
        table_row(&t);
        table_cell(&t, "%s", r->key);
        dump_cell_number(&t, 1, r->ratio);
        if (r->expires_mono_ms == 0)
            table_cell(&t, "never");
        else if (r->expires_mono_ms <= d->now_ms)
            table_cell(&t, "expired");
        else
            dump_cell_duration(&t, r->expires_mono_ms - d->now_ms);
    }
    table_print(&t, stdout);
    table_free(&t);
}

static void
print_time(uint64_t real_ms)
{
    time_t seconds = (time_t)(real_ms / 1000);
    struct tm tm;
    char text[64] = "?";

    if (localtime_r(&seconds, &tm))
        strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm);
    fputs(text, stdout);
}

static void
print_part(const struct dump *d, const char *name, uint32_t kind)
{
    uint64_t age_ms = dump_age(d, d->views[kind - 1].published_mono_ms);

    if (d->generations[kind - 1] == 0)
        printf("%s nothing published yet\n", name);
    else if (age_ms == DUMP_UNKNOWN)
        printf("%s generation %" PRIu64 ", of another boot\n", name,
               d->generations[kind - 1]);
    else
        printf("%s generation %" PRIu64 ", %" PRIu64 " ms ago\n", name,
               d->generations[kind - 1], age_ms);
}

/* What a terminal may see of it. */
static void
print_text(const char *before, const char *text)
{
    char safe[6 * SLUICE_CHANNEL_SIZE];
    size_t len = sluice_format_string(text, strlen(text), safe, sizeof(safe));

    if (len > 0)
        printf("%s%.*s", before, (int)len, safe);
}

static void
print_facts(const struct dump *d)
{
    const struct sluice_facts *f = &d->rules->facts;
    uint64_t age_ms = dump_age(d, f->read_mono_ms);

    if (d->generations[SLUICE_PART_RULES - 1] == 0)
        return;
    if (f->flags & SLUICE_FACTS_UNKNOWN) {
        printf("facts      not known: the store was never read\n");
        return;
    }
    printf("facts      revision %" PRIu64, f->revision);
    print_text(" of ", f->store_id);
    if (age_ms != DUMP_UNKNOWN)
        printf(", read %" PRIu64 " ms ago", age_ms);
    print_text(", Redis channel ", f->redis_channel);
    putchar('\n');
}

static void
print_room(const struct dump *d)
{
    const struct sluice_header *h = &d->header;

    printf("room       %u of %u clusters, %u of %u hosts, %u of %u throttles,"
           " %u of %u metrics, %u of %u apps\n\n",
           d->verdicts->nclusters, h->cluster_capacity, d->detail->nhosts,
           h->host_capacity, d->rules->nthrottles, h->throttle_capacity,
           d->verdicts->nmetrics, h->metric_capacity, d->rules->napps,
           h->app_capacity);
}

static void
print_if(const struct dump *d,
         uint32_t count,
         void (*print)(const struct dump *d))
{
    if (count == 0)
        return;
    putchar('\n');
    print(d);
}

void
dump_text(const struct dump *d)
{
    const struct sluice_header *h = &d->header;
    uint32_t flags = d->verdicts->node.flags;

    printf("file       %s, version %u.%u\n", d->file, h->major, h->minor);
    printf("writer     pid %u, since ", h->pid);
    print_time(h->born_real_ms);
    if (d->heartbeat_age_ms == DUMP_UNKNOWN)
        printf("\nheartbeat  none of this boot\n");
    else
        printf("\nheartbeat  %" PRIu64 " ms ago\n", d->heartbeat_age_ms);
    printf("node       %s, %s%s\n",
           (flags & SLUICE_NODE_READY) ? "ready" : "starting",
           dump_leads(d) ? "leader" : "follower",
           (flags & SLUICE_NODE_LEADER_ONLY) ? ", only leaders answer" : "");
    print_part(d, "verdicts  ", SLUICE_PART_VERDICTS);
    print_part(d, "detail    ", SLUICE_PART_DETAIL);
    print_part(d, "rules     ", SLUICE_PART_RULES);
    print_part(d, "routes    ", SLUICE_PART_ROUTES);
    print_facts(d);
    print_room(d);
    print_clusters(d);
    print_if(d, d->verdicts->nmetrics, print_metrics);
    print_if(d, d->detail->ninventories, print_inventories);
    putchar('\n');
    print_hosts(d);
    print_if(d, d->detail->nhost_metrics, print_host_metrics);
    print_if(d, d->rules->nthrottles, print_throttles);
    print_if(d, d->rules->napps, print_apps);
    print_if(d, d->detail->ncounters, print_counters);
    print_if(d, d->routes->nroutes, dump_text_routes);
}
