/* Asks a running freno and Sluice the same checks side by side, and tells
 * where they differ for longer than sampling explains. */
#include "ctl/ctl_compare.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <jansson.h>

#include "base/http_escape.h"
#include "base/http_fetch.h"
#include "base/loop.h"
#include "ctl/compare_tally.h"

#define SLUICE_URL "http://127.0.0.1:8087"
#define TIMEOUT_MS 2000
#define TIME_SIZE 32

struct cluster {
    char *name;
    struct compare_tally tally;
};

struct compare {
    const char *urls[2]; /* freno's, Sluice's */
    const char *app;
    double minutes; /* < 0: until a signal */
    double every_ms, patience_ms;
    struct cluster *clusters;
    size_t count;
    unsigned long answers;
};

static volatile sig_atomic_t stopped;

static void
on_signal(int signum)
{
    (void)signum;
    stopped = 1;
}

/* ---- clusters --------------------------------------------------------------
 */

static void
add_cluster(struct compare *c, const char *name)
{
    for (size_t i = 0; i < c->count; i++)
        if (strcmp(c->clusters[i].name, name) == 0)
            return;
    c->clusters = realloc(c->clusters, (c->count + 1) * sizeof(*c->clusters));
    if (!c->clusters)
        abort();
    memset(&c->clusters[c->count], 0, sizeof(*c->clusters));
    c->clusters[c->count].name = strdup(name);
    if (!c->clusters[c->count++].name)
        abort();
}

/* "mysql/main1"; Sluice's further metrics have one more slash. */
static void
add_metrics(struct compare *c, const char *body)
{
    json_t *metrics = json_loads(body, 0, NULL), *value;
    const char *name;

    json_object_foreach(metrics, name, value)
    {
        if (strncmp(name, "mysql/", 6) == 0 && !strchr(name + 6, '/'))
            add_cluster(c, name + 6);
    }
    json_decref(metrics);
}

static int
fetch(const char *base, const char *path, struct http_fetched *got, char *err)
{
    struct http_fetch what = {.timeout_ms = TIMEOUT_MS};
    size_t len = strlen(base);
    char *url;
    int rc;

    while (len > 0 && base[len - 1] == '/')
        len--;
    if (asprintf(&url, "%.*s%s", (int)len, base, path) < 0)
        abort();
    what.url = url;
    rc = http_fetch(&what, got, err, 256);
    free(url);
    return rc;
}

/* Whatever either of them knows. */
static int
find_clusters(struct compare *c)
{
    struct http_fetched got;
    char err[256];

    for (int i = 0; i < 2; i++) {
        if (fetch(c->urls[i], "/aggregated-metrics", &got, err) != 0) {
            fprintf(stderr, "sluicectl: %s\n", err);
            return -1;
        }
        add_metrics(c, got.body);
        http_fetched_free(&got);
    }
    if (c->count > 0)
        return 0;
    fputs("sluicectl: neither of them knows a cluster: name those to ask for\n",
          stderr);
    return -1;
}

/* ---- asking
 * ------------------------------------------------------------------ */

/* 0: no answer. */
static unsigned
ask_one(struct compare *c, int which, const char *path)
{
    struct http_fetched got;
    char err[256];
    unsigned status;

    if (fetch(c->urls[which], path, &got, err) != 0)
        return 0;
    status = got.status;
    http_fetched_free(&got);
    c->answers++;
    return status;
}

static void
tell(const struct cluster *cluster,
     enum compare_news news,
     const unsigned status[2],
     uint64_t differed_ms)
{
    char when[TIME_SIZE];
    time_t now = time(NULL);
    struct tm tm;

    if (news == COMPARE_NOTHING)
        return;
    strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &tm));
    if (news == COMPARE_DIFFER)
        printf("%s %s: freno %u, Sluice %u, for %.1f s\n", when, cluster->name,
               status[0], status[1], (double)differed_ms / 1000);
    else
        printf("%s %s: both %u again, after %.1f s\n", when, cluster->name,
               status[0], (double)differed_ms / 1000);
    fflush(stdout);
}

static void
ask_both(struct compare *c, struct cluster *cluster)
{
    char *app = http_escape(c->app), *name = http_escape(cluster->name), *path;
    enum compare_news news;
    unsigned status[2];
    uint64_t differed_ms;

    if (asprintf(&path, "/check/%s/mysql/%s", app, name) < 0)
        abort();
    for (int i = 0; i < 2; i++)
        status[i] = ask_one(c, i, path);
    differed_ms = compare_tally_differ_ms(&cluster->tally, clock_mono_ms());
    news = compare_tally_add(&cluster->tally, status[0], status[1],
                             clock_mono_ms(), (uint64_t)c->patience_ms);
    tell(cluster, news, status, differed_ms);
    free(path);
    free(name);
    free(app);
}

static void
wait_until(uint64_t at_ms)
{
    const struct timespec until = {
        .tv_sec = (time_t)(at_ms / 1000),
        .tv_nsec = (long)(at_ms % 1000) * 1000000,
    };

    while (!stopped && clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until,
                                       NULL) == EINTR)
        ;
}

