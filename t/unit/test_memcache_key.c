/* Keys and values of memcache, and which server has a key: as freno's. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <float.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/memcache_key.h"
#include "publish/memcache.h"
#include "publish/memcache_server.h"

static void
key_is(const char *path, const char *cluster, const char *want)
{
    char *key = memcache_key(path, cluster);

    assert_string_equal(key, want);
    free(key);
}

static void
test_keys(void **state)
{
    (void)state;
    key_is("freno", "main1", "freno/mysql/main1");
    key_is("", "x", "/mysql/x");
}

static void
test_keys_that_memcached_refuses(void **state)
{
    char key[MEMCACHE_KEY_MAX + 2];

    (void)state;
    memset(key, 'x', sizeof(key));
    key[MEMCACHE_KEY_MAX + 1] = '\0';
    assert_int_equal(memcache_key_is_good(key), 0);
    key[MEMCACHE_KEY_MAX] = '\0';
    assert_int_equal(memcache_key_is_good(key), 1);
    assert_int_equal(memcache_key_is_good("freno/mysql/\xc3\xbc"), 1);
    assert_int_equal(memcache_key_is_good("a b"), 0);
    assert_int_equal(memcache_key_is_good("a\n"), 0);
    assert_int_equal(memcache_key_is_good("a\x7f"), 0);
    assert_int_equal(memcache_key_is_good(""), 0);
}

static void
value_is(uint64_t real_ms, double value, const char *want)
{
    char text[MEMCACHE_VALUE_SIZE];

    assert_int_equal(memcache_value(text, real_ms, value), strlen(want));
    assert_string_equal(text, want);
}

static void
test_values(void **state)
{
    char text[MEMCACHE_VALUE_SIZE];

    (void)state;
    value_is(1795239642866, 0.25, "1795239642866:0.250000");
    value_is(1, -1, "1:-1.000000");
    value_is(1, 1e-9, "1:0.000000");
    assert_true(memcache_value(text, UINT64_MAX, -DBL_MAX) < sizeof(text));
}

/* CRC-32 (IEEE) of "123456789" is 0xcbf43926. */
static void
test_the_server_is_the_crc_modulo(void **state)
{
    (void)state;
#ifdef SLUICE_MEMCACHE
    assert_int_equal(memcache_server_of("123456789", 1), 0);
    assert_int_equal(memcache_server_of("123456789", 1000), 0xcbf43926u % 1000);
    assert_int_equal(memcache_server_of("123456789", 7), 0xcbf43926u % 7);
#else
    skip();
#endif
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_keys_that_memcached_refuses),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_the_server_is_the_crc_modulo),
    };

    return cmocka_run_group_tests_name("memcache keys", tests, NULL, NULL);
}
