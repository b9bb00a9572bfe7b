/* The table of keys, made from CONF_KEYS. */
#include "base/conf_table.h"

#include <strings.h>

#define STR(place, key, def, flag) \
    {.name = #key,                 \
     .places = CONF_##place,       \
     .type = CONF_STR,             \
     .flags = CONF_##flag,         \
     .string = def},

#define INT(place, key, def, min, max, flag) \
    {.name = #key,                           \
     .places = CONF_##place,                 \
     .type = CONF_INT,                       \
     .flags = CONF_##flag,                   \
     .least = min,                           \
     .most = max,                            \
     .number = def},

#define NUM(place, key, def, min, max, flag) \
    {.name = #key,                           \
     .places = CONF_##place,                 \
     .type = CONF_NUM,                       \
     .flags = CONF_##flag,                   \
     .least = min,                           \
     .most = max,                            \
     .number = def},

#define BOOL(place, key, def, flag) \
    {.name = #key,                  \
     .places = CONF_##place,        \
     .type = CONF_BOOL,             \
     .flags = CONF_##flag,          \
     .number = def},

#define LIST(place, key, flag) \
    {.name = #key,             \
     .places = CONF_##place,   \
     .type = CONF_LIST,        \
     .flags = CONF_##flag},

#define OBJECT(place, key, flag) \
    {.name = #key,               \
     .places = CONF_##place,     \
     .type = CONF_OBJECT,        \
     .flags = CONF_##flag},

const struct conf_key conf_keys[CONF_NKEYS] = {
    CONF_KEYS(STR, INT, NUM, BOOL, LIST, OBJECT)};

int
conf_key_find(const char *name, unsigned places)
{
    for (int id = 0; id < CONF_NKEYS; id++)
        if ((conf_keys[id].places & places) &&
            strcasecmp(conf_keys[id].name, name) == 0)
            return id;
    return -1;
}

const char *
conf_place_name(unsigned places)
{
    static const char *const names[] = {
        "the top level",
        "Stores",
        "Stores.MySQL",
        "Stores.MySQL.Clusters.NAME",
        "HAProxySettings of a cluster",
        "ProxySQLSettings of a cluster",
        "VitessSettings of a cluster",
        "StaticHostsSettings of a cluster",
        "an app in Apps",
        "a metric in Metrics",
        "Routing of a cluster",
        "the top level",
        "DB",
        "SidecarEndpoint",
        "SidecarEndpoint.TLS",
    };

    return names[__builtin_ctz(places)];
}
