/*
 * Words for the numbers of the state file, as people and programs are shown
 * them. Pure. Never NULL: "unknown" for a number of a newer minor.
 */
#ifndef SLUICE_WORDS_H
#define SLUICE_WORDS_H

#include <stdint.h>

/* SLUICE_METRIC_*: "none", "value", "error" */
const char *sluice_metric_word(uint32_t status);

/* SLUICE_HOST_*: "pending", "value", "error", "excluded" */
const char *sluice_host_word(uint32_t status);

/* SLUICE_ROLE_*: "" (not said), "primary", "replica" */
const char *sluice_role_word(uint32_t role);

/* SLUICE_EXCLUDED_*: "" (not said), "ignored", "skipped", "http",
 * "quarantined" */
const char *sluice_excluded_word(uint32_t excluded);

/* SLUICE_SCOPE_*: "all", "primary", "replicas" */
const char *sluice_scope_word(uint32_t scope);

#endif
