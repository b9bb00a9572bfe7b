/* Hosts that stand in a list twice. Whether each is a host at all is the
 * inventory's to say. */
#include "base/conf_block.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* HOST:PORT or [IPV6]:PORT, so that two spellings of one host are equal. */
static char *
with_port(const char *host, int port)
{
    const char *colon = strchr(host, ':');
    char *out;
    int rc;

    if (*host == '[')
        rc = strstr(host, "]:") ? asprintf(&out, "%s", host)
                                : asprintf(&out, "%s:%d", host, port);
    else if (!colon)
        rc = asprintf(&out, "%s:%d", host, port);
    else if (strchr(colon + 1, ':'))
        rc = asprintf(&out, "[%s]:%d", host, port);
    else
        rc = asprintf(&out, "%s", host);
    if (rc < 0)
        abort();
    return out;
}

void
conf_validate_hosts(const struct conf_block *hosts, int default_port)
{
    const struct conf_value *value = &hosts->values[CONF_STATIC_Hosts];
    json_t *lines = json_object(); /* HOST:PORT -> line of the first */

    if (!lines)
        abort();
    for (size_t i = 0; i < value->list.count; i++) {
        char *host = with_port(value->list.items[i], default_port);
        json_t *first = json_object_get(lines, host);
        char *path;

        if (asprintf(&path, "%s.Hosts[%zu]", value->where, i) < 0)
            abort();
        if (first)
            conf_report_add(hosts->report, CONF_WARNING, value->list.lines[i],
                            path,
                            "%s stands on line %d already; it counts once",
                            host, (int)json_integer_value(first));
        else
            json_object_set_new(lines, host,
                                json_integer(value->list.lines[i]));
        free(path);
        free(host);
    }
    json_decref(lines);
}
