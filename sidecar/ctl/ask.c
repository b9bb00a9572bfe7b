/* Questions to a running sluiced, on its control socket. */
#include "ctl/ask.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/http_fetch.h"

/* A change waits for the store, and one of the members until the new one has
 * everything. */
#define ASK_MS 10000
#define CHANGE_MS 60000

/* Of {"StatusCode":…,"Message":…}, or of any other text its first line. */
static void
take_message(struct answer *a, const struct http_fetched *got)
{
    json_t *json = json_loadb(got->body, got->len, 0, NULL);
    const char *text = json_string_value(json_object_get(json, "Message"));

    if (text)
        snprintf(a->message, sizeof(a->message), "%s", text);
    else
        snprintf(a->message, sizeof(a->message), "HTTP %u: %.*s", got->status,
                 (int)strcspn(got->body, "\r\n"), got->body);
    json_decref(json);
}

void
ask(const char *socket,
    const char *path,
    const char *form,
    struct answer *answer)
{
    struct http_fetch what = {
        .socket = socket,
        .form = form,
        .timeout_ms = form ? CHANGE_MS : ASK_MS,
    };
    struct http_fetched got;
    char *url;

    *answer = (struct answer){0};
    if (asprintf(&url, "http://localhost%s", path) < 0)
        abort();
    what.url = url;
    if (http_fetch(&what, &got, answer->message, sizeof(answer->message)) ==
        0) {
        take_message(answer, &got);
        answer->status = got.status;
        answer->body = got.body;
    } else if (!(answer->body = strdup(""))) {
        abort();
    }
    free(url);
}

void
answer_free(struct answer *answer)
{
    free(answer->body);
    *answer = (struct answer){0};
}
