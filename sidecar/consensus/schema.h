/* The tables of the MySQL consensus: freno's and Sluice's own. Pure. */
#ifndef CONSENSUS_SCHEMA_H
#define CONSENSUS_SCHEMA_H

#include <stddef.h>
#include <stdio.h>

enum schema_table {
    SCHEMA_SERVICE_ELECTION,
    SCHEMA_SERVICE_HEALTH,
    SCHEMA_THROTTLED_APPS,
    SCHEMA_SKIPPED_HOSTS,
    SCHEMA_SLUICE_LEASE,
    SCHEMA_SLUICE_NOTES,
    SCHEMA_SLUICE_REVISION,
    SCHEMA_SLUICE_SETTINGS,
    SCHEMA_TABLES
};

#define SCHEMA_STATEMENT_SIZE 1024

/* What was found in the store. */
struct schema {
    unsigned tables;  /* 1 << enum schema_table */
    int has_share;    /* service_election knows share domains */
    int expires_null; /* throttled_apps.expires_at may be NULL */
};

int schema_has(const struct schema *s, enum schema_table table);

/* A row of the question schema_question(): a table and one of its columns. */
const char *schema_question(void);
void schema_found(struct schema *s,
                  const char *table,
                  const char *column,
                  const char *is_nullable);

const char *schema_name(enum schema_table table);

/* What is lost without it, for a log line. */
const char *schema_loss(enum schema_table table);

/* Its CREATE TABLE on one line. */
void schema_create(enum schema_table table, char *text, size_t size);

/* The ALTER TABLE for an expires_at that cannot be NULL, and for a
 * service_election without share_domain. */
extern const char schema_alter_expires[];
extern const char schema_alter_share[];

/* Everything, for a file: --print-schema. */
void schema_print(FILE *out, const char *schema, const char *user);

#endif
