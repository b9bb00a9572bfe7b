/* Words for the numbers of the state file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sluice_abi.h"
#include "sluice_words.h"

static void
test_each_number_has_its_word(void **state)
{
    (void)state;
    assert_string_equal(sluice_metric_word(SLUICE_METRIC_NONE), "none");
    assert_string_equal(sluice_metric_word(SLUICE_METRIC_VALUE), "value");
    assert_string_equal(sluice_metric_word(SLUICE_METRIC_ERROR), "error");
    assert_string_equal(sluice_host_word(SLUICE_HOST_PENDING), "pending");
    assert_string_equal(sluice_host_word(SLUICE_HOST_VALUE), "value");
    assert_string_equal(sluice_host_word(SLUICE_HOST_ERROR), "error");
    assert_string_equal(sluice_host_word(SLUICE_HOST_EXCLUDED), "excluded");
    assert_string_equal(sluice_role_word(0), "");
    assert_string_equal(sluice_role_word(SLUICE_ROLE_PRIMARY), "primary");
    assert_string_equal(sluice_role_word(SLUICE_ROLE_REPLICA), "replica");
    assert_string_equal(sluice_excluded_word(0), "");
    assert_string_equal(sluice_excluded_word(SLUICE_EXCLUDED_IGNORED),
                        "ignored");
    assert_string_equal(sluice_excluded_word(SLUICE_EXCLUDED_SKIPPED),
                        "skipped");
    assert_string_equal(sluice_excluded_word(SLUICE_EXCLUDED_HTTP), "http");
    assert_string_equal(sluice_excluded_word(SLUICE_EXCLUDED_QUARANTINED),
                        "quarantined");
    assert_string_equal(sluice_scope_word(SLUICE_SCOPE_ALL), "all");
    assert_string_equal(sluice_scope_word(SLUICE_SCOPE_PRIMARY), "primary");
    assert_string_equal(sluice_scope_word(SLUICE_SCOPE_REPLICAS), "replicas");
}

static void
test_a_number_of_tomorrow_is_unknown(void **state)
{
    const char *(*const words[])(uint32_t) = {
        sluice_metric_word, sluice_host_word, sluice_role_word,
        sluice_excluded_word, sluice_scope_word};

    (void)state;
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
        assert_string_equal(words[i](5), "unknown");
        assert_string_equal(words[i](UINT32_MAX), "unknown");
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_number_has_its_word),
        cmocka_unit_test(test_a_number_of_tomorrow_is_unknown),
    };

    return cmocka_run_group_tests_name("words", tests, NULL, NULL);
}
