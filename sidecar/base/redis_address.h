/* Where a Redis is: HOST, HOST:PORT, [IPv6]:PORT or unix:/PATH. */
#ifndef BASE_REDIS_ADDRESS_H
#define BASE_REDIS_ADDRESS_H

#include <stddef.h>
#include <stdint.h>

#include "base/host_port.h"

#define REDIS_PATH_SIZE 108 /* of sockaddr_un */
#define REDIS_PORT 6379

struct redis_address {
    char path[REDIS_PATH_SIZE];     /* of the unix socket; "" = TCP */
    char host[HOST_PORT_HOST_SIZE]; /* name or IP literal */
    uint16_t port;
};

/* 0, or -1 with what was expected in err. */
int redis_address_parse(const char *text,
                        struct redis_address *out,
                        char *err,
                        size_t err_size);

#endif
