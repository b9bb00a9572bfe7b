/* The keys of raft: when it is used, and what is wrong or has no effect. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "conf_raft_help.h"

/* ---- who is used ------------------------------------------------------ */

static void
test_none(void **state)
{
    struct conf *c = taken("\"ListenPort\": 8087");

    (void)state;
    assert_string_equal(c->raft.data_dir, "");
    assert_string_equal(c->raft.bind, "");
    assert_string_equal(c->raft.self, "");
    assert_string_equal(c->raft.secret, "");
    assert_int_equal(c->raft.nodes.count, 0);
    assert_false(c->raft.insecure || c->raft.observer);
    assert_non_null(strstr(said, "this node leads itself"));
    conf_free(c);
}

static void
test_alone(void **state)
{
    struct conf *c = taken(DIR);

    (void)state;
    assert_string_equal(said, NOTHING);
    assert_string_equal(c->raft.data_dir, "/var/lib/sluice");
    assert_string_equal(c->raft.bind, "127.0.0.1:10008");
    assert_string_equal(c->raft.self, "127.0.0.1:10008");
    assert_string_equal(c->service_id, "127.0.0.1:10008");
    assert_string_equal(c->raft.secret, "");
    assert_int_equal(c->raft.nodes.count, 0);
    conf_set_listen_port(c, 99);
    assert_string_equal(c->service_id, "127.0.0.1:10008");
    assert_int_equal(c->listen_port, 99);
    conf_free(c);
    c = taken(DIR ", \"Role\": \"voter\", " NODES("\"127.0.0.1\""));
    assert_string_equal(said, NOTHING);
    assert_string_equal(c->raft.self, "127.0.0.1:10008");
    assert_int_equal(c->raft.nodes.count, 1);
    conf_free(c);
}

static void
test_three(void **state)
{
    struct conf *c;

    (void)state;
    c = taken(KNOWN ", \"DefaultRaftPort\": 9888, " BIND("10.0.0.2") ", " NODES(
        "\"10.0.0.1\",\n\"10.0.0.2:9888\", \"DB3.example\""));
    assert_string_equal(said, NOTHING);
    assert_string_equal(c->raft.bind, "10.0.0.2:9888");
    assert_string_equal(c->raft.self, "10.0.0.2:9888");
    assert_string_equal(c->service_id, "10.0.0.2:9888");
    assert_string_equal(c->raft.secret, "0123456789abcdef");
    assert_int_equal(c->raft.nodes.count, 3);
    assert_string_equal(c->raft.nodes.items[0], "10.0.0.1:9888");
    assert_string_equal(c->raft.nodes.items[1], "10.0.0.2:9888");
    assert_string_equal(c->raft.nodes.items[2], "db3.example:9888");
    assert_int_equal(c->raft.nodes.lines[1], 3);
    conf_free(c);
}

static void
test_observer(void **state)
{
    char host[300];
    struct conf *c;

    (void)state;
    c = taken("\"Role\": \"observer\", " SECRET
              ", " BIND("nonsense:x") ", " NODES(THREE));
    assert_string_equal(said, NOTHING);
    assert_true(c->raft.observer);
    assert_string_equal(c->raft.self, "");
    assert_string_equal(c->raft.bind, "");
    assert_int_equal(c->raft.nodes.count, 3);
    assert_int_equal(gethostname(host, 256), 0);
    strcat(host, ":8087");
    assert_string_equal(c->service_id, host);
    conf_free(c);
    one_error("\"Role\": \"observer\"",
              "error: Role: an observer needs RaftNodes, to know whom to "
              "ask\n");
    one_warning(KNOWN ", \"Role\": \"observer\", " NODES(THREE),
                "warning: RaftDataDir: has no effect: an observer keeps "
                "nothing\n");
    c = taken(KNOWN ", \"Role\": \"observer\", " NODES(THREE));
    assert_string_equal(c->raft.data_dir, "");
    conf_free(c);
}

