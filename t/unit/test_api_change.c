/* Changes through the control API: what is asked of the store, what is
 * answered, and when. */
#include "api_fixture.h"

#define MINUTE_MS 60000

/* ---- throttle --------------------------------------------------------- */

static void
test_throttle(void **state)
{
    const struct consensus_change *c;
    struct fixture f;

    (void)state;
    fixture_open(&f);
    assert_says(get(&f, "/throttle-app/tapp"), 200, "OK");
    c = asked_for(&f, CHANGE_THROTTLE, "tapp");
    assert_true(c->ttl_ms == FACT_NEVER);
    assert_true(c->ratio == CHANGE_RATIO_KEEP);

    assert_says(get(&f, "/throttle-app/tapp/ttl/10"), 200, "OK");
    c = asked_for(&f, CHANGE_THROTTLE, "tapp");
    assert_true(c->ttl_ms == 10 * MINUTE_MS);
    assert_true(c->ratio == CHANGE_RATIO_KEEP);

    assert_says(get(&f, "/throttle-app/tapp/ratio/0.25"), 200, "OK");
    c = asked_for(&f, CHANGE_THROTTLE, "tapp");
    assert_true(c->ttl_ms == FACT_NEVER);
    assert_true(c->ratio == 0.25);

    assert_says(get(&f, "/throttle-app/a%20b/ttl/5/ratio/1?store_name=main1"
                        "&owner=me&reason=a+copy"),
                200, "OK");
    c = asked_for(&f, CHANGE_THROTTLE, "a b/main1");
    assert_true(c->ttl_ms == 5 * MINUTE_MS);
    assert_true(c->ratio == 1);
    assert_string_equal(c->owner, "me");
    assert_string_equal(c->reason, "a copy");

    assert_says(get(&f, "/throttle-app/neg/ttl/-5"), 200, "OK");
    asked_for(&f, CHANGE_UNTHROTTLE, "neg");
    fixture_close(&f);
}

/* freno never looked at a query's ttl; nor do we, when the request is one that
 * freno would understand. */
static void
test_query_is_freno_s(void **state)
{
    const struct consensus_change *c;
    struct fixture f;

    (void)state;
    fixture_open(&f);
    assert_status(get(&f, "/throttle-app/a?ttl=5&ratio=0.5&zz=1"), 200);
    c = asked_for(&f, CHANGE_THROTTLE, "a");
    assert_true(c->ttl_ms == FACT_NEVER);
    assert_true(c->ratio == CHANGE_RATIO_KEEP);
    fixture_close(&f);
}

static void
test_unthrottle(void **state)
{
    struct fixture f;

    (void)state;
    fixture_open(&f);
    assert_says(get(&f, "/unthrottle-app/tapp"), 200, "OK");
    asked_for(&f, CHANGE_UNTHROTTLE, "tapp");
    assert_says(get(&f, "/unthrottle-app/tapp?store_name=main1&reason=done"),
                200, "OK");
    assert_string_equal(asked_for(&f, CHANGE_UNTHROTTLE, "tapp/main1")->reason,
                        "done");
    assert_says(fixture_ask(&f, "DELETE", "/throttle-app/tapp?store_name=main1",
                            "", ""),
                200, "OK");
    asked_for(&f, CHANGE_UNTHROTTLE, "tapp/main1");
    assert_says(post(&f, "/unthrottle-app/tapp", ""), 200, "OK");
    asked_for(&f, CHANGE_UNTHROTTLE, "tapp");
    fixture_close(&f);
}

static void
test_form(void **state)
{
    const struct consensus_change *c;
    struct fixture f;

    (void)state;
    fixture_open(&f);
    assert_says(post(&f, "/throttle-app/a/ttl/5", "owner=me&store_name=main2"),
                200, "OK");
    c = asked_for(&f, CHANGE_THROTTLE, "a/main2");
    assert_true(c->ttl_ms == 5 * MINUTE_MS);
    assert_string_equal(c->owner, "me");

    assert_says(post(&f, "/throttle-app/a", "ttl=7&ratio=0.5"), 200, "OK");
    c = asked_for(&f, CHANGE_THROTTLE, "a");
    assert_true(c->ttl_ms == 7 * MINUTE_MS);
    assert_true(c->ratio == 0.5);

    assert_says(post(&f, "/throttle-app/a", "ttl=x"), 500,
                "strconv.ParseInt: parsing \\\"x\\\": invalid syntax");
    assert_says(post(&f, "/throttle-app/a", "tll=5"), 400,
                "unknown field tll; known are store_name ttl ratio owner "
                "reason");
    assert_says(post(&f, "/skip-host/a", "store_name=main1"), 400,
                "unknown field store_name; known are ttl owner reason");
    assert_status(fixture_ask(&f, "POST", "/throttle-app/a",
                              "Content-Type: application/json\r\n",
                              "{\"ttl\":5}"),
                  415);
    assert_int_equal(f.nasked, 0);
    fixture_close(&f);
}

