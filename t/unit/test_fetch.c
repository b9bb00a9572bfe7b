/* Fetches of one URL at the same moment are one. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "http_peer.h"
#include "inventory/fetch.h"

#define WAIT_MS 10000
#define OK "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

static struct loop loop;
static struct http_client *client;
static struct fetches *fetches;
static struct http_peer peer;
static char url[64];
static unsigned answers, errors;
static struct fetch *victim; /* cancelled by the first answer */

static int
setup(void **state)
{
    (void)state;
    answers = errors = 0;
    victim = NULL;
    assert_int_equal(loop_init(&loop), 0);
    client = http_client_new(&loop);
    fetches = fetches_new(client);
    http_peer_open(&peer, &loop);
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/x", peer.port);
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    fetches_free(fetches);
    http_client_free(client);
    http_peer_end(&peer);
    loop_close(&loop);
    return 0;
}

static struct fetch *start(const char *what, const char *ca_file, int again);

static void
on_answer(void *data,
          const struct http_client_answer *answer,
          const char *error)
{
    answers += answer != NULL;
    errors += error != NULL;
    if (answer)
        assert_string_equal(answer->body, "hello");
    if (data)
        start(url, NULL, 0);
    fetch_cancel(victim);
    victim = NULL;
}

static struct fetch *
start(const char *what, const char *ca_file, int again)
{
    const struct http_client_request request = {
        .url = what,
        .ca_file = ca_file,
        .connect_ms = 1000,
        .total_ms = 1000,
        .body_max = 100,
    };

    return fetch_start(fetches, &request, on_answer, again ? url : NULL);
}

static void
turn_until(const unsigned *count, unsigned wanted)
{
    uint64_t end_ms = clock_mono_ms() + WAIT_MS;

    while (*count < wanted && clock_mono_ms() < end_ms)
        uv_run(&loop.uv, UV_RUN_ONCE);
    assert_int_equal(*count, wanted);
}

static void
test_many_are_one_request(void **state)
{
    (void)state;
    peer.answer = OK;
    for (int i = 0; i < 50; i++)
        start(url, i % 2 ? NULL : "", 0);
    turn_until(&answers, 50);
    assert_int_equal(peer.requests, 1);
    start(url, NULL, 0);
    turn_until(&answers, 51);
    assert_int_equal(peer.requests, 2);
}

static void
test_others_are_others(void **state)
{
    char other[64];

    (void)state;
    snprintf(other, sizeof(other), "http://127.0.0.1:%d/y", peer.port);
    peer.answer = OK;
    start(url, NULL, 0);
    start(other, NULL, 0);
    start(url, "/dev/null", 0);
    turn_until(&answers, 3);
    assert_int_equal(peer.requests, 3);
}

static void
test_an_error_is_everybody_s(void **state)
{
    (void)state;
    peer.answer = "garbage";
    start(url, NULL, 0);
    start(url, NULL, 0);
    turn_until(&errors, 2);
    assert_int_equal(peer.requests, 1);
}

static void
test_one_may_be_cancelled(void **state)
{
    struct fetch *one = start(url, NULL, 0);

    (void)state;
    start(url, NULL, 0);
    fetch_cancel(one);
    fetch_cancel(NULL);
    peer.answer = OK;
    turn_until(&answers, 1);
    fetch_cancel(start(url, NULL, 0));
    for (int i = 0; i < 20; i++)
        uv_run(&loop.uv, UV_RUN_NOWAIT);
    assert_int_equal(answers, 1);
}

static void
test_an_answer_may_cancel_and_begin_others(void **state)
{
    (void)state;
    peer.answer = OK;
    victim = start(url, NULL, 0);
    start(url, NULL, 1);
    turn_until(&answers, 2);
    assert_int_equal(peer.requests, 2);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_many_are_one_request),
        TEST(test_others_are_others),
        TEST(test_an_error_is_everybody_s),
        TEST(test_one_may_be_cancelled),
        TEST(test_an_answer_may_cancel_and_begin_others),
    };

    return cmocka_run_group_tests_name("fetches", tests, NULL, NULL);
}
