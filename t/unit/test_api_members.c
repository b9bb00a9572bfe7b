/* The members by the control API: the list, and changes of it. */
#include "api_fixture.h"

#define PATH "/consensus/members"
#define NONE                                                      \
    "only nodes that keep the store themselves are members: set " \
    "RaftDataDir, without BackendMySQLHost, and restart sluiced"
#define EXPECTED                                              \
    "expected one of add=ADDRESS, remove=ID_OR_ADDRESS, and " \
    "replace=ID_OR_ADDRESS with by=ADDRESS"

/* ---- the list --------------------------------------------------------- */

static void
test_list(void **state)
{
    static const struct consensus_member members[] = {
        {"00000000000000ff", "n3:10008", MEMBER_CATCHING, 0, 12, 4096},
        {"0123456789abcdef", "[fd00::1]:10008", MEMBER_VOTER, 1, 0, 0},
        {"00000000000000bb", "n2:10008", MEMBER_WAITING, 0, -1, 0},
        {"00000000000000aa", "n2:10008", MEMBER_VOTER, 0, 49, 1},
        {"00000000000000dd", "\"o\":1", MEMBER_OBSERVER, 0, 3, 2},
    };
    struct fixture f;
    const char *got;

    (void)state;
    fixture_open(&f);
    f.members = members;
    f.nmembers = 5;
    got = get(&f, PATH);
    assert_status(got, 200);
    assert_has(got, "\r\nContent-Type: application/json\r\n");
    assert_string_equal(
        http_help_body(got),
        "[{\"Id\":\"00000000000000dd\",\"Address\":\"\\\"o\\\":1\","
        "\"Role\":\"observer\",\"Leader\":false,\"HeardMillis\":3,"
        "\"Behind\":2},"
        "{\"Id\":\"0123456789abcdef\",\"Address\":\"[fd00::1]:10008\","
        "\"Role\":\"voter\",\"Leader\":true,\"HeardMillis\":0,"
        "\"Behind\":0},"
        "{\"Id\":\"00000000000000aa\",\"Address\":\"n2:10008\","
        "\"Role\":\"voter\",\"Leader\":false,\"HeardMillis\":49,"
        "\"Behind\":1},"
        "{\"Id\":\"00000000000000bb\",\"Address\":\"n2:10008\","
        "\"Role\":\"waiting\",\"Leader\":false,\"HeardMillis\":null,"
        "\"Behind\":0},"
        "{\"Id\":\"00000000000000ff\",\"Address\":\"n3:10008\","
        "\"Role\":\"catching\",\"Leader\":false,\"HeardMillis\":12,"
        "\"Behind\":4096}]\n");
    f.nmembers = 0;
    assert_string_equal(http_help_body(get(&f, "/raft/members")), "[]\n");
    assert_status(fixture_ask(&f, "HEAD", PATH, "", ""), 200);
    fixture_close(&f);
}

static void
test_list_refused(void **state)
{
    struct fixture f;
    const char *got;

    (void)state;
    fixture_open(&f);
    f.outcome = CONSENSUS_REFUSED;
    f.text = "no leader is known";
    got = get(&f, PATH);
    assert_says(got, 503, "no leader is known");
    assert_has(got, "\r\nSluice-Reason: refused\r\n");
    f.text = NULL;
    assert_says(get(&f, PATH), 503, "the leader did not answer");
    f.no_members = 1;
    got = get(&f, "/raft/members");
    assert_says(got, 503, NONE);
    assert_has(got, "\r\nSluice-Reason: no-members\r\n");
    fixture_close(&f);
}

/* Of a store in MySQL the hooks are not there at all. */
static void
test_no_hooks(void **state)
{
    struct api_hooks hooks = {0};
    char err[256] = "";
    struct fixture f;

    (void)state;
    fixture_open(&f);
    api_close(f.api);
    while (access(f.path, F_OK) == 0)
        http_help_turn(&f.loop, -1);
    f.api = api_open(&f.loop, f.path, &hooks, err, sizeof(err));
    assert_string_equal(err, "");
    assert_says(get(&f, PATH), 503, NONE);
    assert_says(post(&f, PATH, "add=a:1"), 503, NONE);
    fixture_close(&f);
}

/* ---- changes ---------------------------------------------------------- */

static void
changes(struct fixture *f,
        const char *got,
        enum consensus_member_change_kind kind,
        const char *who,
        const char *whom)
{
    const struct consensus_member_change *c = &f->asked_members.change;

    assert_says(got, 200, f->text ? f->text : "OK");
    assert_int_equal(f->nasked_members, 1);
    f->nasked_members = 0;
    assert_int_equal(c->kind, kind);
    assert_string_equal(c->who, who);
    assert_string_equal(c->whom, whom);
}

