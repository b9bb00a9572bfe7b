/* What the control API shows: throttled apps, skipped hosts, consensus. */
#include "api_fixture.h"

#include <time.h>

/* "…" of the first "ExpireAt", as milliseconds by CLOCK_REALTIME. */
static uint64_t
expiry(const char *text, const char *before)
{
    const char *at = strstr(text, before);
    unsigned ms = 0, digits = 100;
    struct tm tm = {0};

    assert_non_null(at);
    at = strptime(at + strlen(before), "\"%Y-%m-%dT%H:%M:%S", &tm);
    assert_non_null(at);
    if (*at == '.')
        for (at++; *at >= '0' && *at <= '9'; at++, digits /= 10)
            ms += digits * (unsigned)(*at - '0');
    assert_memory_equal(at, "Z\"", 2);
    return (uint64_t)timegm(&tm) * 1000 + ms;
}

static void
near(uint64_t got_ms, uint64_t want_ms)
{
    if (got_ms + 5 < want_ms || got_ms > want_ms + 5)
        fail_msg("%llu is not %llu", (unsigned long long)got_ms,
                 (unsigned long long)want_ms);
}

/* ---- throttled apps --------------------------------------------------- */

static void
test_throttled_none(void **state)
{
    struct facts facts = {0};
    struct fixture f;
    const char *got;

    (void)state;
    fixture_open(&f);
    f.facts = &facts;
    got = get(&f, "/throttled-apps");
    assert_status(got, 200);
    assert_has(got, "\r\nContent-Type: application/json\r\n");
    assert_string_equal(http_help_body(got), "{}\n");
    assert_string_equal(http_help_body(get(&f, "/skipped-hosts")), "{}\n");
    fixture_close(&f);
}

static void
test_throttled(void **state)
{
    struct fact_throttle throttles[] = {
        {.key = "a<b>", .ratio = 1, .remaining_ms = FACT_NEVER},
        {.key = "app/main1",
         .ratio = 0.25,
         .remaining_ms = FACT_NEVER,
         .owner = "me",
         .reason = "\"copy\""},
        {.key = "other", .ratio = 0, .remaining_ms = FACT_NEVER, .reason = "x"},
    };
    struct facts facts = {.throttles = throttles, .nthrottles = 3};
    struct fixture f;
    const char *got;

    (void)state;
    fixture_open(&f);
    f.facts = &facts;
    facts.read_mono_ms = clock_mono_ms();
    got = get(&f, "/throttled-apps");
    assert_string_equal(
        http_help_body(got),
        "{\"a\\u003cb\\u003e\":"
        "{\"ExpireAt\":\"0001-01-01T00:00:00Z\",\"Ratio\":1},"
        "\"app/main1\":{\"ExpireAt\":\"0001-01-01T00:00:00Z\",\"Ratio\":0.25,"
        "\"Owner\":\"me\",\"Reason\":\"\\\"copy\\\"\"},"
        "\"other\":{\"ExpireAt\":\"0001-01-01T00:00:00Z\",\"Ratio\":0,"
        "\"Reason\":\"x\"}}\n");
    fixture_close(&f);
}

/* Times count from the read of the facts, and who has run out since is not
 * shown. */
static void
test_throttled_until(void **state)
{
    struct fact_throttle throttles[] = {
        {.key = "gone", .ratio = 1, .remaining_ms = 900},
        {.key = "stays", .ratio = 0.5, .remaining_ms = 3600000},
    };
    struct facts facts = {.throttles = throttles, .nthrottles = 2};
    struct fixture f;
    uint64_t want_ms;
    const char *got;

    (void)state;
    fixture_open(&f);
    f.facts = &facts;
    facts.read_mono_ms = clock_mono_ms() - 1000;
    want_ms = clock_real_ms() - 1000 + 3600000;
    got = http_help_body(get(&f, "/throttled-apps"));
    assert_memory_equal(got, "{\"stays\":{\"ExpireAt\":\"2", 22);
    assert_has(got, "Z\",\"Ratio\":0.5}}\n");
    near(expiry(got, "\"ExpireAt\":"), want_ms);
    fixture_close(&f);
}

