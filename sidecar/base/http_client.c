/* HTTP GET in the loop: libcurl's multi interface, which says what sockets
 * and what time it waits for, and libuv, which waits. */
#include "base/http_client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

#define CONNECTIONS_KEPT 64L
#define WHERE_SIZE 300

struct http_client {
    CURLM *multi;
    uv_loop_t *uv;
    uv_timer_t timer;
    struct http_get *gets;
    unsigned handles; /* of libuv, not closed yet */
    int closing;
};

struct http_get {
    struct http_client *client;
    struct http_get *next, **link;
    CURL *easy;
    http_client_cb cb;
    void *data;
    unsigned connect_ms, total_ms;
    size_t body_max;
    char *body;
    size_t len, size;
    int too_long;
    int enough; /* the status was all that was wanted */
    char where[WHERE_SIZE];
    char details[CURL_ERROR_SIZE];
};

struct watched {
    uv_poll_t poll;
    struct http_client *client;
    curl_socket_t fd;
};

/* ---- URLs ------------------------------------------------------------- */

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
http_client_name(const char *text, char *where, size_t size)
{
    CURLU *url = curl_url();
    char *host = NULL, *port = NULL;
    int ok;

    if (!url)
        abort();
    ok = curl_url_set(url, CURLUPART_URL, text, 0) == CURLUE_OK &&
         is_web(url) &&
         curl_url_get(url, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
         curl_url_get(url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) ==
             CURLUE_OK;
    if (ok)
        snprintf(where, size, "%s:%s", host, port);
    else
        snprintf(where, size, "bad URL");
    curl_free(host);
    curl_free(port);
    curl_url_cleanup(url);
    return ok;
}

/* ---- what comes back --------------------------------------------------- */

/* Twice as much each time: a large answer is not copied over and over. */
static void
make_room(struct http_get *get, size_t len)
{
    if (get->len + len + 1 <= get->size)
        return;
    get->size = 2 * (get->len + len + 1);
    get->body = realloc(get->body, get->size);
    if (!get->body)
        abort();
}

static size_t
on_body(char *data, size_t size, size_t count, void *arg)
{
    struct http_get *get = arg;
    size_t len = size * count;

    get->enough = get->body_max == 0;
    get->too_long = get->len + len > get->body_max;
    if (get->enough || get->too_long)
        return CURL_WRITEFUNC_ERROR; /* which ends the transfer */
    make_room(get, len);
    memcpy(get->body + get->len, data, len);
    get->len += len;
    return len;
}

static const char *
say_timeout(const struct http_get *get, char *text, size_t size)
{
    curl_off_t connected_us = 0;

    curl_easy_getinfo(get->easy, CURLINFO_CONNECT_TIME_T, &connected_us);
    if (connected_us == 0)
        snprintf(text, size, "no connection within %u ms", get->connect_ms);
    else
        snprintf(text, size, "no whole answer within %u ms", get->total_ms);
    return text;
}

static const char *
say_unconnected(const struct http_get *get, char *text, size_t size)
{
    long error = 0;

    curl_easy_getinfo(get->easy, CURLINFO_OS_ERRNO, &error);
    snprintf(text, size, "cannot connect: %s",
             error ? strerror((int)error) : "nobody answers");
    return text;
}

static const char *
say_why(const struct http_get *get, CURLcode rc, char *text, size_t size)
{
    switch (rc) {
    case CURLE_OPERATION_TIMEDOUT:
        return say_timeout(get, text, size);
    case CURLE_COULDNT_CONNECT:
        return say_unconnected(get, text, size);
    case CURLE_COULDNT_RESOLVE_HOST:
        return "no such host";
    case CURLE_TOO_MANY_REDIRECTS:
        snprintf(text, size, "more than %d redirects", HTTP_CLIENT_REDIRECTS);
        return text;
    case CURLE_GOT_NOTHING:
        return "closed without an answer";
    case CURLE_PARTIAL_FILE:
        return "only a part of the answer came";
    case CURLE_WRITE_ERROR:
        snprintf(text, size, "the answer is longer than %zu bytes",
                 get->body_max);
        return text;
    case CURLE_PEER_FAILED_VERIFICATION:
        snprintf(text, size, "its certificate is not trusted: %s",
                 get->details);
        return text;
    default:
        return get->details[0] ? get->details : curl_easy_strerror(rc);
    }
}

static void
get_free(struct http_get *get)
{
    *get->link = get->next;
    if (get->next)
        get->next->link = get->link;
    curl_multi_remove_handle(get->client->multi, get->easy);
    curl_easy_cleanup(get->easy);
    free(get->body);
    free(get);
}

static void
finish(struct http_get *get, CURLcode rc)
{
    char text[WHERE_SIZE], error[2 * WHERE_SIZE + CURL_ERROR_SIZE];
    struct http_client_answer answer = {.body = "", .len = get->len};
    long status = 0;

    if (rc == CURLE_OK || get->enough) {
        curl_easy_getinfo(get->easy, CURLINFO_RESPONSE_CODE, &status);
        answer.status = (unsigned)status;
        if (get->body) {
            get->body[get->len] = '\0';
            answer.body = get->body;
        }
        get->cb(get->data, &answer, NULL);
    } else {
        snprintf(error, sizeof(error), "%s: %s", get->where,
                 say_why(get, rc, text, sizeof(text)));
        get->cb(get->data, NULL, error);
    }
    get_free(get);
}

/* A callback may begin and cancel requests. */
static void
finish_all(struct http_client *client)
{
    CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(client->multi, &left))) {
        CURLcode rc = message->data.result;
        struct http_get *get = NULL;

        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &get);
        finish(get, rc);
    }
}

