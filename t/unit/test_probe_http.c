/* Hosts probed by their healthchecks, against peers of every temper. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <dlfcn.h>
#include <netdb.h>
#include <stdatomic.h>

#include <cmocka.h>

#include "base/http_client.h"
#include "http_peer.h"
#include "probe/probe.h"

#define WAIT_MS 10000
#define TIMEOUT_MS 200

/* The system's resolver: it knows "peer.test" while it knows anything, and
 * about "silent.test" it says nothing for a while. */
static atomic_int knows, lookups;

int
getaddrinfo(const char *name,
            const char *service,
            const struct addrinfo *hints,
            struct addrinfo **out)
{
    int (*real)(const char *, const char *, const struct addrinfo *,
                struct addrinfo **);

    *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
    if (!name || !strstr(name, ".test") ||
        (hints && hints->ai_flags & AI_NUMERICHOST))
        return real(name, service, hints, out);
    lookups++;
    if (strcmp(name, "silent.test") == 0)
        usleep(3 * TIMEOUT_MS * 1000);
    return strcmp(name, "peer.test") == 0 && knows
               ? real("127.0.0.1", service, hints, out)
               : EAI_AGAIN;
}

static char host[64];
static struct loop loop;
static struct http_client *client;
static struct probe_shared *shared;
static struct http_peer peer;
static struct conf_status status;
static struct probe *probe;

static unsigned calls;
static struct probe_result last;

static int
setup(void **state)
{
    static char none[] = "", path[] = "api/v1/status";

    (void)state;
    calls = 0;
    knows = 1;
    lookups = 0;
    strcpy(host, "127.0.0.1");
    assert_int_equal(loop_init(&loop), 0);
    client = http_client_new(&loop);
    shared = probe_shared_new(&loop, NULL, client);
    http_peer_open(&peer, &loop);
    status = (struct conf_status){.port = peer.port,
                                  .endpoint = path,
                                  .interval_ms = 30,
                                  .ca = none,
                                  .server_name = none,
                                  .user = none,
                                  .password = none};
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    if (probe)
        probe_stop(probe);
    probe = NULL;
    http_client_free(client);
    probe_shared_free(shared);
    http_peer_end(&peer);
    loop_close(&loop);
    return 0;
}

static void
on_result(void *data, const struct probe_result *result)
{
    (void)data;
    calls++;
    last = *result;
}

static void
begin(void)
{
    const struct probe_settings settings = {.host = host,
                                            .interval_ms = status.interval_ms,
                                            .timeout_ms = TIMEOUT_MS,
                                            .status = &status};

    calls = 0;
    probe = probe_start(shared, &settings, 7, on_result, NULL);
    assert_int_equal(calls, 0);
}

static void
wait_for_calls(unsigned count)
{
    uint64_t end_ms = clock_mono_ms() + WAIT_MS;

    while (calls < count && clock_mono_ms() < end_ms)
        uv_run(&loop.uv, UV_RUN_ONCE);
    assert_true(calls >= count);
}

/* The next result of a question that was put with this answer to come. */
static const char *
answer(const char *text)
{
    peer.answer = text;
    if (!probe)
        begin();
    wait_for_calls(calls + 2);
    return last.text;
}

#define JSON(status, body)                                      \
    "HTTP/1.1 " status "\r\nContent-Type: application/json\r\n" \
    "Connection: close\r\n\r\n" body
#define SYNCED                                                           \
    "{\"wsrep_local_state\":4,\"wsrep_local_state_comment\":\"Synced\"," \
    "\"wsrep_local_index\":2,\"healthy\":true}\n"

static void
test_healthy(void **state)
{
    (void)state;
    answer(JSON("200 OK", SYNCED));
    assert_int_equal(last.ok, 1);
    assert_int_equal(last.answered, 1);
    assert_true(last.value == 2);
    assert_non_null(strstr(peer.request, "GET /api/v1/status HTTP/1.1\r\n"));
    assert_null(strstr(peer.request, "Authorization"));
    assert_true(last.started_ms > 0);
    answer(JSON("200 OK", "{\"healthy\":true}"));
    assert_int_equal(last.ok, 1);
    assert_true(last.value == PROBE_NO_INDEX);
}

static void
test_unhealthy(void **state)
{
    (void)state;
    assert_string_equal(answer(JSON("503 No", "joining")),
                        "it answered 503: joining");
    assert_int_equal(last.ok, 0);
    assert_int_equal(last.answered, 1);
    assert_int_equal(last.refused, 0);
    assert_string_equal(answer(JSON("200 OK", "{\"healthy\":false}")),
                        "it says unhealthy");
    assert_string_equal(answer(JSON("200 OK", "hello")),
                        "its answer is no object of JSON");
    assert_int_equal(last.answered, 1);
}

static void
is_silence(const char *part)
{
    char where[32];

    snprintf(where, sizeof(where), "127.0.0.1:%d: ", status.port);
    assert_int_equal(last.ok, 0);
    assert_int_equal(last.answered, 0);
    assert_int_equal(last.refused, 0);
    assert_memory_equal(last.text, where, strlen(where));
    if (!strstr(last.text, part))
        fail_msg("%s", last.text);
}

static void
test_no_answer_is_silence(void **state)
{
    (void)state;
    answer(NULL);
    is_silence("no whole answer within");
    answer("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"healthy\":true");
    is_silence("only a part of the answer came");
    peer.len = 1;
    answer(" ");
    peer.len = 0;
    is_silence("");
}

static void
test_a_slow_answer_is_silence(void **state)
{
    (void)state;
    peer.stays_open = 1;
    answer("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"healthy\":true}");
    is_silence("no whole answer within");
}

