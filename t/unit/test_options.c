/* The command line, with freno's flags and Go's spellings. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/options.h"

static char message[512];

/* The line is split at blanks; arguments stay alive until the next call. */
static int
parse(struct options *o, const char *line)
{
    static char copy[512];
    char *argv[32] = {"sluiced"};
    int argc = 1, rc;
    FILE *err;

    snprintf(copy, sizeof(copy), "%s", line);
    for (char *word = strtok(copy, " "); word; word = strtok(NULL, " "))
        argv[argc++] = word;
    memset(message, 0, sizeof(message));
    err = fmemopen(message, sizeof(message), "w");
    rc = options_parse(o, argc, argv, err);
    fclose(err);
    if (rc == 0)
        assert_string_equal(message, "");
    return rc;
}

static void
refused(const char *line, const char *want)
{
    struct options o;

    assert_int_equal(parse(&o, line), -1);
    assert_string_equal(message, want);
}

static void
test_defaults(void **state)
{
    struct options o;

    (void)state;
    assert_int_equal(parse(&o, ""), 0);
    assert_int_equal(o.action, OPTIONS_RUN);
    assert_int_equal(o.probe, 0);
    assert_int_equal(o.config_given, 0);
    assert_string_equal(o.config, "/etc/sluice/sluiced.json");
    assert_int_equal(o.http_port, 0);
    assert_int_equal(o.log_level, LOG_LEVEL_INFO);
    assert_int_equal(o.log_format, LOG_FORMAT_LOGFMT);
}

static void
test_config_spellings(void **state)
{
    static const char *const lines[] = {
        "-c /a/b",      "-c/a/b",       "--config /a/b",      "--config=/a/b",
        "-config /a/b", "-config=/a/b", "-c /x -config /a/b",
    };
    struct options o;

    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
        assert_int_equal(parse(&o, lines[i]), 0);
        assert_string_equal(o.config, "/a/b");
    }
}

static void
test_actions(void **state)
{
    struct options o;

    (void)state;
    assert_int_equal(parse(&o, "-t -c f"), 0);
    assert_int_equal(o.action, OPTIONS_TEST);
    assert_int_equal(o.probe, 0);
    assert_int_equal(parse(&o, "--probe --test"), 0);
    assert_int_equal(o.action, OPTIONS_TEST);
    assert_int_equal(o.probe, 1);
    assert_int_equal(parse(&o, "-tcf"), 0);
    assert_int_equal(o.action, OPTIONS_TEST);
    assert_string_equal(o.config, "f");
    assert_int_equal(parse(&o, "--print-nginx"), 0);
    assert_int_equal(o.action, OPTIONS_PRINT_NGINX);
    assert_int_equal(parse(&o, "-V"), 0);
    assert_int_equal(o.action, OPTIONS_VERSION);
    assert_int_equal(parse(&o, "--version --version"), 0);
    assert_int_equal(o.action, OPTIONS_VERSION);
    assert_int_equal(parse(&o, "-h"), 0);
    assert_int_equal(o.action, OPTIONS_HELP);
}

static void
test_freno_flags(void **state)
{
    struct options o;

    (void)state;
    assert_int_equal(parse(&o, "--http --config /f --verbose --stack"), 0);
    assert_int_equal(o.action, OPTIONS_RUN);
    assert_int_equal(o.log_level, LOG_LEVEL_INFO);
    assert_int_equal(parse(&o, "-http -http-port 8088 -debug"), 0);
    assert_int_equal(o.http_port, 8088);
    assert_int_equal(o.log_level, LOG_LEVEL_DEBUG);
    assert_int_equal(parse(&o, "--http=true --quiet=1 --http-port=1"), 0);
    assert_int_equal(o.log_level, LOG_LEVEL_ERROR);
    assert_int_equal(o.http_port, 1);
    assert_int_equal(parse(&o, "--http=false --debug=F"), 0);
    assert_int_equal(o.log_level, LOG_LEVEL_INFO);
}

static void
test_freno_raft_flags(void **state)
{
    struct options o;

    (void)state;
    assert_int_equal(parse(&o, ""), 0);
    assert_null(o.raft_datadir);
    assert_null(o.raft_bind);
    assert_null(o.raft_nodes);
    assert_int_equal(parse(&o, "-raft-datadir /d --raft-bind=a:1 -t "
                               "-raft-nodes=a:1,b,c --raft-bind b:1"),
                     0);
    assert_int_equal(o.action, OPTIONS_TEST);
    assert_string_equal(o.raft_datadir, "/d");
    assert_string_equal(o.raft_bind, "b:1");
    assert_string_equal(o.raft_nodes, "a:1,b,c");
    assert_int_equal(parse(&o, "--raft-nodes= --raft-datadir="), 0);
    assert_string_equal(o.raft_nodes, "");
    refused("--raft-bind", "sluiced: --raft-bind: a value is missing\n");
    refused("--raft", "sluiced: --raft: unknown option, or one without a "
                      "value\n");
    refused("--force-leadership", "sluiced: --force-leadership: unknown "
                                  "option, or one without a value\n");
    refused("-enable-profiling", "sluiced: -enable-profiling: unknown option, "
                                 "or one without a value\n");
}

