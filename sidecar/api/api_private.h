/* What the files of the API share; nobody else includes it. */
#ifndef API_API_PRIVATE_H
#define API_API_PRIVATE_H

#include "api/api.h"
#include "api/body.h"
#include "base/http_server.h"

#define API_JSON "application/json"

/* A sentence for people, with a client's words in it. */
#define API_MESSAGE_SIZE 1024

struct api {
    struct api_hooks hooks;
    struct http_server *server;
};

/* {"StatusCode":…,"Message":…}; REASON (NULL: none) goes into the header
 * Sluice-Reason. Answers. */
void api_say(struct http_request *r,
             unsigned status,
             const char *reason,
             const char *message);

/* With a body of the route's own. Answers. */
void api_show(struct http_request *r, const char *type, const struct body *b);

/* 1 when the request may change something and its form has none but the
 * FIELDS known (NULL ends them); otherwise it is answered. */
int api_may_change(struct http_request *r, const char *const *fields);

/* The same, but the outcome goes to the callback, which answers. Only where
 * there is a store. */
void api_change_then(const struct api *a,
                     const struct consensus_change *change,
                     consensus_done_cb cb,
                     void *data);

/* Hands the change over; answers when its outcome is known. */
void api_change(const struct api *a,
                struct http_request *r,
                const struct consensus_change *change);

/* The store did not, or may or may not have; it says why in its words (NULL
 * or "": not). Logs it and answers. */
void api_say_failed(struct http_request *r,
                    enum consensus_outcome outcome,
                    const char *key,
                    const char *why);

/* 0 and *status; -1: there is no store, and the request is answered. */
int api_status(const struct api *a,
               struct http_request *r,
               struct consensus_status *status);

/* NULL: not known, and the request is answered. */
const struct facts *api_facts(const struct api *a, struct http_request *r);

/* list.c: {"<key>":…,…} of what does not expire before it is shown. */

struct api_list {
    struct body body;
    uint64_t age_ms;       /* of the facts */
    uint64_t read_real_ms; /* when they were read, by CLOCK_REALTIME */
};

void api_list_begin(struct api_list *list, const struct facts *facts);

/* Begins an entry; 0 when it is to be left out. */
int api_list_key(struct api_list *list, const char *key, int64_t remaining_ms);

/* The time when it expires. */
void api_list_time(struct api_list *list, int64_t remaining_ms);

/* Those that are not empty, as further members. */
void
api_list_notes(struct api_list *list, const char *owner, const char *reason);

/* Answers. */
void api_list_end(struct api_list *list, struct http_request *r);

/* throttle.c */
void api_throttle(void *api, struct http_request *r);
void api_unthrottle(void *api, struct http_request *r);
void api_throttled_apps(void *api, struct http_request *r);

/* skip.c */
void api_skip(void *api, struct http_request *r);
void api_recover(void *api, struct http_request *r);
void api_skipped_hosts(void *api, struct http_request *r);

/* consensus.c */
void api_leader(void *api, struct http_request *r);
void api_state(void *api, struct http_request *r);
void api_consensus_status(void *api, struct http_request *r);

/* memcache.c */
void api_memcache(void *api, struct http_request *r);

/* route.c: what operators say of routes, and Switchboard's PATCH */
void api_route_switch(void *api, struct http_request *r);
void api_route_traffic(void *api, struct http_request *r);
void api_route_mode(void *api, struct http_request *r);
void api_route_host(void *api, struct http_request *r);
void api_v0_cluster(void *api, struct http_request *r);

/* members.c */
void api_members(void *api, struct http_request *r);
void api_change_members(void *api, struct http_request *r);

#endif
