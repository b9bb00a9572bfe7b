/* Reads /metrics-health with jansson. */
#include "share/share_health.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

static int
by_name(const void *a, const void *b)
{
    const struct share_metric *x = a, *y = b;

    return strcmp(x->name, y->name);
}

static uint32_t
seconds_of(const json_t *value)
{
    double seconds = json_number_value(value);

    if (!(seconds > 0))
        return 0;
    return seconds < UINT32_MAX ? (uint32_t)seconds : UINT32_MAX;
}

static int
add(struct share_health *out, const char *name, const json_t *metric)
{
    const json_t *value = json_object_get(metric, "SecondsSinceLastHealthy");

    if (!json_is_number(value))
        return -1;
    out->items[out->count].name = strdup(name);
    if (!out->items[out->count].name)
        abort();
    out->items[out->count++].unhealthy_s = seconds_of(value);
    return 0;
}

static int
read_object(json_t *root, struct share_health *out, char *err, size_t err_size)
{
    const char *name;
    json_t *metric;

    if (!json_is_object(root)) {
        snprintf(err, err_size, "its health is not an object");
        return -1;
    }
    out->items = calloc(json_object_size(root) + 1, sizeof(*out->items));
    if (!out->items)
        abort();
    json_object_foreach(root, name, metric)
    {
        if (add(out, name, metric) != 0) {
            snprintf(err, err_size,
                     "its health of %.80s has no number "
                     "SecondsSinceLastHealthy",
                     name);
            share_health_free(out);
            return -1;
        }
    }
    qsort(out->items, out->count, sizeof(*out->items), by_name);
    return 0;
}

int
share_health_parse(const char *text,
                   size_t len,
                   struct share_health *out,
                   char *err,
                   size_t err_size)
{
    json_error_t error;
    json_t *root;
    int rc;

    memset(out, 0, sizeof(*out));
    root = json_loadb(text, len, 0, &error);
    if (!root) {
        snprintf(err, err_size, "its health is not JSON: %s", error.text);
        return -1;
    }
    rc = read_object(root, out, err, err_size);
    json_decref(root);
    return rc;
}

const struct share_metric *
share_health_find(const struct share_health *health, const char *name)
{
    const struct share_metric wanted = {.name = (char *)name};

    if (health->count == 0)
        return NULL;
    return bsearch(&wanted, health->items, health->count,
                   sizeof(*health->items), by_name);
}

void
share_health_free(struct share_health *health)
{
    for (size_t i = 0; i < health->count; i++)
        free(health->items[i].name);
    free(health->items);
    memset(health, 0, sizeof(*health));
}
