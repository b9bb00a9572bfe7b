/* The state file for humans. */
#include "statedump.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/table.h"
#include "sluice_format.h"

static void
cell_duration(struct table *t, uint64_t ms)
{
    if (ms == DUMP_UNKNOWN)
        table_cell(t, "-");
    else if (ms < 10000)
        table_cell(t, "%" PRIu64 " ms", ms);
    else if (ms < 600000)
        table_cell(t, "%.1f s", (double)ms / 1000);
    else
        table_cell(t, "%" PRIu64 " min", ms / 60000);
}

static void
cell_number(struct table *t, int is_known, double value)
{
    char text[SLUICE_NUMBER_SIZE];
    size_t len = sluice_format_number(value, text);

    if (is_known)
        table_cell(t, "%.*s", (int)len, text);
    else
        table_cell(t, "-");
}

static void
cell_validity(struct table *t,
              const struct dump *d,
              const struct sluice_cluster *c)
{
    if (c->status != SLUICE_METRIC_VALUE)
        table_cell(t, "-");
    else if (c->valid_until_mono_ms < d->now_ms)
        table_cell(t, "expired");
    else
        cell_duration(t, c->valid_until_mono_ms - d->now_ms);
}

static void
begin_table(struct table *t,
            size_t ncolumns,
            size_t nrows,
            const char *const *head)
{
    table_init(t, ncolumns, nrows + 1);
    table_row(t);
    for (size_t i = 0; i < ncolumns; i++)
        table_cell(t, "%s", head[i]);
}

static void
print_clusters(const struct dump *d)
{
    static const char *const head[] = {"CLUSTER",     "STATUS", "VALUE",
                                       "THRESHOLD",   "AGE",    "VALID FOR",
                                       "HEALTHY AGO", "ERROR"};
    const struct sluice_cluster *c = d->verdicts->clusters;
    struct table t;

    begin_table(&t, 8, d->verdicts->nclusters, head);
    for (uint32_t i = 0; i < d->verdicts->nclusters; i++, c++) {
        table_row(&t);
        table_cell(&t, "%s", c->name);
        table_cell(&t, "%s", dump_cluster_status(c));
        cell_number(&t, c->status == SLUICE_METRIC_VALUE, c->value);
        cell_number(&t, 1, c->threshold);
        cell_duration(&t, dump_age(d, c->sampled_mono_ms));
        cell_validity(&t, d, c);
        cell_duration(&t, dump_age(d, c->healthy_mono_ms));
        table_cell(&t, "%s", c->error);
    }
    table_print(&t, stdout);
    table_free(&t);
}

static void
print_hosts(const struct dump *d)
{
    static const char *const head[] = {"HOST",  "CLUSTER", "ADDRESS", "STATUS",
                                       "VALUE", "AGE",     "TOOK",    "TEXT"};
    const struct sluice_host *h = d->detail->hosts;
    struct table t;

    begin_table(&t, 8, d->detail->nhosts, head);
    for (uint32_t i = 0; i < d->detail->nhosts; i++, h++) {
        table_row(&t);
        table_cell(&t, strchr(h->name, ':') ? "[%s]:%u" : "%s:%u", h->name,
                   h->port);
        table_cell(&t, "%s", h->cluster);
        table_cell(&t, "%s", h->address[0] ? h->address : "-");
        table_cell(&t, "%s", dump_host_status(h));
        cell_number(&t, h->status == SLUICE_HOST_VALUE, h->value);
        cell_duration(&t, dump_age(d, h->sampled_mono_ms));
        if (h->status == SLUICE_HOST_VALUE || h->status == SLUICE_HOST_ERROR)
            table_cell(&t, "%.1f ms", h->took_us / 1000.0);
        else
            table_cell(&t, "-");
        table_cell(&t, "%s", h->text);
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

    begin_table(&t, 3, d->rules->nthrottles, head);
    for (uint32_t i = 0; i < d->rules->nthrottles; i++, r++) {
        table_row(&t);
        table_cell(&t, "%s", r->key);
        cell_number(&t, 1, r->ratio);
        if (r->expires_mono_ms == 0)
            table_cell(&t, "never");
        else if (r->expires_mono_ms <= d->now_ms)
            table_cell(&t, "expired");
        else
            cell_duration(&t, r->expires_mono_ms - d->now_ms);
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
    print_facts(d);
    printf("room       %u of %u clusters, %u of %u hosts, %u of %u throttles"
           "\n\n",
           d->verdicts->nclusters, h->cluster_capacity, d->detail->nhosts,
           h->host_capacity, d->rules->nthrottles, h->throttle_capacity);
    print_clusters(d);
    putchar('\n');
    print_hosts(d);
    if (d->rules->nthrottles > 0) {
        putchar('\n');
        print_throttles(d);
    }
}
