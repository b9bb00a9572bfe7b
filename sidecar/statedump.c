/* statedump: what the state file says, for humans and (--json) for scripts. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <jansson.h>

#include "base/loop.h"
#include "base/table.h"
#include "sluice_format.h"
#include "sluice_state.h"
#include "sluice_view.h"

#define DUMP_FILE "/run/sluice/state"
#define DUMP_TRIES 1000 /* at a writer that is faster than we are */
#define DUMP_UNKNOWN UINT64_MAX

/* All of a file, read at one moment. */
struct dump {
    const char *file;
    struct sluice_header header;
    uint64_t now_ms;
    uint64_t now_boot_ms;
    uint64_t heartbeat_age_ms; /* DUMP_UNKNOWN: none of this boot */
    uint64_t generations[SLUICE_PART_KINDS];
    struct sluice_view views[SLUICE_PART_KINDS];
    const struct sluice_view *verdicts;
    const struct sluice_view *detail;
};

/* ---- reading ---------------------------------------------------------- */

/* A part that was never published is an empty view. */
static int
read_part(struct dump *d,
          const struct sluice_map *m,
          uint32_t kind,
          char *err,
          size_t err_size)
{
    const struct timespec nap = {.tv_nsec = 1000000};
    size_t size = sluice_map_slot_size(m, kind);
    uint64_t generation = 0;
    void *image;
    int rc = 0;

    if (sluice_map_generation(m, kind) == 0)
        return 0;
    image = aligned_alloc(64, size);
    if (!image) {
        snprintf(err, err_size, "no memory for %zu bytes", size);
        return -1;
    }
    for (int i = 0; i < DUMP_TRIES && generation == 0; i++) {
        if (i > 0)
            nanosleep(&nap, NULL);
        generation = sluice_map_snapshot(m, kind, image);
    }
    if (generation == 0) {
        snprintf(err, err_size, "part %u changes too fast to be read", kind);
        rc = -1;
    } else {
        rc = sluice_view_load(&d->views[kind - 1], image, size, err, err_size);
    }
    d->generations[kind - 1] = generation;
    free(image);
    return rc;
}

static int
dump_read(struct dump *d, const char *file, char *err, size_t err_size)
{
    struct sluice_map m = {0};
    int rc = 0;

    memset(d, 0, sizeof(*d));
    d->file = file;
    d->verdicts = &d->views[SLUICE_PART_VERDICTS - 1];
    d->detail = &d->views[SLUICE_PART_DETAIL - 1];
    if (sluice_map_open(&m, file, err, err_size) != 0)
        return -1;
    memcpy(&d->header, sluice_map_header(&m),
           offsetof(struct sluice_header, heartbeat_mono_ms));
    for (uint32_t kind = 1; kind <= SLUICE_PART_KINDS && rc == 0; kind++)
        rc = read_part(d, &m, kind, err, err_size);
    d->now_ms = clock_mono_ms();
    d->now_boot_ms = clock_boot_ms();
    d->heartbeat_age_ms =
        sluice_heartbeat_age(sluice_map_heartbeat(&m), d->now_ms);
    sluice_map_close(&m);
    return rc;
}

static void
dump_free(struct dump *d)
{
    for (int i = 0; i < SLUICE_PART_KINDS; i++)
        sluice_view_free(&d->views[i]);
}

/* ---- what both formats say -------------------------------------------- */

static uint64_t
age_of(const struct dump *d, uint64_t then_ms)
{
    return sluice_heartbeat_age(then_ms, d->now_ms);
}

static int
is_leader(const struct dump *d)
{
    return d->verdicts->node.leader_until_boot_ms > d->now_boot_ms;
}

static const char *
cluster_status(const struct sluice_cluster *c)
{
    static const char *const words[] = {
        [SLUICE_METRIC_NONE] = "none",
        [SLUICE_METRIC_VALUE] = "value",
        [SLUICE_METRIC_ERROR] = "error",
    };

    return words[c->status]; /* a view has no other */
}