/* ---- sockets and time -------------------------------------------------- */

static void
on_poll(uv_poll_t *poll, int status, int events)
{
    struct watched *watched = poll->data;
    struct http_client *client = watched->client;
    int flags = 0, running;

    if (status < 0)
        flags = CURL_CSELECT_ERR;
    if (events & UV_READABLE)
        flags |= CURL_CSELECT_IN;
    if (events & UV_WRITABLE)
        flags |= CURL_CSELECT_OUT;
    curl_multi_socket_action(client->multi, watched->fd, flags, &running);
    finish_all(client);
}

static void
on_timer(uv_timer_t *timer)
{
    struct http_client *client = timer->data;
    int running;

    curl_multi_socket_action(client->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    finish_all(client);
}

static void
handle_closed(struct http_client *client)
{
    if (--client->handles == 0 && client->closing)
        free(client);
}

static void
poll_closed(uv_handle_t *handle)
{
    struct watched *watched = handle->data;
    struct http_client *client = watched->client;

    free(watched);
    handle_closed(client);
}

static struct watched *
watch(struct http_client *client, curl_socket_t fd)
{
    struct watched *watched = calloc(1, sizeof(*watched));

    if (!watched || uv_poll_init_socket(client->uv, &watched->poll, fd) != 0)
        abort();
    watched->poll.data = watched;
    watched->client = client;
    watched->fd = fd;
    client->handles++;
    curl_multi_assign(client->multi, fd, watched);
    return watched;
}

static int
on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *of_socket)
{
    struct http_client *client = arg;
    struct watched *watched = of_socket;
    int events = 0;

    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (watched)
            uv_close((uv_handle_t *)&watched->poll, poll_closed);
        curl_multi_assign(client->multi, fd, NULL);
        return 0;
    }
    if (!watched)
        watched = watch(client, fd);
    if (what & CURL_POLL_IN)
        events |= UV_READABLE;
    if (what & CURL_POLL_OUT)
        events |= UV_WRITABLE;
    uv_poll_start(&watched->poll, events, on_poll);
    return 0;
}

static int
on_timeout(CURLM *multi, long ms, void *arg)
{
    struct http_client *client = arg;

    (void)multi;
    if (client->closing)
        return 0;
    if (ms < 0)
        uv_timer_stop(&client->timer);
    else
        uv_timer_start(&client->timer, on_timer, (uint64_t)ms, 0);
    return 0;
}

/* ---- requests ---------------------------------------------------------- */

static void
set_options(struct http_get *get, const struct http_client_request *request)
{
    CURL *easy = get->easy;

    curl_easy_setopt(easy, CURLOPT_PRIVATE, get);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_URL, request->url);
    curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "sluice");
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                     (long)request->connect_ms);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)request->total_ms);
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION,
                     request->follow_redirects ? 1L : 0L);
    curl_easy_setopt(easy, CURLOPT_MAXREDIRS, (long)HTTP_CLIENT_REDIRECTS);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, get);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, get->details);
    if (request->ca_file && request->ca_file[0] != '\0') {
        curl_easy_setopt(easy, CURLOPT_CAINFO, request->ca_file);
        curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
    }
}

struct http_get *
http_client_get(struct http_client *client,
                const struct http_client_request *request,
                http_client_cb cb,
                void *data)
{
    struct http_get *get = calloc(1, sizeof(*get));

    if (!get || !(get->easy = curl_easy_init()))
        abort();
    get->client = client;
    get->cb = cb;
    get->data = data;
    get->connect_ms = request->connect_ms;
    get->total_ms = request->total_ms;
    get->body_max = request->body_max;
    http_client_name(request->url, get->where, sizeof(get->where));
    set_options(get, request);
    get->next = client->gets;
    get->link = &client->gets;
    if (get->next)
        get->next->link = &get->next;
    client->gets = get;
    if (curl_multi_add_handle(client->multi, get->easy) != CURLM_OK)
        abort();
    return get;
}

void
http_client_cancel(struct http_get *get)
{
    if (get)
        get_free(get);
}

/* ---- life -------------------------------------------------------------- */

struct http_client *
http_client_new(struct loop *loop)
{
    struct http_client *client = calloc(1, sizeof(*client));

    if (!client || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK ||
        !(client->multi = curl_multi_init()))
        abort();
    client->uv = &loop->uv;
    uv_timer_init(client->uv, &client->timer);
    client->timer.data = client;
    client->handles = 1;
    curl_multi_setopt(client->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(client->multi, CURLMOPT_SOCKETDATA, client);
    curl_multi_setopt(client->multi, CURLMOPT_TIMERFUNCTION, on_timeout);
    curl_multi_setopt(client->multi, CURLMOPT_TIMERDATA, client);
    curl_multi_setopt(client->multi, CURLMOPT_MAXCONNECTS, CONNECTIONS_KEPT);
    return client;
}

static void
timer_closed(uv_handle_t *handle)
{
    handle_closed(handle->data);
}

void
http_client_free(struct http_client *client)
{
    if (!client)
        return;
    client->closing = 1;
    while (client->gets)
        http_client_cancel(client->gets);
    curl_multi_cleanup(client->multi);
    uv_close((uv_handle_t *)&client->timer, timer_closed);
}