static void
test_nobody_there_is_silence(void **state)
{
    (void)state;
    status.port = 1;
    answer(NULL);
    is_silence("cannot connect: Connection refused");
}

static void
test_a_huge_answer_is_silence(void **state)
{
    char *huge = malloc(200000);

    (void)state;
    memset(huge, ' ', 199999);
    huge[199999] = '\0';
    memcpy(huge, JSON("200 OK", SYNCED), strlen(JSON("200 OK", SYNCED)));
    answer(huge);
    is_silence("the answer is longer than 65536 bytes");
    probe_stop(probe);
    probe = NULL;
    free(huge);
}

static void
test_redirects(void **state)
{
    char there[128];

    (void)state;
    snprintf(there, sizeof(there),
             "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:%d/x\r\n"
             "Content-Length: 0\r\nConnection: close\r\n\r\n",
             peer.port);
    answer(there);
    is_silence("more than 5 redirects");
    probe_stop(probe);
    probe = NULL;
    status.only_code = 1;
    assert_string_equal(answer(there), "it answered 302");
    assert_int_equal(last.answered, 1);
}

static void
test_the_code_alone(void **state)
{
    (void)state;
    status.only_code = 1;
    answer(JSON("200 OK", "{\"healthy\":false}"));
    assert_int_equal(last.ok, 1);
    assert_true(last.value == PROBE_NO_INDEX);
    assert_string_equal(answer(JSON("204 No Content", "")), "it answered 204");
}

static void
test_credentials(void **state)
{
    static char user[] = "n@", password[] = "p:/w";

    (void)state;
    status.user = user;
    status.password = password;
    assert_string_equal(answer(JSON("401 Unauthorized", "Not Authorized\n")),
                        "it answered 401: Not Authorized");
    assert_int_equal(last.answered, 1);
    /* n@:p:/w */
    assert_non_null(
        strstr(peer.request, "Authorization: Basic bkA6cDovdw==\r\n"));
    answer(NULL);
    assert_null(strstr(last.text, "p:/w"));
    assert_null(strstr(last.text, "p%3A"));
}

static void
is_unfound(const char *name, const char *why)
{
    assert_int_equal(last.ok, 0);
    assert_int_equal(last.answered, 0);
    assert_int_equal(last.refused, 0);
    assert_memory_equal(last.text, name, strlen(name));
    if (!strstr(last.text, why))
        fail_msg("%s", last.text);
}

/* Where it was found it is asked, whatever becomes of the nameserver. */
static void
test_a_nameserver_moves_nobody(void **state)
{
    (void)state;
    strcpy(host, "peer.test");
    knows = 0;
    answer(JSON("200 OK", SYNCED));
    is_unfound("peer.test: ", "temporary failure");
    knows = 1;
    answer(JSON("200 OK", SYNCED));
    wait_for_calls(calls + 2);
    assert_int_equal(last.ok, 1);
    assert_non_null(strstr(peer.request, "Host: peer.test:"));
    knows = 0;
    lookups = 0;
    wait_for_calls(calls + 5);
    assert_int_equal(last.ok, 1);
    assert_int_equal(lookups, 0);
    answer("garbage");
    assert_int_equal(last.ok, 0);
    wait_for_calls(calls + 2);
    assert_true(lookups > 0);
    answer(JSON("200 OK", SYNCED));
    assert_int_equal(last.ok, 1);
}

static void
test_a_silent_nameserver(void **state)
{
    (void)state;
    strcpy(host, "silent.test");
    answer(NULL);
    is_unfound("silent.test: ", "no nameserver answers");
    assert_int_equal(peer.requests, 0);
    wait_for_calls(calls + 40); /* until it has answered */
}

/* One that takes long is not asked again meanwhile. */
static void
test_one_at_a_time(void **state)
{
    (void)state;
    answer(NULL);
    assert_true(peer.requests <= calls + 1);
}

static void
test_a_stall_of_ours_is_no_answer(void **state)
{
    unsigned before;

    (void)state;
    answer(JSON("200 OK", SYNCED));
    peer.answer = NULL;
    before = peer.requests;
    while (peer.requests == before)
        uv_run(&loop.uv, UV_RUN_ONCE);
    usleep((TIMEOUT_MS + 200) * 1000);
    before = calls;
    for (int i = 0; i < 5; i++)
        uv_run(&loop.uv, UV_RUN_NOWAIT);
    assert_int_equal(calls, before);
    assert_int_equal(last.ok, 1);
    wait_for_calls(calls + 1);
    is_silence("no whole answer within");
}

static void
test_it_can_end_while_it_is_asked(void **state)
{
    (void)state;
    begin();
    while (peer.requests == 0)
        uv_run(&loop.uv, UV_RUN_ONCE);
    probe_stop(probe);
    probe = NULL;
    for (int i = 0; i < 20; i++)
        uv_run(&loop.uv, UV_RUN_NOWAIT);
    assert_int_equal(calls, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_healthy),
        TEST(test_unhealthy),
        TEST(test_no_answer_is_silence),
        TEST(test_a_slow_answer_is_silence),
        TEST(test_nobody_there_is_silence),
        TEST(test_a_huge_answer_is_silence),
        TEST(test_redirects),
        TEST(test_the_code_alone),
        TEST(test_credentials),
        TEST(test_a_nameserver_moves_nobody),
        TEST(test_a_silent_nameserver),
        TEST(test_one_at_a_time),
        TEST(test_a_stall_of_ours_is_no_answer),
        TEST(test_it_can_end_while_it_is_asked),
    };

    return cmocka_run_group_tests_name("probes by HTTP", tests, NULL, NULL);
}
