/* Routing by galera-healthchecks in the configuration. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/conf.h"
#include "base/conf_print.h"

static char *said;
static size_t said_len;

/* A file with that Routing, and what there is to say about it. */
static struct conf *
parse(const char *routing)
{
    struct conf_report report;
    struct conf *c;
    char *text;
    FILE *out;

    if (asprintf(
            &text,
            "{\"RaftDataDir\": \"/tmp\", \"Stores\": {\"MySQL\": {\"User\":"
            " \"u\", \"Clusters\": {\"c\": {\n\"StaticHostsSettings\": "
            "{\"Hosts\": [\"h\"]},\n\"Routing\": {%s}}}}}}",
            routing) < 0)
        abort();
    c = conf_parse(text, strlen(text), NULL, &report);
    free(said);
    out = open_memstream(&said, &said_len);
    conf_print_report(out, "f", &report);
    fclose(out);
    conf_report_free(&report);
    free(text);
    return c;
}

static void
silent(void)
{
    if (strstr(said, "Routing"))
        fail_msg("%s", said);
}

#define HTTP "\"Eligible\": \"http\""

static void
test_defaults(void **state)
{
    struct conf *c = parse("\"Eligible\": \"HTTP\"");
    const struct conf_status *s;

    (void)state;
    assert_non_null(c);
    silent();
    assert_int_equal(c->clusters[0].routing.eligible, CONF_ELIGIBLE_HTTP);
    s = &c->clusters[0].routing.status;
    assert_int_equal(s->only_code, 0);
    assert_int_equal(s->port, 9200);
    assert_string_equal(s->endpoint, "api/v1/status");
    assert_int_equal(s->interval_ms, 200);
    assert_int_equal(s->tls, 0);
    assert_string_equal(s->ca, "");
    assert_string_equal(s->server_name, "");
    assert_string_equal(s->user, "");
    assert_string_equal(s->password, "");
    conf_free(c);
}

static void
test_what_others_imply(void **state)
{
    struct conf *c = parse(HTTP ", \"StatusKind\": \"Status\", "
                                "\"StatusTLS\": true");

    (void)state;
    assert_non_null(c);
    silent();
    assert_int_equal(c->clusters[0].routing.status.only_code, 1);
    assert_int_equal(c->clusters[0].routing.status.port, 9201);
    assert_string_equal(c->clusters[0].routing.status.endpoint,
                        "galera_status");
    conf_free(c);
}

static void
test_all_of_it(void **state)
{
    struct conf *c = parse(
        HTTP ", \"StatusKind\": \"json\", \"StatusPort\": 9200, "
             "\"StatusEndpoint\": \"/a/b?c=%20\", \"StatusTLS\": true, "
             "\"StatusCAFile\": \"/dev/null\", \"StatusServerName\": "
             "\"galera.example\", \"StatusUser\": \"n\", "
             "\"StatusPassword\": \"p:w\", \"StatusIntervalMillis\": 1000, "
             "\"FreezeMillis\": 1301");
    const struct conf_status *s;

    (void)state;
    assert_non_null(c);
    silent();
    s = &c->clusters[0].routing.status;
    assert_int_equal(s->port, 9200);
    assert_string_equal(s->endpoint, "a/b?c=%20");
    assert_int_equal(s->tls, 1);
    assert_string_equal(s->ca, "/dev/null");
    assert_string_equal(s->server_name, "galera.example");
    assert_string_equal(s->user, "n");
    assert_string_equal(s->password, "p:w");
    assert_int_equal(s->interval_ms, 1000);
    conf_free(c);
}

static void
test_what_is_the_same(void **state)
{
    struct conf *a = parse(HTTP), *b = parse(HTTP);
    struct conf_status *s = &b->clusters[0].routing.status;
    const struct conf_status *t = &a->clusters[0].routing.status;

    (void)state;
    assert_true(conf_same_status(s, t));
    assert_true(conf_same_status(NULL, NULL));
    assert_false(conf_same_status(s, NULL));
    assert_false(conf_same_status(NULL, t));
    s->port++;
    assert_false(conf_same_status(s, t));
    s->port--;
    s->interval_ms++;
    assert_false(conf_same_status(s, t));
    s->interval_ms--;
    s->endpoint[0]++;
    assert_false(conf_same_status(s, t));
    conf_free(a);
    conf_free(b);
}

#define P "f:3: error: Stores.MySQL.Clusters.c.Routing"

