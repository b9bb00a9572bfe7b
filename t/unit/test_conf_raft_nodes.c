/* The nodes of raft: addresses, which of them this one is, and strangers. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/raft_address.h"
#include "conf_raft_help.h"

/* ---- addresses -------------------------------------------------------- */

static void
test_spellings(void **state)
{
    (void)state;
    self_is(KNOWN ", " BIND("10.0.0.1"), "10.0.0.1:10008", "10.0.0.1:10008");
    self_is(KNOWN ", " BIND("10.0.0.1:7"), "10.0.0.1:7", "10.0.0.1:7");
    self_is(KNOWN ", " BIND("FD00:0::1"), "[fd00::1]:10008", "[fd00::1]:10008");
    self_is(KNOWN ", " BIND("[fd00::1]"), "[fd00::1]:10008", "[fd00::1]:10008");
    self_is(KNOWN ", " BIND("[fd00::1]:65535"), "[fd00::1]:65535",
            "[fd00::1]:65535");
    self_is(KNOWN ", " BIND("Db_1.Example.com"), "db_1.example.com:10008",
            "db_1.example.com:10008");
    self_is(KNOWN ", " BIND("[fe80::1%eth0]:5"), "[fe80::1%eth0]:5",
            "[fe80::1%eth0]:5");
}

static void
test_syntax(void **state)
{
    static const char *const wrong[] = {"",        "h:0",       "h:65536",
                                        "h:x",     "h:",        ":1",
                                        "a b",     "[fd00::1",  "[h]:1",
                                        "a:b:c",   "h:1:2",     "/tmp/x",
                                        "127.1",   "010.0.0.1", "0x7f.1",
                                        "unix:/",  "[::1]1",    "h,i",
                                        "h\\u0007"};
    char members[512];

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        snprintf(members, sizeof(members), KNOWN ", \"RaftBind\": \"%s\"",
                 wrong[i]);
        one_error(members, "error: RaftBind: " SYNTAX);
        snprintf(members, sizeof(members), KNOWN ", \"RaftNodes\": [\"%s\"]",
                 wrong[i]);
        one_error(members, "error: RaftNodes[0]: " SYNTAX);
    }
}

/* 255 bytes with the port, and not one more. */
static void
test_longest(void **state)
{
    char name[256], members[512];
    struct conf *c;

    (void)state;
    memset(name, 'x', sizeof(name));
    name[250] = '\0';
    snprintf(members, sizeof(members), KNOWN ", \"RaftBind\": \"%s:1234\"",
             name);
    c = taken(members);
    assert_int_equal(strlen(c->raft.self), CONF_RAFT_ADDRESS_MAX);
    conf_free(c);
    snprintf(members, sizeof(members), KNOWN ", \"RaftBind\": \"%s\"", name);
    one_error(members, "error: RaftBind: 256 bytes with the port: expected at "
                       "most 255\n");
    memset(name, 'x', sizeof(name));
    snprintf(members, sizeof(members), KNOWN ", \"RaftBind\": \"%.256s\"",
             name);
    one_error(members, "error: RaftBind: " SYNTAX);
}

static void
test_counts(void **state)
{
    (void)state;
    one_error(KNOWN ", " NODES("\"a\", \"b\""),
              "error: RaftNodes: 2 entries: expected none, 1, 3 or 5: 2 of 2 "
              "must be there to elect a leader, so no more failures are "
              "survived than with one less\n");
    one_error(KNOWN ", " NODES("\"a\", \"b\", \"c\", \"d\""),
              "error: RaftNodes: 4 entries: expected none, 1, 3 or 5: 3 of 4 "
              "must be there to elect a leader, so no more failures are "
              "survived than with one less\n");
    one_error(KNOWN ", " NODES("\"a\", \"b\", \"c\", \"d\", \"e\", \"f\""),
              "error: RaftNodes: 6 entries: expected none, 1, 3 or 5; further "
              "nodes can be observers\n");
    fine(KNOWN ", " BIND("e") ", " NODES("\"a\", \"b\", \"c\", \"d\", \"e\""));
}

static void
test_duplicates(void **state)
{
    (void)state;
    one_error(KNOWN ", " NODES("\"A:10008\", \"b\", \"a\""),
              "error: RaftNodes[2]: a:10008 is RaftNodes[0] already\n");
    one_error(KNOWN ", " NODES("\"10.0.0.1\", \"b\", \"::ffff:10.0.0.1\""),
              "error: RaftNodes[2]: [::ffff:10.0.0.1]:10008 is RaftNodes[0] "
              "already\n");
    one_error(KNOWN ", " NODES("\"b\", \"::1\", \"[0:0::1]:10008\""),
              "error: RaftNodes[2]: [::1]:10008 is RaftNodes[1] already\n");
    one_error(KNOWN ", " NODES("\"0.0.0.0\""),
              "error: RaftNodes[0]: expected an address that the others can "
              "connect to\n");
}

