/* Splits HOST, HOST:PORT, IPv4, IPv6 and [IPv6]:PORT. */
#include "base/host_port.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define NAME_BYTES \
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_"

static int
parse_port(const char *text, uint16_t *port)
{
    unsigned long n = 0;

    for (const char *c = text; *c; c++) {
        if (!isdigit((unsigned char)*c) || n > UINT16_MAX)
            return -1;
        n = n * 10 + (unsigned long)(*c - '0');
    }
    if (n == 0 || n > UINT16_MAX)
        return -1;
    *port = (uint16_t)n;
    return 0;
}

static int
is_name(const char *host)
{
    return *host && strspn(host, NAME_BYTES) == strlen(host);
}

/* With a zone, too: fe80::1%eth0. */
static int
is_ipv6(const char *host)
{
    const char *zone = strchr(host, '%');
    struct in6_addr addr;
    char literal[HOST_PORT_HOST_SIZE];

    if (zone && !is_name(zone + 1))
        return 0;
    snprintf(literal, sizeof(literal), "%.*s", (int)strcspn(host, "%"), host);
    return inet_pton(AF_INET6, literal, &addr) == 1;
}

/* Splits the host from what follows it: "" or ":PORT". NULL: neither. */
static const char *
split(const char *text, char *host)
{
    int bracket = *text == '[';
    const char *begin = text + bracket;
    const char *end;

    if (!bracket && is_ipv6(text))
        end = text + strlen(text);
    else
        end = begin + strcspn(begin, bracket ? "]" : ":");
    if (bracket && *end != ']')
        return NULL;
    if (end - begin >= HOST_PORT_HOST_SIZE)
        return NULL;
    memcpy(host, begin, (size_t)(end - begin));
    host[end - begin] = '\0';
    if (bracket ? !is_ipv6(host) : !is_name(host) && !is_ipv6(host))
        return NULL;
    return end + bracket;
}

int
host_port_parse(const char *text,
                char host[HOST_PORT_HOST_SIZE],
                uint16_t *port)
{
    const char *rest = split(text, host);

    if (!rest)
        return -1;
    if (*rest == '\0')
        return 0;
    return *rest == ':' ? parse_port(rest + 1, port) : -1;
}