static void
refuses(const char *routing, const char *text)
{
    struct conf *c = parse(routing);

    assert_null(c);
    if (!strstr(said, text))
        fail_msg("%s", said);
}

static void
test_keys_without_http(void **state)
{
    static const char *const keys[][2] = {
        {"StatusCAFile", "\"/dev/null\""}, {"StatusEndpoint", "\"x\""},
        {"StatusIntervalMillis", "100"},   {"StatusKind", "\"json\""},
        {"StatusPassword", "\"p\""},       {"StatusPort", "9200"},
        {"StatusServerName", "\"n\""},     {"StatusTLS", "false"},
        {"StatusUser", "\"u\""},
    };
    char routing[128], text[128];

    (void)state;
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        snprintf(routing, sizeof(routing),
                 "\"Eligible\": \"galera\", \"%s\": %s", keys[i][0],
                 keys[i][1]);
        snprintf(text, sizeof(text), P ".%s: is for Eligible http only",
                 keys[i][0]);
        refuses(routing, text);
    }
}

static void
test_keys_that_the_host_decides(void **state)
{
    (void)state;
    refuses(HTTP ", \"AvailableWhenDonor\": \"no\"",
            P ".AvailableWhenDonor: with Eligible http whoever answers there "
              "decides that");
    refuses(HTTP ", \"AvailableWhenReadOnly\": false",
            P ".AvailableWhenReadOnly: with Eligible http whoever answers");
}

static void
test_wrong_values(void **state)
{
    (void)state;
    refuses(HTTP ", \"StatusKind\": \"xml\"",
            P ".StatusKind: expected json or status");
    refuses(HTTP ", \"StatusPort\": 0", P ".StatusPort: ");
    refuses(HTTP ", \"StatusPort\": 65536", P ".StatusPort: ");
    refuses(HTTP ", \"StatusPort\": \"9200\"", P ".StatusPort: expected");
    refuses(HTTP ", \"StatusEndpoint\": \"a b\"",
            P ".StatusEndpoint: expected a path");
    refuses(HTTP ", \"StatusEndpoint\": \"a#b\"",
            P ".StatusEndpoint: expected a path");
    refuses(HTTP ", \"StatusIntervalMillis\": 9", P ".StatusIntervalMillis: ");
    refuses(HTTP ", \"StatusIntervalMillis\": 700",
            "error: Stores.MySQL.Clusters.c.Routing.FreezeMillis: expected "
            "more than StatusIntervalMillis and ProbeTimeoutMillis together");
    refuses(HTTP ", \"StatusTLS\": true, \"StatusCAFile\": \"/no/such\"",
            P ".StatusCAFile: ");
    refuses(HTTP ", \"StatusTLS\": true, \"StatusServerName\": \"a:1\"",
            P ".StatusServerName: expected the name in the certificate");
    refuses(HTTP ", \"StatusCAFile\": \"/dev/null\"",
            P ".StatusCAFile: is for StatusTLS only");
    refuses(HTTP ", \"StatusServerName\": \"n\"",
            P ".StatusServerName: is for StatusTLS only");
    refuses(HTTP ", \"StatusUser\": \"n\"",
            P ".StatusUser: needs StatusPassword");
    refuses(HTTP ", \"StatusPassword\": \"n\"",
            P ".StatusPassword: needs StatusUser");
    refuses(HTTP ", \"StatusUser\": \"a:b\", \"StatusPassword\": \"p\"",
            P ".StatusUser: no colon can be in it");
}

static void
test_a_path_that_says_200_always(void **state)
{
    struct conf *c = parse(HTTP ", \"StatusKind\": \"status\", "
                                "\"StatusEndpoint\": \"/api/v1/status\"");

    (void)state;
    assert_non_null(c);
    assert_non_null(strstr(said, "warning: Stores.MySQL.Clusters.c.Routing."
                                 "StatusEndpoint: galera-healthcheck answers "
                                 "200 there"));
    conf_free(c);
}

static int
end(void **state)
{
    (void)state;
    free(said);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_what_others_imply),
        cmocka_unit_test(test_all_of_it),
        cmocka_unit_test(test_what_is_the_same),
        cmocka_unit_test(test_keys_without_http),
        cmocka_unit_test(test_keys_that_the_host_decides),
        cmocka_unit_test(test_wrong_values),
        cmocka_unit_test(test_a_path_that_says_200_always),
    };

    return cmocka_run_group_tests_name("conf, routing by HTTP", tests, NULL,
                                       end);
}
