/* Where clients find values without asking a check. */
#include "api/api_private.h"

void
api_memcache(void *api, struct http_request *r)
{
    const struct api *a = api;
    const struct conf_memcache *conf = a->hooks.memcache(a->hooks.data);
    struct body body = {0};

    body_add(&body, "{\"MemcacheServers\":[");
    for (size_t i = 0; i < conf->servers.count; i++) {
        body_add(&body, i ? "," : "");
        body_string(&body, conf->servers.items[i]);
    }
    body_add(&body, "],\"MemcachePath\":");
    body_string(&body, conf->path);
    body_add(&body, "}\n");
    api_show(r, API_JSON, &body);
    body_free(&body);
}
