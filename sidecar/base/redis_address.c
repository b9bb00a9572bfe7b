/* Where a Redis is: HOST, HOST:PORT, [IPv6]:PORT or unix:/PATH. */
#include "base/redis_address.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

static const char unix_prefix[] = "unix:";

static int
has_odd_byte(const char *text)
{
    for (; *text; text++)
        if (isspace((unsigned char)*text) || iscntrl((unsigned char)*text))
            return 1;
    return 0;
}

/* "" is the usual port. */
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
is_ipv6(const char *host)
{
    struct in6_addr addr;
    char literal[REDIS_HOST_SIZE];

    snprintf(literal, sizeof(literal), "%.*s", (int)strcspn(host, "%"), host);
    return inet_pton(AF_INET6, literal, &addr) == 1;
}

static int
is_name(const char *host)
{
    return *host && strspn(host, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopq"
                                 "rstuvwxyz0123456789.-_") == strlen(host);
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
    if (end - begin >= REDIS_HOST_SIZE)
        return NULL;
    memcpy(host, begin, (size_t)(end - begin));
    host[end - begin] = '\0';
    if (bracket ? !is_ipv6(host) : !is_name(host) && !is_ipv6(host))
        return NULL;
    return end + bracket;
}

static int
parse_tcp(const char *text, struct redis_address *out)
{
    const char *rest =
        strlen(text) < REDIS_HOST_SIZE ? split(text, out->host) : NULL;

    if (!rest)
        return -1;
    out->port = REDIS_PORT;
    if (*rest == '\0')
        return 0;
    return *rest == ':' ? parse_port(rest + 1, &out->port) : -1;
}

int
redis_address_parse(const char *text,
                    struct redis_address *out,
                    char *err,
                    size_t err_size)
{
    memset(out, 0, sizeof(*out));
    if (strncmp(text, unix_prefix, sizeof(unix_prefix) - 1) == 0) {
        text += sizeof(unix_prefix) - 1;
        if (*text != '/' || has_odd_byte(text)) {
            snprintf(err, err_size,
                     "expected an absolute path after \"unix:\"");
            return -1;
        }
        if (strlen(text) >= sizeof(out->path)) {
            snprintf(err, err_size,
                     "the path of a unix socket has at most %d bytes",
                     REDIS_PATH_SIZE - 1);
            return -1;
        }
        strcpy(out->path, text);
        return 0;
    }
    if (parse_tcp(text, out) == 0)
        return 0;
    snprintf(err, err_size,
             "expected HOST, HOST:PORT with a port from 1 to 65535, "
             "[IPV6]:PORT or unix:/PATH");
    return -1;
}
