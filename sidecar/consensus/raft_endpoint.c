/* Addresses of the raft port: HOST:PORT and what the kernel makes of it. */
#include "consensus/raft_endpoint.h"

#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "base/loop.h"

int
raft_endpoint_split(const char *text, char host[RAFT_HOST_SIZE], uint16_t *port)
{
    *port = 0;
    return host_port_parse(text, host, port) == 0 && *port != 0 ? 0 : -1;
}

int
raft_endpoint_of(const char *literal,
                 uint16_t port,
                 struct sockaddr_storage *out)
{
    memset(out, 0, sizeof(*out));
    return strchr(literal, ':')
               ? uv_ip6_addr(literal, port, (struct sockaddr_in6 *)out)
               : uv_ip4_addr(literal, port, (struct sockaddr_in *)out);
}

void
raft_endpoint_text(const struct sockaddr_storage *address,
                   char out[RAFT_PEER_SIZE])
{
    int v6 = address->ss_family == AF_INET6;
    char host[64], port[8];

    if (getnameinfo((const struct sockaddr *)address,
                    v6 ? sizeof(struct sockaddr_in6)
                       : sizeof(struct sockaddr_in),
                    host, sizeof(host), port, sizeof(port),
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        out[0] = '\0';
    else
        snprintf(out, RAFT_PEER_SIZE, v6 ? "[%s]:%s" : "%s:%s", host, port);
}

int
raft_endpoint_is_loopback(const struct sockaddr_storage *address)
{
    const struct in6_addr *v6 =
        &((const struct sockaddr_in6 *)address)->sin6_addr;
    const struct in_addr *v4 = &((const struct sockaddr_in *)address)->sin_addr;

    if (address->ss_family == AF_INET)
        return ntohl(v4->s_addr) >> 24 == IN_LOOPBACKNET;
    if (address->ss_family != AF_INET6)
        return 0;
    return IN6_IS_ADDR_LOOPBACK(v6) ||
           (IN6_IS_ADDR_V4MAPPED(v6) && v6->s6_addr[12] == IN_LOOPBACKNET);
}
