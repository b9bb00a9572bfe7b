/* The command line, by getopt_long_only: it takes -config as --config. */
#include "base/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
    OPT_PROBE = 256,
    OPT_PRINT_NGINX,
    OPT_PRINT_SCHEMA,
    OPT_LOG_FORMAT,
    OPT_LOG_LEVEL,
    OPT_HTTP_PORT,
    OPT_RAFT_DATADIR,
    OPT_RAFT_BIND,
    OPT_RAFT_NODES,
    OPT_RAFT_RECOVER,
    OPT_IMPORT_FRENO,
    OPT_YES,
    OPT_VERBOSE,
    OPT_DEBUG,
    OPT_QUIET,
    OPT_NOTHING /* freno's, without a meaning here */
};

/* Go's flags without an argument may be written --http=true. */
static const struct option long_options[] = {
    {"config", required_argument, NULL, 'c'},
    {"debug", optional_argument, NULL, OPT_DEBUG},
    {"help", no_argument, NULL, 'h'},
    {"http", optional_argument, NULL, OPT_NOTHING},
    {"http-port", required_argument, NULL, OPT_HTTP_PORT},
    {"import-freno", required_argument, NULL, OPT_IMPORT_FRENO},
    {"log-format", required_argument, NULL, OPT_LOG_FORMAT},
    {"log-level", required_argument, NULL, OPT_LOG_LEVEL},
    {"print-nginx", no_argument, NULL, OPT_PRINT_NGINX},
    {"print-schema", no_argument, NULL, OPT_PRINT_SCHEMA},
    {"probe", no_argument, NULL, OPT_PROBE},
    {"quiet", optional_argument, NULL, OPT_QUIET},
    {"raft-bind", required_argument, NULL, OPT_RAFT_BIND},
    {"raft-datadir", required_argument, NULL, OPT_RAFT_DATADIR},
    {"raft-nodes", required_argument, NULL, OPT_RAFT_NODES},
    {"raft-recover", no_argument, NULL, OPT_RAFT_RECOVER},
    {"stack", optional_argument, NULL, OPT_NOTHING},
    {"test", no_argument, NULL, 't'},
    {"verbose", optional_argument, NULL, OPT_VERBOSE},
    {"version", no_argument, NULL, 'V'},
    {"yes", no_argument, NULL, OPT_YES},
    {NULL, 0, NULL, 0},
};

void
options_usage(FILE *out)
{
    fputs(
        "usage: sluiced [-c FILE] [OPTIONS]                run\n"
        "       sluiced -t [--probe] [-c FILE]             check FILE\n"
        "       sluiced --print-nginx [-c FILE]            print nginx.conf\n"
        "       sluiced --print-schema [-c FILE]           print tables\n"
        "       sluiced --import-freno URL [-c FILE]       take over\n"
        "       sluiced --raft-recover [--yes] [-c FILE]   look, or repair\n"
        "\n"
        "  -c, --config FILE     the configuration (" OPTIONS_CONFIG ")\n"
        "  -t, --test            say what is wrong with it, and exit\n"
        "      --probe           with -t: ask each host once, too\n"
        "      --print-nginx     print the nginx.conf that goes with it\n"
        "      --print-schema    print the tables and GRANTs of the MySQL\n"
        "                        backend\n"
        "      --import-freno URL  give the throttled apps and skipped hosts\n"
        "                        of a running freno to the running sluiced\n"
        "      --raft-recover    print what RaftDataDir of a stopped node\n"
        "                        holds; with --yes make it a cluster of this\n"
        "                        node alone\n"
        "      --log-format F    logfmt (default) or json\n"
        "      --log-level L     debug, info (default), warn or error\n"
        "      --http-port N     instead of ListenPort\n"
        "      --raft-datadir D  instead of RaftDataDir\n"
        "      --raft-bind A     instead of RaftBind\n"
        "      --raft-nodes A,B  instead of RaftNodes\n"
        "  -V, --version\n"
        "  -h, --help\n"
        "\n"
        "freno's --http --verbose --debug --quiet --stack are accepted, and\n"
        "one dash does for two.\n",
        out);
}

/* An optional true or false, with all of Go's spellings. */
static int
parse_bool(const char *text, int *value)
{
    static const char *const words[] = {"0", "f", "false", "1", "t", "true"};

    *value = 1;
    if (!text)
        return 0;
    for (int i = 0; i < 6; i++) {
        if (strcasecmp(text, words[i]) == 0) {
            *value = i >= 3;
            return 0;
        }
    }
    return -1;
}

static int
parse_port(const char *text, int *port)
{
    char *end;
    long n;

    errno = 0;
    n = strtol(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || n < 1 || n > 65535)
        return -1;
    *port = (int)n;
    return 0;
}

