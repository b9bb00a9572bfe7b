/* Shared by the tests of the configuration: a text, and what is said of it.
 * Comes after cmocka.h. */
#ifndef CONF_HELP_H
#define CONF_HELP_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/conf.h"
#include "base/conf_print.h"

/* Parses; the caller frees. Everything said stands in said[]. */
static char said[65536];

static inline struct conf *
parse_with(const char *json,
           const struct conf_override *overrides,
           size_t count)
{
    struct conf_report report;
    struct conf *c =
        conf_parse_with(json, strlen(json), overrides, count, NULL, &report);
    FILE *out = fmemopen(said, sizeof(said), "w");

    conf_print_report(out, "f", &report);
    fclose(out);
    assert_int_equal(c == NULL, report.errors > 0);
    conf_report_free(&report);
    return c;
}

static inline struct conf *
parse(const char *json)
{
    return parse_with(json, NULL, 0);
}

/* Checks the whole report, but for the note that every small file gets. */
static inline void
says(const char *json, const char *want)
{
    static const char alone[] =
        "f: note: neither RaftDataDir nor BackendMySQLHost is set: this node "
        "leads itself\n";
    const char *text = said;

    conf_free(parse(json));
    if (strncmp(text, alone, strlen(alone)) == 0)
        text += strlen(alone);
    assert_string_equal(text, want);
}

/* A file whose only cluster is c, on line 3, with these members. */
#define CLUSTER(members) \
    "{\"Stores\": {\"MySQL\": {\n\"Clusters\": {\n\"c\": {" members "\n}}}}}"
#define HOSTS "\"StaticHostsSettings\": {\"Hosts\": [\"db1\"]}"

/* Members of Stores.MySQL on line 2, and the cluster c with one host. */
#define GLOBAL(members)                                                       \
    "{\"Stores\": {\"MySQL\": {\n" members ",\n\"Clusters\": {\"c\": {" HOSTS \
    "}}}}}"

/* Members of the top level on line 2, and the same cluster. */
#define TOP(members)                                                          \
    "{\n" members ",\n\"Stores\": {\"MySQL\": {\"Clusters\": {\"c\": {" HOSTS \
    "}}}}}"

#define NOTHING "f: 0 errors, 0 warnings\n"
#define C "Stores.MySQL.Clusters.c"

#endif
