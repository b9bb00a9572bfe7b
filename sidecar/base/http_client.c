/*
 * HTTP GET in the loop: libcurl's multi interface, which says what sockets
 * and what time it waits for, and libuv, which waits. Names are looked up
 * before: libcurl would begin a thread for each and, when the time is over,
 * wait for it, and the loop with it, as long as a nameserver is silent.
 */
#include "base/http_client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

#include "base/http_url.h"
#include "base/resolve.h"

#define CONNECTIONS_KEPT 64L
#define WHERE_SIZE 300
#define NAMES_TICK_MS 20
#define CA_KEPT_S 60L

struct http_client {
    CURLM *multi;
    struct loop *loop;
    uv_timer_t timer;
    uv_timer_t names_timer; /* runs while a name is looked up */
    struct http_get *gets;
    unsigned handles; /* of libuv, not closed yet */
    int closing;
};

struct http_get {
    struct http_client *client;
    struct http_get *next, **link;
    CURL *easy;
    struct resolve *resolve; /* NULL: libcurl has it */
    uint64_t started_ms;
    struct curl_slist *addresses;
    int elsewhere; /* it goes to another than the URL's host */
    http_client_cb cb;
    void *data;
    unsigned connect_ms, total_ms;
    size_t body_max;
    char *body;
    size_t len, size;
    int too_long;
    int enough;            /* the status was all that was wanted */
    char name[WHERE_SIZE]; /* the URL's HOST:PORT */
    char where[WHERE_SIZE];
    char details[CURL_ERROR_SIZE];
};

struct watched {
    uv_poll_t poll;
    struct http_client *client;
    curl_socket_t fd;
};

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
    resolve_cancel(get->resolve);
    curl_multi_remove_handle(get->client->multi, get->easy);
    curl_easy_cleanup(get->easy);
    curl_slist_free_all(get->addresses);
    free(get->body);
    free(get);
}

static void
fail(struct http_get *get, const char *why)
{
    char error[2 * WHERE_SIZE + CURL_ERROR_SIZE];

    snprintf(error, sizeof(error), "%s: %s", get->where, why);
    get->cb(get->data, NULL, error);
    get_free(get);
}

static void
finish(struct http_get *get, CURLcode rc)
{
    char text[WHERE_SIZE];
    struct http_client_answer answer = {.body = "", .len = get->len};
    long status = 0;

    if (rc != CURLE_OK && !get->enough) {
        fail(get, say_why(get, rc, text, sizeof(text)));
        return;
    }
    curl_easy_getinfo(get->easy, CURLINFO_RESPONSE_CODE, &status);
    answer.status = (unsigned)status;
    if (get->body) {
        get->body[get->len] = '\0';
        answer.body = get->body;
    }
    get->cb(get->data, &answer, NULL);
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

    if (!watched ||
        uv_poll_init_socket(&client->loop->uv, &watched->poll, fd) != 0)
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

/* ---- names --------------------------------------------------------------- */

static long
left_ms(unsigned bound_ms, uint64_t spent_ms)
{
    return bound_ms > spent_ms ? (long)(bound_ms - spent_ms) : 1;
}

/* From here on it is libcurl's. */
static void
hand_over(struct http_get *get)
{
    uint64_t spent_ms = clock_mono_ms() - get->started_ms;

    curl_easy_setopt(get->easy, CURLOPT_CONNECTTIMEOUT_MS,
                     left_ms(get->connect_ms, spent_ms));
    curl_easy_setopt(get->easy, CURLOPT_TIMEOUT_MS,
                     left_ms(get->total_ms, spent_ms));
    if (curl_multi_add_handle(get->client->multi, get->easy) != CURLM_OK)
        abort();
}

static void
add_address(struct http_get *get, const char *text, CURLoption option)
{
    get->addresses = curl_slist_append(NULL, text);
    if (!get->addresses)
        abort();
    curl_easy_setopt(get->easy, option, get->addresses);
}

/* The URL's HOST:PORT is at that address, or name. libcurl knows such a
 * connection from others to that name, so that no host has the answer of
 * another; with what pin() says it would not. */
static void
lead(struct http_get *get, const char *address)
{
    char text[WHERE_SIZE + HTTP_URL_HOST_SIZE + sizeof(":[]:")];
    int brackets = strchr(address, ':') != NULL;

    snprintf(text, sizeof(text), "%s:%s%s%s:", get->name, brackets ? "[" : "",
             address, brackets ? "]" : "");
    add_address(get, text, CURLOPT_CONNECT_TO);
}

/* HOST:PORT:ADDRESS,…: those are tried, not those that libcurl would find. */
static void
pin(struct http_get *get, const struct resolve_addresses *found)
{
    char text[HTTP_URL_HOST_SIZE + 8 +
              RESOLVE_MAX * (RESOLVE_ADDRESS_SIZE + sizeof("[],"))];
    size_t len = (size_t)snprintf(text, sizeof(text), "%s", get->name);

    for (unsigned i = 0; i < found->count; i++) {
        const char *address = found->items[i];
        int brackets = strchr(address, ':') != NULL;

        len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s%s%s",
                                i == 0 ? ":" : ",", brackets ? "[" : "",
                                address, brackets ? "]" : "");
    }
    add_address(get, text, CURLOPT_RESOLVE);
}

