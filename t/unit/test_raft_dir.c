/* A voter's data directory: who that voter is, and whose it is. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "raft_dir_help.h"

#define DAMAGED                                                               \
    "is damaged: restore it, or give this node an empty RaftDataDir and let " \
    "it replace itself"

/* With these bytes in it. */
static void
node_json(const char *text)
{
    struct raft_dir d;

    opens(&d);
    raft_dir_close(&d);
    write_text(in_base("/sluice/node.json"), text);
}

static void
refuses_node(const char *text, const char *why)
{
    node_json(text);
    refuses("/sluice/node.json", why);
    assert_string_equal(read_text(in_base("/sluice/node.json")), text);
    unlink(in_base("/sluice/node.json"));
}

/* ---- who it is -------------------------------------------------------- */

static void
test_first_time(void **state)
{
    struct raft_dir d;

    (void)state;
    opens(&d);
    assert_int_not_equal(d.id, 0);
    assert_string_equal(d.raft, in_base("/sluice/raft"));
    assert_int_equal(access(d.raft, W_OK), 0);
    assert_string_equal(d.store_id, "");
    assert_string_equal(d.address, "db1:10008");
    assert_int_equal(d.alone | d.anew | d.logged, 0);
    assert_missing("/sluice/probe");
    assert_missing("/sluice/node.json.new");
    raft_dir_close(&d);
    raft_dir_close(&d);
}

static void
test_id_stays(void **state)
{
    struct raft_dir d, again, other;

    (void)state;
    opens(&d);
    raft_dir_close(&d);
    opens(&again);
    raft_dir_close(&again);
    assert_true(again.id == d.id);
    assert_int_equal(open_as(&other, tempdir_path("other"), "dc1:production"),
                     0);
    raft_dir_close(&other);
    assert_true(other.id != d.id);
}

/* All of it comes back. */
static void
test_save(void **state)
{
    struct raft_dir d, again;

    (void)state;
    opens(&d);
    d.id = 0xf;
    d.alone = 1;
    d.anew = 1;
    memset(d.store_id, 's', sizeof(d.store_id) - 1);
    memset(d.address, 'a', sizeof(d.address) - 1);
    assert_int_equal(raft_dir_save(&d, err, sizeof(err)), 0);
    assert_missing("/sluice/node.json.new");
    raft_dir_close(&d);
    write_text(in_base("/sluice/raft/open-1"), "");
    opens(&again);
    assert_true(again.id == 0xf);
    assert_int_equal(again.alone, 1);
    assert_int_equal(again.anew, 1);
    assert_string_equal(again.store_id, d.store_id);
    assert_string_equal(again.address, d.address);
    again.alone = again.anew = 0;
    again.id = UINT64_MAX;
    assert_int_equal(raft_dir_save(&again, err, sizeof(err)), 0);
    raft_dir_close(&again);
    opens(&d);
    assert_int_equal(d.alone | d.anew, 0);
    assert_true(d.id == UINT64_MAX);
    raft_dir_close(&d);
}

static void
test_raft_was_here(void **state)
{
    struct raft_dir d;

    (void)state;
    opens(&d);
    write_text(in_base("/sluice/raft/.hidden"), "");
    raft_dir_close(&d);
    opens(&d);
    assert_int_equal(d.logged, 0);
    write_text(in_base("/sluice/raft/open-1"), "");
    raft_dir_close(&d);
    opens(&d);
    assert_int_equal(d.logged, 1);
    raft_dir_close(&d);
}

/* ---- whose it is ------------------------------------------------------ */

