/*
 * The command line of sluiced: its own options and those of freno that stand
 * in people's init scripts, also in Go's spelling (-config FILE).
 */
#ifndef BASE_OPTIONS_H
#define BASE_OPTIONS_H

#include <stdio.h>

#include "base/log.h"

#define OPTIONS_CONFIG "/etc/sluice/sluiced.json"

enum options_action {
    OPTIONS_RUN,
    OPTIONS_TEST, /* and .probe */
    OPTIONS_PRINT_NGINX,
    OPTIONS_PRINT_SCHEMA,
    OPTIONS_IMPORT_FRENO, /* from .freno_url */
    OPTIONS_RAFT_RECOVER, /* and .yes */
    OPTIONS_VERSION,
    OPTIONS_HELP
};

struct options {
    enum options_action action;
    int probe;
    const char *config;       /* points into argv, or to OPTIONS_CONFIG */
    int config_given;         /* on the command line */
    int http_port;            /* instead of ListenPort; 0: not given */
    const char *raft_datadir; /* instead of RaftDataDir …; NULL: not given */
    const char *raft_bind;
    const char *raft_nodes; /* with commas */
    const char *freno_url;
    int yes;
    enum log_level log_level;
    enum log_format log_format;
};

/*
 * Fills in *o. 0, or -1 after a sentence to err: the caller shows the usage
 * and exits with 2.
 */
int options_parse(struct options *o, int argc, char **argv, FILE *err);

void options_usage(FILE *out);

#endif