static void
take_addresses(struct http_get *get, const struct resolve_addresses *found)
{
    if (get->elsewhere)
        lead(get, found->items[0]);
    else
        pin(get, found);
}

static void
on_resolved(void *data, int status, const struct resolve_addresses *found)
{
    struct http_get *get = data;

    get->resolve = NULL;
    if (status != 0) {
        fail(get, status == UV_EAI_NONAME || status == UV_EAI_NODATA
                      ? "no such host"
                      : uv_strerror(status));
        return;
    }
    take_addresses(get, found);
    hand_over(get);
}

static unsigned
name_bound_ms(const struct http_get *get)
{
    return get->connect_ms < get->total_ms ? get->connect_ms : get->total_ms;
}

/* The next whose name takes too long, or NULL; *waiting: others do wait. */
static struct http_get *
find_late(struct http_client *client, int *waiting)
{
    uint64_t now_ms = clock_mono_ms();

    *waiting = 0;
    for (struct http_get *get = client->gets; get; get = get->next) {
        if (!get->resolve)
            continue;
        if (now_ms - get->started_ms >= name_bound_ms(get))
            return get;
        *waiting = 1;
    }
    return NULL;
}

static void
on_names_timer(uv_timer_t *timer)
{
    struct http_client *client = timer->data;
    struct http_get *get;
    char why[64];
    int waiting;

    while ((get = find_late(client, &waiting))) {
        snprintf(why, sizeof(why), "its name was not found within %u ms",
                 name_bound_ms(get));
        fail(get, why);
    }
    if (!waiting)
        uv_timer_stop(timer);
}

static void
look_up(struct http_get *get, const char *host)
{
    struct http_client *client = get->client;
    int status;

    get->resolve = resolve_start(client->loop, host, on_resolved, get, &status);
    if (get->resolve && !uv_is_active((uv_handle_t *)&client->names_timer))
        uv_timer_start(&client->names_timer, on_names_timer, NAMES_TICK_MS,
                       NAMES_TICK_MS);
    if (!get->resolve && get->elsewhere)
        lead(get, host);
}

/* Where it goes, for errors; 0: there is no name to look up. */
static int
find_host(struct http_get *get,
          const struct http_client_request *request,
          char host[HTTP_URL_HOST_SIZE])
{
    struct resolve_addresses literal;
    uint16_t port = 0;
    int known = http_url_host(request->url, host, &port);

    http_url_name(request->url, get->name, sizeof(get->name));
    get->elsewhere = request->to_host && *request->to_host;
    if (!get->elsewhere) {
        memcpy(get->where, get->name, sizeof(get->where));
    } else {
        snprintf(host, HTTP_URL_HOST_SIZE, "%s", request->to_host);
        snprintf(get->where, sizeof(get->where),
                 strchr(host, ':') ? "[%s]:%u" : "%s:%u", host, port);
    }
    if (!known || host[0] == '[')
        return 0;
    if (!resolve_literal(host, &literal)) {
        if (!request->addresses)
            return 1;
        take_addresses(get, request->addresses);
    } else if (get->elsewhere) {
        lead(get, literal.items[0]);
    }
    return 0;
}

/* ---- requests ---------------------------------------------------------- */

static void
set_options(struct http_get *get, const struct http_client_request *request)
{
    CURL *easy = get->easy;

    curl_easy_setopt(easy, CURLOPT_PRIVATE, get);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    /* Where a redirect leads is looked up by libcurl: at least nobody waits
     * for that thread. */
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_URL, request->url);
    curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "sluice");
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION,
                     request->follow_redirects ? 1L : 0L);
    curl_easy_setopt(easy, CURLOPT_MAXREDIRS, (long)HTTP_CLIENT_REDIRECTS);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, get);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, get->details);
    if (request->ca_file && request->ca_file[0] != '\0')
        curl_easy_setopt(easy, CURLOPT_CAINFO, request->ca_file);
    /* What comes from a file only is kept, as long as that; otherwise the
     * system's would be read for each handshake, for 20 ms. */
    curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
    curl_easy_setopt(easy, CURLOPT_CA_CACHE_TIMEOUT, CA_KEPT_S);
}

struct http_get *
http_client_get(struct http_client *client,
                const struct http_client_request *request,
                http_client_cb cb,
                void *data)
{
    struct http_get *get = calloc(1, sizeof(*get));
    char host[HTTP_URL_HOST_SIZE];

    if (!get || !(get->easy = curl_easy_init()))
        abort();
    get->client = client;
    get->cb = cb;
    get->data = data;
    get->connect_ms = request->connect_ms;
    get->total_ms = request->total_ms;
    get->body_max = request->body_max;
    set_options(get, request);
    get->next = client->gets;
    get->link = &client->gets;
    if (get->next)
        get->next->link = &get->next;
    client->gets = get;
    get->started_ms = clock_mono_ms();
    if (find_host(get, request, host))
        look_up(get, host);
    if (!get->resolve)
        hand_over(get);
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
    client->loop = loop;
    uv_timer_init(&loop->uv, &client->timer);
    uv_timer_init(&loop->uv, &client->names_timer);
    client->timer.data = client->names_timer.data = client;
    client->handles = 2;
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
    uv_close((uv_handle_t *)&client->names_timer, timer_closed);
}
