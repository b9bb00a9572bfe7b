/* Other domains' health: what is read of it, and for how long it counts. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "http_peer.h"
#include "share/share_domain.h"
#include "share/share_health.h"

#define WAIT_MS 10000
#define INTERVAL_MS 20

/* ---- the parser ---------------------------------------------------------- */

static void
assert_refused(const char *text, const char *want)
{
    struct share_health health;
    char err[256];

    assert_int_equal(
        share_health_parse(text, strlen(text), &health, err, sizeof(err)), -1);
    assert_non_null(strstr(err, want));
}

static void
assert_seconds(const char *value, uint32_t want)
{
    struct share_health health;
    char text[256], err[256];

    snprintf(text, sizeof(text),
             "{\"mysql/a\":{\"SecondsSinceLastHealthy\":%s}}", value);
    assert_int_equal(
        share_health_parse(text, strlen(text), &health, err, sizeof(err)), 0);
    assert_int_equal(share_health_find(&health, "mysql/a")->unhealthy_s, want);
    share_health_free(&health);
}

static void
test_freno_s_answer_is_read(void **state)
{
    static const char text[] =
        "{\"mysql/b\":{\"LastHealthyAt\":\"2026-11-21T05:50:06.1Z\","
        "\"SecondsSinceLastHealthy\":7},\"mysql/a\":{\"LastHealthyAt\":"
        "\"2026-11-21T05:50:06.1Z\",\"SecondsSinceLastHealthy\":0}}\n";
    struct share_health health;
    char err[256];

    (void)state;
    assert_int_equal(
        share_health_parse(text, strlen(text), &health, err, sizeof(err)), 0);
    assert_int_equal(health.count, 2);
    assert_int_equal(share_health_find(&health, "mysql/b")->unhealthy_s, 7);
    assert_int_equal(share_health_find(&health, "mysql/a")->unhealthy_s, 0);
    assert_null(share_health_find(&health, "mysql/c"));
    assert_null(share_health_find(&health, ""));
    share_health_free(&health);
    assert_null(share_health_find(&health, "mysql/a"));
    assert_int_equal(share_health_parse("{}", 2, &health, err, sizeof(err)), 0);
    assert_int_equal(health.count, 0);
    share_health_free(&health);
}

static void
test_numbers_of_every_kind(void **state)
{
    (void)state;
    assert_seconds("-1", 0);
    assert_seconds("1.9", 1);
    assert_seconds("4294967296", UINT32_MAX);
    assert_seconds("1e300", UINT32_MAX);
}

static void
test_what_is_no_health(void **state)
{
    (void)state;
    assert_refused("", "not JSON");
    assert_refused("<html>", "not JSON");
    assert_refused("{\"a\":{\"SecondsSinceLastHealthy\":1}", "not JSON");
    assert_refused("[]", "not an object");
    assert_refused("{\"a\":1}", "its health of a has no number");
    assert_refused("{\"a\":{\"SecondsSinceLastHealthy\":\"1\"}}",
                   "its health of a has no number");
    assert_refused("{\"b\":{\"SecondsSinceLastHealthy\":1},\"a\":null}",
                   "its health of a has no number");
}

/* ---- peers -----------------------------------------------------------------
 */

static struct loop loop;
static struct http_client *client;
static struct http_peer peers[2];
static char ids[2][64];
static char *list[2] = {ids[0], ids[1]};
static size_t nlist;
static struct share_domain *share;
static unsigned heard;

static size_t
on_peers(void *data, char *const **service_ids)
{
    (void)data;
    *service_ids = list;
    return nlist;
}

static void
on_heard(void *data)
{
    (void)data;
    heard++;
}

static int
setup(void **state)
{
    static const struct share_domain_events events = {on_peers, on_heard};

    (void)state;
    heard = 0;
    nlist = 2;
    assert_int_equal(loop_init(&loop), 0);
    client = http_client_new(&loop);
    for (int i = 0; i < 2; i++) {
        http_peer_open(&peers[i], &loop);
        snprintf(ids[i], sizeof(ids[i]), "127.0.0.1:%d", peers[i].port);
    }
    share = share_domain_new(&loop, client, &events, NULL, INTERVAL_MS);
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    share_domain_free(share);
    http_client_free(client);
    http_peer_end(&peers[0]);
    http_peer_end(&peers[1]);
    loop_close(&loop);
    return 0;
}