static void
test_import_and_recover(void **state)
{
    struct options o;

    (void)state;
    assert_int_equal(parse(&o, "--import-freno http://f:8087 -c x"), 0);
    assert_int_equal(o.action, OPTIONS_IMPORT_FRENO);
    assert_string_equal(o.freno_url, "http://f:8087");
    assert_int_equal(parse(&o, "--raft-recover"), 0);
    assert_int_equal(o.action, OPTIONS_RAFT_RECOVER);
    assert_int_equal(o.yes, 0);
    assert_int_equal(parse(&o, "--yes --raft-recover --raft-datadir /d"), 0);
    assert_int_equal(o.action, OPTIONS_RAFT_RECOVER);
    assert_int_equal(o.yes, 1);
    refused("--yes", "sluiced: --yes needs --raft-recover\n");
    refused("-t --yes", "sluiced: --yes needs --raft-recover\n");
    refused("--import-freno", "sluiced: --import-freno: a value is missing\n");
    refused("--raft-recover --import-freno u",
            "sluiced: -t, --print-nginx, --print-schema, --import-freno, "
            "--raft-recover, -V and -h exclude each other\n");
}

static void
test_log_options(void **state)
{
    struct options o;

    (void)state;
    assert_int_equal(parse(&o, "--log-format=json --log-level warn"), 0);
    assert_int_equal(o.log_format, LOG_FORMAT_JSON);
    assert_int_equal(o.log_level, LOG_LEVEL_WARN);
    assert_int_equal(parse(&o, "--quiet --log-level debug"), 0);
    assert_int_equal(o.log_level, LOG_LEVEL_DEBUG);
}

static void
test_wrong_use(void **state)
{
    (void)state;
    refused("--frobnicate",
            "sluiced: --frobnicate: unknown option, or one without a value\n");
    refused("-t -x", "sluiced: -x: unknown option, or one without a value\n");
    refused("-txc", "sluiced: -txc: unknown option, or one without a value\n");
    refused("--help=yes",
            "sluiced: --help=yes: unknown option, or one without a value\n");
    refused("--ver", /* verbose or version? */
            "sluiced: --ver: unknown option, or one without a value\n");
    refused("-t -c", "sluiced: -c: a value is missing\n");
    refused("--config", "sluiced: --config: a value is missing\n");
    refused("-t file", "sluiced: file: unexpected argument\n");
    refused("file -t", "sluiced: file: unexpected argument\n");
    refused("--probe", "sluiced: --probe needs -t\n");
    refused("--print-nginx --probe", "sluiced: --probe needs -t\n");
    refused("-t --print-nginx",
            "sluiced: -t, --print-nginx, --print-schema, --import-freno, "
            "--raft-recover, -V and -h exclude each other\n");
    refused("--http=maybe", "sluiced: --http=maybe: expected true or false\n");
    refused("--log-level loud", "sluiced: --log-level loud: expected debug, "
                                "info, warn or error\n");
    refused("--log-format=xml",
            "sluiced: --log-format xml: expected logfmt or json\n");
}

static void
test_bad_ports(void **state)
{
    static const char *const ports[] = {
        "0", "-1", "65536", "80x", "http", "1e3", "99999999999999999999"};
    char line[64], want[128];

    (void)state;
    for (size_t i = 0; i < sizeof(ports) / sizeof(*ports); i++) {
        snprintf(line, sizeof(line), "--http-port %s", ports[i]);
        snprintf(want, sizeof(want),
                 "sluiced: --http-port %s: expected 1 to 65535\n", ports[i]);
        refused(line, want);
    }
}

static void
test_print_schema(void **state)
{
    struct options o;

    (void)state;
    assert_int_equal(parse(&o, "--print-schema"), 0);
    assert_int_equal(o.action, OPTIONS_PRINT_SCHEMA);
    assert_int_equal(o.config_given, 0);
    assert_int_equal(parse(&o, "-c f --print-schema"), 0);
    assert_int_equal(o.config_given, 1);
    assert_string_equal(o.config, "f");
    assert_int_equal(parse(&o, "-t --print-schema"), -1);
}

static void
test_usage(void **state)
{
    char text[4096] = "";
    FILE *out = fmemopen(text, sizeof(text), "w");

    (void)state;
    options_usage(out);
    fclose(out);
    assert_non_null(strstr(text, "usage: sluiced"));
    assert_non_null(strstr(text, "--print-nginx"));
    assert_non_null(strstr(text, OPTIONS_CONFIG));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_config_spellings),
        cmocka_unit_test(test_actions),
        cmocka_unit_test(test_freno_flags),
        cmocka_unit_test(test_freno_raft_flags),
        cmocka_unit_test(test_import_and_recover),
        cmocka_unit_test(test_log_options),
        cmocka_unit_test(test_wrong_use),
        cmocka_unit_test(test_bad_ports),
        cmocka_unit_test(test_print_schema),
        cmocka_unit_test(test_usage),
    };

    return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
