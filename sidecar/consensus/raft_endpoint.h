/* Addresses of the raft port: HOST:PORT and what the kernel makes of it. */
#ifndef CONSENSUS_RAFT_ENDPOINT_H
#define CONSENSUS_RAFT_ENDPOINT_H

#include <stddef.h>
#include <stdint.h>

#include <sys/socket.h>

#include "base/host_port.h"

#define RAFT_HOST_SIZE HOST_PORT_HOST_SIZE
#define RAFT_PEER_SIZE 80 /* [IPv6%scope]:port */

/* NAME:PORT, IPv4:PORT or [IPv6]:PORT. 0, or -1 when TEXT is none. */
int raft_endpoint_split(const char *text,
                        char host[RAFT_HOST_SIZE],
                        uint16_t *port);

/* Of an IPv4 or IPv6 literal. 0, or a libuv error. */
int raft_endpoint_of(const char *literal,
                     uint16_t port,
                     struct sockaddr_storage *out);

/* As raft_endpoint_split takes it. */
void raft_endpoint_text(const struct sockaddr_storage *address,
                        char out[RAFT_PEER_SIZE]);

/* 1 when it is on this machine and nowhere else. */
int raft_endpoint_is_loopback(const struct sockaddr_storage *address);

#endif
