/* HTTP for tools, by libcurl. */
#include "base/http_fetch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

#include "base/http_url.h"

#define CONNECT_MS 5000

static size_t
on_body(char *data, size_t size, size_t count, void *arg)
{
    struct http_fetched *got = arg;
    size_t len = size * count;

    if (got->len + len > HTTP_FETCH_BODY_MAX)
        return 0; /* which ends the transfer */
    got->body = realloc(got->body, got->len + len + 1);
    if (!got->body)
        abort();
    memcpy(got->body + got->len, data, len);
    got->len += len;
    got->body[got->len] = '\0';
    return len;
}

static void
set_options(CURL *curl, const struct http_fetch *what, struct http_fetched *got)
{
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_URL, what->url);
    curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "sluice");
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)what->timeout_ms);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, got);
    if (what->form)
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, what->form);
    if (what->socket) {
        curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, what->socket);
        curl_easy_setopt(curl, CURLOPT_PROXY, "");
    }
}

static void
say_failed(CURL *curl,
           CURLcode rc,
           const struct http_fetch *what,
           const char *details,
           char *err,
           size_t err_size)
{
    char where[HTTP_URL_HOST_SIZE + 8];
    long error = 0;

    if (what->socket)
        snprintf(where, sizeof(where), "%s", what->socket);
    else
        http_url_name(what->url, where, sizeof(where));
    curl_easy_getinfo(curl, CURLINFO_OS_ERRNO, &error);
    if (rc == CURLE_OPERATION_TIMEDOUT)
        snprintf(err, err_size, "%s: no answer within %u s", where,
                 what->timeout_ms / 1000);
    else if (rc == CURLE_WRITE_ERROR)
        snprintf(err, err_size, "%s: the answer is longer than %zu MB", where,
                 HTTP_FETCH_BODY_MAX >> 20);
    else if (rc == CURLE_COULDNT_CONNECT && what->socket && error)
        snprintf(err, err_size, "%s: cannot connect: %s", where,
                 strerror((int)error));
    else
        snprintf(err, err_size, "%s: %s", where,
                 *details ? details : curl_easy_strerror(rc));
}

static void
take_answer(CURL *curl, struct http_fetched *got)
{
    struct curl_header *date;
    long status = 0;

    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    got->status = (unsigned)status;
    if (curl_easy_header(curl, "Date", 0, CURLH_HEADER, -1, &date) == CURLHE_OK)
        got->date_ms = (int64_t)curl_getdate(date->value, NULL);
    if (got->date_ms > 0)
        got->date_ms *= 1000;
    if (!got->body)
        got->body = strdup("");
    if (!got->body)
        abort();
}

int
http_fetch(const struct http_fetch *what,
           struct http_fetched *got,
           char *err,
           size_t err_size)
{
    char details[CURL_ERROR_SIZE] = "";
    CURL *curl = curl_easy_init();
    CURLcode rc;

    *got = (struct http_fetched){.date_ms = -1};
    if (!curl)
        abort();
    set_options(curl, what, got);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, details);
    rc = curl_easy_perform(curl);
    if (rc == CURLE_OK) {
        take_answer(curl, got);
    } else {
        say_failed(curl, rc, what, details, err, err_size);
        http_fetched_free(got);
    }
    curl_easy_cleanup(curl);
    return rc == CURLE_OK ? 0 : -1;
}

void
http_fetched_free(struct http_fetched *got)
{
    free(got->body);
    *got = (struct http_fetched){.date_ms = -1};
}
