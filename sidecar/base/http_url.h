/* What an http or https URL names. Pure; libcurl reads it. */
#ifndef BASE_HTTP_URL_H
#define BASE_HTTP_URL_H

#include <stddef.h>
#include <stdint.h>

#define HTTP_URL_HOST_SIZE 256

/* HOST, an IPv6 one in its brackets, and PORT, the scheme's when none is said.
 * 0 when it is no such URL, or HOST is longer. */
int
http_url_host(const char *url, char host[HTTP_URL_HOST_SIZE], uint16_t *port);

/* HOST:PORT, without credentials, for people; 0 and "bad URL" when it is
 * none. */
int http_url_name(const char *url, char *name, size_t size);

#endif