/* HEAD acts as GET does, and says the same without the body. */
static void
test_head(void **state)
{
    static const char *const paths[] = {
        "/throttle-app/a",       "/unthrottle-app/a",
        "/skip-host/a",          "/recover-host/a",
        "/throttle-app/a/ttl/x", "/throttle-app/a?store_name=no",
    };
    char want[1024];
    struct fixture f;
    size_t asked;

    (void)state;
    fixture_open(&f);
    for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
        snprintf(want, sizeof(want), "%s", get(&f, paths[i]));
        *(char *)http_help_body(want) = '\0';
        asked = f.nasked;
        f.nasked = f.answered = 0;
        assert_string_equal(fixture_ask(&f, "HEAD", paths[i], "", ""), want);
        assert_int_equal(f.nasked, asked);
        f.nasked = f.answered = 0;
    }
    fixture_close(&f);
}

/* ---- bad input -------------------------------------------------------- */

static void
test_bad(void **state)
{
    static const struct {
        const char *path, *message;
    } bad[] = {
        {"/throttle-app/bad/ratio/2", "ratio must be in [0..1] range; got 2"},
        {"/throttle-app/bad/ratio/-0.1",
         "ratio must be in [0..1] range; got -0.1"},
        {"/throttle-app/bad/ratio/NaN",
         "ratio must be in [0..1] range; got NaN"},
        {"/throttle-app/bad/ratio/abc",
         "strconv.ParseFloat: parsing \\\"abc\\\": invalid syntax"},
        {"/throttle-app/bad/ttl/abc",
         "strconv.ParseInt: parsing \\\"abc\\\": invalid syntax"},
        {"/throttle-app/bad/ttl/1.5",
         "strconv.ParseInt: parsing \\\"1.5\\\": invalid syntax"},
        {"/throttle-app/bad/ttl/99999999999999999999",
         "strconv.ParseInt: parsing \\\"99999999999999999999\\\": "
         "value out of range"},
        {"/throttle-app/bad/ttl/10/ratio/7",
         "ratio must be in [0..1] range; got 7"},
        {"/throttle-app/bad/ttl/600000000",
         "ttl must be at most 153722867 minutes, or 0 for no end; got "
         "600000000"},
        {"/throttle-app//ttl/5", "app must not be empty"},
        {"/throttle-app/a%0Ab", "app must be UTF-8 without control characters"},
        {"/throttle-app/%FF", "app must be UTF-8 without control characters"},
        {"/skip-host/db6/ttl/abc",
         "strconv.ParseInt: parsing \\\"abc\\\": invalid syntax"},
        {"/skip-host//ttl/5", "host must not be empty"},
    };
    struct fixture f;

    (void)state;
    fixture_open(&f);
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        assert_says(get(&f, bad[i].path), 500, bad[i].message);
    assert_int_equal(f.nasked, 0);
    fixture_close(&f);
}

static void
test_long_name(void **state)
{
    static const char *const routes[] = {"throttle-app", "unthrottle-app",
                                         "skip-host", "recover-host"};
    char path[256], name[130];
    struct fixture f;

    (void)state;
    fixture_open(&f);
    memset(name, 'x', 129);
    name[129] = '\0';
    for (size_t i = 0; i < 4; i++) {
        snprintf(path, sizeof(path), "/%s/%s", routes[i], name);
        assert_says(get(&f, path), 500,
                    i < 2 ? "app may have at most 128 bytes; got 129"
                          : "host may have at most 128 bytes; got 129");
        assert_int_equal(f.nasked, 0);
        path[strlen(path) - 1] = '\0';
        assert_status(get(&f, path), 200);
        assert_int_equal(f.nasked, 1);
        f.nasked = f.answered = 0;
    }
    fixture_close(&f);
}