static int
set_action(struct options *o, enum options_action action, FILE *err)
{
    if (o->action != OPTIONS_RUN && o->action != action) {
        fprintf(err, "sluiced: -t, --print-nginx, --print-schema, "
                     "--import-freno, --raft-recover, -V and -h exclude each "
                     "other\n");
        return -1;
    }
    o->action = action;
    return 0;
}

static int
bad_value(const char *name, const char *value, const char *expected, FILE *err)
{
    fprintf(err, "sluiced: %s %s: expected %s\n", name, value, expected);
    return -1;
}

/* freno's switches; all but --http and --stack set the level of the log. */
static int
apply_switch(struct options *o, int opt, const char *arg, FILE *err)
{
    int on;

    if (parse_bool(optarg, &on) != 0) {
        fprintf(err, "sluiced: %s: expected true or false\n", arg);
        return -1;
    }
    if (!on)
        return 0;
    if (opt == OPT_VERBOSE)
        o->log_level = LOG_LEVEL_INFO;
    else if (opt == OPT_DEBUG)
        o->log_level = LOG_LEVEL_DEBUG;
    else if (opt == OPT_QUIET)
        o->log_level = LOG_LEVEL_ERROR;
    return 0;
}

/* What stands instead of a key of the file; -1: it is another option. */
static int
apply_override(struct options *o, int opt)
{
    switch (opt) {
    case OPT_RAFT_DATADIR:
        o->raft_datadir = optarg;
        return 0;
    case OPT_RAFT_BIND:
        o->raft_bind = optarg;
        return 0;
    case OPT_RAFT_NODES:
        o->raft_nodes = optarg;
        return 0;
    default:
        return -1;
    }
}

static int
apply(struct options *o, int opt, const char *arg, FILE *err)
{
    if (apply_override(o, opt) == 0)
        return 0;
    switch (opt) {
    case 'c':
        o->config = optarg;
        o->config_given = 1;
        return 0;
    case 't':
        return set_action(o, OPTIONS_TEST, err);
    case 'V':
        return set_action(o, OPTIONS_VERSION, err);
    case 'h':
        return set_action(o, OPTIONS_HELP, err);
    case OPT_PRINT_NGINX:
        return set_action(o, OPTIONS_PRINT_NGINX, err);
    case OPT_PRINT_SCHEMA:
        return set_action(o, OPTIONS_PRINT_SCHEMA, err);
    case OPT_IMPORT_FRENO:
        o->freno_url = optarg;
        return set_action(o, OPTIONS_IMPORT_FRENO, err);
    case OPT_RAFT_RECOVER:
        return set_action(o, OPTIONS_RAFT_RECOVER, err);
    case OPT_PROBE:
        o->probe = 1;
        return 0;
    case OPT_YES:
        o->yes = 1;
        return 0;
    case OPT_HTTP_PORT:
        if (parse_port(optarg, &o->http_port) == 0)
            return 0;
        return bad_value("--http-port", optarg, "1 to 65535", err);
    case OPT_LOG_LEVEL:
        if (log_level_parse(optarg, &o->log_level) == 0)
            return 0;
        return bad_value("--log-level", optarg, "debug, info, warn or error",
                         err);
    case OPT_LOG_FORMAT:
        if (log_format_parse(optarg, &o->log_format) == 0)
            return 0;
        return bad_value("--log-format", optarg, "logfmt or json", err);
    default:
        return apply_switch(o, opt, arg, err);
    }
}

int
options_parse(struct options *o, int argc, char **argv, FILE *err)
{
    const char *arg;
    int opt;

    *o = (struct options){.config = OPTIONS_CONFIG,
                          .log_level = LOG_LEVEL_INFO,
                          .log_format = LOG_FORMAT_LOGFMT};
    opterr = 0;
    optind = 0; /* glibc: from the beginning, also a second time */
    for (;;) {
        arg = argv[optind ? optind : 1];
        opt = getopt_long_only(argc, argv, "+:c:tVh", long_options, NULL);
        if (opt == -1)
            break;
        if (opt == '?' || opt == ':') {
            fprintf(err, "sluiced: %s: %s\n", arg,
                    opt == ':' ? "a value is missing"
                               : "unknown option, or one without a value");
            return -1;
        }
        if (apply(o, opt, arg, err) != 0)
            return -1;
    }
    if (optind < argc) {
        fprintf(err, "sluiced: %s: unexpected argument\n", argv[optind]);
        return -1;
    }
    if (o->probe && o->action != OPTIONS_TEST) {
        fprintf(err, "sluiced: --probe needs -t\n");
        return -1;
    }
    if (o->yes && o->action != OPTIONS_RAFT_RECOVER) {
        fprintf(err, "sluiced: --yes needs --raft-recover\n");
        return -1;
    }
    return 0;
}
