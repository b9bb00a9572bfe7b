/* Routing of a cluster in the configuration. */
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

static struct conf *
parse(const char *top, const char *routing)
{
    struct conf_report report;
    struct conf *c;
    char *text;
    FILE *out;

    if (asprintf(&text,
                 "{%s\"Stores\": {\"MySQL\": {\"User\": \"u\", \"Clusters\": "
                 "{\"c\": {\n\"StaticHostsSettings\": {\"Hosts\": [\"h\"]}%s\n"
                 "}}}}}",
                 top, routing) < 0)
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

#define RAFT "\"RaftDataDir\": \"/tmp\", "

static void
test_it_is_read(void **state)
{
    struct conf *c = parse(
        RAFT, ", \"Routing\": {\"Eligible\": \"Galera\", \"Choice\": "
              "\"lowest-index\", \"AvailableWhenDonor\": \"no\", "
              "\"AvailableWhenReadOnly\": true, \"Rise\": 3, \"Fall\": 4, "
              "\"FreezeMillis\": 500, \"Priority\": [\"a\", \"b:1\"], "
              "\"Agreement\": \"lease\", \"WriterLeaseMillis\": 2000}");
    const struct conf_routing *r;

    (void)state;
    assert_non_null(c);
    r = &c->clusters[0].routing;
    assert_int_equal(r->eligible, CONF_ELIGIBLE_GALERA);
    assert_int_equal(r->lowest_index, 1);
    assert_int_equal(r->donor, CONF_DONOR_NO);
    assert_int_equal(r->read_only_ok, 1);
    assert_int_equal(r->rise, 3);
    assert_int_equal(r->fall, 4);
    assert_int_equal(r->freeze_ms, 500);
    assert_int_equal(r->priority.count, 2);
    assert_int_equal(r->lease, 1);
    assert_int_equal(r->writer_lease_ms, 2000);
    assert_non_null(strstr(said, "note: Stores.MySQL.Clusters.c.Routing."
                                 "Agreement: with lease nobody writes while"));
    conf_free(c);
}

static void
test_defaults(void **state)
{
    struct conf *c =
        parse(RAFT, ", \"Routing\": {\"Eligible\": \"replication\"}");
    const struct conf_routing *r;

    (void)state;
    assert_non_null(c);
    r = &c->clusters[0].routing;
    assert_int_equal(r->eligible, CONF_ELIGIBLE_REPLICATION);
    assert_int_equal(r->lowest_index, 0);
    assert_int_equal(r->donor, CONF_DONOR_AUTO);
    assert_int_equal(r->read_only_ok, 0);
    assert_int_equal(r->rise, 2);
    assert_int_equal(r->fall, 1);
    assert_int_equal(r->freeze_ms, 1000);
    assert_int_equal(r->lease, 0);
    assert_int_equal(r->writer_lease_ms, 3000);
    conf_free(c);
    c = parse("", "");
    assert_non_null(c);
    assert_int_equal(c->clusters[0].routing.eligible, CONF_ELIGIBLE_NONE);
    conf_free(c);
}

static void
refuses(const char *top, const char *routing, const char *text)
{
    struct conf *c = parse(top, routing);

    assert_null(c);
    if (!strstr(said, text))
        fail_msg("%s", said);
}

#define P "f:3: error: Stores.MySQL.Clusters.c.Routing"

static void
test_mistakes(void **state)
{
    (void)state;
    refuses(RAFT, ",\n\"Routing\": {}",
            P ": expected Eligible: galera, http or replication");
    refuses(RAFT, ",\n\"Routing\": {\"Eligible\": \"all\"}",
            P ".Eligible: expected galera, http or replication");
    refuses(RAFT,
            ",\n\"Routing\": {\"Eligible\": \"galera\", \"Choice\": \"x\"}",
            P ".Choice: expected sticky or lowest-index");
    refuses(RAFT,
            ",\n\"Routing\": {\"Eligible\": \"galera\", "
            "\"AvailableWhenDonor\": \"x\"}",
            P ".AvailableWhenDonor: expected auto, yes or no");
    refuses(RAFT, ",\n\"Routing\": {\"Eligible\": \"galera\", \"Rise\": 0}",
            P ".Rise: ");
    refuses(RAFT,
            ",\n\"Routing\": {\"Eligible\": \"galera\", \"FreezeMillis\": "
            "300}",
            P ".FreezeMillis: expected more than ProbeTimeoutMillis");
    refuses(RAFT,
            ",\n\"Routing\": {\"Eligible\": \"galera\", \"Agreement\": \"x\"}",
            P ".Agreement: expected static or lease");
    refuses(RAFT,
            ",\n\"Routing\": {\"Eligible\": \"galera\", "
            "\"WriterLeaseMillis\": 2000}",
            P ".WriterLeaseMillis: is for Agreement lease only");
    refuses(RAFT,
            ",\n\"Routing\": {\"Eligible\": \"galera\", \"Agreement\": "
            "\"lease\", \"WriterLeaseMillis\": 999}",
            P ".WriterLeaseMillis: ");
    refuses(RAFT, ",\n\"Routing\": 7", P ": expected an object");
    refuses("", ",\n\"Routing\": {\"Eligible\": \"galera\"}",
            "f:3: error: Stores.MySQL.Clusters.c: Routing needs RaftDataDir "
            "or BackendMySQLHost");
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
        cmocka_unit_test(test_it_is_read),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_mistakes),
    };

    return cmocka_run_group_tests_name("conf, routing", tests, NULL, end);
}