static void
test_unknown_store(void **state)
{
    struct fact_throttle old = {.key = "a/gone", .ratio = 1};
    struct facts facts = {.throttles = &old, .nthrottles = 1};
    const char *message = "unknown store_name gone: name a cluster of the "
                          "configuration, or none for all";
    struct fixture f;

    (void)state;
    fixture_open(&f);
    assert_says(get(&f, "/throttle-app/a?store_name=gone"), 404, message);
    assert_says(get(&f, "/unthrottle-app/a?store_name=gone"), 404, message);
    f.facts = &facts;
    assert_says(get(&f, "/throttle-app/a?store_name=gone"), 404, message);
    assert_says(get(&f, "/unthrottle-app/b?store_name=gone"), 404, message);
    assert_int_equal(f.nasked, 0);
    /* What was throttled before the cluster went can be let go. */
    assert_says(get(&f, "/unthrottle-app/a?store_name=gone"), 200, "OK");
    asked_for(&f, CHANGE_UNTHROTTLE, "a/gone");
    assert_says(get(&f, "/throttle-app/a/ttl/-1?store_name=gone"), 200, "OK");
    asked_for(&f, CHANGE_UNTHROTTLE, "a/gone");
    assert_says(get(&f, "/throttle-app/a?store_name="), 200, "OK");
    asked_for(&f, CHANGE_THROTTLE, "a");
    fixture_close(&f);
}

static void
test_not_routed(void **state)
{
    struct fixture f;

    (void)state;
    fixture_open(&f);
    assert_status(get(&f, "/throttle-app"), 404);
    assert_status(get(&f, "/throttle-app/"), 404);
    assert_status(get(&f, "/throttle-app/bad/"), 404);
    assert_status(get(&f, "/throttle-app/a%2Fb"), 404);
    assert_status(get(&f, "/throttle-app/a/ratio/1/ttl/1"), 404);
    assert_status(get(&f, "/unthrottle-app/"), 404);
    assert_status(get(&f, "/skip-host/"), 404);
    assert_has(fixture_ask(&f, "PUT", "/throttle-app/x", "", ""),
               "\r\nAllow: DELETE, GET, HEAD, OPTIONS, POST\r\n");
    assert_has(fixture_ask(&f, "DELETE", "/unthrottle-app/x", "", ""),
               "\r\nAllow: GET, HEAD, OPTIONS, POST\r\n");
    assert_status(post(&f, "/throttled-apps", ""), 405);
    assert_int_equal(f.nasked, 0);
    fixture_close(&f);
}

/* ---- skip ------------------------------------------------------------- */

static void
test_skip(void **state)
{
    struct fixture f;

    (void)state;
    fixture_open(&f);
    assert_says(get(&f, "/skip-host/db1.example.com?owner=me"), 200, "OK");
    assert_true(asked_for(&f, CHANGE_SKIP, "db1.example.com")->ttl_ms ==
                60 * MINUTE_MS);
    assert_says(get(&f, "/skip-host/db1/ttl/5"), 200, "OK");
    assert_true(asked_for(&f, CHANGE_SKIP, "db1")->ttl_ms == 5 * MINUTE_MS);
    assert_says(post(&f, "/skip-host/db1", "ttl=6&reason=disk"), 200, "OK");
    assert_true(f.asked[0].change.ttl_ms == 6 * MINUTE_MS);
    assert_string_equal(asked_for(&f, CHANGE_SKIP, "db1")->reason, "disk");
    assert_says(get(&f, "/skip-host/db1/ttl/-1"), 200, "OK");
    asked_for(&f, CHANGE_RECOVER, "db1");
    assert_says(get(&f, "/recover-host/db1"), 200, "OK");
    asked_for(&f, CHANGE_RECOVER, "db1");
    assert_says(fixture_ask(&f, "DELETE", "/skip-host/db1", "", ""), 200, "OK");
    asked_for(&f, CHANGE_RECOVER, "db1");
    fixture_close(&f);
}

/* ---- outcomes --------------------------------------------------------- */

static void
test_refused(void **state)
{
    const char *got;
    struct fixture f;

    (void)state;
    fixture_open(&f);
    f.outcome = CONSENSUS_REFUSED;
    f.text = "nothing changed: dial tcp 127.0.0.1:3306: connect: "
             "connection refused";
    got = get(&f, "/throttle-app/a");
    assert_says(got, 503,
                "nothing changed: dial tcp 127.0.0.1:3306: connect: "
                "connection refused; repeat the request when that is mended");
    assert_has(got, "\r\nSluice-Reason: refused\r\n");
    assert_has(got, "\r\nRetry-After: 1\r\n");
    f.text = NULL;
    assert_has(get(&f, "/skip-host/a"), "\"nothing changed; repeat");
    fixture_close(&f);
}

