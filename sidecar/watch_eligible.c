/* Eligible hosts, by SQL or by what their galera-healthchecks say. */
#include "watch_eligible.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What the number means when it is no index. */
enum answer {
    ANSWER_NO_WSREP = -1,
    ANSWER_NOT_READY = -2,
    ANSWER_NOT_PRIMARY = -3,
    ANSWER_NO_INDEX = -4,
    ANSWER_DONOR = -5,
    ANSWER_READ_ONLY = -6,
    ANSWER_STATE = -100 /* and less: wsrep_local_state */
};

/* Out of a component wsrep_local_index is 2^64 - 1, which sorted first in
 * Switchboard. */
#define INDEX_MAX "4294967296"

#define STATUS(name) "max(if(variable_name = '" name "', variable_value, null))"

/* clang-format off */
static const char galera_query[] =
    "select case"
    " when " STATUS("WSREP_LOCAL_STATE") " is null then -1"
    " when " STATUS("WSREP_CLUSTER_STATUS") " <> 'Primary' then -3"
    " when " STATUS("WSREP_LOCAL_STATE") " = 2 and %s then -5"
    " when " STATUS("WSREP_LOCAL_STATE") " not in (2, 4)"
    " then -100 - " STATUS("WSREP_LOCAL_STATE")
    " when " STATUS("WSREP_READY") " <> 'ON' then -2"
    " when " STATUS("WSREP_LOCAL_INDEX") " + 0 >= " INDEX_MAX " then -4"
    " when %s then -6"
    " else " STATUS("WSREP_LOCAL_INDEX") " + 0 end"
    " from information_schema.global_status"
    " where variable_name in ('WSREP_LOCAL_STATE', 'WSREP_CLUSTER_STATUS',"
    " 'WSREP_READY', 'WSREP_LOCAL_INDEX')";
/* clang-format on */

#define IS_READ_ONLY "@@global.read_only not in ('0', 'OFF')"

static const char *
donor_condition(enum conf_donor donor)
{
    switch (donor) {
    case CONF_DONOR_YES:
        return "false";
    case CONF_DONOR_NO:
        return "true";
    default:
        return "@@global.wsrep_sst_method like 'rsync%'";
    }
}

char *
eligible_query(const struct conf_routing *routing)
{
    const char *read_only = routing->read_only_ok ? "false" : IS_READ_ONLY;
    char *query;
    int len;

    if (routing->eligible == CONF_ELIGIBLE_GALERA)
        len = asprintf(&query, galera_query, donor_condition(routing->donor),
                       read_only);
    else if (routing->eligible == CONF_ELIGIBLE_HTTP)
        len = asprintf(&query, "%s", "");
    else
        len = asprintf(&query, "select if(%s, -6, 0)", read_only);
    if (len < 0)
        abort();
    return query;
}

static const char *
state_word(int state)
{
    static const char *const words[] = {"Initialized", "Joining",
                                        "Donor/Desynced", "Joined", "Synced"};

    return state >= 0 && state < 5 ? words[state] : "unknown";
}

static void
say_bad(int answer, struct eligible *out)
{
    static const char *const texts[] = {
        [-ANSWER_NO_WSREP] = "no Galera here: wsrep is off",
        [-ANSWER_NOT_READY] = "wsrep_ready is OFF",
        [-ANSWER_NOT_PRIMARY] = "not in the primary component",
        [-ANSWER_NO_INDEX] = "wsrep_local_index is undefined",
        [-ANSWER_DONOR] = "Donor/Desynced",
        [-ANSWER_READ_ONLY] = "read_only is ON",
    };

    out->kind = HEALTH_BAD;
    if (answer <= ANSWER_STATE)
        snprintf(out->text, sizeof(out->text), "wsrep_local_state is %s",
                 state_word(ANSWER_STATE - answer));
    else if (answer >= ANSWER_READ_ONLY)
        snprintf(out->text, sizeof(out->text), "%s", texts[-answer]);
    else
        snprintf(out->text, sizeof(out->text), "it answered %d", answer);
}

static void
read_error(const struct probe_result *result, struct eligible *out)
{
    out->kind = result->refused    ? HEALTH_REFUSED
                : result->answered ? HEALTH_BAD
                                   : HEALTH_SILENT;
    snprintf(out->text, sizeof(out->text), "%s", result->text);
}

static void
say_good(const struct conf_routing *routing, double value, struct eligible *out)
{
    int has_index = value < PROBE_NO_INDEX;

    out->kind = HEALTH_GOOD;
    out->index = has_index ? (uint64_t)value : ROUTE_NO_INDEX;
    if (routing->eligible == CONF_ELIGIBLE_REPLICATION)
        snprintf(out->text, sizeof(out->text), "writable");
    else if (!has_index)
        snprintf(out->text, sizeof(out->text), "healthy");
    else
        snprintf(out->text, sizeof(out->text), "%s, index %llu",
                 routing->eligible == CONF_ELIGIBLE_HTTP ? "healthy" : "Synced",
                 (unsigned long long)out->index);
}

void
eligible_read(const struct conf_routing *routing,
              const struct probe_result *result,
              struct eligible *out)
{
    memset(out, 0, sizeof(*out));
    out->index = ELIGIBLE_INDEX_UNSAID;
    if (!result->ok)
        read_error(result, out);
    else if (result->value >= 0)
        say_good(routing, result->value, out);
    else
        say_bad((int)result->value, out);
}
