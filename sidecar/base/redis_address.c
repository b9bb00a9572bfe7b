/* Where a Redis is: HOST, HOST:PORT, [IPv6]:PORT or unix:/PATH. */
#include "base/redis_address.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/host_port.h"

static const char unix_prefix[] = "unix:";

static int
has_odd_byte(const char *text)
{
    for (; *text; text++)
        if (isspace((unsigned char)*text) || iscntrl((unsigned char)*text))
            return 1;
    return 0;
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
    out->port = REDIS_PORT;
    if (host_port_parse(text, out->host, &out->port) == 0)
        return 0;
    snprintf(err, err_size,
             "expected HOST, HOST:PORT with a port from 1 to 65535, "
             "[IPV6]:PORT or unix:/PATH");
    return -1;
}