/* A founding that was cut short: libraft founds nothing beside them. */
static void
test_metadata_alone(void **state)
{
    struct raft_dir d;
    uint64_t id;

    (void)state;
    opens(&d);
    id = d.id;
    d.alone = 1;
    assert_int_equal(raft_dir_save(&d, err, sizeof(err)), 0);
    raft_dir_close(&d);
    write_text(in_base("/sluice/raft/metadata1"), "");
    write_text(in_base("/sluice/raft/metadata2"), "");
    opens(&d);
    assert_int_equal(d.logged, 0);
    assert_int_equal(d.alone, 0);
    assert_true(d.id == id);
    assert_missing("/sluice/raft/metadata1");
    assert_missing("/sluice/raft/metadata2");
    raft_dir_close(&d);
}

/* It must not vote as the one it was. */
static void
test_log_lost(void **state)
{
    struct raft_dir d;
    uint64_t id;

    (void)state;
    opens(&d);
    id = d.id;
    strcpy(d.store_id, "6f1c9a52");
    d.anew = 1;
    assert_int_equal(raft_dir_save(&d, err, sizeof(err)), 0);
    raft_dir_close(&d);
    opens(&d);
    assert_true(d.id != id);
    assert_string_equal(d.store_id, "");
    assert_int_equal(d.anew, 0);
    id = d.id;
    raft_dir_close(&d);
    opens(&d);
    assert_true(d.id == id);
    raft_dir_begin_anew(&d, "x:1");
    assert_true(d.id != id);
    assert_int_equal(d.alone & d.anew, 1);
    assert_string_equal(d.address, "x:1");
    raft_dir_close(&d);
}

static void
test_lock(void **state)
{
    struct raft_dir d, again;

    (void)state;
    opens(&d);
    refuses("/sluice", "another sluiced uses this RaftDataDir");
    assert_int_equal(raft_dir_save(&d, err, sizeof(err)), 0);
    raft_dir_close(&d);
    opens(&again);
    raft_dir_close(&again);
}

static void
test_another_domain(void **state)
{
    const char *longest = "abcdefghijklmnopqrstuvwxyz-34567";
    char why[256];
    struct raft_dir d;

    (void)state;
    assert_int_equal(strlen(longest), CONF_DOMAIN_MAX);
    opens(&d);
    raft_dir_close(&d);
    refuses_at(base, "dc2", "/sluice/node.json",
               "belongs to a cluster of domain \"dc1:production\", and Domain "
               "is \"dc2\"");
    snprintf(why, sizeof(why),
             "belongs to a cluster of domain \"dc1:production\", and Domain "
             "is \"%s\"",
             longest);
    refuses_at(base, longest, "/sluice/node.json", why);
    opens(&d); /* nothing was changed */
    raft_dir_close(&d);
}

#define NODE(version, id, domain, store, address)                    \
    "{\"version\": " version ", \"id\": " id ", \"domain\": " domain \
    ", \"store\": " store ", \"address\": " address "}"
#define ID "\"00000000000000ff\""
#define OURS "\"dc1:production\""

static void
test_reads_the_least(void **state)
{
    struct raft_dir d;

    (void)state;
    node_json(NODE("1", ID, OURS, "\"\"", "\"db2:10008\""));
    opens(&d);
    assert_true(d.id == 0xff);
    assert_string_equal(d.address, "db2:10008");
    assert_int_equal(d.alone | d.anew, 0);
    raft_dir_close(&d);
}

static void
test_newer(void **state)
{
    (void)state;
    refuses_node(NODE("2", ID, OURS, "\"\"", "\"\""),
                 "a newer sluiced wrote this: upgrade this one");
    refuses_node("{\"version\": 1000000}",
                 "a newer sluiced wrote this: upgrade this one");
}

