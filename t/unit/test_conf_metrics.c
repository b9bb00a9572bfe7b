/* Apps, Metrics, QuarantineLagSeconds and HttpCheck*: right and wrong. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "conf_help.h"

#define ONE_ERROR "f: 1 error, 0 warnings\n"
#define ONE_WARNING "f: 0 errors, 1 warning\n"

/* The cluster c on line 4, with line 2's members in Stores.MySQL. */
#define BOTH(global, members)             \
    "{\"Stores\": {\"MySQL\": {\n" global \
    ",\n\"Clusters\": {\n\"c\": {" members ", " HOSTS "}}}}}"

static const struct conf_metric *
metric(const struct conf_cluster *c, const char *name)
{
    for (size_t i = 0; i < c->nmetrics; i++)
        if (strcmp(c->metrics[i].name, name) == 0)
            return &c->metrics[i];
    return NULL;
}

static void
test_apps_are_read_where_they_stand(void **state)
{
    struct conf *c =
        parse(BOTH("\"Apps\": {\"b\": {\"ThrottleThreshold\": 2}, "
                   "\"a\": {\"throttlethreshold\": 0.5}, \"n\": null}",
                   "\"Apps\": {\"archive x\": {\"ThrottleThreshold\": 0}}"));

    (void)state;
    assert_non_null(c);
    assert_int_equal(c->apps.count, 2);
    assert_string_equal(c->apps.items[0].name, "a");
    assert_true(c->apps.items[0].threshold == 0.5);
    assert_string_equal(c->apps.items[1].name, "b");
    assert_true(c->apps.items[1].threshold == 2);
    assert_int_equal(c->clusters[0].apps.count, 1);
    assert_string_equal(c->clusters[0].apps.items[0].name, "archive x");
    assert_true(c->clusters[0].apps.items[0].threshold == 0);
    conf_free(c);
}

static void
test_apps_that_are_wrong(void **state)
{
    (void)state;
    says(CLUSTER(HOSTS ", \"Apps\": []"),
         "f:3: error: " C
         ".Apps: expected an object, found a list\n" ONE_ERROR);
    says(CLUSTER(HOSTS ", \"Apps\": {\"a\": 1}"),
         "f:3: error: " C
         ".Apps.a: expected an object, found an integer\n" ONE_ERROR);
    says(CLUSTER(HOSTS ", \"Apps\": {\"a\": {}}"),
         "f:3: error: " C ".Apps.a: expected a ThrottleThreshold\n" ONE_ERROR);
    says(CLUSTER(HOSTS ", \"Apps\": {\"a\": {\"ThrottleThreshold\": -1}}"),
         "f:3: error: " C ".Apps.a.ThrottleThreshold: -1 is out of range: "
         "expected 0 or more\n" ONE_ERROR);
    says(CLUSTER(HOSTS ", \"Apps\": {\"a\": {\"ThrottleThreshold\": \"1\"}}"),
         "f:3: error: " C ".Apps.a.ThrottleThreshold: expected a number, "
         "found a string\n" ONE_ERROR);
    says(CLUSTER(HOSTS ", \"Apps\": {\"\": {\"ThrottleThreshold\": 1}}"),
         "f:3: error: " C ".Apps.: the name is empty\n" ONE_ERROR);
    says(CLUSTER(HOSTS ", \"Apps\": {\"a/b\": {\"ThrottleThreshold\": 1}}"),
         "f:3: error: " C ".Apps.a/b: a name with a '/' or a control "
         "character, which no check could ask for\n" ONE_ERROR);
    says(CLUSTER(HOSTS ",\n\"Apps\": {\"a\": {\"ThrottleThreshold\": 1},\n"
                       "\"a\": {\"ThrottleThreshold\": 2}}"),
         "f:4: warning: " C
         ".Apps.a: line 5 says it again; line 4 is ignored\n" ONE_WARNING);
    says(CLUSTER(HOSTS ", \"Apps\": {\"a\": {\"ThrottleThreshold\": 1, "
                       "\"Port\": 1}}"),
         "f:3: warning: " C ".Apps.a.Port: has no meaning here, ignored; it "
         "belongs to Stores.MySQL\n" ONE_WARNING);
}