static const char *
host_status(const struct sluice_host *h)
{
    static const char *const words[] = {
        [SLUICE_HOST_PENDING] = "pending",
        [SLUICE_HOST_VALUE] = "value",
        [SLUICE_HOST_ERROR] = "error",
        [SLUICE_HOST_EXCLUDED] = "excluded",
    };

    return words[h->status];
}

/* ---- for scripts ------------------------------------------------------ */

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
        json_text(c->name), "status", cluster_status(c), "value",
        has_value ? json_real(c->value) : json_null(), "threshold",
        c->threshold, "age_ms", json_ms(age_of(d, c->sampled_mono_ms)),
        "valid_for_ms", valid_for, "healthy_age_ms",
        json_ms(age_of(d, c->healthy_mono_ms)), "healthy_real_ms",
        (json_int_t)c->healthy_real_ms, "error", json_text(c->error));
}

static json_t *
json_host(const struct dump *d, const struct sluice_host *h)
{
    int has_value = h->status == SLUICE_HOST_VALUE;

    return json_pack("{s:o, s:o, s:i, s:o, s:s, s:o, s:o, s:I, s:o}", "cluster",
                     json_text(h->cluster), "name", json_text(h->name), "port",
                     h->port, "address", json_text(h->address), "status",
                     host_status(h), "value",
                     has_value ? json_real(h->value) : json_null(), "age_ms",
                     json_ms(age_of(d, h->sampled_mono_ms)), "took_us",
                     (json_int_t)h->took_us, "text", json_text(h->text));
}

static json_t *
json_part(const struct dump *d, uint32_t kind)
{
    return json_pack("{s:I, s:o}", "generation",
                     (json_int_t)d->generations[kind - 1], "age_ms",
                     json_ms(age_of(d, d->views[kind - 1].published_mono_ms)));
}

static int
dump_json(const struct dump *d)
{
    const struct sluice_header *h = &d->header;
    uint32_t flags = d->verdicts->node.flags;
    json_t *clusters = json_array(), *hosts = json_array(), *root;
    int rc;

    for (uint32_t i = 0; i < d->verdicts->nclusters; i++)
        json_array_append_new(clusters,
                              json_cluster(d, &d->verdicts->clusters[i]));
    for (uint32_t i = 0; i < d->detail->nhosts; i++)
        json_array_append_new(hosts, json_host(d, &d->detail->hosts[i]));
    root = json_pack(
        "{s:o, s:i, s:i, s:I, s:I, s:o, s:{s:I, s:I}, s:b, s:b, s:b, "
        "s:o, s:o, s:o, s:o}",
        "file", json_text(d->file), "major", h->major, "minor", h->minor, "pid",
        (json_int_t)h->pid, "born_real_ms", (json_int_t)h->born_real_ms,
        "heartbeat_age_ms", json_ms(d->heartbeat_age_ms), "capacity",
        "clusters", (json_int_t)h->cluster_capacity, "hosts",
        (json_int_t)h->host_capacity, "ready", (flags & SLUICE_NODE_READY) != 0,
        "leader_only", (flags & SLUICE_NODE_LEADER_ONLY) != 0, "leader",
        is_leader(d), "verdicts", json_part(d, SLUICE_PART_VERDICTS), "detail",
        json_part(d, SLUICE_PART_DETAIL), "clusters", clusters, "hosts", hosts);
    rc = root ? json_dumpf(root, stdout, JSON_INDENT(2)) : -1;
    json_decref(root);
    putchar('\n');
    return rc;
}

/* ---- for humans ------------------------------------------------------- */

#define DUMP_COLUMNS 8

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
begin_table(struct table *t, size_t nrows, const char *const *head)
{
    table_init(t, DUMP_COLUMNS, nrows + 1);
    table_row(t);
    for (size_t i = 0; i < DUMP_COLUMNS; i++)
        table_cell(t, "%s", head[i]);
}

