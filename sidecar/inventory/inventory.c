/* The registry of inventory drivers, and host strings, which they share. */
#include "inventory/inventory.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>

static const struct inventory_driver *const drivers[] = {
    &inventory_haproxy,
    &inventory_proxysql,
    &inventory_static,
    &inventory_vitess,
};

const struct inventory_driver *
inventory_find(const char *name)
{
    for (size_t i = 0; name && i < sizeof(drivers) / sizeof(*drivers); i++)
        if (strcmp(drivers[i]->name, name) == 0)
            return drivers[i];
    return NULL;
}

void
inventory_hosts_add(struct inventory_hosts *hosts,
                    const char *name,
                    uint16_t port)
{
    struct inventory_host *host;

    hosts->items =
        realloc(hosts->items, (hosts->count + 1) * sizeof(*hosts->items));
    if (!hosts->items)
        abort();
    host = &hosts->items[hosts->count++];
    memset(host, 0, sizeof(*host));
    snprintf(host->name, sizeof(host->name), "%s", name);
    host->port = port;
}

void
inventory_hosts_free(struct inventory_hosts *hosts)
{
    free(hosts->items);
    hosts->items = NULL;
    hosts->count = 0;
}

static int
parse_port(const char *text, uint16_t *port)
{
    char *end;
    unsigned long n;

    if (!isdigit((unsigned char)*text))
        return -1;
    errno = 0;
    n = strtoul(text, &end, 10);
    if (errno != 0 || *end != '\0' || n < 1 || n > 65535)
        return -1;
    *port = (uint16_t)n;
    return 0;
}

static int
is_ipv6(const char *text)
{
    struct in6_addr addr;

    return inet_pton(AF_INET6, text, &addr) == 1;
}

/* Letters, digits, '.', '-', '_': what a host name or an IPv4 literal has. */
static int
is_name(const char *text)
{
    if (*text == '\0' || strcmp(text, "_") == 0)
        return 0;
    for (; *text; text++)
        if (!isalnum((unsigned char)*text) && !strchr(".-_", *text))
            return 0;
    return 1;
}

/* Splits a copy of the text in place: *name and *port (NULL: none) point into
 * it. -1 when brackets do not match. */
static int
split_host(char *text, char **name, char **port)
{
    char *end;

    *name = text;
    *port = NULL;
    if (*text == '[') {
        end = strchr(text, ']');
        if (!end || (end[1] != '\0' && end[1] != ':'))
            return -1;
        *name = text + 1;
        if (end[1] == ':')
            *port = end + 2;
        *end = '\0';
        return is_ipv6(*name) ? 0 : -1;
    }
    if (is_ipv6(text))
        return 0;
    end = strchr(text, ':');
    if (end) {
        *end = '\0';
        *port = end + 1;
    }
    return 0;
}

int
inventory_parse_host(const char *text,
                     int default_port,
                     struct inventory_host *host,
                     char *err,
                     size_t err_size)
{
    char copy[sizeof(host->name) + sizeof("[]:65535")];
    char *name, *port;

    memset(host, 0, sizeof(*host));
    if (strlen(text) >= sizeof(host->name)) {
        snprintf(err, err_size, "host is longer than %zu bytes",
                 sizeof(host->name) - 1);
        return -1;
    }
    strcpy(copy, text);
    if (split_host(copy, &name, &port) != 0 ||
        (!is_ipv6(name) && !is_name(name))) {
        snprintf(err, err_size,
                 "\"%s\" is not a host: expected NAME, IPV4 or IPV6, with "
                 "PORT as NAME:3306 or [IPV6]:3306",
                 text);
        return -1;
    }
    host->port = (uint16_t)default_port;
    if (port && parse_port(port, &host->port) != 0) {
        snprintf(err, err_size, "\"%s\" has a bad port: expected 1 to 65535",
                 text);
        return -1;
    }
    strcpy(host->name, name);
    return 0;
}