static void
test_a_scope_is_inherited(void **state)
{
    struct conf *c = parse(
        BOTH("\"Metrics\": {\"lag\": {\"Scope\": \"replicas\"}}",
             "\"ThrottleThreshold\": 3, \"Metrics\": {\"lag\": {\"Query\": "
             "\"select 3\"}}"));

    (void)state;
    assert_non_null(c);
    assert_int_equal(c->clusters[0].scope, CONF_SCOPE_REPLICAS);
    assert_string_equal(c->clusters[0].metric_query, "select 3");
    conf_free(c);
}

static void
test_metrics_are_inherited_by_name(void **state)
{
    struct conf *c = parse(
        BOTH("\"Metrics\": {\"threads\": {\"Query\": \"show global status "
             "like 'x'\", \"Threshold\": 50, \"Scope\": \"Primary\"}, "
             "\"rows\": {\"Query\": \"select 1\", \"Threshold\": 7}}",
             "\"ThrottleThreshold\": 3, \"Metrics\": {\"rows\": {\"Query\": "
             "\"select 2\", \"Threshold\": 0, \"Scope\": \"replicas\"}, "
             "\"lag\": {\"Query\": \"select 3\", \"Scope\": \"replicas\"}}"));
    const struct conf_cluster *cluster;

    (void)state;
    assert_non_null(c);
    assert_string_equal(said + strlen(said) - strlen(NOTHING), NOTHING);
    cluster = &c->clusters[0];
    assert_int_equal(cluster->nmetrics, 2);
    assert_string_equal(cluster->metrics[0].name, "rows");
    assert_string_equal(metric(cluster, "rows")->query, "select 2");
    assert_true(metric(cluster, "rows")->threshold == 0);
    assert_int_equal(metric(cluster, "rows")->scope, CONF_SCOPE_REPLICAS);
    assert_true(metric(cluster, "threads")->threshold == 50);
    assert_int_equal(metric(cluster, "threads")->scope, CONF_SCOPE_PRIMARY);
    assert_string_equal(cluster->metric_query, "select 3");
    assert_true(cluster->threshold == 3);
    assert_int_equal(cluster->scope, CONF_SCOPE_REPLICAS);
    conf_free(c);
}

static void
test_the_own_metric_can_be_said_in_both_ways(void **state)
{
    struct conf *c = parse(CLUSTER(
        HOSTS ", \"MetricQuery\": \"select 1\", \"ThrottleThreshold\": 1, "
              "\"Metrics\": {\"lag\": {\"Threshold\": 5}}"));

    (void)state;
    assert_non_null(c);
    assert_string_equal(c->clusters[0].metric_query, "select 1");
    assert_true(c->clusters[0].threshold == 5);
    assert_int_equal(c->clusters[0].scope, CONF_SCOPE_ALL);
    assert_int_equal(c->clusters[0].nmetrics, 0);
    conf_free(c);
}

static void
test_metrics_that_are_wrong(void **state)
{
    (void)state;
    says(CLUSTER(HOSTS ", \"Metrics\": {\"m\": {}}"),
         "f:3: error: " C ".Metrics.m: expected a Query\n"
         "f:3: error: " C ".Metrics.m: expected a Threshold\n"
         "f: 2 errors, 0 warnings\n");
    says(CLUSTER(HOSTS ", \"Metrics\": {\"m\": {\"Threshold\": 1, \"Query\": "
                       "\"delete from t\"}}"),
         "f:3: error: " C ".Metrics.m.Query: expected a query that begins with "
         "SELECT or SHOW GLOBAL\n" ONE_ERROR);
    says(CLUSTER(HOSTS ", \"Metrics\": {\"m\": {\"Threshold\": 1, \"Query\": "
                       "\"select 1\", \"Scope\": \"some\"}}"),
         "f:3: error: " C ".Metrics.m.Scope: expected primary, replicas or "
         "all\n" ONE_ERROR);
    says(CLUSTER(HOSTS ", \"Metrics\": {\"lag\": {\"Query\": \"x\"}}"),
         "f:3: error: " C ".Metrics.lag.Query: expected a query that begins "
         "with SELECT or SHOW GLOBAL\n" ONE_ERROR);
    says(BOTH("\"Metrics\": {\"m\": {\"Threshold\": 1}}", "\"Port\": 1"),
         "f:2: error: Stores.MySQL.Metrics.m: expected a Query\n" ONE_ERROR);
}

