
/*
 * What is known of this node and of a cluster: its metrics, where its hosts
 * come from, and each of them.
 */


#include "ngx_http_sluice_describe.h"

#include "sluice_words.h"


static void ngx_http_sluice_describe_own(ngx_http_sluice_json_t *j,
    const struct sluice_cluster *cluster, uint64_t now);
static void ngx_http_sluice_describe_metric(ngx_http_sluice_json_t *j,
    const struct sluice_metric *metric, uint64_t now);
static void ngx_http_sluice_describe_inventory(ngx_http_sluice_json_t *j,
    ngx_http_sluice_known_t *known, const struct sluice_cluster *cluster);
static void ngx_http_sluice_describe_hosts(ngx_http_sluice_json_t *j,
    ngx_http_sluice_known_t *known, const struct sluice_cluster *cluster);
static void ngx_http_sluice_describe_host(ngx_http_sluice_json_t *j,
    ngx_http_sluice_known_t *known, const struct sluice_host *host);
static void ngx_http_sluice_describe_value(ngx_http_sluice_json_t *j,
    ngx_uint_t known, double value);


void
ngx_http_sluice_know(ngx_http_sluice_known_t *known)
{
    known->err[0] = '\0';
    known->view = ngx_sluice_view(&known->fresh);
    known->detail = ngx_sluice_view_detail(known->err);
}


void
ngx_http_sluice_describe_age(ngx_http_sluice_json_t *j, const char *key,
    uint64_t then, uint64_t now)
{
    ngx_http_sluice_describe_ms(j, key, sluice_heartbeat_age(then, now));
}


void
ngx_http_sluice_describe_ms(ngx_http_sluice_json_t *j, const char *key,
    uint64_t age)
{
    if (age == SLUICE_AGE_UNKNOWN) {
        ngx_http_sluice_json_null(j, key);

    } else {
        ngx_http_sluice_json_integer(j, key, age);
    }
}


void
ngx_http_sluice_describe_node(ngx_http_sluice_json_t *j,
    ngx_http_sluice_known_t *known)
{
    ngx_uint_t                flags;
    struct sluice_rules       rules;
    struct sluice_freshness  *fresh;

    fresh = &known->fresh;
    flags = known->view ? known->view->node.flags : 0;

    ngx_sluice_rules(&rules);

    ngx_http_sluice_json_open(j, "Node", '{');
    ngx_http_sluice_json_string(j, "NoState",
                                fresh->no_state ? fresh->no_state : "");
    ngx_http_sluice_json_flag(j, "Ready", (flags & SLUICE_NODE_READY) != 0);
    ngx_http_sluice_json_flag(j, "Leader", known->view
                              && sluice_view_leads(known->view, fresh));
    ngx_http_sluice_json_flag(j, "LeaderOnly",
                              (flags & SLUICE_NODE_LEADER_ONLY) != 0);
    ngx_http_sluice_json_flag(j, "FactsUnknown",
                              sluice_rules_unknown(&rules) != 0);

    ngx_http_sluice_describe_ms(j, "HeartbeatAgeMs", fresh->heartbeat_age_ms);
    ngx_http_sluice_json_integer(j, "MaxAgeMs", fresh->max_age_ms);
    ngx_http_sluice_json_string(j, "NoDetail",
                                known->detail ? "" : known->err);
    ngx_http_sluice_json_close(j, '}');
}


void
ngx_http_sluice_describe_cluster(ngx_http_sluice_json_t *j,
    ngx_http_sluice_known_t *known, const struct sluice_cluster *cluster)
{
    uint32_t                     i, n;
    uint64_t                     now;
    const struct sluice_metric  *metrics;

    now = known->fresh.now_mono_ms;

    ngx_http_sluice_json_open(j, "Metrics", '[');
    ngx_http_sluice_describe_own(j, cluster, now);

    metrics = sluice_view_metrics(known->view, cluster->name,
                                  ngx_strlen(cluster->name), &n);

    for (i = 0; i < n; i++) {
        ngx_http_sluice_describe_metric(j, &metrics[i], now);
    }

    ngx_http_sluice_json_close(j, ']');

    ngx_http_sluice_describe_age(j, "HealthyAgeMs", cluster->healthy_mono_ms,
                                 now);

    /* null: nobody says anything */

    if (cluster->share_until_mono_ms > now) {
        ngx_http_sluice_json_integer(j, "ShareDomainSeconds",
                                     cluster->share_unhealthy_s);

    } else {
        ngx_http_sluice_json_null(j, "ShareDomainSeconds");
    }

    ngx_http_sluice_describe_inventory(j, known, cluster);
    ngx_http_sluice_describe_hosts(j, known, cluster);
}


/* the same shape for both kinds */

static void
ngx_http_sluice_describe_own(ngx_http_sluice_json_t *j,
    const struct sluice_cluster *cluster, uint64_t now)
{
    struct sluice_metric  metric;

    ngx_memzero(&metric, sizeof(struct sluice_metric));

    ngx_memcpy(metric.name, SLUICE_METRIC_OWN, sizeof(SLUICE_METRIC_OWN));
    ngx_memcpy(metric.error, cluster->error, SLUICE_ERROR_SIZE);

    metric.value = cluster->value;
    metric.threshold = cluster->threshold;
    metric.sampled_mono_ms = cluster->sampled_mono_ms;
    metric.valid_until_mono_ms = cluster->valid_until_mono_ms;
    metric.status = cluster->status;
    metric.scope = SLUICE_SCOPE_ALL;

    ngx_http_sluice_describe_metric(j, &metric, now);
}


