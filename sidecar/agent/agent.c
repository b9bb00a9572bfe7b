/* sluice-agent: its words and options, signals, wiring. */
#include "agent/agent.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/health.h"
#include "base/conf_print.h"
#include "base/files.h"
#include "base/log.h"

#define AGENT_CONFIG "/etc/sluice/sluice-agent.json"

struct agent {
    const char *config;
    int test;
    enum log_level log_level;
    enum log_format log_format;

    struct loop loop;
    struct health *health;
    uv_signal_t signals[3];
};

/* ---- the command line ------------------------------------------------- */

static void
usage(FILE *out)
{
    fputs("usage: sluice-agent health [-c FILE] [OPTIONS]   run\n"
          "       sluice-agent health -t [-c FILE]          check FILE\n"
          "\n"
          "  -c, --config FILE     the configuration (" AGENT_CONFIG ")\n"
          "  -t, --test            say what is wrong with it, and exit\n"
          "      --log-format F    logfmt (default) or json\n"
          "      --log-level L     debug, info (default), warn or error\n"
          "  -V, --version\n"
          "  -h, --help\n",
          out);
}

static int
wrong(const char *what, const char *arg)
{
    fprintf(stderr, "sluice-agent: %s%s%s\n", arg ? arg : "", arg ? ": " : "",
            what);
    usage(stderr);
    return 2;
}

enum { OPT_LOG_FORMAT = 256, OPT_LOG_LEVEL };

/* -1: go on; else the exit status. */
static int
apply(struct agent *a, int opt, const char *arg, const char *version)
{
    switch (opt) {
    case 'c':
        a->config = optarg;
        return -1;
    case 't':
        a->test = 1;
        return -1;
    case 'h':
        usage(stdout);
        return 0;
    case 'V':
        printf("sluice-agent %s\n", version);
        return 0;
    case OPT_LOG_FORMAT:
        return log_format_parse(optarg, &a->log_format) == 0
                   ? -1
                   : wrong("expected logfmt or json", arg);
    case OPT_LOG_LEVEL:
        return log_level_parse(optarg, &a->log_level) == 0
                   ? -1
                   : wrong("expected debug, info, warn or error", arg);
    default:
        return wrong(opt == ':' ? "a value is missing" : "unknown option", arg);
    }
}

static int
read_options(struct agent *a, int argc, char **argv, const char *version)
{
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'},
        {"help", no_argument, NULL, 'h'},
        {"log-format", required_argument, NULL, OPT_LOG_FORMAT},
        {"log-level", required_argument, NULL, OPT_LOG_LEVEL},
        {"test", no_argument, NULL, 't'},
        {"version", no_argument, NULL, 'V'},
        {NULL, 0, NULL, 0},
    };
    const char *arg;
    int opt, rc = -1;

    opterr = 0;
    optind = 0;
    while (rc < 0) {
        arg = argv[optind ? optind : 1];
        opt = getopt_long(argc, argv, "+:c:thV", options, NULL);
        if (opt == -1)
            return optind < argc ? wrong("unexpected argument", argv[optind])
                                 : -1;
        rc = apply(a, opt, arg, version);
    }
    return rc;
}

/* ---- configuration ---------------------------------------------------- */

static int
test_config(const struct agent *a)
{
    struct conf_report report;
    struct conf_agent *conf = conf_agent_load(a->config, &report);

    conf_print_report(stderr, a->config, &report);
    conf_report_free(&report);
    conf_agent_free(conf);
    return conf ? 0 : 1;
}

static struct conf_agent *
load(const struct agent *a)
{
    struct conf_report report;
    struct conf_agent *conf = conf_agent_load(a->config, &report);

    for (size_t i = 0; i < report.count; i++) {
        const struct conf_problem *p = &report.problems[i];

        if (p->severity != CONF_NOTE)
            log_event(
                p->severity == CONF_ERROR ? LOG_LEVEL_ERROR : LOG_LEVEL_WARN,
                "config", log_str("file", a->config), log_int("line", p->line),
                log_str("key", p->path), log_str("problem", p->text));
    }
    conf_report_free(&report);
    return conf;
}

/* ---- running ---------------------------------------------------------- */

static void
reload(struct agent *a)
{
    struct conf_agent *conf = load(a);
    char err[512] = "the configuration has errors";

    if (conf && health_reload(a->health, conf, err, sizeof(err)) == 0) {
        log_info("reloaded", log_str("file", a->config));
        return;
    }
    conf_agent_free(conf);
    log_error("reload_refused", log_str("file", a->config),
              log_str("error", err),
              log_str("advice", "nothing changed; mend the file and send "
                                "SIGHUP again"));
}

static void
ignore_signals(struct agent *a)
{
    for (size_t i = 0; i < 3; i++)
        uv_close((uv_handle_t *)&a->signals[i], NULL);
}

static void
on_signal(uv_signal_t *handle, int signum)
{
    struct agent *a = handle->data;

    if (signum == SIGHUP) {
        reload(a);
        return;
    }
    log_info("stopping", log_int("signal", signum));
    health_stop(a->health);
    ignore_signals(a);
    uv_stop(&a->loop.uv); /* loop_close does not wait for ever */
}

static void
catch_signals(struct agent *a)
{
    const int signums[3] = {SIGHUP, SIGTERM, SIGINT};

    for (size_t i = 0; i < 3; i++) {
        uv_signal_init(&a->loop.uv, &a->signals[i]);
        a->signals[i].data = a;
        uv_signal_start(&a->signals[i], on_signal, signums[i]);
    }
}

static int
not_started(const struct agent *a, const char *error)
{
    log_error("not_started", log_str("file", a->config),
              log_str("error", error));
    return 1;
}

static int
run(struct agent *a, const char *version)
{
    struct conf_agent *conf;
    char err[512];

    signal(SIGPIPE, SIG_IGN);
    files_raise_limit();
    log_setup(a->log_level, a->log_format);
    conf = load(a);
    if (!conf)
        return not_started(a, "the configuration has errors");
    if (loop_init(&a->loop) != 0)
        abort();
    catch_signals(a); /* before anybody is told that we are there */
    a->health = health_start(&a->loop, conf, err, sizeof(err));
    if (!a->health) {
        conf_agent_free(conf);
        ignore_signals(a);
        loop_close(&a->loop);
        return not_started(a, err);
    }
    log_info("started", log_str("version", version),
             log_str("listen", conf->host), log_int("port", conf->port));
    uv_run(&a->loop.uv, UV_RUN_DEFAULT);
    loop_close(&a->loop);
    log_info("stopped");
    return 0;
}

int
agent_main(int argc, char **argv, const char *version)
{
    struct agent a = {.config = AGENT_CONFIG, .log_level = LOG_LEVEL_INFO};
    int is_health = argc > 1 && strcmp(argv[1], "health") == 0, rc;

    if (argc < 2)
        return wrong("a command is missing", NULL);
    if (!is_health && argv[1][0] != '-')
        return wrong("unknown command", argv[1]);
    rc = read_options(&a, argc - is_health, argv + is_health, version);
    if (rc >= 0)
        return rc;
    if (!is_health)
        return wrong("a command is missing", NULL);
    rc = a.test ? test_config(&a) : run(&a, version);
    fflush(NULL);
    if (loop_left_open())
        _exit(rc); /* exit would wait for a thread in the resolver */
    return rc;
}
