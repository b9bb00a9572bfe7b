/* Basic authentication: RFC 7617's examples, and near misses. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/basic_auth.h"

static void
makes(const char *name, const char *password, const char *want)
{
    char *token = basic_auth_token(name, password);

    assert_string_equal(token, want);
    free(token);
}

static void
test_token(void **state)
{
    (void)state;
    makes("Aladdin", "open sesame", "QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
    makes("test", "123\xc2\xa3", "dGVzdDoxMjPCow==");
    makes("", "", "Og==");
    makes("a", "b", "YTpi");
    makes("a", "bc", "YTpiYw==");
    makes("a", "bcd", "YTpiY2Q=");
}

static void
test_allows(void **state)
{
    const char *token = "YTpi";

    (void)state;
    assert_true(basic_auth_allows(token, "Basic YTpi"));
    assert_true(basic_auth_allows(token, "basic YTpi"));
    assert_true(basic_auth_allows(token, "BASIC   YTpi"));
    assert_false(basic_auth_allows(token, NULL));
    assert_false(basic_auth_allows(token, ""));
    assert_false(basic_auth_allows(token, "Basic"));
    assert_false(basic_auth_allows(token, "Basic "));
    assert_false(basic_auth_allows(token, "BasicYTpi"));
    assert_false(basic_auth_allows(token, "Basic YTp"));
    assert_false(basic_auth_allows(token, "Basic YTpi "));
    assert_false(basic_auth_allows(token, "Basic YTpi="));
    assert_false(basic_auth_allows(token, "Basic ytpi"));
    assert_false(basic_auth_allows(token, "Digest YTpi"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_token),
        cmocka_unit_test(test_allows),
    };

    return cmocka_run_group_tests_name("basic_auth", tests, NULL, NULL);
}