/* More than a socket takes at once. */
static void
test_throttled_many(void **state)
{
    size_t n = 10000;
    struct fact_throttle *throttles = calloc(n, sizeof(*throttles));
    struct facts facts = {.throttles = throttles, .nthrottles = n};
    static char got[2 << 20];
    char last[160];
    struct fixture f;
    int fd;

    (void)state;
    fixture_open(&f);
    for (size_t i = 0; i < n; i++) {
        snprintf(throttles[i].key, sizeof(throttles[i].key), "app%05zu%050d", i,
                 0);
        throttles[i].ratio = 1;
        throttles[i].remaining_ms = FACT_NEVER;
    }
    f.facts = &facts;
    fd = http_help_connect(f.path);
    http_help_send(&f.loop, fd, "GET /throttled-apps" LAST,
                   strlen("GET /throttled-apps" LAST));
    assert_int_equal(http_help_read(&f.loop, fd, got, sizeof(got)), 0);
    close(fd);
    snprintf(last, sizeof(last),
             ",\"app09999%050d\":{\"ExpireAt\":\"0001-01-01T00:00:00Z\","
             "\"Ratio\":1}}\n",
             0);
    assert_string_equal(got + strlen(got) - strlen(last), last);
    free(throttles);
    fixture_close(&f);
}

/* ---- skipped hosts ---------------------------------------------------- */

static void
test_skipped(void **state)
{
    struct fact_skip skips[] = {
        {.host = "db1", .remaining_ms = 3600000, .owner = "me"},
        {.host = "db2", .remaining_ms = FACT_NEVER, .reason = "disk"},
        {.host = "db3", .remaining_ms = 0},
    };
    struct facts facts = {.skips = skips, .nskips = 3};
    struct fixture f;
    const char *got;

    (void)state;
    fixture_open(&f);
    f.facts = &facts;
    facts.read_mono_ms = clock_mono_ms();
    got = http_help_body(get(&f, "/skipped-hosts"));
    near(expiry(got, "{\"db1\":"), clock_real_ms() + 3600000);
    assert_has(got, "Z\",\"db2\":\"0001-01-01T00:00:00Z\"}\n");
    assert_string_equal(
        strchr(http_help_body(get(&f, "/skipped-hosts?details=false")), ','),
        ",\"db2\":\"0001-01-01T00:00:00Z\"}\n");

    got = http_help_body(get(&f, "/skipped-hosts?details=true"));
    near(expiry(got, "{\"db1\":{\"ExpireAt\":"), clock_real_ms() + 3600000);
    assert_has(got, "Z\",\"Owner\":\"me\"},\"db2\":{\"ExpireAt\":"
                    "\"0001-01-01T00:00:00Z\",\"Reason\":\"disk\"}}\n");
    fixture_close(&f);
}

static void
test_facts_unknown(void **state)
{
    static const char *const paths[] = {"/throttled-apps", "/skipped-hosts"};
    struct fixture f;
    const char *got;

    (void)state;
    fixture_open(&f);
    for (size_t i = 0; i < 2; i++) {
        got = get(&f, paths[i]);
        assert_says(got, 503,
                    "the store was not reached since sluiced started: see "
                    "its log for why, and repeat the request when it is "
                    "back");
        assert_has(got, "\r\nSluice-Reason: facts-unknown\r\n");
    }
    fixture_close(&f);
}

/* ---- consensus -------------------------------------------------------- */

static void
assert_text(const char *got, const char *body)
{
    assert_status(got, 200);
    assert_has(got, "\r\nContent-Type: text/plain; charset=utf-8\r\n");
    assert_string_equal(http_help_body(got), body);
}

static void
test_leader(void **state)
{
    struct fixture f;
    const char *got;

    (void)state;
    fixture_open(&f);
    f.status.state = "Healthy";
    assert_text(get(&f, "/raft/leader"), "\"vm:1\"\n");
    assert_text(get(&f, "/consensus/leader"), "\"vm:1\"\n");
    assert_text(get(&f, "/raft/state"), "\"Healthy\"\n");
    assert_text(get(&f, "/consensus/state"), "\"Healthy\"\n");

    f.status.leader = "";
    got = get(&f, "/consensus/leader");
    assert_status(got, 500);
    assert_has(got, "\r\nContent-Length: 0\r\n");
    assert_null(strstr(got, "Content-Type"));
    assert_string_equal(http_help_body(got), "");
    fixture_close(&f);
}

