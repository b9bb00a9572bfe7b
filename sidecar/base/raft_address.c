/* The addresses of raft's nodes: reading, comparing, finding our own. */
#include "base/raft_address.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>
#include <uv.h>

static const unsigned char v4_prefix[12] = {[10] = 0xff, [11] = 0xff};
static const unsigned char no_ip[16] = {0};

static void
set_v4(unsigned char ip[16], const struct in_addr *v4)
{
    memcpy(ip, v4_prefix, sizeof(v4_prefix));
    memcpy(ip + sizeof(v4_prefix), v4, sizeof(*v4));
}

/* Finds out whether it is a literal; the host is spelled anew. */
static void
normalise_host(struct raft_address *a)
{
    struct in6_addr v6;
    struct in_addr v4;

    if (inet_pton(AF_INET, a->host, &v4) == 1) {
        a->family = AF_INET;
        set_v4(a->ip, &v4);
    } else if (inet_pton(AF_INET6, a->host, &v6) == 1) {
        a->family = AF_INET6;
        memcpy(a->ip, &v6, sizeof(a->ip));
        inet_ntop(AF_INET6, &v6, a->host, sizeof(a->host));
    } else {
        for (char *c = a->host; *c; c++)
            *c = (char)tolower((unsigned char)*c);
    }
}

/* 127.1 or 010.0.0.1, which mean something to the C library, and to people
 * something else. */
static int
is_odd_number(const struct raft_address *a)
{
    struct in_addr v4;

    return a->family == 0 && inet_aton(a->host, &v4) != 0;
}

int
raft_address_parse(const char *text,
                   uint16_t port,
                   struct raft_address *out,
                   char *err,
                   size_t err_size)
{
    memset(out, 0, sizeof(*out));
    out->port = port;
    if (host_port_parse(text, out->host, &out->port) == 0)
        normalise_host(out);
    else
        out->host[0] = '\0';
    if (out->host[0] == '\0' || is_odd_number(out)) {
        snprintf(err, err_size,
                 "expected HOST, HOST:PORT with a port from 1 to 65535, IPv4, "
                 "IPv6 or [IPv6]:PORT");
        return -1;
    }
    snprintf(out->text, sizeof(out->text),
             strchr(out->host, ':') ? "[%s]:%u" : "%s:%u", out->host,
             out->port);
    if (strlen(out->text) <= CONF_RAFT_ADDRESS_MAX)
        return 0;
    snprintf(err, err_size, "%zu bytes with the port: expected at most %d",
             strlen(out->text), CONF_RAFT_ADDRESS_MAX);
    return -1;
}

int
raft_address_is_loopback(const struct raft_address *a)
{
    static const unsigned char one[16] = {[15] = 1};

    if (a->family == 0)
        return strcmp(a->host, "localhost") == 0;
    if (memcmp(a->ip, v4_prefix, sizeof(v4_prefix)) == 0)
        return a->ip[sizeof(v4_prefix)] == 127;
    return memcmp(a->ip, one, sizeof(one)) == 0;
}

int
raft_address_is_wildcard(const struct raft_address *a)
{
    const unsigned char *ip = a->ip;
    size_t skip = sizeof(v4_prefix);

    if (a->family == 0)
        return 0;
    if (memcmp(ip, v4_prefix, skip) == 0)
        return memcmp(ip + skip, no_ip, sizeof(a->ip) - skip) == 0;
    return memcmp(ip, no_ip, sizeof(no_ip)) == 0;
}

int
raft_address_same_ip(const struct raft_address *a, const struct raft_address *b)
{
    return a->family != 0 && b->family != 0 &&
           memcmp(a->ip, b->ip, sizeof(a->ip)) == 0;
}

/* ---- this machine ----------------------------------------------------- */

static int
is_host_name(const char *name)
{
    char host[256] = "";

    if (gethostname(host, sizeof(host) - 1) != 0 || host[0] == '\0')
        return 0;
    if (strcasecmp(name, host) == 0)
        return 1;
    host[strcspn(host, ".")] = '\0';
    return strcasecmp(name, host) == 0;
}

static int
is_of_interface(const struct raft_address *a,
                const uv_interface_address_t *interface)
{
    unsigned char ip[16];

    if (interface->address.address4.sin_family == AF_INET)
        set_v4(ip, &interface->address.address4.sin_addr);
    else
        memcpy(ip, &interface->address.address6.sin6_addr, sizeof(ip));
    return memcmp(a->ip, ip, sizeof(ip)) == 0;
}

static int
is_interface(const struct raft_address *a)
{
    uv_interface_address_t *interfaces;
    int count, found = 0;

    if (uv_interface_addresses(&interfaces, &count) != 0)
        return 0;
    for (int i = 0; i < count && !found; i++)
        found = is_of_interface(a, &interfaces[i]);
    uv_free_interface_addresses(interfaces, count);
    return found;
}

int
raft_address_is_here(const struct raft_address *a,
                     const struct raft_address *bind)
{
    if (a->port != bind->port)
        return 0;
    if (a->family == 0)
        return is_host_name(a->host);
    /* 0.0.0.0 does not listen to IPv6. */
    return (bind->family == AF_INET6 || a->family == AF_INET) &&
           is_interface(a);
}

/* ---- which of the nodes listens there --------------------------------- */

/* The only one that matches; NULL: none, or several. */
static const struct raft_address *
only_one(const struct raft_address *bind,
         const struct raft_address *nodes,
         size_t count,
         int (*matches)(const struct raft_address *node,
                        const struct raft_address *bind))
{
    const struct raft_address *found = NULL;

    for (size_t i = 0; i < count; i++) {
        if (!matches(&nodes[i], bind))
            continue;
        if (found)
            return NULL;
        found = &nodes[i];
    }
    return found;
}

const struct raft_address *
raft_address_find(const struct raft_address *bind,
                  const struct raft_address *nodes,
                  size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(nodes[i].text, bind->text) == 0)
            return &nodes[i];
    if (raft_address_is_wildcard(bind))
        return only_one(bind, nodes, count, raft_address_is_here);
    return only_one(bind, nodes, count, raft_address_same_ip);
}