static void
ask_all(struct compare *c)
{
    uint64_t due_ms = clock_mono_ms();
    uint64_t end_ms =
        c->minutes < 0 ? UINT64_MAX : due_ms + (uint64_t)(c->minutes * 60000);

    while (!stopped && clock_mono_ms() < end_ms) {
        for (size_t i = 0; i < c->count && !stopped; i++)
            ask_both(c, &c->clusters[i]);
        due_ms += (uint64_t)c->every_ms;
        if (due_ms < clock_mono_ms())
            due_ms = clock_mono_ms();
        wait_until(due_ms < end_ms ? due_ms : end_ms);
    }
}

/* ---- the end
 * ------------------------------------------------------------------ */

static int
summarize(const struct compare *c)
{
    unsigned long lasting = 0;

    printf("%-24s %8s %8s %8s %8s %10s %10s\n", "cluster", "asked", "same",
           "briefly", "differed", "freno away", "Sluice away");
    for (size_t i = 0; i < c->count; i++) {
        const struct compare_tally *t = &c->clusters[i].tally;

        printf("%-24s %8lu %8lu %8lu %8lu %10lu %10lu\n", c->clusters[i].name,
               t->asked, t->same, t->brief, t->lasting, t->away[0], t->away[1]);
        lasting += t->lasting;
    }
    if (c->answers == 0) {
        fputs("sluicectl: nobody answered\n", stderr);
        return 2;
    }
    return lasting > 0;
}

/* ---- the command line
 * ------------------------------------------------------------ */

void
ctl_compare_usage(FILE *out)
{
    fputs(
        "  compare --with URL [CLUSTER ...]\n"
        "                           the same checks to a freno, until Ctrl-C;\n"
        "                           --url URL of Sluice (" SLUICE_URL "),\n"
        "                           --for MINUTES, --every MS (1000),\n"
        "                           --patience MS (1000), --app NAME\n"
        "                           (sluice-compare)\n",
        out);
}

static int
wrong(const char *what, const char *text)
{
    fprintf(stderr, "sluicectl: compare: %s: %s\nusage: sluicectl\n", what,
            text);
    ctl_compare_usage(stderr);
    return 2;
}

static int
read_number(const char *text, double least, double most, double *number)
{
    char *end;

    *number = strtod(text, &end);
    return end != text && *end == '\0' && isfinite(*number) &&
                   *number >= least && *number <= most
               ? 0
               : -1;
}

/* 0, or the exit status. */
static int
read_option(struct compare *c, int opt, const char *arg)
{
    switch (opt) {
    case 'w':
        c->urls[0] = optarg;
        return 0;
    case 'u':
        c->urls[1] = optarg;
        return 0;
    case 'a':
        c->app = optarg;
        return 0;
    case 'f':
        return read_number(optarg, 0, 1e6, &c->minutes) == 0
                   ? 0
                   : wrong("--for", "expected minutes, 0 to 1000000");
    case 'e':
        return read_number(optarg, 10, 3.6e6, &c->every_ms) == 0
                   ? 0
                   : wrong("--every", "expected milliseconds, 10 to 3600000");
    case 'p':
        return read_number(optarg, 0, 3.6e6, &c->patience_ms) == 0
                   ? 0
                   : wrong("--patience", "expected milliseconds, 0 to 3600000");
    default:
        return wrong(arg, opt == ':' ? "a value is missing" : "unknown option");
    }
}

static int
read_options(struct compare *c, int argc, char **argv)
{
    static const struct option options[] = {
        {"with", required_argument, NULL, 'w'},
        {"url", required_argument, NULL, 'u'},
        {"for", required_argument, NULL, 'f'},
        {"every", required_argument, NULL, 'e'},
        {"patience", required_argument, NULL, 'p'},
        {"app", required_argument, NULL, 'a'},
        {NULL, 0, NULL, 0},
    };
    const char *arg;
    int opt, rc;

    optind = 0;
    for (;;) {
        arg = argv[optind ? optind : 1];
        opt = getopt_long(argc, argv, ":", options, NULL);
        if (opt == -1)
            break;
        rc = read_option(c, opt, arg);
        if (rc != 0)
            return rc;
    }
    if (!c->urls[0])
        return wrong("--with", "expected freno's URL, as http://freno:8087");
    for (; optind < argc; optind++)
        add_cluster(c, argv[optind]);
    return 0;
}

static void
catch_signals(void)
{
    const struct sigaction action = {.sa_handler = on_signal};

    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

int
ctl_compare(int argc, char **argv)
{
    struct compare c = {
        .urls = {NULL, SLUICE_URL},
        .app = "sluice-compare",
        .minutes = -1,
        .every_ms = 1000,
        .patience_ms = 1000,
    };
    int rc = read_options(&c, argc, argv);

    if (rc == 0 && c.count == 0 && find_clusters(&c) != 0)
        rc = 2;
    if (rc == 0) {
        catch_signals();
        ask_all(&c);
        rc = summarize(&c);
    }
    for (size_t i = 0; i < c.count; i++)
        free(c.clusters[i].name);
    free(c.clusters);
    return rc;
}
