/* sluicectl: its words, and the request that each becomes. */
#include "ctl/ctl.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/conf.h"
#include "base/http_escape.h"
#include "base/http_fetch.h"
#include "base/options.h"
#include "ctl/ask.h"
#include "ctl/ctl_compare.h"
#include "ctl/ctl_show.h"

/* Options of a command, which are fields of its form. */
enum {
    FIELD_TTL = 0x1,
    FIELD_RATIO = 0x2,
    FIELD_STORE = 0x4,
    FIELD_NOTES = 0x8 /* owner and reason */
};

static const struct option field_options[] = {
    {"ttl", required_argument, NULL, FIELD_TTL},
    {"ratio", required_argument, NULL, FIELD_RATIO},
    {"store", required_argument, NULL, FIELD_STORE},
    {"owner", required_argument, NULL, FIELD_NOTES},
    {"reason", required_argument, NULL, FIELD_NOTES},
    {NULL, 0, NULL, 0},
};

static const char *const field_names[] = {"ttl", "ratio", "store_name", "owner",
                                          "reason"};

struct command {
    const char *words; /* one, or two with a blank */
    unsigned fields;
    int (*show)(const char *body, FILE *out); /* what GET answers; NULL: POST */
    const char *path;      /* POST: what follows is the argument, if it ends
                              in a slash */
    const char *params[2]; /* other arguments, as fields */
};

static const struct command commands[] = {
    {"members", 0, ctl_show_members, "/consensus/members", {NULL}},
    {"members add", 0, NULL, "/consensus/members", {"add"}},
    {"members remove", 0, NULL, "/consensus/members", {"remove"}},
    {"members replace", 0, NULL, "/consensus/members", {"replace", "by"}},
    {"status", 0, ctl_show_status, "/consensus/status", {NULL}},
    {"throttled", 0, ctl_show_throttled, "/throttled-apps", {NULL}},
    {"throttle",
     FIELD_TTL | FIELD_RATIO | FIELD_STORE | FIELD_NOTES,
     NULL,
     "/throttle-app/",
     {NULL}},
    {"unthrottle", FIELD_STORE | FIELD_NOTES, NULL, "/unthrottle-app/", {NULL}},
    {"skipped", 0, ctl_show_skipped, "/skipped-hosts?details=true", {NULL}},
    {"skip", FIELD_TTL | FIELD_NOTES, NULL, "/skip-host/", {NULL}},
    {"recover", FIELD_NOTES, NULL, "/recover-host/", {NULL}},
};

static void
usage(FILE *out)
{
    fputs("usage: sluicectl [-c FILE | -s SOCKET] COMMAND\n"
          "\n"
          "  members                  who keeps the facts\n"
          "  members add ADDRESS      take in a node that waits for it\n"
          "  members remove WHO       by id or address\n"
          "  members replace WHO BY   remove one, add the other\n"
          "  status                   who leads\n"
          "  throttled\n"
          "  throttle APP [--ttl MINUTES] [--ratio R] [--store S]\n"
          "  unthrottle APP [--store S]\n"
          "  skipped\n"
          "  skip HOST [--ttl MINUTES]\n"
          "  recover HOST\n",
          out);
    ctl_compare_usage(out);
    fputs("\n"
          "  -c, --config FILE    sluiced's, for its StateFile (" OPTIONS_CONFIG
          ")\n"
          "  -s, --socket SOCKET  sluiced's control.sock\n"
          "  -V, --version\n"
          "  -h, --help\n"
          "\n"
          "throttle, unthrottle, skip and recover take --owner O and\n"
          "--reason R, too.\n",
          out);
}

static int
wrong(const char *text, const char *what)
{
    fprintf(stderr, "sluicectl: %s%s%s\n", what ? what : "", what ? ": " : "",
            text);
    usage(stderr);
    return 2;
}

/* ---- one command ------------------------------------------------------ */

/* 1 when the first words of the line are the command's; *used of them. */
static int
matches(const struct command *c, int argc, char **argv, int *used)
{
    const char *blank = strchr(c->words, ' ');
    size_t len = blank ? (size_t)(blank - c->words) : strlen(c->words);

    if (strlen(argv[0]) != len || strncmp(argv[0], c->words, len) != 0)
        return 0;
    *used = blank ? 2 : 1;
    return !blank || (argc > 1 && strcmp(argv[1], blank + 1) == 0);
}

/* The one of most words. */
static const struct command *
find(int argc, char **argv, int *used)
{
    const struct command *found = NULL;
    int words;

    *used = 0;
    for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
        if (!matches(&commands[i], argc, argv, &words) || words < *used)
            continue;
        found = &commands[i];
        *used = words;
    }
    return found;
}

/* Options become fields; *argv what is left. 0, or the exit status. */
static int
read_fields(const struct command *c, int *argc, char ***argv, char **form)
{
    const char *arg;
    int opt, index;

    optind = 0;
    for (;;) {
        arg = (*argv)[optind ? optind : 1];
        opt = getopt_long(*argc, *argv, ":", field_options, &index);
        if (opt == -1)
            break;
        if (opt == '?' || opt == ':')
            return wrong(opt == ':' ? "a value is missing" : "unknown option",
                         arg);
        if (!(c->fields & (unsigned)opt))
            return wrong("not an option of this command", arg);
        http_escape_field(form, field_names[index], optarg);
    }
    *argc -= optind;
    *argv += optind;
    return 0;
}

