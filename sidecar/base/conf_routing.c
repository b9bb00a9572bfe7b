/* Routing of a cluster: which hosts may be the active one, and which of them
 * is. */
#include "base/conf_block.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* The word's place among those, or -1 and a problem with the key. */
static int
find_word(const struct conf_block *b,
          enum conf_id id,
          const char *const *words,
          const char *expected)
{
    const char *text = conf_string(b, id);

    for (int i = 0; words[i]; i++)
        if (strcasecmp(text, words[i]) == 0)
            return i;
    conf_block_problem(b, CONF_ERROR, id, expected);
    return -1;
}

static void
read_eligible(struct conf_routing *r, const struct conf_block *b)
{
    static const char *const words[] = {"galera", "http", "replication", NULL};
    static const enum conf_eligible kinds[] = {
        CONF_ELIGIBLE_GALERA, CONF_ELIGIBLE_HTTP, CONF_ELIGIBLE_REPLICATION};
    int found;

    if (!conf_is_set(b, CONF_ROUTING_Eligible)) {
        if (!conf_is_wrong(b, CONF_ROUTING_Eligible))
            conf_report_add(b->report, CONF_ERROR, b->line, b->path,
                            "expected Eligible: galera, http or replication");
        return;
    }
    found = find_word(b, CONF_ROUTING_Eligible, words,
                      "expected galera, http or replication");
    if (found >= 0)
        r->eligible = kinds[found];
}

static void
read_words(struct conf_routing *r, const struct conf_block *b)
{
    static const char *const choices[] = {"sticky", "lowest-index", NULL};
    static const char *const donors[] = {"auto", "yes", "no", NULL};
    static const char *const agreements[] = {"static", "lease", NULL};

    r->lowest_index = find_word(b, CONF_ROUTING_Choice, choices,
                                "expected sticky or lowest-index") == 1;
    r->lease = find_word(b, CONF_ROUTING_Agreement, agreements,
                         "expected static or lease") == 1;
    switch (find_word(b, CONF_ROUTING_AvailableWhenDonor, donors,
                      "expected auto, yes or no")) {
    case 1:
        r->donor = CONF_DONOR_YES;
        break;
    case 2:
        r->donor = CONF_DONOR_NO;
        break;
    default:
        r->donor = CONF_DONOR_AUTO;
    }
}

/* A host that misses one deadline is not dead. */
static void
check_freeze(const struct conf_routing *r,
             const struct conf_block *b,
             const struct conf_block *cluster)
{
    int timeout_ms = (int)cluster->values[CONF_BLOCK_ProbeTimeoutMillis].number;

    if (r->eligible == CONF_ELIGIBLE_HTTP &&
        r->freeze_ms <= timeout_ms + r->status.interval_ms)
        conf_block_problem(b, CONF_ERROR, CONF_ROUTING_FreezeMillis,
                           "expected more than StatusIntervalMillis and "
                           "ProbeTimeoutMillis together: one answer that is "
                           "late is no death");
    else if (r->freeze_ms <= timeout_ms)
        conf_block_problem(b, CONF_ERROR, CONF_ROUTING_FreezeMillis,
                           "expected more than ProbeTimeoutMillis: one answer "
                           "that is late is no death");
}

static void
read_lease(struct conf_routing *r, const struct conf_block *b)
{
    r->writer_lease_ms = (int)b->values[CONF_ROUTING_WriterLeaseMillis].number;
    if (!r->lease && conf_is_set(b, CONF_ROUTING_WriterLeaseMillis))
        conf_block_problem(b, CONF_ERROR, CONF_ROUTING_WriterLeaseMillis,
                           "is for Agreement lease only");
    if (r->lease)
        conf_block_problem(b, CONF_NOTE, CONF_ROUTING_Agreement,
                           "with lease nobody writes while the store of facts "
                           "is away for longer than WriterLeaseMillis");
}

void
conf_read_routing(struct conf_cluster *c, struct conf_block *cluster)
{
    struct conf_routing *r = &c->routing;
    struct conf_block b;

    if (conf_block_child(&b, cluster, CONF_CLUSTER_Routing, CONF_ROUTING)) {
        read_eligible(r, &b);
        read_words(r, &b);
        r->read_only_ok =
            b.values[CONF_ROUTING_AvailableWhenReadOnly].number != 0;
        r->rise = (unsigned)b.values[CONF_ROUTING_Rise].number;
        r->fall = (unsigned)b.values[CONF_ROUTING_Fall].number;
        r->freeze_ms = (int)b.values[CONF_ROUTING_FreezeMillis].number;
        r->priority = conf_take_list(&b, CONF_ROUTING_Priority);
        r->line = b.line;
        conf_read_status(r, &b);
        read_lease(r, &b);
        check_freeze(r, &b, cluster);
    }
    conf_block_free(&b);
}

/* Where writers go has to be agreed on, and to be known after a restart. */
void
conf_validate_routing(const struct conf *c, const struct conf_block *top)
{
    if (top->values[CONF_TOP_BackendMySQLHost].given || conf_raft_is_used(top))
        return;
    for (size_t i = 0; i < c->nclusters; i++) {
        char *path;

        if (c->clusters[i].routing.eligible == CONF_ELIGIBLE_NONE)
            continue;
        path = conf_path("Stores.MySQL.Clusters", c->clusters[i].name);
        conf_report_add(top->report, CONF_ERROR, c->clusters[i].routing.line,
                        path,
                        "Routing needs RaftDataDir or BackendMySQLHost: nodes "
                        "agree there on the active host, and a restart finds "
                        "it there");
        free(path);
    }
}

void
conf_free_routing(struct conf_cluster *c)
{
    conf_list_free(&c->routing.priority);
    conf_free_status(&c->routing);
}
