/* What is said of the backend's server and tables: once, in words that tell
 * what to do. */
#include "consensus/consensus_mysql_private.h"

#include <stdio.h>

#include <mysqld_error.h>

#include "base/log.h"

/* MySQL's, which MariaDB's header does not know. */
#define ER_READ_ONLY_MODE 1836

static const char *
advice(unsigned code)
{
    switch (code) {
    case ER_OPTION_PREVENTS_STATEMENT: /* read_only */
    case ER_READ_ONLY_MODE:
    case ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION:
        return "BackendMySQLHost is read-only: it has to be the primary";
    case ER_TABLEACCESS_DENIED_ERROR:
    case ER_COLUMNACCESS_DENIED_ERROR:
    case ER_DBACCESS_DENIED_ERROR:
    case ER_SPECIFIC_ACCESS_DENIED_ERROR:
        return "sluiced --print-schema prints the GRANTs";
    case ER_NO_SUCH_TABLE:
    case ER_BAD_FIELD_ERROR:
        return "sluiced --print-schema prints the tables";
    default:
        return NULL;
    }
}

void
consensus_mysql_advise(const struct mysql_failure *why, char *text, size_t size)
{
    const char *words = advice(why->code);

    if (words)
        snprintf(text, size, "%s; %s", why->text, words);
    else
        snprintf(text, size, "%s", why->text);
}

void
server_say(const struct consensus *c,
           const struct server_report *now,
           const struct server_report *before)
{
    if (now->read_only && !before->read_only)
        log_warn("backend_read_only", log_str("host", c->target.host),
                 log_int("port", c->target.port),
                 log_str("advice", "nothing can be stored and nobody can "
                                   "lead: BackendMySQLHost has to be the "
                                   "primary"));
    if (now->flush != 1 && now->flush != before->flush)
        log_warn("backend_not_durable", log_str("host", c->target.host),
                 log_int("innodb_flush_log_at_trx_commit", now->flush),
                 log_str("advice", "a throttle that was answered 200 can be "
                                   "lost when the server dies: set it to 1"));
    if (now->replica && !before->replica)
        log_warn("backend_is_replica", log_str("host", c->target.host),
                 log_int("port", c->target.port),
                 log_str("advice", "all nodes have to share one primary"));
}

static void
say_missing(enum schema_table table)
{
    char statement[SCHEMA_STATEMENT_SIZE];

    schema_create(table, statement, sizeof(statement));
    log_warn("backend_lacks", log_str("table", schema_name(table)),
             log_str("effect", schema_loss(table)),
             log_str("statement", statement),
             log_str("advice", "or this account has no privilege on it: "
                               "sluiced --print-schema prints both"));
}

static void
say_alter(const char *effect, const char *statement)
{
    log_warn("backend_differs", log_str("effect", effect),
             log_str("statement", statement));
}

void
schema_say(const struct schema *now, const struct schema *before)
{
    const struct schema all = {(1u << SCHEMA_TABLES) - 1, 1, 1};

    if (!before)
        before = &all;
    for (int i = 0; i < SCHEMA_TABLES; i++) {
        if (schema_has(now, (enum schema_table)i) !=
            schema_has(before, (enum schema_table)i)) {
            if (!schema_has(now, (enum schema_table)i))
                say_missing((enum schema_table)i);
            else
                log_info("backend_has",
                         log_str("table", schema_name((enum schema_table)i)));
        }
    }
    if (schema_has(now, SCHEMA_THROTTLED_APPS) && !now->expires_null &&
        before->expires_null)
        say_alter("\"never\" is stored as 2038-01-19 03:14:07 UTC",
                  schema_alter_expires);
    if (schema_has(now, SCHEMA_SERVICE_ELECTION) && !now->has_share &&
        before->has_share)
        say_alter("ShareDomain has no effect", schema_alter_share);
}
