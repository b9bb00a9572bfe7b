/* Throttled apps. */
#include "api/api_private.h"

#include <stdio.h>
#include <string.h>

#include "api/words.h"

/* A ttl or ratio may stand in the path, as freno has it, or in the form of a
 * POST. freno never looked for them in the query of a GET. */
static const char *
word(const struct http_request *r, const char *name)
{
    const char *text = http_request_segment(r, name);

    if (text || http_request_method(r) != HTTP_POST)
        return text;
    return http_request_param(r, name);
}

static struct words
read_words(const struct http_request *r)
{
    struct words w = {
        .name = http_request_segment(r, "app"),
        .store = http_request_param(r, "store_name"),
        .ttl = word(r, "ttl"),
        .ratio = word(r, "ratio"),
        .owner = http_request_param(r, "owner"),
        .reason = http_request_param(r, "reason"),
    };

    return w;
}

static int
is_throttled(const struct facts *facts, const char *key)
{
    for (size_t i = 0; i < facts->nthrottles; i++)
        if (strcmp(facts->throttles[i].key, key) == 0)
            return 1;
    return 0;
}

/* What was throttled for a store that is no longer configured can be
 * unthrottled all the same. */
static int
store_is_known(const struct api *a,
               const char *store,
               const struct consensus_change *change)
{
    const struct facts *facts;

    if (!store || !store[0] || a->hooks.cluster_exists(a->hooks.data, store))
        return 1;
    if (change->kind != CHANGE_UNTHROTTLE)
        return 0;
    facts = a->hooks.facts(a->hooks.data);
    return facts && is_throttled(facts, change->key);
}

typedef int (*words_fn)(const struct words *w,
                        struct consensus_change *out,
                        char *err,
                        size_t err_size);

static void
change_throttle(const struct api *a, struct http_request *r, words_fn make)
{
    static const char *const fields[] = {"store_name", "ttl",    "ratio",
                                         "owner",      "reason", NULL};
    struct words w = read_words(r);
    struct consensus_change change;
    char message[API_MESSAGE_SIZE];

    if (!api_may_change(r, fields))
        return;
    if (make(&w, &change, message, sizeof(message)) != 0) {
        api_say(r, 500, NULL, message);
    } else if (!store_is_known(a, w.store, &change)) {
        snprintf(message, sizeof(message),
                 "unknown store_name %.200s: name a cluster of the "
                 "configuration, or none for all",
                 w.store);
        api_say(r, 404, NULL, message);
    } else {
        api_change(a, r, &change);
    }
}

void
api_throttle(void *api, struct http_request *r)
{
    change_throttle(api, r, words_throttle);
}

void
api_unthrottle(void *api, struct http_request *r)
{
    change_throttle(api, r, words_unthrottle);
}

void
api_throttled_apps(void *api, struct http_request *r)
{
    const struct facts *facts = api_facts(api, r);
    struct api_list list;

    if (!facts)
        return;
    api_list_begin(&list, facts);
    for (size_t i = 0; i < facts->nthrottles; i++) {
        const struct fact_throttle *t = &facts->throttles[i];

        if (!api_list_key(&list, t->key, t->remaining_ms))
            continue;
        body_add(&list.body, "{\"ExpireAt\":");
        api_list_time(&list, t->remaining_ms);
        body_add(&list.body, ",\"Ratio\":");
        body_number(&list.body, t->ratio);
        api_list_notes(&list, t->owner, t->reason);
        body_add(&list.body, "}");
    }
    api_list_end(&list, r);
}