#define M(n) "\"" #n "\": {\"Query\": \"select 1\", \"Threshold\": 1}"

static void
test_not_more_metrics_than_there_is_room_for(void **state)
{
    (void)state;
    says(CLUSTER(HOSTS ", \"Metrics\": {" M(a) ", " M(b) ", " M(c) ", " M(
             d) ", " M(e) ", " M(f) ", " M(g) ", " M(h) "}"),
         NOTHING);
    says(CLUSTER(HOSTS ", \"Metrics\": {" M(a) ", " M(b) ", " M(c) ", " M(
             d) ", " M(e) ", " M(f) ", " M(g) ", " M(h) ", " M(i) "}"),
         "f:3: error: " C
         ".Metrics.i: expected at most 8 metrics beside lag\n" ONE_ERROR);
}

static void
test_quarantine_is_beyond_the_threshold(void **state)
{
    struct conf *c = parse(
        BOTH("\"QuarantineLagSeconds\": 600", "\"ThrottleThreshold\": 1"));

    (void)state;
    assert_true(c->clusters[0].quarantine_lag_s == 600);
    conf_free(c);
    c = parse(
        BOTH("\"QuarantineLagSeconds\": 600", "\"QuarantineLagSeconds\": 0"));
    assert_true(c->clusters[0].quarantine_lag_s == 0);
    conf_free(c);
    says(CLUSTER(HOSTS ", \"ThrottleThreshold\": 5, "
                       "\"QuarantineLagSeconds\": 5"),
         "f:3: error: " C ".QuarantineLagSeconds: expected more than the "
         "threshold, 5: hosts would be left out instead of slowing writers "
         "down\n" ONE_ERROR);
    says(CLUSTER(HOSTS ", \"QuarantineLagSeconds\": 9, \"Metrics\": {\"lag\": "
                       "{\"Threshold\": 10}}"),
         "f:3: error: " C ".QuarantineLagSeconds: expected more than the "
         "threshold, 10: hosts would be left out instead of slowing writers "
         "down\n" ONE_ERROR);
}

static void
test_http_checks_are_inherited(void **state)
{
    struct conf *c =
        parse(BOTH("\"HttpCheckPort\": 8080, \"HttpCheckPath\": \"up\"",
                   "\"HttpCheckPath\": \"down\""));

    (void)state;
    assert_int_equal(c->clusters[0].http_check_port, 8080);
    assert_string_equal(c->clusters[0].http_check_path, "down");
    conf_free(c);
    c = parse(BOTH("\"HttpCheckPort\": 8080", "\"HttpCheckPort\": -1"));
    assert_int_equal(c->clusters[0].http_check_port, -1);
    assert_string_equal(c->clusters[0].http_check_path, "");
    conf_free(c);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_apps_are_read_where_they_stand),
        cmocka_unit_test(test_apps_that_are_wrong),
        cmocka_unit_test(test_a_scope_is_inherited),
        cmocka_unit_test(test_metrics_are_inherited_by_name),
        cmocka_unit_test(test_the_own_metric_can_be_said_in_both_ways),
        cmocka_unit_test(test_metrics_that_are_wrong),
        cmocka_unit_test(test_not_more_metrics_than_there_is_room_for),
        cmocka_unit_test(test_quarantine_is_beyond_the_threshold),
        cmocka_unit_test(test_http_checks_are_inherited),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
