/* What is said of the consensus backend, and of what this node is called
 * there. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/conf_block.h"
#include "conf_help.h"

static void
says_and_counts(const char *json, const char *problems, const char *counts)
{
    char want[4096];

    snprintf(want, sizeof(want), "%s%s", problems, counts);
    says(json, want);
}

static void
one_error(const char *json, const char *problems)
{
    says_and_counts(json, problems, "f: 1 error, 0 warnings\n");
}

static void
one_warning(const char *json, const char *problems)
{
    says_and_counts(json, problems, "f: 0 errors, 1 warning\n");
}

static void
fine(const char *json, const char *notes)
{
    says_and_counts(json, notes, NOTHING);
}

static void
test_backend(void **state)
{
    (void)state;
    one_error(
        "{\n\"BackendMySQLHost\": \"h\",\n\"Stores\": {\"MySQL\": {\"Clusters"
        "\": {\"c\": {" HOSTS "}}}}}",
        "f:2: error: BackendMySQLHost: BackendMySQLSchema must be set when "
        "BackendMySQLHost is specified\n");
    conf_free(parse(CLUSTER(HOSTS)));
    assert_string_equal(said, "f: note: neither RaftDataDir nor "
                              "BackendMySQLHost is set: this node leads "
                              "itself\n" NOTHING);
}

#define BACKEND(members)                                        \
    TOP("\"BackendMySQLHost\": \"h\", \"BackendMySQLSchema\": " \
        "\"s\", " members)
#define TEN "0123456789"

static void
test_names(void **state)
{
    char id[160], err[256] = "";

    (void)state;
    fine(BACKEND("\"Domain\": \"" TEN TEN TEN "01\""), "");
    one_error(TOP("\"Domain\": \"" TEN TEN TEN "012\""),
              "f:2: error: Domain: 33 bytes: expected at most 32\n");
    one_error(TOP("\"ShareDomain\": \"" TEN TEN TEN "012\""),
              "f:2: error: ShareDomain: 33 bytes: expected at most 32\n");
    one_error(BACKEND("\"DataCenter\": \"" TEN TEN TEN "0\", "
                      "\"Environment\": \"e\""),
              "f:2: error: DataCenter: 33 bytes: expected at most 32 for "
              "DataCenter:Environment, where Domain is not set\n");
    fine(BACKEND("\"DataCenter\": \"" TEN TEN TEN "0\", \"Domain\": \"x\""),
         "");
    memset(id, 'x', sizeof(id));
    id[128] = '\0';
    assert_int_equal(conf_validate_service_id(id, err, sizeof(err)), 0);
    assert_string_equal(err, "");
    id[128] = 'x';
    id[129] = '\0';
    assert_int_equal(conf_validate_service_id(id, err, sizeof(err)), -1);
    assert_non_null(strstr(err, "have 129 bytes: expected at most 128"));
}

static void
test_backend_tls(void **state)
{
    (void)state;
    one_error(BACKEND("\"BackendUseTLS\": true, \"BackendTLSCertFile\": "
                      "\"/dev/null\""),
              "f:2: error: BackendTLSCertFile: BackendTLSKeyFile must be set "
              "when BackendTLSCertFile is specified\n");
    one_error(BACKEND("\"BackendUseTLS\": true, \"BackendTLSCAFile\": "
                      "\"/no/ca\""),
              "f:2: error: BackendTLSCAFile: cannot read /no/ca: No such file "
              "or directory\n");
    one_warning(BACKEND("\"BackendTLSCAFile\": \"/dev/null\""),
                "f:2: warning: BackendTLSCAFile: has no effect: BackendUseTLS "
                "is not set, connections are plain\n");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_backend),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_backend_tls),
    };

    return cmocka_run_group_tests_name("conf_backend", tests, NULL, NULL);
}
