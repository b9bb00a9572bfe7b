/* What URLs name. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/http_url.h"

static void
test_what_is_one(void **state)
{
    static const struct {
        const char *url, *host;
        unsigned port;
        const char *name;
    } good[] = {
        {"http://h", "h", 80, "h:80"},
        {"https://h/x", "h", 443, "h:443"},
        {"http://u:p@h.example:8080/x?y", "h.example", 8080, "h.example:8080"},
        {"https://u:p@[::1]:8080/x?y", "[::1]", 8080, "[::1]:8080"},
        {"http://10.0.0.1:65535", "10.0.0.1", 65535, "10.0.0.1:65535"},
    };
    char host[HTTP_URL_HOST_SIZE], name[300];
    uint16_t port;

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
        assert_int_equal(http_url_host(good[i].url, host, &port), 1);
        assert_string_equal(host, good[i].host);
        assert_int_equal(port, good[i].port);
        assert_int_equal(http_url_name(good[i].url, name, sizeof(name)), 1);
        assert_string_equal(name, good[i].name);
    }
}

static void
test_what_is_none(void **state)
{
    static const char *const bad[] = {"",
                                      "host",
                                      "ftp://h/",
                                      "http:/",
                                      "http://",
                                      "file:///etc/passwd",
                                      "http://h:99999/"};
    char host[HTTP_URL_HOST_SIZE], name[300], *url;
    uint16_t port;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        assert_int_equal(http_url_host(bad[i], host, &port), 0);
        assert_int_equal(http_url_name(bad[i], name, sizeof(name)), 0);
        assert_string_equal(name, "bad URL");
    }
    url = NULL;
    assert_true(asprintf(&url, "http://h%0300d/", 1) > 0);
    assert_int_equal(http_url_host(url, host, &port), 0);
    assert_int_equal(http_url_name(url, name, 8), 0);
    free(url);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_one),
        cmocka_unit_test(test_what_is_none),
    };

    return cmocka_run_group_tests_name("URLs", tests, NULL, NULL);
}
