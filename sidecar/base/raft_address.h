/*
 * The addresses of raft's nodes, each spelled in one way only: HOST:PORT or
 * [IPv6]:PORT, names in small letters, so that they can be compared as text.
 */
#ifndef BASE_RAFT_ADDRESS_H
#define BASE_RAFT_ADDRESS_H

#include <stddef.h>
#include <stdint.h>

#include "base/conf.h"
#include "base/host_port.h"

#define RAFT_PORT 10008 /* freno's */

struct raft_address {
    char host[HOST_PORT_HOST_SIZE];
    uint16_t port;
    int family;           /* AF_INET, AF_INET6; 0: a name */
    unsigned char ip[16]; /* of a literal; IPv4 as ::ffff:1.2.3.4 */
    char text[HOST_PORT_HOST_SIZE + 16];
};

/* 0, or -1 with what was expected in err. PORT stands where none is
 * written. */
int raft_address_parse(const char *text,
                       uint16_t port,
                       struct raft_address *out,
                       char *err,
                       size_t err_size);

/* Reaches this machine only, by its spelling: 127/8, ::1, localhost. */
int raft_address_is_loopback(const struct raft_address *a);

/* 0.0.0.0 or ::, which a node can listen on and nobody can connect to. */
int raft_address_is_wildcard(const struct raft_address *a);

/* Both are literals, of the same IP. */
int raft_address_same_ip(const struct raft_address *a,
                         const struct raft_address *b);

/* A literal of one of this machine's interfaces that the wildcard BIND covers,
 * or the machine's name, as it is or up to its first dot; with BIND's port. */
int raft_address_is_here(const struct raft_address *a,
                         const struct raft_address *bind);

/* The node that listens at BIND: the one that is spelled so, or else has its
 * IP (whatever the port), or else, where BIND is a wildcard, is here. NULL:
 * none, or several. */
const struct raft_address *raft_address_find(const struct raft_address *bind,
                                             const struct raft_address *nodes,
                                             size_t count);

#endif