static void
test_unknown(void **state)
{
    const char *got;
    struct fixture f;

    (void)state;
    fixture_open(&f);
    f.outcome = CONSENSUS_UNKNOWN;
    f.text = "may or may not have been stored, repeat it: no answer";
    got = get(&f, "/throttle-app/a");
    assert_says(got, 503,
                "may or may not have been stored, repeat it: no answer");
    assert_has(got, "\r\nSluice-Reason: unknown\r\n");
    f.text = "";
    assert_says(get(&f, "/throttle-app/a"), 503,
                "may or may not have been stored, repeat it");
    fixture_close(&f);
}

static void
test_no_store(void **state)
{
    static const char *const paths[] = {
        "/throttle-app/a",  "/unthrottle-app/a", "/skip-host/a",
        "/recover-host/a",  "/throttled-apps",   "/skipped-hosts",
        "/raft/leader",     "/consensus/leader", "/raft/state",
        "/consensus/state", "/consensus/status",
    };
    struct fixture f;
    const char *got;

    (void)state;
    fixture_open(&f);
    f.no_store = 1;
    for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
        got = get(&f, paths[i]);
        assert_says(got, 503,
                    "no store is configured that could keep this: set "
                    "RaftDataDir or BackendMySQLHost and restart sluiced");
        assert_has(got, "\r\nSluice-Reason: no-store\r\n");
    }
    assert_int_equal(f.nasked, 0);
    fixture_close(&f);
}

/* Not a byte before the store has answered. */
static void
test_waits_for_commit(void **state)
{
    struct fixture f;
    char got[1024];
    uint64_t end_ms;
    int fd;

    (void)state;
    fixture_open(&f);
    f.holds = 1;
    fd = http_help_connect(f.path);
    http_help_send(&f.loop, fd, "GET /throttle-app/a" LAST,
                   strlen("GET /throttle-app/a" LAST));
    end_ms = clock_mono_ms() + 100;
    while (clock_mono_ms() < end_ms || f.nasked == 0)
        http_help_turn(&f.loop, -1);
    assert_int_equal(recv(fd, got, sizeof(got), 0), -1);
    assert_int_equal(errno, EAGAIN);
    fixture_answer(&f, 0);
    assert_int_equal(http_help_read(&f.loop, fd, got, sizeof(got)), 0);
    assert_says(got, 200, "OK");
    close(fd);
    fixture_close(&f);
}

static void
test_parallel(void **state)
{
    struct fixture f;
    char text[1024];
    int fds[100];

    (void)state;
    fixture_open(&f);
    f.holds = 1;
    for (size_t i = 0; i < 100; i++) {
        fds[i] = http_help_connect(f.path);
        snprintf(text, sizeof(text), "GET /throttle-app/%zu" LAST, i);
        http_help_send(&f.loop, fds[i], text, strlen(text));
    }
    while (f.nasked < 100)
        http_help_turn(&f.loop, -1);
    /* Each client gets the outcome of its own change. */
    for (size_t i = 0; i < 100; i++) {
        int n = atoi(f.asked[i].change.key);

        f.outcome = n % 2 ? CONSENSUS_DONE : CONSENSUS_REFUSED;
        f.text = "even";
        fixture_answer(&f, i);
    }
    for (size_t i = 0; i < 100; i++) {
        assert_int_equal(http_help_read(&f.loop, fds[i], text, sizeof(text)),
                         0);
        assert_status(text, i % 2 ? 200 : 503);
        close(fds[i]);
    }
    fixture_close(&f);
}

/* Closing with a change under way, whose outcome then comes too late. */
static void
test_close_pending(void **state)
{
    struct fixture f;
    char got[1024];
    int fd;

    (void)state;
    fixture_open(&f);
    f.holds = 1;
    fd = http_help_connect(f.path);
    http_help_send(&f.loop, fd, "GET /throttle-app/a" LAST,
                   strlen("GET /throttle-app/a" LAST));
    while (f.nasked == 0)
        http_help_turn(&f.loop, -1);
    api_close(f.api);
    assert_int_equal(http_help_read(&f.loop, fd, got, sizeof(got)), 0);
    assert_says(got, 503,
                "sluiced stops: a change may or may not have been stored; "
                "repeat the request");
    assert_has(got, "\r\nSluice-Reason: unknown\r\n");
    close(fd);
    fixture_answer(&f, 0);
    f.api = NULL;
    fixture_close(&f);
}

