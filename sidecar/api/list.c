/* Lists of what the facts say, by key. */
#include "api/api_private.h"

void
api_list_begin(struct api_list *list, const struct facts *facts)
{
    uint64_t now_ms = clock_mono_ms();

    *list = (struct api_list){0};
    if (now_ms > facts->read_mono_ms)
        list->age_ms = now_ms - facts->read_mono_ms;
    list->read_real_ms = clock_real_ms() - list->age_ms;
    body_add(&list->body, "{");
}

int
api_list_key(struct api_list *list, const char *key, int64_t remaining_ms)
{
    if (remaining_ms <= (int64_t)list->age_ms)
        return 0;
    if (list->body.len > 1)
        body_add(&list->body, ",");
    body_string(&list->body, key);
    body_add(&list->body, ":");
    return 1;
}

void
api_list_time(struct api_list *list, int64_t remaining_ms)
{
    if (remaining_ms == FACT_NEVER)
        body_add(&list->body, BODY_NEVER);
    else
        body_time(&list->body, list->read_real_ms + (uint64_t)remaining_ms);
}

void
api_list_notes(struct api_list *list, const char *owner, const char *reason)
{
    if (owner[0] != '\0') {
        body_add(&list->body, ",\"Owner\":");
        body_string(&list->body, owner);
    }
    if (reason[0] != '\0') {
        body_add(&list->body, ",\"Reason\":");
        body_string(&list->body, reason);
    }
}

void
api_list_end(struct api_list *list, struct http_request *r)
{
    body_add(&list->body, "}\n");
    api_show(r, API_JSON, &list->body);
    body_free(&list->body);
}
