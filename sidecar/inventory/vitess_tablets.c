/* The tablets of a keyspace, read with jansson. */
#include "inventory/vitess_tablets.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <jansson.h>

#include "base/http_escape.h"

#define TYPE_REPLICA 2

/* ---- the URL ---------------------------------------------------------------
 */

static const char *
trim(const char *text, size_t *len)
{
    text += strspn(text, " \t");
    *len = strlen(text);
    while (*len > 0 && strchr(" \t", text[*len - 1]))
        --*len;
    return text;
}

/* "?cells=a%2Cb", or "". free() it. */
static char *
cells_query(const struct conf_list *cells)
{
    char *query = NULL, *longer;

    for (size_t i = 0; i < cells->count; i++) {
        size_t len;
        const char *cell = trim(cells->items[i], &len);
        char *copy = strndup(cell, len), *escaped;

        if (!copy)
            abort();
        escaped = http_escape(copy);
        free(copy);
        if (len > 0) {
            if (asprintf(&longer, "%s%s%s", query ? query : "?cells=",
                         query ? "%2C" : "", escaped) < 0)
                abort();
            free(query);
            query = longer;
        }
        free(escaped);
    }
    if (!query && !(query = strdup("")))
        abort();
    return query;
}

char *
vitess_tablets_url(const struct conf_vitess *conf)
{
    size_t len = strlen(conf->api);
    char *keyspace = http_escape(conf->keyspace);
    char *shard = http_escape(conf->shard);
    char *query = cells_query(&conf->cells), *url;
    int has_api;

    while (len > 0 && conf->api[len - 1] == '/')
        len--;
    has_api = len >= 4 && memcmp(conf->api + len - 4, "/api", 4) == 0;
    if (asprintf(&url, "%.*s%s/keyspace/%s/tablets/%s%s", (int)len, conf->api,
                 has_api ? "" : "/api", keyspace, shard, query) < 0)
        abort();
    free(query);
    free(shard);
    free(keyspace);
    return url;
}

/* ---- tablets ----------------------------------------------------------------
 */

static int
is_replica(const json_t *tablet)
{
    const json_t *type = json_object_get(tablet, "type");
    const char *word = json_string_value(type);

    return word ? strcasecmp(word, "replica") == 0
                : json_integer_value(type) == TYPE_REPLICA;
}

static int
is_in(const json_t *tablet, const struct conf_list *cells)
{
    const json_t *alias = json_object_get(tablet, "alias");
    const char *cell = json_string_value(json_object_get(alias, "cell"));
    size_t wanted = 0;

    for (size_t i = 0; i < cells->count; i++) {
        size_t len;
        const char *name = trim(cells->items[i], &len);

        wanted += len > 0;
        if (len > 0 && cell && strlen(cell) == len &&
            memcmp(cell, name, len) == 0)
            return 1;
    }
    return wanted == 0;
}

/* Without statistics nothing is known against it. */
static int
is_healthy(const json_t *tablet)
{
    const json_t *stats = json_object_get(tablet, "stats");
    const json_t *error = json_object_get(stats, "last_error");
    const json_t *realtime = json_object_get(stats, "realtime");

    if (!json_is_object(stats))
        return 1;
    return (!json_is_string(error) || json_string_length(error) == 0) &&
           realtime && !json_is_null(realtime);
}

static void
look_at(const json_t *tablet,
        const struct conf_list *cells,
        vitess_tablets_cb found,
        void *data)
{
    const char *host =
        json_string_value(json_object_get(tablet, "mysql_hostname"));
    json_int_t port = json_integer_value(json_object_get(tablet, "mysql_port"));

    if (host && *host != '\0' && port > 0 && port <= 65535 &&
        is_replica(tablet) && is_in(tablet, cells) && is_healthy(tablet))
        found(data, host, (uint16_t)port);
}

int
vitess_tablets_parse(const char *text,
                     size_t len,
                     const struct conf_list *cells,
                     vitess_tablets_cb found,
                     void *data,
                     char *err,
                     size_t err_size)
{
    json_error_t error;
    json_t *root = json_loadb(text, len, 0, &error);
    const char *wrong = NULL;
    json_t *tablet;
    size_t i;

    if (!root)
        snprintf(err, err_size, "not JSON: %s", error.text);
    else if (!json_is_array(root))
        wrong = "expected a list of tablets";
    json_array_foreach(root, i, tablet)
    {
        if (!json_is_object(tablet))
            wrong = "expected a list of tablets, found something else in it";
    }
    if (wrong)
        snprintf(err, err_size, "%s", wrong);
    if (!root || wrong) {
        json_decref(root);
        return -1;
    }
    json_array_foreach(root, i, tablet)
    {
        look_at(tablet, cells, found, data);
    }
    json_decref(root);
    return 0;
}