/* ---- which node this is ----------------------------------------------- */

#define WHICH " does not tell which entry of RaftNodes this node is: set it "

static void
test_self_by_address(void **state)
{
    (void)state;
    self_is(KNOWN ", " BIND("10.0.0.2") ", " NODES(THREE), "10.0.0.2:10008",
            "10.0.0.2:10008");
    self_is(KNOWN ", " BIND("127.0.0.1:2") ", " NODES(
                "\"127.0.0.1:1\", \"127.0.0.1:2\", \"127.0.0.1:3\""),
            "127.0.0.1:2", "127.0.0.1:2");
    self_is(KNOWN ", " BIND("::ffff:10.0.0.2") ", " NODES(THREE),
            "[::ffff:10.0.0.2]:10008", "10.0.0.2:10008");
    self_is(KNOWN ", " BIND("10.0.0.2:9") ", " NODES(THREE), "10.0.0.2:9",
            "10.0.0.2:10008");
    one_warning(KNOWN ", " BIND("10.0.0.2:9") ", " NODES(THREE),
                "warning: RaftBind: listens on 10.0.0.2:9, while the other "
                "nodes connect to 10.0.0.2:10008, as RaftNodes says\n");
}

static void
test_self_unknown(void **state)
{
    (void)state;
    one_error(KNOWN ", " BIND("10.0.0.4") ", " NODES("\"a\", \"b\", \"c\""),
              "error: RaftBind: 10.0.0.4:10008" WHICH
              "to one of a:10008, b:10008, c:10008\n");
    one_error(KNOWN ", " BIND("d") ", " NODES(THREE),
              "error: RaftBind: d:10008" WHICH
              "to one of 10.0.0.1:10008, 10.0.0.2:10008, 10.0.0.3:10008\n");
    one_error(KNOWN ", " BIND("0.0.0.0") ", " NODES("\"192.0.2.1\""),
              "error: RaftBind: 0.0.0.0:10008" WHICH
              "to one of 192.0.2.1:10008\n");
    one_error(KNOWN ", " BIND("0.0.0.0"),
              "error: RaftBind: stands for every address: set RaftNodes, so "
              "that the others know what to call this node, or one address "
              "here\n");
    one_error(KNOWN ", " BIND("[::]:1"),
              "error: RaftBind: stands for every address: set RaftNodes, so "
              "that the others know what to call this node, or one address "
              "here\n");
}

/* One that comes later, and is spelled as they are: it is none of them. */
static void
test_self_newcomer(void **state)
{
    (void)state;
    self_is(KNOWN ", " BIND("10.0.0.4") ", " NODES(THREE), "10.0.0.4:10008",
            "10.0.0.4:10008");
    self_is(KNOWN ", " BIND("127.0.0.1:4") ", " NODES(
                "\"127.0.0.1:1\", \"127.0.0.1:2\", \"127.0.0.1:3\""),
            "127.0.0.1:4", "127.0.0.1:4");
    self_is(KNOWN ", " BIND("b") ", " NODES("\"a\""), "b:10008", "b:10008");
    one_warning(KNOWN ", " BIND("10.0.0.4") ", " NODES(THREE),
                "warning: RaftBind: 10.0.0.4:10008 is none of RaftNodes: this "
                "node waits until it is added to their cluster\n");
}

static void
test_self_here(void **state)
{
    char host[256] = "", members[1024], self[300];

    (void)state;
    self_is(KNOWN ", " BIND("0.0.0.0:7") ", " NODES(
                "\"192.0.2.1:7\", \"127.0.0.1:7\", \"127.0.0.1:8\""),
            "0.0.0.0:7", "127.0.0.1:7");
    self_is(KNOWN ", " BIND("[::]:7") ", " NODES(
                "\"192.0.2.1:7\", \"127.0.0.1:7\", \"127.0.0.1:8\""),
            "[::]:7", "127.0.0.1:7");
    assert_int_equal(gethostname(host, sizeof(host) - 1), 0);
    for (int i = 0; i < 2; i++) { /* and its short form */
        snprintf(members, sizeof(members),
                 KNOWN ", " BIND("0.0.0.0:7") ", " NODES(
                     "\"192.0.2.1:7\", \"%s:7\", \"%s:8\""),
                 host, host);
        snprintf(self, sizeof(self), "%s:7", host);
        self_is(members, "0.0.0.0:7", self);
        host[strcspn(host, ".")] = '\0';
    }
    says_and_counts(KNOWN ", " BIND("0.0.0.0:7") ", " NODES(
                        "\"192.0.2.1:7\", \"127.0.0.1:8\", \"::1\""),
                    "error: RaftBind: 0.0.0.0:7" WHICH
                    "to one of 192.0.2.1:7, 127.0.0.1:8, [::1]:10008\n",
                    "f: 1 error, 0 warnings\n");
}