static void
test_damaged(void **state)
{
    static const char *const damaged[] = {
        "[]",
        "{}",
        "[1]",
        "{\"version\": 1}",
        NODE("0", ID, OURS, "\"\"", "\"\""),
        NODE("-1", ID, OURS, "\"\"", "\"\""),
        NODE("1.0", ID, OURS, "\"\"", "\"\""),
        NODE("true", ID, OURS, "\"\"", "\"\""),
        NODE("\"1\"", ID, OURS, "\"\"", "\"\""),
        NODE("1", "255", OURS, "\"\"", "\"\""),
        NODE("1", "null", OURS, "\"\"", "\"\""),
        NODE("1", "\"\"", OURS, "\"\"", "\"\""),
        NODE("1", "\"0000000000000000\"", OURS, "\"\"", "\"\""),
        NODE("1", "\"00000000000000f\"", OURS, "\"\"", "\"\""),
        NODE("1", "\"00000000000000fff\"", OURS, "\"\"", "\"\""),
        NODE("1", "\"00000000000000fg\"", OURS, "\"\"", "\"\""),
        NODE("1", "\"-1\"", OURS, "\"\"", "\"\""),
        NODE("1", "\"+00000000000000f\"", OURS, "\"\"", "\"\""),
        NODE("1", "\" 0x000000000000f\"", OURS, "\"\"", "\"\""),
        NODE("1", ID, "1", "\"\"", "\"\""),
        NODE("1", ID, OURS, "{}", "\"\""),
        NODE("1", ID, OURS, "\"\"", "[\"db1\"]"),
        NODE("1", ID, "\"123456789-123456789-123456789-123\"", "\"\"", "\"\""),
        NODE("1", ID, OURS, "\"123456789-123456789-123456789-123456789-\"",
             "\"\""),
        "{\"version\": 1, \"domain\": \"d\", \"store\": \"\", \"address\": "
        "\"\"}",
        "{\"version\": 1, \"id\": " ID ", \"store\": \"\", \"address\": \"\"}",
        "{\"version\": 1, \"id\": " ID ", \"domain\": \"d\", \"address\": "
        "\"\"}",
        "{\"version\": 1, \"id\": " ID ", \"domain\": \"d\", \"store\": \"\"}",
        "",
        "{",
        "{\"version\": 1, \"id\"",
        "\xff\xfe",
        NODE("1", ID, OURS, "\"\"", "\"\"") "x",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(damaged) / sizeof(*damaged); i++)
        refuses_node(damaged[i], DAMAGED);
}

static void
test_too_long_an_address(void **state)
{
    char text[1024], address[MEMBER_ADDRESS_SIZE + 1];

    (void)state;
    memset(address, 'a', sizeof(address) - 1);
    address[sizeof(address) - 1] = '\0';
    snprintf(text, sizeof(text), NODE("1", ID, OURS, "\"\"", "\"%s\""),
             address);
    refuses_node(text, DAMAGED);
}

static void
test_node_json_is_lost(void **state)
{
    struct raft_dir d;

    (void)state;
    opens(&d);
    write_text(in_base("/sluice/raft/open-1"), "x");
    raft_dir_close(&d);
    unlink(in_base("/sluice/node.json"));
    refuses("/sluice/node.json",
            "is missing, and there are raft's files beside it: restore it, or "
            "give this node an empty RaftDataDir");
    assert_missing("/sluice/node.json");
}

static void
test_node_json_is_no_file(void **state)
{
    struct raft_dir d;

    (void)state;
    opens(&d);
    raft_dir_close(&d);
    unlink(in_base("/sluice/node.json"));
    mkdir(in_base("/sluice/node.json"), 0700);
    assert_int_equal(open_as(&d, base, "dc1:production"), -1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        test(test_first_time),
        test(test_id_stays),
        test(test_save),
        test(test_raft_was_here),
        test(test_metadata_alone),
        test(test_log_lost),
        test(test_lock),
        test(test_another_domain),
        test(test_reads_the_least),
        test(test_newer),
        test(test_damaged),
        test(test_too_long_an_address),
        test(test_node_json_is_lost),
        test(test_node_json_is_no_file),
    };
    int rc;

    tempdir_make();
    rc = cmocka_run_group_tests(tests, NULL, NULL);
    tempdir_remove();
    return rc;
}
