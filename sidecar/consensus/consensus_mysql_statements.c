/* The statements of the lease, the election and the reader. */
#include "consensus/consensus_mysql_statements.h"

#include "consensus/consensus_mysql_change.h"

/* ---- the lease -------------------------------------------------------- */

void
statement_lease(struct sql *q,
                const struct consensus *c,
                enum lease_step step,
                const struct lease_row *row)
{
    switch (step) {
    case LEASE_LOOK:
        sql_set(q,
                "select holder, instance, term, seq from sluice_lease where "
                "domain = ?s",
                c->domain);
        break;
    case LEASE_CREATE:
        sql_set(q,
                "insert ignore into sluice_lease (domain, holder, instance, "
                "term, seq, renewed_at) values (?s, ?s, ?s, 1, 1, now())",
                c->domain, c->service_id, c->instance);
        break;
    case LEASE_TAKE:
        sql_set(q,
                "update sluice_lease set holder = ?s, instance = ?s, term = "
                "term + 1, seq = seq + 1, renewed_at = now() where domain = "
                "?s and instance = ?s and seq = ?u",
                c->service_id, c->instance, c->domain, row->instance, row->seq);
        break;
    case LEASE_RENEW:
        sql_set(q,
                "update sluice_lease set seq = seq + 1, renewed_at = now() "
                "where domain = ?s and instance = ?s and seq = ?u",
                c->domain, c->instance, row->seq);
    }
}

void
statement_release(struct sql *q, const struct consensus *c)
{
    sql_set(q,
            "update sluice_lease set holder = '', instance = '', seq = seq + "
            "1, renewed_at = now() where domain = ?s and instance = ?s",
            c->domain, c->instance);
}

/* ---- the election ----------------------------------------------------- */

static void
claim(struct sql *q, const struct consensus *c)
{
    if (c->schema.has_share)
        sql_set(
            q,
            "insert ignore into service_election (domain, share_domain, "
            "service_id, last_seen_active) values (?s, ?s, ?s, now()) on "
            "duplicate key update service_id = if(last_seen_active < now() - "
            "interval 5 second, values(service_id), service_id), share_domain "
            "= if(service_id = values(service_id), values(share_domain), "
            "share_domain), last_seen_active = if(service_id = "
            "values(service_id), values(last_seen_active), last_seen_active)",
            c->domain, c->share_domain, c->service_id);
    else
        sql_set(
            q,
            "insert ignore into service_election (domain, service_id, "
            "last_seen_active) values (?s, ?s, now()) on duplicate key update "
            "service_id = if(last_seen_active < now() - interval 5 second, "
            "values(service_id), service_id), last_seen_active = "
            "if(service_id = values(service_id), values(last_seen_active), "
            "last_seen_active)",
            c->domain, c->service_id);
}

static void
take(struct sql *q, const struct consensus *c, const char *leader)
{
    if (c->schema.has_share)
        sql_set(q,
                "update service_election set service_id = ?s, share_domain = "
                "?s, last_seen_active = now() where domain = ?s and "
                "service_id = ?s",
                c->service_id, c->share_domain, c->domain, leader);
    else
        sql_set(q,
                "update service_election set service_id = ?s, "
                "last_seen_active = now() where domain = ?s and service_id = "
                "?s",
                c->service_id, c->domain, leader);
}

void
statement_election(struct sql *q,
                   const struct consensus *c,
                   enum election_step step,
                   const char *leader)
{
    if (step == ELECTION_CLAIM)
        claim(q, c);
    else if (step == ELECTION_TAKE)
        take(q, c, leader);
    else
        sql_set(q, "select service_id from service_election where domain = ?s",
                c->domain);
}

void
statement_age(struct sql *q, const struct consensus *c)
{
    sql_set(q,
            "update service_election set last_seen_active = now() - interval "
            "10 second where domain = ?s and service_id = ?s",
            c->domain, c->service_id);
}

/* ---- the reader ------------------------------------------------------- */

static void
beat(struct sql *q, const struct consensus *c)
{
    sql_set(q,
            "insert ignore into service_health (service_id, domain, "
            "share_domain, last_seen_active) values (?s, ?s, ?s, now()) on "
            "duplicate key update domain=values(domain), "
            "share_domain=values(share_domain), "
            "last_seen_active=values(last_seen_active)",
            c->service_id, c->domain, c->share_domain);
}

void
statement_read(struct sql *q, const struct consensus *c, enum read_step step)
{
    static const char *const fixed[READ_STEPS] = {
        [READ_SERVER] = "select @@global.read_only, "
                        "@@global.innodb_flush_log_at_trx_commit",
        [READ_REPLICA] = "show replica status",
        [READ_REVISION] =
            "select revision, store_id from sluice_revision where id = 1",
        [READ_THROTTLES] = "select app_name, unix_timestamp(expires_at), "
                           "unix_timestamp(now(6)), ratio from throttled_apps",
        [READ_SKIPS] = "select host_name, unix_timestamp(expires_at), "
                       "unix_timestamp(now(6)) from skipped_hosts",
        [READ_NOTES] = "select kind, name, owner, reason from sluice_notes",
        [READ_SETTINGS] = "select name, value from sluice_settings",
    };

    if (step == READ_SCHEMA)
        sql_copy(q, schema_question());
    else if (step == READ_STORE)
        change_store_sql(q);
    else if (step == READ_BEAT)
        beat(q, c);
    else if (step == READ_SERVICES)
        sql_set(q,
                "select service_id from service_health where domain = ?s and "
                "last_seen_active >= now() - interval 5 second order by "
                "service_id",
                c->domain);
    else if (step == READ_SHARES)
        sql_set(q,
                "select domain, service_id from service_election where "
                "share_domain = ?s and last_seen_active >= now() - interval 5 "
                "second and service_id != ?s order by domain",
                c->share_domain, c->service_id);
    else
        sql_copy(q, fixed[step]);
}
