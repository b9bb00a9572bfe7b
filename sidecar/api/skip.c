/* Skipped hosts. */
#include "api/api_private.h"

#include <string.h>

#include "api/words.h"

static void
change_skip(const struct api *a,
            struct http_request *r,
            int (*make)(const struct words *w,
                        struct consensus_change *out,
                        char *err,
                        size_t err_size))
{
    static const char *const fields[] = {"ttl", "owner", "reason", NULL};
    struct words w = {
        .name = http_request_segment(r, "host"),
        .ttl = http_request_segment(r, "ttl"),
        .owner = http_request_param(r, "owner"),
        .reason = http_request_param(r, "reason"),
    };
    struct consensus_change change;
    char message[API_MESSAGE_SIZE];

    if (!w.ttl && http_request_method(r) == HTTP_POST)
        w.ttl = http_request_param(r, "ttl");
    if (!api_may_change(r, fields))
        return;
    if (make(&w, &change, message, sizeof(message)) != 0)
        api_say(r, 500, NULL, message);
    else
        api_change(a, r, &change);
}

void
api_skip(void *api, struct http_request *r)
{
    change_skip(api, r, words_skip);
}

void
api_recover(void *api, struct http_request *r)
{
    change_skip(api, r, words_recover);
}

/* freno's list is of host to time. Who wants to see owner and reason says so:
 * a client of freno's would not know what to do with an object. */
void
api_skipped_hosts(void *api, struct http_request *r)
{
    const char *asked = http_request_param(r, "details");
    int details = asked && strcmp(asked, "true") == 0;
    const struct facts *facts = api_facts(api, r);
    struct api_list list;

    if (!facts)
        return;
    api_list_begin(&list, facts);
    for (size_t i = 0; i < facts->nskips; i++) {
        const struct fact_skip *s = &facts->skips[i];

        if (!api_list_key(&list, s->host, s->remaining_ms))
            continue;
        if (details)
            body_add(&list.body, "{\"ExpireAt\":");
        api_list_time(&list, s->remaining_ms);
        if (details) {
            api_list_notes(&list, s->owner, s->reason);
            body_add(&list.body, "}");
        }
    }
    api_list_end(&list, r);
}
