
/*
 * Who is throttled, as JSON: the rules of the state file as the overlay
 * changes them, and those that were only heard so far.
 */


#include "ngx_http_sluice_describe.h"
#include "ngx_sluice_zone.h"


static void ngx_http_sluice_throttles_heard(ngx_http_sluice_json_t *j,
    struct sluice_rules *rules, uint64_t now);
static void ngx_http_sluice_throttles_key(ngx_http_sluice_json_t *j,
    struct sluice_rules *rules, const char *key, uint64_t now);


void
ngx_http_sluice_describe_throttles(ngx_http_sluice_json_t *j, uint64_t now)
{
    uint32_t             i;
    struct sluice_rules  rules;

    ngx_sluice_rules(&rules);

    ngx_http_sluice_json_open(j, "Throttles", '[');

    for (i = 0; i < rules.view->nthrottles; i++) {
        ngx_http_sluice_throttles_key(j, &rules, rules.view->throttles[i].key,
                                      now);
    }

    ngx_http_sluice_throttles_heard(j, &rules, now);
    ngx_http_sluice_json_close(j, ']');
}


static void
ngx_http_sluice_throttles_heard(ngx_http_sluice_json_t *j,
    struct sluice_rules *rules, uint64_t now)
{
    uint32_t                      at;
    ngx_sluice_zone_t            *zone;
    struct sluice_overlay_order   order;

    zone = ngx_sluice_zone();
    at = 0;

    while (zone && sluice_overlay_next(zone->overlay, &at,
                                       &rules->view->facts, &order))
    {
        if (sluice_view_throttle(rules->view, order.key,
                                 ngx_strlen(order.key))
            == NULL)
        {
            ngx_http_sluice_throttles_key(j, rules, order.key, now);
        }
    }
}


/* nothing when its rule does not stand */

static void
ngx_http_sluice_throttles_key(ngx_http_sluice_json_t *j,
    struct sluice_rules *rules, const char *key, uint64_t now)
{
    struct sluice_rule  rule;
    struct sluice_text  app, none;

    app.data = key;
    app.len = ngx_strlen(key);
    none.data = "";
    none.len = 0;

    if (sluice_throttle_rule(rules, app, none, now, &rule)) {
        ngx_http_sluice_describe_throttle(j, key, app.len, &rule, now);
    }
}


void
ngx_http_sluice_describe_throttle(ngx_http_sluice_json_t *j, const char *key,
    size_t len, struct sluice_rule *rule, uint64_t now)
{
    ngx_http_sluice_json_open(j, NULL, '{');
    ngx_http_sluice_json_text(j, "Key", key, len);
    ngx_http_sluice_json_number(j, "Ratio", rule->ratio);

    if (rule->expires_mono_ms) {
        ngx_http_sluice_json_integer(j, "ExpiresInSeconds",
                                     (rule->expires_mono_ms - now + 999)
                                     / 1000);

    } else {
        ngx_http_sluice_json_null(j, "ExpiresInSeconds");
    }

    ngx_http_sluice_json_string(j, "From", rule->heard ? "redis" : "state");
    ngx_http_sluice_json_close(j, '}');
}
