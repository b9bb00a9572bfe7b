/* The verdict on a Galera node, from the server's own words. */
#include "agent/galera_health.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- what the server said --------------------------------------------- */

void
galera_facts_init(struct galera_facts *f)
{
    memset(f, 0, sizeof(*f));
    f->state = GALERA_NO_STATE;
    f->index = GALERA_NO_INDEX;
}

/* A number that is none, or negative, or too large is FALLBACK. */
static uint64_t
number(const char *text, uint64_t fallback)
{
    unsigned long long n;
    char *end;

    errno = 0;
    n = strtoull(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || strchr(text, '-'))
        return fallback;
    return n;
}

static void
word(char to[GALERA_WORD_SIZE], const char *text)
{
    snprintf(to, GALERA_WORD_SIZE, "%s", text);
}

void
galera_facts_row(struct galera_facts *f, const char *name, const char *value)
{
    if (strcasecmp(name, "wsrep_local_state") == 0)
        f->state = (int)(number(value, 0) & 0xffff);
    else if (strcasecmp(name, "wsrep_local_index") == 0)
        f->index = number(value, GALERA_NO_INDEX);
    else if (strcasecmp(name, "wsrep_ready") == 0)
        f->ready = strcasecmp(value, "ON") == 0;
    else if (strcasecmp(name, "wsrep_cluster_status") == 0)
        word(f->cluster_status, value);
    else if (strcasecmp(name, "read_only") == 0)
        f->read_only = strcasecmp(value, "OFF") != 0;
    else if (strcasecmp(name, "pxc_maint_mode") == 0)
        word(f->maint_mode, value);
}

/* ---- the verdict ------------------------------------------------------ */

/* galera-healthcheck's words; 1 when the state does not stand in the way. */
static int
state_allows(const struct galera_facts *f,
             const struct galera_rules *rules,
             char text[GALERA_TEXT_SIZE])
{
    const char *words = NULL;

    switch (f->state) {
    case GALERA_NO_STATE:
        words = "wsrep_local_state variable not set (possibly not a galera db)";
        break;
    case GALERA_JOINING:
        words = "joining";
        break;
    case GALERA_DONOR:
        words = rules->available_when_donor ? NULL : "not synced";
        break;
    case GALERA_JOINED:
        words = "joined";
        break;
    case GALERA_SYNCED:
        break;
    default:
        snprintf(text, GALERA_TEXT_SIZE, "Unrecognized state: %d", f->state);
        return 0;
    }
    if (words)
        snprintf(text, GALERA_TEXT_SIZE, "%s", words);
    return !words;
}

static int
is_drained(const struct galera_facts *f)
{
    return f->maint_mode[0] && strcasecmp(f->maint_mode, "DISABLED") != 0;
}

/* What galera-healthcheck says comes first and in its order, so that its
 * texts stay what they were. */
void
galera_judge(const struct galera_facts *f,
             const struct galera_rules *rules,
             struct galera_verdict *verdict)
{
    char *text = verdict->text;

    verdict->healthy = 0;
    if (!state_allows(f, rules, text))
        return;
    if (f->read_only && !rules->available_when_read_only)
        snprintf(text, GALERA_TEXT_SIZE, "read-only");
    else if (strcasecmp(f->cluster_status, "Primary") != 0)
        snprintf(text, GALERA_TEXT_SIZE, "wsrep_cluster_status is %s",
                 f->cluster_status[0] ? f->cluster_status : "not set");
    else if (!f->ready)
        snprintf(text, GALERA_TEXT_SIZE, "wsrep_ready is OFF");
    else if (f->index == GALERA_NO_INDEX)
        snprintf(text, GALERA_TEXT_SIZE, "wsrep_local_index is undefined");
    else if (is_drained(f))
        snprintf(text, GALERA_TEXT_SIZE, "maintenance: pxc_maint_mode is %s",
                 f->maint_mode);
    else if (f->maintenance_file)
        snprintf(text, GALERA_TEXT_SIZE, "maintenance: MaintenanceFile exists");
    else
        verdict->healthy = 1;
    if (verdict->healthy)
        snprintf(text, GALERA_TEXT_SIZE, "synced");
}

static void
comment(int state, char *out, size_t size)
{
    static const char *const words[] = {"Initialized", "Joining",
                                        "Donor/Desynced", "Joined", "Synced"};

    if (state >= 0 && state <= GALERA_SYNCED)
        snprintf(out, size, "%s", words[state]);
    else
        snprintf(out, size, "Unrecognized state: %d", state);
}

void
galera_json(const struct galera_facts *f,
            const struct galera_verdict *verdict,
            char json[GALERA_JSON_SIZE])
{
    char words[48];

    comment(f->state, words, sizeof(words));
    snprintf(json, GALERA_JSON_SIZE,
             "{\"wsrep_local_state\":%d,\"wsrep_local_state_comment\":\"%s\","
             "\"wsrep_local_index\":%llu,\"healthy\":%s}\n",
             f->state, words, (unsigned long long)f->index,
             verdict->healthy ? "true" : "false");
}