static void
print_clusters(const struct dump *d)
{
    static const char *const head[DUMP_COLUMNS] = {
        "CLUSTER", "STATUS",    "VALUE",       "THRESHOLD",
        "AGE",     "VALID FOR", "HEALTHY AGO", "ERROR"};
    const struct sluice_cluster *c = d->verdicts->clusters;
    struct table t;

    begin_table(&t, d->verdicts->nclusters, head);
    for (uint32_t i = 0; i < d->verdicts->nclusters; i++, c++) {
        table_row(&t);
        table_cell(&t, "%s", c->name);
        table_cell(&t, "%s", cluster_status(c));
        cell_number(&t, c->status == SLUICE_METRIC_VALUE, c->value);
        cell_number(&t, 1, c->threshold);
        cell_duration(&t, age_of(d, c->sampled_mono_ms));
        cell_validity(&t, d, c);
        cell_duration(&t, age_of(d, c->healthy_mono_ms));
        table_cell(&t, "%s", c->error);
    }
    table_print(&t, stdout);
    table_free(&t);
}

static void
print_hosts(const struct dump *d)
{
    static const char *const head[DUMP_COLUMNS] = {
        "HOST", "CLUSTER", "ADDRESS", "STATUS", "VALUE", "AGE", "TOOK", "TEXT"};
    const struct sluice_host *h = d->detail->hosts;
    struct table t;

    begin_table(&t, d->detail->nhosts, head);
    for (uint32_t i = 0; i < d->detail->nhosts; i++, h++) {
        table_row(&t);
        table_cell(&t, strchr(h->name, ':') ? "[%s]:%u" : "%s:%u", h->name,
                   h->port);
        table_cell(&t, "%s", h->cluster);
        table_cell(&t, "%s", h->address[0] ? h->address : "-");
        table_cell(&t, "%s", host_status(h));
        cell_number(&t, h->status == SLUICE_HOST_VALUE, h->value);
        cell_duration(&t, age_of(d, h->sampled_mono_ms));
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
    uint64_t age_ms = age_of(d, d->views[kind - 1].published_mono_ms);

    if (d->generations[kind - 1] == 0)
        printf("%s nothing published yet\n", name);
    else if (age_ms == DUMP_UNKNOWN)
        printf("%s generation %" PRIu64 ", of another boot\n", name,
               d->generations[kind - 1]);
    else
        printf("%s generation %" PRIu64 ", %" PRIu64 " ms ago\n", name,
               d->generations[kind - 1], age_ms);
}

static void
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
           is_leader(d) ? "leader" : "follower",
           (flags & SLUICE_NODE_LEADER_ONLY) ? ", only leaders answer" : "");
    print_part(d, "verdicts  ", SLUICE_PART_VERDICTS);
    print_part(d, "detail    ", SLUICE_PART_DETAIL);
    printf("room       %u of %u clusters, %u of %u hosts\n\n",
           d->verdicts->nclusters, h->cluster_capacity, d->detail->nhosts,
           h->host_capacity);
    print_clusters(d);
    putchar('\n');
    print_hosts(d);
}

/* ---- options ---------------------------------------------------------- */

static int
usage(FILE *to)
{
    fprintf(to, "usage: statedump [--json] [FILE]\n"
                "Prints a state file of sluiced (default " DUMP_FILE ").\n");
    return to == stdout ? 0 : 2;
}

int
main(int argc, char **argv)
{
    static const struct option options[] = {
        {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    const char *file;
    struct dump d;
    char err[512];
    int option, json = 0, rc = 0;

    while ((option = getopt_long(argc, argv, "jh", options, NULL)) != -1) {
        if (option == 'h')
            return usage(stdout);
        if (option != 'j')
            return usage(stderr);
        json = 1;
    }
    if (argc - optind > 1)
        return usage(stderr);
    file = optind < argc ? argv[optind] : DUMP_FILE;
    if (dump_read(&d, file, err, sizeof(err)) != 0) {
        fprintf(stderr, "statedump: %s: %s\n", file, err);
        rc = 1;
    } else if (json) {
        rc = dump_json(&d) != 0;
    } else {
        dump_text(&d);
    }
    dump_free(&d);
    if (rc == 0 && (fflush(stdout) != 0 || ferror(stdout))) {
        perror("statedump: cannot write");
        rc = 1;
    }
    return rc;
}
