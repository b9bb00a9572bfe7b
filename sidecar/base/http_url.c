/* URLs, by libcurl's parser. */
#include "base/http_url.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

static int
is_web(CURLU *url)
{
    char *scheme = NULL;
    int web;

    if (curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK)
        return 0;
    web = strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0;
    curl_free(scheme);
    return web;
}

int
http_url_host(const char *text, char host[HTTP_URL_HOST_SIZE], uint16_t *port)
{
    CURLU *url = curl_url();
    char *name = NULL, *number = NULL;
    int ok;

    if (!url)
        abort();
    ok = curl_url_set(url, CURLUPART_URL, text, 0) == CURLUE_OK &&
         is_web(url) &&
         curl_url_get(url, CURLUPART_HOST, &name, 0) == CURLUE_OK &&
         curl_url_get(url, CURLUPART_PORT, &number, CURLU_DEFAULT_PORT) ==
             CURLUE_OK &&
         strlen(name) < HTTP_URL_HOST_SIZE;
    if (ok) {
        strcpy(host, name);
        *port = (uint16_t)strtoul(number, NULL, 10);
    }
    curl_free(name);
    curl_free(number);
    curl_url_cleanup(url);
    return ok;
}

int
http_url_name(const char *text, char *name, size_t size)
{
    char host[HTTP_URL_HOST_SIZE];
    uint16_t port;
    int ok = http_url_host(text, host, &port);

    if (ok)
        snprintf(name, size, "%s:%u", host, port);
    else
        snprintf(name, size, "bad URL");
    return ok;
}
