/* What a change becomes in the store. */
#include "consensus/consensus_mysql_change.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/rand.h>

#include "consensus/facts.h"

/* 31 years: from now on beyond what a timestamp can hold. */
#define TTL_MAX_MS ((int64_t)1000000000 * 1000)

static int
is_throttle(const struct consensus_change *s)
{
    return s->kind == CHANGE_THROTTLE || s->kind == CHANGE_UNTHROTTLE;
}

static int
sets(const struct consensus_change *s)
{
    return s->kind == CHANGE_THROTTLE || s->kind == CHANGE_SKIP;
}

void
change_prepare(struct consensus_change *s, const struct schema *schema)
{
    s->lost = 0;
    if (sets(s) && s->ttl_ms <= 0)
        s->kind = is_throttle(s) ? CHANGE_UNTHROTTLE : CHANGE_RECOVER;
    if (s->ttl_ms > TTL_MAX_MS)
        s->ttl_ms = FACT_NEVER;
    if (!schema_has(schema, SCHEMA_SLUICE_NOTES)) {
        s->owner[0] = '\0';
        s->reason[0] = '\0';
    }
}

static enum schema_table
table_of(const struct consensus_change *s)
{
    if (s->kind == CHANGE_SET)
        return SCHEMA_SLUICE_SETTINGS;
    return is_throttle(s) ? SCHEMA_THROTTLED_APPS : SCHEMA_SKIPPED_HOSTS;
}

void
change_judge(const struct consensus_change *s,
             const struct schema *schema,
             char *why,
             size_t size)
{
    enum schema_table table = table_of(s);
    char create[SCHEMA_STATEMENT_SIZE];

    *why = '\0';
    if (s->key[0] == '\0') {
        snprintf(why, size, "the name is empty");
    } else if (!memchr(s->key, '\0', sizeof(s->key))) {
        snprintf(why, size, "the name is longer than %d bytes",
                 FACT_NAME_SIZE - 1);
    } else if (s->kind == CHANGE_THROTTLE && s->ratio != CHANGE_RATIO_KEEP &&
               !(s->ratio >= 0 && s->ratio <= 1)) {
        snprintf(why, size, "ratio must be in [0..1] range; got %.15g",
                 s->ratio);
    } else if (s->kind == CHANGE_SET &&
               !memchr(s->value, '\0', sizeof(s->value))) {
        snprintf(why, size, "the value is longer than %d bytes",
                 FACT_VALUE_SIZE - 1);
    } else if (!schema_has(schema, table)) {
        schema_create(table, create, sizeof(create));
        snprintf(why, size,
                 "the backend has no table %s, or this account no privilege "
                 "on it: %s",
                 schema_name(table), create);
    }
}

/* ---- statements ------------------------------------------------------- */

static int64_t
ttl_seconds(const struct consensus_change *s)
{
    return (s->ttl_ms + 999) / 1000;
}

/* Where "never" cannot be NULL it is the last second there is. */
static void
throttle_sql(struct sql *q, const struct consensus_change *s, int expires_null)
{
    if (s->ttl_ms != FACT_NEVER)
        sql_set(q,
                "replace into throttled_apps (app_name, throttled_at, "
                "expires_at, ratio) values (?s, now(), least(now() + interval "
                "?n second, from_unixtime(?n)), ?r)",
                s->key, ttl_seconds(s), (int64_t)FACTS_LAST_SECOND, s->ratio);
    else if (expires_null)
        sql_set(q,
                "insert into throttled_apps (app_name, throttled_at, "
                "expires_at, ratio) values (?s, now(), null, ?r) on duplicate "
                "key update ratio=values(ratio), expires_at=null",
                s->key, s->ratio);
    else
        sql_set(q,
                "insert into throttled_apps (app_name, throttled_at, "
                "expires_at, ratio) values (?s, now(), from_unixtime(?n), ?r) "
                "on duplicate key update ratio=values(ratio), "
                "expires_at=values(expires_at)",
                s->key, (int64_t)FACTS_LAST_SECOND, s->ratio);
}

static void
skip_sql(struct sql *q, const struct consensus_change *s)
{
    if (s->ttl_ms != FACT_NEVER)
        sql_set(q,
                "replace into skipped_hosts (host_name, skipped_at, "
                "expires_at) values (?s, now(), least(now() + interval ?n "
                "second, from_unixtime(?n)))",
                s->key, ttl_seconds(s), (int64_t)FACTS_LAST_SECOND);
    else
        sql_set(q,
                "replace into skipped_hosts (host_name, skipped_at, "
                "expires_at) values (?s, now(), from_unixtime(?n))",
                s->key, (int64_t)FACTS_LAST_SECOND);
}

static void
setting_sql(struct sql *q, const struct consensus_change *s)
{
    if (s->value[0] == '\0')
        sql_set(q, "delete from sluice_settings where name = ?s", s->key);
    else
        sql_set(q, "replace into sluice_settings (name, value) values (?s, ?s)",
                s->key, s->value);
}

/* A second ago: freno takes what ends in this very second for endless. */
void
change_row_sql(struct sql *q,
               const struct consensus_change *s,
               const struct schema *schema)
{
    const char *key = s->key;

    switch (s->kind) {
    case CHANGE_THROTTLE:
        throttle_sql(q, s, schema->expires_null);
        break;
    case CHANGE_SKIP:
        skip_sql(q, s);
        break;
    case CHANGE_UNTHROTTLE:
        sql_set(q,
                "update throttled_apps set expires_at = now() - interval 1 "
                "second where app_name = ?s",
                key);
        break;
    case CHANGE_RECOVER:
        sql_set(q,
                "update skipped_hosts set expires_at = now() - interval 1 "
                "second where host_name = ?s",
                key);
        break;
    case CHANGE_SET:
        setting_sql(q, s);
    }
}

void
change_note_sql(struct sql *q, const struct consensus_change *s)
{
    const char *kind = is_throttle(s) ? "throttle" : "skip";

    if (sets(s) && (s->owner[0] != '\0' || s->reason[0] != '\0'))
        sql_set(q,
                "replace into sluice_notes (kind, name, owner, reason) values "
                "(?s, ?s, ?s, ?s)",
                kind, s->key, s->owner, s->reason);
    else
        sql_set(q, "delete from sluice_notes where kind = ?s and name = ?s",
                kind, s->key);
}

void
change_old_sql(struct sql *q, const struct consensus_change *s)
{
    if (s->kind == CHANGE_SET) {
        sql_set(q,
                "select value from sluice_settings where name = ?s for update",
                s->key);
        return;
    }
    sql_set(q,
            "select unix_timestamp(expires_at), unix_timestamp(now(6)), ratio "
            "from throttled_apps where app_name = ?s for update",
            s->key);
}

void
change_store_sql(struct sql *q)
{
    unsigned char bytes[16];
    char id[2 * sizeof(bytes) + 1];

    if (RAND_bytes(bytes, sizeof(bytes)) != 1)
        abort();
    for (size_t i = 0; i < sizeof(bytes); i++)
        sprintf(id + 2 * i, "%02x", bytes[i]);
    sql_set(q,
            "insert ignore into sluice_revision (id, store_id, revision) "
            "values (1, ?s, 1)",
            id);
}