static void
test_socket_taken(void **state)
{
    struct api_hooks hooks = {0};
    struct fixture f;
    char err[256];

    (void)state;
    fixture_open(&f);
    assert_null(api_open(&f.loop, f.path, &hooks, err, sizeof(err)));
    assert_has(err, "another process answers there");
    assert_status(get(&f, "/throttle-app/a"), 200);
    fixture_close(&f);
}

/* ---- browsers --------------------------------------------------------- */

static void
test_browser(void **state)
{
    static const struct {
        const char *method, *headers;
        int status;
    } cases[] = {
        {"GET", "", 200},
        {"POST", "", 200},
        {"POST", "Sluice-Request: 1\r\n", 200},
        {"GET", "Referer: http://t/x\r\n", 403},
        {"GET", "Sec-Fetch-Site: none\r\n", 403},
        {"HEAD", "Origin: null\r\n", 403},
        {"GET", "Sec-Fetch-Site: same-origin\r\nSluice-Request: 1\r\n", 403},
        {"POST", "Origin: http://t\r\n", 403},
        {"POST", "Origin: null\r\n", 403},
        {"POST", "Referer: http://t/x\r\n", 403},
        {"POST", "Sec-Fetch-Site: same-origin\r\n", 403},
        {"POST", "Sec-Fetch-Site: same-origin\r\nSluice-Request: \r\n", 403},
        {"POST", "Sec-Fetch-Site: cross-site\r\nSluice-Request: 1\r\n", 403},
        {"POST", "Sec-Fetch-Site: same-site\r\nSluice-Request: 1\r\n", 403},
        {"POST", "Sec-Fetch-Site: none\r\nSluice-Request: 1\r\n", 403},
        {"POST", "Origin: http://t\r\nSluice-Request: 1\r\n", 200},
        {"POST",
         "Origin: http://t\r\nReferer: http://t/x\r\n"
         "Sec-Fetch-Site: same-origin\r\nSluice-Request: 1\r\n",
         200},
        {"DELETE", "Sec-Fetch-Site: same-origin\r\nSluice-Request: 1\r\n", 200},
        {"DELETE", "Origin: http://t\r\n", 403},
    };
    static const char *const paths[] = {"/throttle-app/a", "/skip-host/a"};
    struct fixture f;
    const char *got;

    (void)state;
    fixture_open(&f);
    for (size_t i = 0; i < 2 * sizeof(cases) / sizeof(*cases); i++) {
        got = fixture_ask(&f, cases[i / 2].method, paths[i % 2],
                          cases[i / 2].headers, "");
        if (f.nasked != (cases[i / 2].status == 200))
            fail_msg("case %zu", i / 2);
        assert_status(got, cases[i / 2].status);
        f.nasked = f.answered = 0;
    }
    got = fixture_ask(&f, "POST", "/throttle-app/a", "Origin: null\r\n", "");
    assert_has(got, "\r\nSluice-Reason: cross-site\r\n");
    assert_says(got, 403,
                "from a browser a change needs POST or DELETE and the header "
                "Sluice-Request: 1, and a page of the same origin");
    /* A browser asks before it sends a header of a page's own making to
     * another site; it gets no leave. */
    got = fixture_ask(&f, "OPTIONS", "/throttle-app/a",
                      "Origin: http://evil\r\n"
                      "Access-Control-Request-Headers: Sluice-Request\r\n",
                      "");
    assert_status(got, 200);
    assert_null(strstr(got, "Access-Control"));
    fixture_close(&f);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_throttle),
        cmocka_unit_test(test_query_is_freno_s),
        cmocka_unit_test(test_unthrottle),
        cmocka_unit_test(test_form),
        cmocka_unit_test(test_head),
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_long_name),
        cmocka_unit_test(test_unknown_store),
        cmocka_unit_test(test_not_routed),
        cmocka_unit_test(test_skip),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_unknown),
        cmocka_unit_test(test_no_store),
        cmocka_unit_test(test_waits_for_commit),
        cmocka_unit_test(test_parallel),
        cmocka_unit_test(test_close_pending),
        cmocka_unit_test(test_socket_taken),
        cmocka_unit_test(test_browser),
    };
    int failed;

    tempdir_make();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    tempdir_remove();
    return failed;
}