static void
test_role(void **state)
{
    (void)state;
    fine(DIR ", \"Role\": \"\"");
    one_error(DIR ", \"Role\": \"Observer\"",
              "error: Role: expected \"voter\", which \"\" is too, or "
              "\"observer\"\n");
}

#define BACKEND "\"BackendMySQLHost\": \"h\", \"BackendMySQLSchema\": \"s\", "
#define WINS "BackendMySQLHost wins, as with freno; raft is not used\n"

/* What freno would not look at is not looked at here. */
static void
test_beside_backend(void **state)
{
    char host[300];
    struct conf *c;

    (void)state;
    one_warning(BACKEND DIR ", " BIND("10.0.0.1") ", " NODES("\"a\", \"b\""),
                "warning: RaftDataDir: " WINS);
    one_warning(BACKEND SECRET ", \"Role\": \"observer\"",
                "warning: Role: " WINS);
    c = taken(BACKEND KNOWN ", " NODES(THREE) ", " BIND("10.0.0.1"));
    assert_string_equal(c->raft.self, "");
    assert_int_equal(c->raft.nodes.count, 0);
    assert_int_equal(gethostname(host, 256), 0);
    strcat(host, ":8087");
    assert_string_equal(c->service_id, host);
    conf_free(c);
}

static void
test_no_effect(void **state)
{
    (void)state;
#define NO_EFFECT(member, key)                                     \
    one_warning(member, "warning: " key ": has no effect without " \
                        "RaftDataDir\n")
    NO_EFFECT("\"DefaultRaftPort\": 1", "DefaultRaftPort");
    NO_EFFECT(BIND("10.0.0.1"), "RaftBind");
    NO_EFFECT("\"RaftInsecure\": true", "RaftInsecure");
    NO_EFFECT(NODES(THREE), "RaftNodes");
    NO_EFFECT(SECRET, "RaftSecret");
    NO_EFFECT("\"Role\": \"voter\"", "Role");
    NO_EFFECT(BACKEND BIND("10.0.0.1"), "RaftBind");
    fine("\"RaftNodes\": [], \"RaftDataDir\": \"\", \"DefaultRaftPort\": 0, "
         "\"RaftInsecure\": false, \"RaftSecret\": \"\", \"Role\": \"\"");
}

/* ---- single keys ------------------------------------------------------ */

static void
data_dir(size_t len, const char *problem)
{
    char dir[1024], members[1100];

    memset(dir, 'x', sizeof(dir));
    dir[0] = '/';
    dir[len] = '\0';
    snprintf(members, sizeof(members), "\"RaftDataDir\": \"%s\"", dir);
    if (*problem)
        one_error(members, problem);
    else
        fine(members);
}

static void
test_data_dir(void **state)
{
    (void)state;
    data_dir(900, "");
    data_dir(901, "error: RaftDataDir: 901 bytes: expected at most 900\n");
    one_error("\"RaftDataDir\": \"/a\\nb\"",
              "error: RaftDataDir: expected a path without control "
              "characters\n");
    one_warning("\"RaftDataDir\": \"raft\"",
                "warning: RaftDataDir: a relative path: which directory that "
                "is depends on where this program is started\n");
}

static void
secret(size_t len, const char *problem)
{
    char text[300], members[512];

    memset(text, 's', sizeof(text));
    text[len] = '\0';
    snprintf(members, sizeof(members), DIR ", \"RaftSecret\": \"%s\"", text);
    if (*problem)
        one_error(members, problem);
    else
        fine(members);
    assert_null(strstr(said, "ss"));
}

static void
test_secret(void **state)
{
    struct conf *c;

    (void)state;
    secret(16, "");
    secret(255, "");
    secret(15, "error: RaftSecret: 15 bytes: expected 16 to 255\n");
    secret(256, "error: RaftSecret: 256 bytes: expected 16 to 255\n");
    setenv("CONF_T_SECRET", "fedcba9876543210", 1);
    c = taken(DIR ", \"RaftSecret\": \"${CONF_T_SECRET}\"");
    assert_string_equal(c->raft.secret, "fedcba9876543210");
    conf_free(c);
    unsetenv("CONF_T_SECRET");
    one_warning(DIR ", \"RaftSecret\": \"${CONF_T_SECRET}\"",
                "warning: RaftSecret: environment variable CONF_T_SECRET is "
                "not set: the value is empty\n");
}

