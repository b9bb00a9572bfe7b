/* HTTP checks of hosts: one request for many, and what its answers mean. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "http_peer.h"
#include "probe/http_check.h"

#define WAIT_MS 10000
#define INTERVAL_MS 30
#define ANSWER(status) "HTTP/1.1 " status "\r\nContent-Length: 0\r\n\r\n"

static struct loop loop;
static struct http_client *client;
static struct http_checks *checks;
static struct http_peer peer;
static unsigned changes;

static int
setup(void **state)
{
    (void)state;
    changes = 0;
    assert_int_equal(loop_init(&loop), 0);
    client = http_client_new(&loop);
    checks = http_checks_new(&loop, client, INTERVAL_MS);
    http_peer_open(&peer, &loop);
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    http_checks_free(checks);
    http_client_free(client);
    http_peer_end(&peer);
    loop_close(&loop);
    return 0;
}

static void
on_change(void *data)
{
    (void)data;
    changes++;
}

static struct http_check *
start(const char *path)
{
    return http_check_start(checks, "127.0.0.1", peer.port, path, on_change,
                            NULL);
}

/* Until the status is that. */
static void
wait_for(const struct http_check *check, unsigned status)
{
    uint64_t end_ms = clock_mono_ms() + WAIT_MS;

    while (http_check_status(check) != status && clock_mono_ms() < end_ms)
        uv_run(&loop.uv, UV_RUN_ONCE);
    assert_int_equal(http_check_status(check), status);
}

static void
wait_for_requests(unsigned count)
{
    uint64_t end_ms = clock_mono_ms() + WAIT_MS;

    while (peer.requests < count && clock_mono_ms() < end_ms)
        uv_run(&loop.uv, UV_RUN_ONCE);
    assert_true(peer.requests >= count);
}

static void
add_up(void *data, unsigned status, unsigned long long count)
{
    unsigned long long *counts = data;

    counts[status / 100] += count;
}

static void
test_only_404_removes(void **state)
{
    struct http_check *check = start("health");

    (void)state;
    assert_int_equal(http_check_status(check), 0);
    assert_int_equal(http_check_removes(check), 0);
    peer.answer = ANSWER("200 OK");
    wait_for(check, 200);
    assert_non_null(strstr(peer.request, "GET /health HTTP/1.1"));
    assert_int_equal(http_check_removes(check), 0);
    assert_int_equal(changes, 0);
    peer.answer = ANSWER("404 Not Found");
    wait_for(check, 404);
    assert_int_equal(http_check_removes(check), 1);
    assert_int_equal(changes, 1);
    peer.answer = ANSWER("503 Service Unavailable");
    wait_for(check, 503);
    assert_int_equal(http_check_removes(check), 0);
    assert_int_equal(changes, 2);
    http_check_stop(check);
}

static void
test_an_error_does_not_remove(void **state)
{
    unsigned long long counts[6] = {0};
    struct http_check *check;

    (void)state;
    peer.answer = ANSWER("404 Not Found");
    check = start("x");
    wait_for(check, 404);
    peer.answer = "garbage";
    wait_for(check, 500);
    assert_int_equal(http_check_removes(check), 0);
    assert_true(http_checks_errors(checks) > 0);
    http_checks_count(checks, add_up, counts);
    assert_int_equal(counts[5], 0);
    http_check_stop(check);
}

static void
test_the_path_is_put_behind_a_slash(void **state)
{
    struct http_check *check = start("/health?x=1");

    (void)state;
    peer.answer = ANSWER("200 OK");
    wait_for(check, 200);
    assert_non_null(strstr(peer.request, "GET //health?x=1 HTTP/1.1"));
    http_check_stop(check);
    check = start("");
    wait_for(check, 200);
    assert_non_null(strstr(peer.request, "GET / HTTP/1.1"));
    http_check_stop(check);
}

static void
test_many_share_one_request(void **state)
{
    struct http_check *all[10];

    (void)state;
    peer.answer = ANSWER("404 Not Found");
    for (int i = 0; i < 10; i++)
        all[i] = start("x");
    wait_for(all[0], 404);
    assert_int_equal(peer.requests, 1);
    assert_int_equal(changes, 10);
    for (int i = 0; i < 9; i++)
        http_check_stop(all[i]);
    all[0] = start("x");
    assert_int_equal(http_check_removes(all[0]), 1);
    http_check_stop(all[0]);
    http_check_stop(all[9]);
}

static void
test_what_nobody_asks_for_is_forgotten(void **state)
{
    struct http_check *check;
    unsigned requests;

    (void)state;
    peer.answer = ANSWER("404 Not Found");
    check = start("x");
    wait_for(check, 404);
    http_check_stop(check);
    check = start("y");
    requests = peer.requests;
    wait_for_requests(requests + 3);
    assert_non_null(strstr(peer.request, "GET /y "));
    http_check_stop(check);
    check = start("x");
    assert_int_equal(http_check_status(check), 0);
    http_check_stop(check);
}

static void
test_it_can_end_while_it_is_asked(void **state)
{
    struct http_check *check = start("x");

    (void)state;
    wait_for_requests(1);
    http_check_stop(check);
    for (int i = 0; i < 20; i++)
        uv_run(&loop.uv, UV_RUN_NOWAIT);
    assert_int_equal(changes, 0);
}

static void
test_statuses_are_counted(void **state)
{
    unsigned long long counts[6] = {0};
    struct http_check *check;

    (void)state;
    peer.answer = ANSWER("204 No Content");
    check = start("x");
    wait_for(check, 204);
    peer.answer = ANSWER("404 Not Found");
    wait_for(check, 404);
    http_check_stop(check);
    http_checks_count(checks, add_up, counts);
    assert_true(counts[2] >= 1);
    assert_int_equal(counts[4], 1);
    assert_int_equal(counts[5], 0);
    assert_int_equal(http_checks_errors(checks), 0);
}

static void
test_many_do_not_begin_at_once(void **state)
{
    struct http_check *many[100];
    char path[16];

    (void)state;
    peer.answer = ANSWER("200 OK");
    for (int i = 0; i < 100; i++) {
        snprintf(path, sizeof(path), "%d", i);
        many[i] = start(path);
    }
    wait_for(many[0], 200);
    assert_true(peer.connections < 50);
    wait_for(many[99], 200);
    for (int i = 0; i < 100; i++)
        http_check_stop(many[i]);
}

static void
test_a_stall_of_ours_is_no_answer(void **state)
{
    struct http_check *check;

    (void)state;
    peer.answer = ANSWER("404 Not Found");
    check = start("x");
    wait_for(check, 404);
    peer.answer = NULL;
    wait_for_requests(peer.requests + 1);
    usleep((HTTP_CHECK_TIMEOUT_MS + 100) * 1000);
    for (int i = 0; i < 5; i++)
        uv_run(&loop.uv, UV_RUN_NOWAIT);
    assert_int_equal(http_check_status(check), 404);
    wait_for(check, 500);
    http_check_stop(check);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_only_404_removes),
        TEST(test_an_error_does_not_remove),
        TEST(test_the_path_is_put_behind_a_slash),
        TEST(test_many_share_one_request),
        TEST(test_what_nobody_asks_for_is_forgotten),
        TEST(test_it_can_end_while_it_is_asked),
        TEST(test_statuses_are_counted),
        TEST(test_many_do_not_begin_at_once),
        TEST(test_a_stall_of_ours_is_no_answer),
    };

    return cmocka_run_group_tests_name("HTTP checks", tests, NULL, NULL);
}
