/* Words for the numbers of the state file. */
#include "sluice_words.h"

#include "sluice_abi.h"

#define WORD(words, n) \
    ((n) < sizeof(words) / sizeof(*(words)) ? (words)[n] : "unknown")

const char *
sluice_metric_word(uint32_t status)
{
    static const char *const words[] = {
        [SLUICE_METRIC_NONE] = "none",
        [SLUICE_METRIC_VALUE] = "value",
        [SLUICE_METRIC_ERROR] = "error",
    };

    return WORD(words, status);
}

const char *
sluice_host_word(uint32_t status)
{
    static const char *const words[] = {
        [SLUICE_HOST_PENDING] = "pending",
        [SLUICE_HOST_VALUE] = "value",
        [SLUICE_HOST_ERROR] = "error",
        [SLUICE_HOST_EXCLUDED] = "excluded",
    };

    return WORD(words, status);
}

const char *
sluice_role_word(uint32_t role)
{
    static const char *const words[] = {
        "",
        [SLUICE_ROLE_PRIMARY] = "primary",
        [SLUICE_ROLE_REPLICA] = "replica",
    };

    return WORD(words, role);
}

const char *
sluice_excluded_word(uint32_t excluded)
{
    static const char *const words[] = {
        "",
        [SLUICE_EXCLUDED_IGNORED] = "ignored",
        [SLUICE_EXCLUDED_SKIPPED] = "skipped",
        [SLUICE_EXCLUDED_HTTP] = "http",
        [SLUICE_EXCLUDED_QUARANTINED] = "quarantined",
    };

    return WORD(words, excluded);
}

const char *
sluice_scope_word(uint32_t scope)
{
    static const char *const words[] = {
        [SLUICE_SCOPE_ALL] = "all",
        [SLUICE_SCOPE_PRIMARY] = "primary",
        [SLUICE_SCOPE_REPLICAS] = "replicas",
    };

    return WORD(words, scope);
}
