/*
 * What several inventories fetch from one URL at the same moment is fetched
 * once: fifty clusters of one HAProxy ask it one question.
 */
#ifndef INVENTORY_FETCH_H
#define INVENTORY_FETCH_H

#include "base/http_client.h"

struct fetches; /* all of a process */
struct fetch;   /* one who waits */

/* The client is borrowed. */
struct fetches *fetches_new(struct http_client *client);

/* After every fetch came to its end. NULL is allowed. */
void fetches_free(struct fetches *fetches);

/* As http_client_get; of those who ask for the same URL (and CA) at the same
 * time the first one's bounds count. */
struct fetch *fetch_start(struct fetches *fetches,
                          const struct http_client_request *request,
                          http_client_cb cb,
                          void *data);

/* NULL is allowed. Not from its own callback. */
void fetch_cancel(struct fetch *fetch);

#endif
