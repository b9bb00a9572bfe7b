/* Where something listens, as people write it: HOST, HOST:PORT, IPv4, IPv6 or
 * [IPv6]:PORT. Pure. */
#ifndef BASE_HOST_PORT_H
#define BASE_HOST_PORT_H

#include <stdint.h>

#define HOST_PORT_HOST_SIZE 256

/* 0, with a name or an IP literal without brackets in host, and *port, which
 * stays as it is where none is written. -1: it is none of these. */
int host_port_parse(const char *text,
                    char host[HOST_PORT_HOST_SIZE],
                    uint16_t *port);

#endif
