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
    {"log-format", required_argument, NULL, OPT_LOG_FORMAT},
    {"log-level", required_argument, NULL, OPT_LOG_LEVEL},
    {"print-nginx", no_argument, NULL, OPT_PRINT_NGINX},
    {"print-schema", no_argument, NULL, OPT_PRINT_SCHEMA},
    {"probe", no_argument, NULL, OPT_PROBE},
    {"quiet", optional_argument, NULL, OPT_QUIET},
    {"stack", optional_argument, NULL, OPT_NOTHING},
    {"test", no_argument, NULL, 't'},
    {"verbose", optional_argument, NULL, OPT_VERBOSE},
    {"version", no_argument, NULL, 'V'},
    {NULL, 0, NULL, 0},
};

void
options_usage(FILE *out)
{
    fputs("usage: sluiced [-c FILE] [OPTIONS]                run\n"
          "       sluiced -t [--probe] [-c FILE]             check FILE\n"
          "       sluiced --print-nginx [-c FILE]            print nginx.conf\n"
          "       sluiced --print-schema [-c FILE]           print tables\n"
          "\n"
          "  -c, --config FILE     the configuration (" OPTIONS_CONFIG ")\n"
          "  -t, --test            say what is wrong with it, and exit\n"
          "      --probe           with -t: ask each host once, too\n"
          "      --print-nginx     print the nginx.conf that goes with it\n"
          "      --print-schema    print the tables and GRANTs of the MySQL\n"
          "                        backend\n"
          "      --log-format F    logfmt (default) or json\n"
          "      --log-level L     debug, info (default), warn or error\n"
          "      --http-port N     instead of ListenPort\n"
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
        fprintf(err, "sluiced: -t, --print-nginx, --print-schema, -V and -h "
                     "exclude each other\n");
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

static int
apply(struct options *o, int opt, const char *arg, FILE *err)
{
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
    case OPT_PROBE:
        o->probe = 1;
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
    return 0;
}