static void
test_change(void **state)
{
    struct fixture f;

    (void)state;
    fixture_open(&f);
    changes(&f, post(&f, PATH, "add=n4:10008"), MEMBER_ADD, "n4:10008", "");
    f.text = "n4:10008 is a voter now";
    changes(&f, post(&f, PATH "?add=%5bfd00::1%5D:1", ""), MEMBER_ADD,
            "[fd00::1]:1", "");
    changes(&f, post(&f, PATH, "remove=0123456789abcdef"), MEMBER_REMOVE,
            "0123456789abcdef", "");
    changes(&f, post(&f, PATH, "by=n4%3A10008&replace=n1:10008"),
            MEMBER_REPLACE, "n1:10008", "n4:10008");
    fixture_close(&f);
}

static void
test_wrong_use(void **state)
{
    static const char *const wrong[] = {
        "",       "add=a:1&remove=b:1", "replace=a:1",
        "by=b:1", "add=a:1&by=b:1",     "remove=a:1&replace=b:1&by=c:1"};
    static const char *const empty[] = {"add=", "remove=", "replace=&by=a",
                                        "replace=a&by="};
    char form[400], *at = form + sprintf(form, "remove=");
    struct fixture f;

    (void)state;
    fixture_open(&f);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
        assert_says(post(&f, PATH, wrong[i]), 400, EXPECTED);
    for (size_t i = 0; i < sizeof(empty) / sizeof(*empty); i++)
        assert_has(post(&f, PATH, empty[i]), "{\"StatusCode\":400,");
    memset(at, 'x', 272);
    at[272] = '\0';
    assert_has(post(&f, PATH, form), "an address 1 to 271 bytes");
    assert_int_equal(f.nasked_members, 0);
    at[271] = '\0';
    assert_status(post(&f, PATH, form), 200);
    assert_int_equal(f.nasked_members, 1);
    assert_says(post(&f, PATH, "add=a:1&ad=b"), 400,
                "unknown field ad; known are add remove replace by");
    assert_status(post(&f, "/raft/members", "add=a:1"), 405);
    assert_status(fixture_ask(&f, "DELETE", PATH "?remove=a:1", "", ""), 405);
    get(&f, PATH "?add=a:1"); /* shows, and changes nothing */
    assert_null(f.asked_members.change_cb);
    assert_string_equal(f.asked_members.change.who, "");
    fixture_close(&f);
}

static void
test_failed(void **state)
{
    struct fixture f;
    const char *got;

    (void)state;
    fixture_open(&f);
    f.outcome = CONSENSUS_REFUSED;
    f.text = "n9:1 is no member";
    got = post(&f, PATH, "remove=n9:1");
    assert_says(got, 503,
                "n9:1 is no member; repeat the request when that is mended");
    assert_has(got, "\r\nSluice-Reason: refused\r\n");
    f.outcome = CONSENSUS_UNKNOWN;
    f.text = NULL;
    got = post(&f, PATH, "remove=n9:1");
    assert_says(got, 503, "may or may not have been stored, repeat it");
    assert_has(got, "\r\nSluice-Reason: unknown\r\n");
    f.no_members = 1;
    got = post(&f, PATH, "remove=n9:1");
    assert_says(got, 503, NONE);
    assert_has(got, "\r\nSluice-Reason: no-members\r\n");
    fixture_close(&f);
}

static void
test_browser(void **state)
{
    struct fixture f;
    const char *got;

    (void)state;
    fixture_open(&f);
    got = fixture_ask(&f, "POST", PATH "?add=a:1", "Origin: http://x\r\n", "");
    assert_status(got, 403);
    assert_has(got, "\r\nSluice-Reason: cross-site\r\n");
    assert_int_equal(f.nasked_members, 0);
    assert_status(fixture_ask(&f, "POST", PATH "?add=a:1",
                              "Origin: http://x\r\nSluice-Request: 1\r\n", ""),
                  200);
    assert_int_equal(f.nasked_members, 1);
    fixture_close(&f);
}

/* The client left, or the API closed, before the store answers. */
static void
test_late(void **state)
{
    static const char *const requests[] = {"GET " PATH LAST,
                                           "POST " PATH "?add=a:1" LAST};
    struct fixture f;
    char got[1024];
    int fd;

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        fixture_open(&f);
        f.holds = 1;
        fd = http_help_connect(f.path);
        http_help_send(&f.loop, fd, requests[i % 2], strlen(requests[i % 2]));
        while (f.nasked_members == 0)
            http_help_turn(&f.loop, -1);
        if (i < 2) {
            api_close(f.api);
            f.api = NULL;
            assert_int_equal(http_help_read(&f.loop, fd, got, sizeof(got)), 0);
            assert_status(got, 503);
        }
        close(fd);
        for (int turn = 0; turn < 20; turn++)
            http_help_turn(&f.loop, -1);
        fixture_answer_members(&f);
        fixture_close(&f);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_list),      cmocka_unit_test(test_list_refused),
        cmocka_unit_test(test_no_hooks),  cmocka_unit_test(test_change),
        cmocka_unit_test(test_wrong_use), cmocka_unit_test(test_failed),
        cmocka_unit_test(test_browser),   cmocka_unit_test(test_late),
    };
    int failed;

    tempdir_make();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    tempdir_remove();
    return failed;
}