static void
test_domain(void **state)
{
    (void)state;
    one_error(DIR ", \"DataCenter\": \"0123456789012345678901234567890\", "
                  "\"Environment\": \"e\"",
              "error: DataCenter: 33 bytes: expected at most 32 for "
              "DataCenter:Environment, where Domain is not set\n");
}

/* ---- the command line ------------------------------------------------- */

/* Instead of RaftDataDir, RaftBind and RaftNodes. */
static struct conf *
overridden(const char *members,
           const char *dir,
           const char *bind,
           const char *nodes)
{
    const struct conf_override overrides[] = {
        {"--raft-datadir", "RaftDataDir", dir},
        {"--raft-bind", "raftbind", bind},
        {"--raft-nodes", "RaftNodes", nodes},
    };
    char json[1024];

    snprintf(json, sizeof(json), TOP("%s"), members);
    return parse_with(json, overrides, 3);
}

static void
test_override(void **state)
{
    struct conf *c;

    (void)state;
    c = overridden(SECRET, "/d", "10.0.0.2", " 10.0.0.1,10.0.0.2 ,\t10.0.0.3");
    assert_string_equal(said, NOTHING);
    assert_string_equal(c->raft.data_dir, "/d");
    assert_string_equal(c->raft.self, "10.0.0.2:10008");
    assert_int_equal(c->raft.nodes.count, 3);
    assert_string_equal(c->raft.nodes.items[2], "10.0.0.3:10008");
    conf_free(c);
    c = overridden(KNOWN ", " BIND("x:y") ", " NODES("\"a\", \"b\""), NULL, "a",
                   "a");
    assert_string_equal(said, NOTHING);
    assert_string_equal(c->raft.data_dir, "/var/lib/sluice");
    assert_string_equal(c->raft.self, "a:10008");
    conf_free(c);
    c = overridden(KNOWN ", " BIND("b"), "", "", ""); /* as freno's: no flag */
    assert_string_equal(c->raft.self, "b:10008");
    assert_int_equal(c->raft.nodes.count, 0);
    conf_free(c);
}

static void
test_override_wrong(void **state)
{
    (void)state;
    assert_null(overridden(DIR, NULL, "x:y", "a,,b"));
    assert_string_equal(said, "f: error: --raft-bind: " SYNTAX
                              "f: error: --raft-nodes[1]: " SYNTAX
                              "f: 2 errors, 0 warnings\n");
    assert_null(overridden(DIR ", " NODES("\"a\""), NULL, NULL, "a,b"));
    assert_non_null(strstr(said, "f: error: --raft-nodes: 2 entries: "));
    conf_free(overridden(BACKEND "\"Domain\": \"d\"", "/d", NULL, NULL));
    assert_string_equal(said, "f: warning: --raft-datadir: " WINS
                              "f: 0 errors, 1 warning\n");
    assert_null(overridden("\"RaftBind\": 5", "/d", "::1", NULL));
    assert_non_null(strstr(said, "f:2: error: RaftBind: expected a string"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_none),      cmocka_unit_test(test_alone),
        cmocka_unit_test(test_three),     cmocka_unit_test(test_observer),
        cmocka_unit_test(test_role),      cmocka_unit_test(test_beside_backend),
        cmocka_unit_test(test_no_effect), cmocka_unit_test(test_data_dir),
        cmocka_unit_test(test_secret),    cmocka_unit_test(test_domain),
        cmocka_unit_test(test_override),  cmocka_unit_test(test_override_wrong),
    };

    return cmocka_run_group_tests_name("conf_raft", tests, NULL, NULL);
}