static size_t
count_arguments(const struct command *c)
{
    size_t count = c->path[strlen(c->path) - 1] == '/';

    for (size_t i = 0; i < 2; i++)
        count += c->params[i] != NULL;
    return count;
}

/* Arguments go into the path, or become fields. */
static char *
make_path(const struct command *c, char **args, char **form)
{
    char *path, *name;

    if (c->path[strlen(c->path) - 1] == '/') {
        name = http_escape(*args++);
        if (asprintf(&path, "%s%s", c->path, name) < 0)
            abort();
        free(name);
    } else if (!(path = strdup(c->path))) {
        abort();
    }
    for (size_t i = 0; i < 2 && c->params[i]; i++)
        http_escape_field(form, c->params[i], *args++);
    if (!c->show && !*form && !(*form = strdup("")))
        abort();
    return path;
}

static int
run(const struct command *c,
    const char *socket,
    const char *path,
    const char *form)
{
    struct answer answer;
    int rc = 1;

    ask(socket, path, form, &answer);
    if (answer.status != 200)
        fprintf(stderr, "sluicectl: %s\n", answer.message);
    else if (!c->show)
        rc = puts(answer.message) < 0;
    else if (c->show(answer.body, stdout) == 0)
        rc = 0;
    else
        fputs("sluicectl: this is no answer of sluiced's\n", stderr);
    answer_free(&answer);
    return rc;
}

/* A name with a slash would be another path. */
static int
check_arguments(const struct command *c, int argc, char **argv)
{
    if ((size_t)argc != count_arguments(c))
        return wrong(argc ? "the wrong number of arguments"
                          : "an argument is missing",
                     c->words);
    for (int i = 0; i < argc; i++)
        if (argv[i][0] == '\0' || strchr(argv[i], '/'))
            return wrong("expected a name without a slash (a store has an "
                         "option of its own)",
                         argv[i]);
    return 0;
}

/* ---- the command line ------------------------------------------------- */

struct ctl {
    const char *config;
    const char *socket; /* NULL: that of the configuration */
};

/* -1: go on; else the exit status. */
static int
read_options(struct ctl *ctl, int argc, char **argv, const char *version)
{
    static const struct option long_options[] = {
        {"config", required_argument, NULL, 'c'},
        {"help", no_argument, NULL, 'h'},
        {"socket", required_argument, NULL, 's'},
        {"version", no_argument, NULL, 'V'},
        {NULL, 0, NULL, 0},
    };
    const char *arg;
    int opt;

    opterr = 0;
    optind = 0;
    for (;;) {
        arg = argv[optind ? optind : 1];
        opt = getopt_long(argc, argv, "+:c:s:hV", long_options, NULL);
        if (opt == -1)
            return -1;
        if (opt == 'c') {
            ctl->config = optarg;
        } else if (opt == 's') {
            ctl->socket = optarg;
        } else if (opt == 'h') {
            usage(stdout);
            return 0;
        } else if (opt == 'V') {
            printf("sluicectl %s\n", version);
            return 0;
        } else {
            return wrong(opt == ':' ? "a value is missing" : "unknown option",
                         arg);
        }
    }
}

/* The configuration's socket; NULL after a sentence. */
static char *
find_socket(const char *config)
{
    struct conf_report report;
    struct conf *conf = conf_load(config, NULL, &report);
    char *socket = conf ? conf_control_socket(conf) : NULL;

    for (size_t i = 0; !conf && i < report.count; i++) {
        if (report.problems[i].severity != CONF_ERROR)
            continue;
        fprintf(stderr, "sluicectl: %s: %s%s%s (-s SOCKET needs no file)\n",
                config, report.problems[i].path,
                *report.problems[i].path ? ": " : "", report.problems[i].text);
        break;
    }
    conf_report_free(&report);
    conf_free(conf);
    return socket;
}

static int
act(const struct ctl *ctl, const struct command *c, char **args, char **form)
{
    char *path = make_path(c, args, form), *socket = NULL;
    int rc = 1;

    if (ctl->socket || (socket = find_socket(ctl->config)))
        rc = run(c, ctl->socket ? ctl->socket : socket, path, *form);
    free(socket);
    free(path);
    return rc;
}

int
ctl_main(int argc, char **argv, const char *version)
{
    struct ctl ctl = {.config = OPTIONS_CONFIG};
    int rc = read_options(&ctl, argc, argv, version), used;
    const struct command *c;
    char *form = NULL;

    if (rc >= 0)
        return rc;
    argc -= optind;
    argv += optind;
    if (argc == 0)
        return wrong("a command is missing", NULL);
    if (strcmp(argv[0], "compare") == 0)
        return ctl_compare(argc, argv);
    c = find(argc, argv, &used);
    if (!c)
        return wrong("unknown command", argv[0]);
    argc -= used - 1; /* the last word is getopt's argv[0] */
    argv += used - 1;
    rc = read_fields(c, &argc, &argv, &form);
    if (rc == 0)
        rc = check_arguments(c, argc, argv);
    if (rc == 0)
        rc = act(&ctl, c, argv, &form);
    free(form);
    return rc;
}
