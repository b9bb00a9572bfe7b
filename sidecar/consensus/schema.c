/* The tables of the MySQL consensus: freno's and Sluice's own. */
#include "consensus/schema.h"

#include <string.h>
#include <strings.h>

struct table {
    const char *name;
    const char *loss;
    const char *columns;
};

/* freno's tables hold what freno's statements need, to the width of each
 * column; names are told apart by case. */
static const struct table tables[SCHEMA_TABLES] = {
    [SCHEMA_SERVICE_ELECTION] =
        {"service_election", "no leader in freno's eyes: /leader-check is 404",
         "  domain varchar(32) NOT NULL,\n"
         "  share_domain varchar(32) NOT NULL,\n"
         "  service_id varchar(128) NOT NULL,\n"
         "  last_seen_active timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP,\n"
         "  PRIMARY KEY (domain),\n"
         "  KEY share_domain_idx (share_domain, last_seen_active)\n"},
    [SCHEMA_SERVICE_HEALTH] =
        {"service_health", "/consensus/status lists no healthy services",
         "  service_id varchar(128) NOT NULL,\n"
         "  domain varchar(32) NOT NULL,\n"
         "  share_domain varchar(32) NOT NULL,\n"
         "  last_seen_active timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP,\n"
         "  PRIMARY KEY (service_id),\n"
         "  KEY last_seen_active_idx (last_seen_active)\n"},
    [SCHEMA_THROTTLED_APPS] =
        {"throttled_apps", "there are no facts: what was read before stands",
         "  app_name varchar(128) NOT NULL,\n"
         "  throttled_at timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP,\n"
         "  expires_at timestamp NULL DEFAULT NULL,\n"
         "  ratio double DEFAULT NULL,\n"
         "  PRIMARY KEY (app_name)\n"},
    [SCHEMA_SKIPPED_HOSTS] =
        {"skipped_hosts", "no host can be skipped",
         "  host_name varchar(128) NOT NULL,\n"
         "  skipped_at timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP,\n"
         "  expires_at timestamp NULL DEFAULT NULL,\n"
         "  PRIMARY KEY (host_name)\n"},
    [SCHEMA_SLUICE_LEASE] =
        {"sluice_lease",
         "freno's clock elects the leader, and nothing routes or fails over",
         "  domain varchar(32) NOT NULL,\n"
         "  holder varchar(128) NOT NULL,\n"
         "  instance varchar(32) NOT NULL,\n"
         "  term bigint unsigned NOT NULL,\n"
         "  seq bigint unsigned NOT NULL,\n"
         "  renewed_at timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP,\n"
         "  PRIMARY KEY (domain)\n"},
    [SCHEMA_SLUICE_NOTES] = {"sluice_notes", "owners and reasons are not kept",
                             "  kind varchar(16) NOT NULL,\n"
                             "  name varchar(128) NOT NULL,\n"
                             "  owner varchar(128) NOT NULL,\n"
                             "  reason varchar(256) NOT NULL,\n"
                             "  PRIMARY KEY (kind, name)\n"},
    [SCHEMA_SLUICE_REVISION] = {"sluice_revision",
                                "changes heard from Redis cannot be ordered",
                                "  id tinyint NOT NULL,\n"
                                "  store_id varchar(39) NOT NULL,\n"
                                "  revision bigint unsigned NOT NULL,\n"
                                "  PRIMARY KEY (id)\n"},
    [SCHEMA_SLUICE_SETTINGS] = {"sluice_settings", "no cluster can be routed",
                                "  name varchar(128) NOT NULL,\n"
                                "  value varchar(1024) NOT NULL,\n"
                                "  PRIMARY KEY (name)\n"},
};

#define HEAD "CREATE TABLE IF NOT EXISTS "
#define TAIL ") ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin"

const char schema_alter_expires[] = "ALTER TABLE throttled_apps MODIFY "
                                    "expires_at timestamp NULL DEFAULT NULL";

const char schema_alter_share[] =
    "ALTER TABLE service_election ADD share_domain varchar(32) NOT NULL "
    "DEFAULT '' AFTER domain, ADD KEY share_domain_idx (share_domain, "
    "last_seen_active)";

const char *
schema_name(enum schema_table table)
{
    return tables[table].name;
}

const char *
schema_loss(enum schema_table table)
{
    return tables[table].loss;
}

int
schema_has(const struct schema *s, enum schema_table table)
{
    return (s->tables >> table & 1) != 0;
}

/* Tables and columns on which this account has no privilege do not show. */
const char *
schema_question(void)
{
    return "select table_name, column_name, is_nullable from "
           "information_schema.columns where table_schema = database() and "
           "table_name in ('service_election', 'service_health', "
           "'throttled_apps', 'skipped_hosts', 'sluice_lease', "
           "'sluice_notes', 'sluice_revision', 'sluice_settings')";
}

void
schema_found(struct schema *s,
             const char *table,
             const char *column,
             const char *is_nullable)
{
    for (int i = 0; i < SCHEMA_TABLES; i++) {
        if (strcasecmp(table, tables[i].name) != 0)
            continue;
        s->tables |= 1u << i;
        if (i == SCHEMA_SERVICE_ELECTION &&
            strcasecmp(column, "share_domain") == 0)
            s->has_share = 1;
        if (i == SCHEMA_THROTTLED_APPS && strcasecmp(column, "expires_at") == 0)
            s->expires_null = strcasecmp(is_nullable, "YES") == 0;
    }
}

void
schema_create(enum schema_table table, char *text, size_t size)
{
    char *to = text;

    snprintf(text, size, HEAD "%s (%s" TAIL, tables[table].name,
             tables[table].columns + 2);
    for (const char *from = text; *from; from++) {
        if (*from != '\n')
            *to++ = *from;
        else if (from[1] == ' ')
            from++;
    }
    *to = '\0';
}

/* A name between backticks, or a text between quotes. */
static void
print_quoted(FILE *out, char quote, const char *text)
{
    fputc(quote, out);
    for (; *text; text++) {
        if (*text == quote || (quote == '\'' && *text == '\\'))
            fputc(*text, out);
        fputc(*text, out);
    }
    fputc(quote, out);
}

static void
print_grant(FILE *out, const char *schema, const char *user, const char *table)
{
    fputs("GRANT SELECT, INSERT, UPDATE, DELETE ON ", out);
    print_quoted(out, '`', schema);
    fprintf(out, ".%s TO ", table);
    print_quoted(out, '\'', user);
    fputs("@'%';\n", out);
}

void
schema_print(FILE *out, const char *schema, const char *user)
{
    fputs("-- The tables of Sluice's MySQL backend, and what its account may "
          "do there:\n"
          "-- run it as an administrator in the schema that "
          "BackendMySQLSchema names.\n"
          "-- The first four are freno's, for domains that hold both.\n",
          out);
    for (int i = 0; i < SCHEMA_TABLES; i++)
        fprintf(out, "\n" HEAD "%s (\n%s" TAIL ";\n", tables[i].name,
                tables[i].columns);
    fputc('\n', out);
    for (int i = 0; i < SCHEMA_TABLES; i++)
        print_grant(out, schema, user, tables[i].name);
}