static void
ngx_http_sluice_describe_metric(ngx_http_sluice_json_t *j,
    const struct sluice_metric *metric, uint64_t now)
{
    ngx_uint_t  value;

    value = metric->status == SLUICE_METRIC_VALUE;

    ngx_http_sluice_json_open(j, NULL, '{');
    ngx_http_sluice_json_string(j, "Name", metric->name);
    ngx_http_sluice_json_string(j, "Scope", sluice_scope_word(metric->scope));
    ngx_http_sluice_json_string(j, "Status",
                                sluice_metric_word(metric->status));
    ngx_http_sluice_describe_value(j, value, metric->value);
    ngx_http_sluice_json_number(j, "Threshold", metric->threshold);
    ngx_http_sluice_describe_age(j, "AgeMs", metric->sampled_mono_ms, now);
    ngx_http_sluice_json_flag(j, "Stale",
                              value && metric->valid_until_mono_ms < now);
    ngx_http_sluice_json_string(j, "Error",
                                metric->status == SLUICE_METRIC_ERROR
                                ? metric->error : "");
    ngx_http_sluice_json_close(j, '}');
}


static void
ngx_http_sluice_describe_inventory(ngx_http_sluice_json_t *j,
    ngx_http_sluice_known_t *known, const struct sluice_cluster *cluster)
{
    const struct sluice_inventory  *inventory;

    inventory = NULL;

    if (known->detail) {
        inventory = sluice_view_inventory(known->detail, cluster->name,
                                          ngx_strlen(cluster->name));
    }

    if (inventory == NULL) {
        ngx_http_sluice_json_null(j, "Inventory");
        return;
    }

    ngx_http_sluice_json_open(j, "Inventory", '{');
    ngx_http_sluice_json_string(j, "Provider", inventory->provider);
    ngx_http_sluice_describe_age(j, "AgeMs", inventory->answered_mono_ms,
                                 known->fresh.now_mono_ms);
    ngx_http_sluice_json_integer(j, "Hosts", inventory->hosts);
    ngx_http_sluice_json_integer(j, "Failures", inventory->failures);
    ngx_http_sluice_json_string(j, "Error", inventory->error);
    ngx_http_sluice_json_close(j, '}');
}


static void
ngx_http_sluice_describe_hosts(ngx_http_sluice_json_t *j,
    ngx_http_sluice_known_t *known, const struct sluice_cluster *cluster)
{
    uint32_t                   i;
    const struct sluice_host  *host;

    ngx_http_sluice_json_open(j, "Hosts", '[');

    for (i = 0; known->detail && i < known->detail->nhosts; i++) {

        host = &known->detail->hosts[i];

        if (ngx_strcmp(host->cluster, cluster->name) == 0) {
            ngx_http_sluice_describe_host(j, known, host);
        }
    }

    ngx_http_sluice_json_close(j, ']');
}


static void
ngx_http_sluice_describe_host(ngx_http_sluice_json_t *j,
    ngx_http_sluice_known_t *known, const struct sluice_host *host)
{
    uint32_t                          i, n;
    uint64_t                          now;
    const struct sluice_host_metric  *m;

    now = known->fresh.now_mono_ms;

    ngx_http_sluice_json_open(j, NULL, '{');
    ngx_http_sluice_json_string(j, "Name", host->name);
    ngx_http_sluice_json_integer(j, "Port", host->port);
    ngx_http_sluice_json_string(j, "Address", host->address);
    ngx_http_sluice_json_string(j, "Role", sluice_role_word(host->role));
    ngx_http_sluice_json_string(j, "Status", sluice_host_word(host->status));

    /* one in quarantine has been asked */

    ngx_http_sluice_describe_value(j, host->status == SLUICE_HOST_VALUE
                                   || (host->status == SLUICE_HOST_EXCLUDED
                                       && host->excluded
                                          == SLUICE_EXCLUDED_QUARANTINED),
                                   host->value);
    ngx_http_sluice_describe_age(j, "AgeMs", host->sampled_mono_ms, now);
    ngx_http_sluice_json_string(j, "Excluded",
                                host->status == SLUICE_HOST_EXCLUDED
                                ? sluice_excluded_word(host->excluded) : "");
    ngx_http_sluice_json_string(j, "Text", host->text);

    ngx_http_sluice_json_open(j, "Metrics", '[');

    m = sluice_view_host_metrics(known->detail, host, &n);

    for (i = 0; i < n; i++) {
        ngx_http_sluice_json_open(j, NULL, '{');
        ngx_http_sluice_json_string(j, "Name", m[i].metric);
        ngx_http_sluice_json_string(j, "Status",
                                    sluice_host_word(m[i].status));
        ngx_http_sluice_describe_value(j, m[i].status == SLUICE_HOST_VALUE,
                                       m[i].value);
        ngx_http_sluice_describe_age(j, "AgeMs", m[i].sampled_mono_ms, now);
        ngx_http_sluice_json_string(j, "Text", m[i].text);
        ngx_http_sluice_json_close(j, '}');
    }

    ngx_http_sluice_json_close(j, ']');
    ngx_http_sluice_json_close(j, '}');
}


static void
ngx_http_sluice_describe_value(ngx_http_sluice_json_t *j, ngx_uint_t known,
    double value)
{
    if (known) {
        ngx_http_sluice_json_number(j, "Value", value);

    } else {
        ngx_http_sluice_json_null(j, "Value");
    }
}
