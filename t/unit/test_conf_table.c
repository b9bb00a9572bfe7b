/* The table of keys, and the search in it. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <cmocka.h>

#include "base/conf_table.h"

static void
test_table_is_alphabetical(void **state)
{
    (void)state;
    for (int id = 1; id < CONF_NKEYS; id++)
        assert_true(strcasecmp(conf_keys[id - 1].name, conf_keys[id].name) <=
                    0);
}

/* No key twice in one place; defaults within their bounds. */
static void
test_table_is_sound(void **state)
{
    (void)state;
    for (int id = 0; id < CONF_NKEYS; id++) {
        const struct conf_key *key = &conf_keys[id];

        assert_int_equal(conf_key_find(key->name, key->places), id);
        assert_true(strlen(key->name) < 63);
        if (key->type == CONF_INT || key->type == CONF_NUM)
            assert_true(key->number >= key->least && key->number <= key->most);
        assert_int_equal(key->type == CONF_STR, key->string != NULL);
    }
}

static void
test_find(void **state)
{
    (void)state;
    assert_int_equal(conf_key_find("port", CONF_MYSQL), CONF_BLOCK_Port);
    assert_int_equal(conf_key_find("PORT", CONF_CLUSTER), CONF_BLOCK_Port);
    assert_int_equal(conf_key_find("Port", CONF_HAPROXY), CONF_HAPROXY_Port);
    assert_int_equal(conf_key_find("Addresses", CONF_PROXYSQL),
                     CONF_PROXYSQL_Addresses);
    assert_int_equal(conf_key_find("Port", CONF_TOP), -1);
    assert_int_equal(conf_key_find("Collation", CONF_CLUSTER), -1);
    assert_int_equal(conf_key_find("Por", ~0u), -1);
    assert_int_equal(conf_key_find("Ports", ~0u), -1);
    assert_int_equal(conf_key_find("", ~0u), -1);
}

static void
test_place_names(void **state)
{
    (void)state;
    assert_string_equal(conf_place_name(CONF_TOP), "the top level");
    assert_string_equal(conf_place_name(CONF_BLOCK), "Stores.MySQL");
    assert_string_equal(conf_place_name(CONF_CLUSTER),
                        "Stores.MySQL.Clusters.NAME");
    assert_string_equal(conf_place_name(CONF_STATIC),
                        "StaticHostsSettings of a cluster");
}

static void
test_distance(void **state)
{
    static const struct {
        const char *a, *b;
        unsigned want;
    } cases[] = {
        {"", "", 0},
        {"", "abc", 3},
        {"abc", "", 3},
        {"abc", "abc", 0},
        {"abc", "ABC", 0},
        {"abc", "abd", 1},
        {"abc", "ab", 1},
        {"abc", "xabc", 1},
        {"abc", "acb", 1},
        {"abcd", "badc", 2},
        {"kitten", "sitting", 3},
        {"ca", "abc", 3}, /* an edit within a swap does not count as one */
    };
    char longer[200], longest[200];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        assert_int_equal(conf_distance(cases[i].a, cases[i].b), cases[i].want);
        assert_int_equal(conf_distance(cases[i].b, cases[i].a), cases[i].want);
    }
    memset(longer, 'x', sizeof(longer));
    longer[150] = '\0';
    memset(longest, 'x', sizeof(longest));
    longest[199] = '\0';
    assert_int_equal(conf_distance(longer, longest), 0);
    assert_int_equal(conf_distance(longer, ""), 63);
}

static void
test_nearest(void **state)
{
    (void)state;
    assert_string_equal(conf_nearest("ThrotleThreshhold", CONF_MYSQL),
                        "ThrottleThreshold");
    assert_string_equal(conf_nearest("ThrotleThreshhold", CONF_CLUSTER),
                        "ThrottleThreshold");
    assert_string_equal(conf_nearest("lsitenport", CONF_TOP), "ListenPort");
    assert_string_equal(conf_nearest("Host", CONF_STATIC), "Hosts");
    assert_string_equal(conf_nearest("mysql2", CONF_STORES), "MySQL");
    assert_string_equal(conf_nearest("", CONF_STORES), "MySQL");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table_is_alphabetical),
        cmocka_unit_test(test_table_is_sound),
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_place_names),
        cmocka_unit_test(test_distance),
        cmocka_unit_test(test_nearest),
    };

    return cmocka_run_group_tests_name("conf_table", tests, NULL, NULL);
}