static void
test_status_alone(void **state)
{
    struct fixture f;
    const char *got;

    (void)state;
    fixture_open(&f);
    f.status.healthy = 1;
    f.status.leads = 1;
    got = get(&f, "/consensus/status");
    assert_has(got, "\r\nContent-Type: application/json\r\n");
    assert_string_equal(
        http_help_body(got),
        "{\"ServiceID\":\"vm:1\",\"Healthy\":true,\"IsLeader\":true,"
        "\"Leader\":\"vm:1\",\"State\":\"Leader\",\"Domain\":\"\","
        "\"ShareDomain\":\"\",\"ShareDomainServices\":null,"
        "\"ShareDomainServicesList\":null,"
        "\"HealthyDomainServicesList\":null}\n");
    fixture_close(&f);
}

static void
test_status_shared(void **state)
{
    char *domains[] = {"dc2/prod", "dc1/prod"};
    char *leaders[] = {"vm:24189", "vm:24187"};
    char *healthy[] = {"vm:24187", "vm:24188"};
    struct fixture f;

    (void)state;
    fixture_open(&f);
    f.status = (struct consensus_status){
        .service_id = "vm:24188",
        .leader = "vm:24187",
        .state = "Healthy",
        .healthy = 1,
        .domain = "dc1/prod",
        .share_domain = "prod",
        .healthy_services = {.items = healthy, .count = 2},
        .share_domains = {.items = domains, .count = 2},
        .share_leaders = {.items = leaders, .count = 2},
    };
    assert_string_equal(
        http_help_body(get(&f, "/consensus/status")),
        "{\"ServiceID\":\"vm:24188\",\"Healthy\":true,\"IsLeader\":false,"
        "\"Leader\":\"vm:24187\",\"State\":\"Healthy\","
        "\"Domain\":\"dc1/prod\",\"ShareDomain\":\"prod\","
        "\"ShareDomainServices\":"
        "{\"dc1/prod\":\"vm:24187\",\"dc2/prod\":\"vm:24189\"},"
        "\"ShareDomainServicesList\":[\"vm:24188\",\"vm:24187\","
        "\"vm:24189\"],"
        "\"HealthyDomainServicesList\":[\"vm:24187\",\"vm:24188\"]}\n");

    f.status.share_domains.count = f.status.share_leaders.count = 0;
    assert_has(get(&f, "/consensus/status"),
               "\"ShareDomainServices\":{},"
               "\"ShareDomainServicesList\":[\"vm:24188\"],");
    fixture_close(&f);
}

/* HEAD says what GET says, without the body. */
static void
test_head(void **state)
{
    static const char *const paths[] = {
        "/throttled-apps", "/skipped-hosts",    "/consensus/leader",
        "/raft/state",     "/consensus/status", "/nope",
    };
    struct facts facts = {0};
    char want[2048];
    struct fixture f;

    (void)state;
    fixture_open(&f);
    f.facts = &facts;
    for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
        snprintf(want, sizeof(want), "%s", get(&f, paths[i]));
        *(char *)http_help_body(want) = '\0';
        assert_string_equal(fixture_ask(&f, "HEAD", paths[i], "", ""), want);
    }
    fixture_close(&f);
}

static void
test_memcache(void **state)
{
    char *servers[] = {"mc1:11211", "mc\"2"};
    struct fixture f;

    (void)state;
    fixture_open(&f);
    f.memcache.path = "";
    assert_string_equal(http_help_body(get(&f, "/config/memcache")),
                        "{\"MemcacheServers\":[],\"MemcachePath\":\"\"}\n");
    f.memcache.path = "freno";
    f.memcache.servers.items = servers;
    f.memcache.servers.count = 2;
    assert_string_equal(http_help_body(get(&f, "/config/memcache")),
                        "{\"MemcacheServers\":[\"mc1:11211\",\"mc\\\"2\"],"
                        "\"MemcachePath\":\"freno\"}\n");
    fixture_close(&f);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_throttled_none),
        cmocka_unit_test(test_throttled),
        cmocka_unit_test(test_throttled_until),
        cmocka_unit_test(test_throttled_many),
        cmocka_unit_test(test_skipped),
        cmocka_unit_test(test_facts_unknown),
        cmocka_unit_test(test_leader),
        cmocka_unit_test(test_status_alone),
        cmocka_unit_test(test_status_shared),
        cmocka_unit_test(test_head),
        cmocka_unit_test(test_memcache),
    };
    int failed;

    tempdir_make();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    tempdir_remove();
    return failed;
}