/* The machine's name, and an address of it: two entries that are this node. */
static void
test_self_twice(void **state)
{
    char host[256] = "", json[1024];

    (void)state;
    assert_int_equal(gethostname(host, sizeof(host) - 1), 0);
    snprintf(json, sizeof(json),
             TOP(KNOWN ", " BIND("0.0.0.0:7") ", " NODES(
                 "\"192.0.2.1:7\", \"%s:7\", \"127.0.0.1:7\"")),
             host);
    assert_null(parse(json));
    assert_non_null(strstr(said, "error: RaftBind: 0.0.0.0:7" WHICH));
}

/* ---- strangers -------------------------------------------------------- */

#define SET                                                                  \
    " is not of this machine alone: set RaftSecret, the same on every node " \
    "(or RaftInsecure: true, in a network that you trust)\n"

static void
test_trust(void **state)
{
    (void)state;
    fine(DIR ", " BIND("127.3.2.1"));
    fine(DIR ", " BIND("::1"));
    fine(DIR ", " BIND("LocalHost:1") ", " NODES(
        "\"localhost:1\", \"[::1]:2\", \"127.0.0.2:3\""));
    one_error(DIR ", " BIND("10.0.0.1"), "error: RaftBind: 10.0.0.1:10008" SET);
    one_error(DIR ", " BIND("localhost.example"),
              "error: RaftBind: localhost.example:10008" SET);
    one_error(DIR ", " NODES("\"127.0.0.1\", \"10.0.0.2\", \"10.0.0.3\""),
              "error: RaftNodes[1]: 10.0.0.2:10008" SET);
    one_error("\"Role\": \"observer\", " NODES("\"10.0.0.2\""),
              "error: RaftNodes[0]: 10.0.0.2:10008" SET);
    one_error(DIR ", " BIND("0.0.0.0") ", " NODES("\"127.0.0.1\""),
              "error: RaftBind: 0.0.0.0:10008" SET);
    fine(DIR ", \"RaftInsecure\": true, " BIND("10.0.0.1") ", " NODES(THREE));
    one_warning(KNOWN ", \"RaftInsecure\": true",
                "warning: RaftInsecure: has no effect: RaftSecret is set\n");
}

/* ---- addresses by themselves ------------------------------------------ */

static void
test_address(void **state)
{
    struct raft_address a, b;
    char err[256];

    (void)state;
#define PARSE(text, to) raft_address_parse(text, 9, to, err, sizeof(err))
    assert_int_equal(PARSE("::FFFF:127.0.0.1", &a), 0);
    assert_true(raft_address_is_loopback(&a));
    assert_int_equal(PARSE("127.0.0.1:1", &b), 0);
    assert_true(raft_address_same_ip(&a, &b));
    assert_int_equal(PARSE("::ffff:0.0.0.0", &a), 0);
    assert_true(raft_address_is_wildcard(&a));
    assert_int_equal(PARSE("localhost", &a), 0);
    assert_int_equal(a.family, 0);
    assert_int_equal(a.port, 9);
    assert_false(raft_address_same_ip(&a, &a));
    assert_false(raft_address_is_wildcard(&a));
    assert_int_equal(PARSE("127.1", &a), -1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spellings),
        cmocka_unit_test(test_syntax),
        cmocka_unit_test(test_longest),
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_duplicates),
        cmocka_unit_test(test_self_by_address),
        cmocka_unit_test(test_self_unknown),
        cmocka_unit_test(test_self_newcomer),
        cmocka_unit_test(test_self_here),
        cmocka_unit_test(test_self_twice),
        cmocka_unit_test(test_trust),
        cmocka_unit_test(test_address),
    };

    return cmocka_run_group_tests_name("conf_raft_nodes", tests, NULL, NULL);
}
