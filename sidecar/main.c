/* sluiced, and sluicectl and sluice-agent by its other names: options, signals,
 * wiring. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/agent.h"
#include "base/conf.h"
#include "base/conf_print.h"
#include "base/files.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/options.h"
#include "check.h"
#include "consensus/raft_recover.h"
#include "consensus/schema.h"
#include "ctl/ctl.h"
#include "ctl/import_freno.h"
#include "node.h"

#define SLUICED_VERSION "0.1.0"

struct sluiced {
    const struct options *options;
    struct loop loop;
    struct node *node;
    uv_signal_t signals[3];
    int closing;
    int failed;
};

/* ---- configuration ---------------------------------------------------- */

/* The whole truth about the file; NULL when it has an error. */
static struct conf *
load(const struct options *o, struct conf_report *report)
{
    const struct conf_override overrides[] = {
        {"--raft-datadir", "RaftDataDir", o->raft_datadir},
        {"--raft-bind", "RaftBind", o->raft_bind},
        {"--raft-nodes", "RaftNodes", o->raft_nodes},
    };
    struct conf *conf = conf_load_with(o->config, overrides,
                                       sizeof(overrides) / sizeof(*overrides),
                                       check_inventories, report);

    if (conf && o->http_port)
        conf_set_listen_port(conf, o->http_port);
    return conf;
}

static void
log_report(const struct options *o, const struct conf_report *report)
{
    for (size_t i = 0; i < report->count; i++) {
        const struct conf_problem *p = &report->problems[i];

        if (p->severity != CONF_NOTE)
            log_event(
                p->severity == CONF_ERROR ? LOG_LEVEL_ERROR : LOG_LEVEL_WARN,
                "config", log_str("file", o->config), log_int("line", p->line),
                log_str("key", p->path), log_str("problem", p->text));
    }
}

static int
test_config(const struct options *o)
{
    struct conf_report report;
    struct conf *conf = load(o, &report);
    size_t failed = 0;

    if (conf)
        check_backend(conf, &report);
    conf_print_report(stderr, o->config, &report);
    if (conf && o->probe)
        failed = check_probe(conf, stdout);
    conf_report_free(&report);
    if (!conf)
        return 1;
    conf_free(conf);
    return failed ? 1 : 0;
}

static int
print_nginx(const struct options *o)
{
    struct conf_report report;
    struct conf *conf = load(o, &report);

    if (conf)
        conf_print_nginx(stdout, o->config, conf);
    else
        conf_print_report(stderr, o->config, &report);
    conf_report_free(&report);
    conf_free(conf);
    return conf ? 0 : 1;
}

/* For the schema and the account of the file, where one is given. */
static int
print_schema(const struct options *o)
{
    struct conf_report report;
    struct conf *conf;

    if (!o->config_given) {
        schema_print(stdout, "sluice", "sluice");
        return 0;
    }
    conf = load(o, &report);
    if (conf)
        schema_print(stdout,
                     *conf->backend.schema ? conf->backend.schema : "sluice",
                     *conf->backend.user ? conf->backend.user : "sluice");
    else
        conf_print_report(stderr, o->config, &report);
    conf_report_free(&report);
    conf_free(conf);
    return conf ? 0 : 1;
}

static int
import_from_freno(const struct options *o)
{
    struct conf_report report;
    struct conf *conf = load(o, &report);
    char *socket;
    int rc = 1;

    if (conf) {
        socket = conf_control_socket(conf);
        rc = import_freno(o->freno_url, socket, stdout, stderr);
        free(socket);
    } else {
        conf_print_report(stderr, o->config, &report);
    }
    conf_report_free(&report);
    conf_free(conf);
    return rc;
}

static int
raft_recover(const struct options *o)
{
#ifdef SLUICE_RAFT
    struct conf_report report;
    struct conf *conf = load(o, &report);
    int rc = 1;

    if (conf)
        rc = raft_recover_main(conf, o->yes, stdout);
    else
        conf_print_report(stderr, o->config, &report);
    conf_report_free(&report);
    conf_free(conf);
    return rc;
#else
    (void)o;
    fputs("sluiced: --raft-recover: this sluiced was built without raft\n",
          stderr);
    return 1;
#endif
}

/* ---- running ---------------------------------------------------------- */

static void
check_limits(const struct conf *conf)
{
    size_t hosts = 0;

    for (size_t i = 0; i < conf->nclusters; i++)
        hosts += conf->clusters[i].static_hosts.count;
    files_check_limit(hosts);
}