static const char *
health(unsigned seconds)
{
    static char texts[8][256];
    static unsigned turn;
    char *text = texts[turn++ % 8], body[128];
    int len =
        snprintf(body, sizeof(body),
                 "{\"mysql/a\":{\"SecondsSinceLastHealthy\":%u}}", seconds);

    snprintf(text, 256, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len,
             body);
    return text;
}

static uint32_t
unhealthy(const char *cluster, uint64_t later_ms)
{
    uint64_t until_ms, now_ms = clock_mono_ms() + later_ms;
    uint32_t seconds =
        share_domain_unhealthy(share, cluster, now_ms, &until_ms);

    assert_true(until_ms == 0 || until_ms > now_ms);
    assert_true(until_ms <= clock_mono_ms() + SHARE_DOMAIN_KEEP_MS);
    assert_true(seconds == 0 || until_ms != 0);
    return seconds;
}

static void
turn_until(uint32_t wanted)
{
    uint64_t end_ms = clock_mono_ms() + WAIT_MS;

    while (unhealthy("a", 0) != wanted && clock_mono_ms() < end_ms)
        uv_run(&loop.uv, UV_RUN_ONCE);
    assert_int_equal(unhealthy("a", 0), wanted);
}

static void
turn_for_requests(struct http_peer *peer, unsigned more)
{
    uint64_t end_ms = clock_mono_ms() + WAIT_MS;
    unsigned wanted = peer->requests + more;

    while (peer->requests < wanted && clock_mono_ms() < end_ms)
        uv_run(&loop.uv, UV_RUN_ONCE);
    assert_true(peer->requests >= wanted);
}

static void
test_the_worst_of_all_counts(void **state)
{
    (void)state;
    assert_int_equal(unhealthy("a", 0), 0);
    peers[0].answer = health(3);
    peers[1].answer = health(0);
    turn_until(3);
    assert_true(heard > 0);
    assert_non_null(strstr(peers[0].request, "GET /metrics-health HTTP/1.1"));
    assert_int_equal(unhealthy("b", 0), 0);
    peers[1].answer = health(9);
    turn_until(9);
    peers[1].answer = health(0);
    turn_until(3);
    peers[0].answer = health(0);
    turn_until(0);
}

static void
test_who_cannot_be_asked_counts_for_nothing(void **state)
{
    (void)state;
    snprintf(ids[0], sizeof(ids[0]), "127.0.0.1:1");
    peers[1].answer = health(2);
    turn_until(2);
    peers[1].answer = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
    turn_for_requests(&peers[1], 3);
    assert_int_equal(unhealthy("a", 0), 2);
    assert_int_equal(unhealthy("a", SHARE_DOMAIN_KEEP_MS), 0);
}

static void
test_a_slow_one_holds_up_nobody(void **state)
{
    (void)state;
    peers[0].answer = NULL;
    peers[1].answer = health(4);
    turn_until(4);
    turn_for_requests(&peers[1], 5);
    assert_int_equal(peers[0].requests, 1);
}

static void
test_who_leads_no_longer_is_not_asked(void **state)
{
    unsigned requests;

    (void)state;
    peers[0].answer = health(5);
    peers[1].answer = health(1);
    turn_until(5);
    nlist = 0;
    turn_for_requests(&peers[0], 0);
    for (uint64_t end_ms = clock_mono_ms() + 5 * INTERVAL_MS;
         clock_mono_ms() < end_ms;)
        uv_run(&loop.uv, UV_RUN_ONCE);
    requests = peers[0].requests;
    for (uint64_t end_ms = clock_mono_ms() + 5 * INTERVAL_MS;
         clock_mono_ms() < end_ms;)
        uv_run(&loop.uv, UV_RUN_ONCE);
    assert_int_equal(peers[0].requests, requests);
    assert_int_equal(unhealthy("a", 0), 5);
    assert_int_equal(unhealthy("a", SHARE_DOMAIN_KEEP_MS), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_freno_s_answer_is_read),
        cmocka_unit_test(test_numbers_of_every_kind),
        cmocka_unit_test(test_what_is_no_health),
        TEST(test_the_worst_of_all_counts),
        TEST(test_who_cannot_be_asked_counts_for_nothing),
        TEST(test_a_slow_one_holds_up_nobody),
        TEST(test_who_leads_no_longer_is_not_asked),
    };

    return cmocka_run_group_tests_name("share domain", tests, NULL, NULL);
}