static void
reload(struct sluiced *s)
{
    struct conf_report report;
    struct conf *conf = load(s->options, &report);

    log_report(s->options, &report);
    conf_report_free(&report);
    if (!conf) {
        log_error("reload_refused", log_str("file", s->options->config),
                  log_str("advice", "nothing changed; mend the file and send "
                                    "SIGHUP again"));
        return;
    }
    log_info("reloaded", log_str("file", s->options->config),
             log_int("clusters", (int64_t)conf->nclusters));
    check_limits(conf);
    node_reload(s->node, conf);
}

static void
ignore_signals(struct sluiced *s)
{
    for (size_t i = 0; i < 3; i++)
        uv_close((uv_handle_t *)&s->signals[i], NULL);
}

static void
stop(struct sluiced *s)
{
    if (s->closing)
        return;
    s->closing = 1;
    node_stop(s->node);
    ignore_signals(s);
    uv_stop(&s->loop.uv); /* loop_close does not wait for ever */
}

static void
on_signal(uv_signal_t *handle, int signum)
{
    struct sluiced *s = handle->data;

    if (signum == SIGHUP) {
        reload(s);
        return;
    }
    if (!s->closing)
        log_info("stopping", log_int("signal", signum));
    stop(s);
}

static void
on_failed(void *data)
{
    struct sluiced *s = data;

    s->failed = 1;
    stop(s);
}

static void
catch_signals(struct sluiced *s)
{
    const int signums[3] = {SIGHUP, SIGTERM, SIGINT};

    for (size_t i = 0; i < 3; i++) {
        uv_signal_init(&s->loop.uv, &s->signals[i]);
        s->signals[i].data = s;
        uv_signal_start(&s->signals[i], on_signal, signums[i]);
    }
}

static int
run(const struct options *o)
{
    struct sluiced s = {.options = o};
    struct conf_report report;
    struct conf *conf = load(o, &report);
    char err[512];

    log_report(o, &report);
    conf_report_free(&report);
    if (!conf) {
        log_error("not_started", log_str("file", o->config),
                  log_str("error", "the configuration has errors"));
        return 1;
    }
    check_limits(conf);
    if (loop_init(&s.loop) != 0)
        abort();
    catch_signals(&s); /* before anybody is told that we are there */
    s.node = node_start(&s.loop, conf, on_failed, &s, err, sizeof(err));
    if (!s.node) {
        log_error("not_started", log_str("state", conf->state_file),
                  log_str("error", err));
        conf_free(conf);
        ignore_signals(&s);
        loop_close(&s.loop);
        return 1;
    }
    log_info("started", log_str("version", SLUICED_VERSION),
             log_str("state", conf->state_file),
             log_int("clusters", (int64_t)conf->nclusters));
    uv_run(&s.loop.uv, UV_RUN_DEFAULT);
    loop_close(&s.loop);
    log_info("stopped");
    return s.failed;
}

/* ---- main ------------------------------------------------------------- */

/*
 * libuv's pool is for looking names up, and gives that half of its threads: of
 * four, two names with silent servers would keep every other name waiting.
 */
static void
set_up_process(const struct options *o)
{
    setenv("UV_THREADPOOL_SIZE", "64", 0);
    /* A peer that went away is an error of a write, not our death. */
    signal(SIGPIPE, SIG_IGN);
    files_raise_limit();
    log_setup(o->log_level, o->log_format);
}

static int
act(const struct options *o)
{
    switch (o->action) {
    case OPTIONS_HELP:
        options_usage(stdout);
        return 0;
    case OPTIONS_VERSION:
        puts("sluiced " SLUICED_VERSION);
        return 0;
    case OPTIONS_TEST:
        return test_config(o);
    case OPTIONS_PRINT_NGINX:
        return print_nginx(o);
    case OPTIONS_PRINT_SCHEMA:
        return print_schema(o);
    case OPTIONS_RAFT_RECOVER:
        return raft_recover(o);
    case OPTIONS_IMPORT_FRENO:
        return import_from_freno(o);
    default:
        return run(o);
    }
}

int
main(int argc, char **argv)
{
    struct options o;
    int rc;

    if (argc > 0 && strcmp(basename(argv[0]), "sluicectl") == 0)
        return ctl_main(argc, argv, SLUICED_VERSION);
    if (argc > 0 && strcmp(basename(argv[0]), "sluice-agent") == 0)
        return agent_main(argc, argv, SLUICED_VERSION);
    if (options_parse(&o, argc, argv, stderr) != 0) {
        options_usage(stderr);
        return 2;
    }
    set_up_process(&o);
    rc = act(&o);
    fflush(NULL);
    if (loop_left_open())
        _exit(rc); /* exit would wait for a thread in the resolver */
    return rc;
}
