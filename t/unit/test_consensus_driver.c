/* Which store of facts a configuration asks for. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "consensus/consensus.h"
#include "conf_raft_help.h"

#define MYSQL                                                        \
    "\"BackendMySQLHost\": \"db1\", \"BackendMySQLSchema\": \"s\", " \
    "\"BackendMySQLUser\": \"u\", \"Domain\": \"d\""

/* NULL, of a build without it too. */
static const struct consensus_driver *
driver_of(const char *members, const char **missing)
{
    struct conf *conf = taken(members);
    const struct consensus_driver *driver;

    *missing = "?";
    driver = consensus_driver_for(conf, missing);
    conf_free(conf);
    return driver;
}

static void
asks_for(const char *members, const struct consensus_driver *want)
{
    const char *missing;

    assert_ptr_equal(driver_of(members, &missing), want);
    assert_null(missing);
}

static void
asks_for_raft(const char *members)
{
#ifdef SLUICE_RAFT
    asks_for(members, &consensus_raft);
#else
    const char *missing;

    assert_null(driver_of(members, &missing));
    assert_string_equal(missing, "raft");
#endif
}

static void
test_none(void **state)
{
    (void)state;
    asks_for("\"ListenPort\": 8111", NULL);
}

static void
test_mysql(void **state)
{
    (void)state;
    asks_for(MYSQL, &consensus_mysql);
}

static void
test_raft(void **state)
{
    (void)state;
    asks_for_raft(KNOWN);
    asks_for_raft(KNOWN ", " BIND("10.0.0.1") ", " NODES(THREE));
}

static void
test_observer(void **state)
{
    (void)state;
    asks_for_raft(SECRET ", \"Role\": \"observer\", " NODES(THREE));
}

static void
test_mysql_wins(void **state)
{
    (void)state;
    asks_for(MYSQL ", " KNOWN, &consensus_mysql);
    asks_for(MYSQL ", " KNOWN ", " BIND("10.0.0.1") ", " NODES(THREE),
             &consensus_mysql);
}

/* An address or a secret alone is no raft. */
static void
test_not_yet_raft(void **state)
{
    struct conf conf = {.backend = {.host = (char *)""},
                        .raft = {.data_dir = (char *)"",
                                 .bind = (char *)"10.0.0.1:10008",
                                 .secret = (char *)"0123456789abcdef"}};
    const char *missing = "?";

    (void)state;
    assert_null(consensus_driver_for(&conf, &missing));
    assert_null(missing);
}

/* What each promises, by what it has. */
static void
test_members_are_rafts_alone(void **state)
{
    (void)state;
    assert_string_equal(consensus_mysql.name, "mysql");
    assert_null(consensus_mysql.members);
    assert_null(consensus_mysql.change_members);
#ifdef SLUICE_RAFT
    assert_string_equal(consensus_raft.name, "raft");
    assert_non_null(consensus_raft.members);
    assert_non_null(consensus_raft.change_members);
#endif
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_none),
        cmocka_unit_test(test_mysql),
        cmocka_unit_test(test_raft),
        cmocka_unit_test(test_observer),
        cmocka_unit_test(test_mysql_wins),
        cmocka_unit_test(test_not_yet_raft),
        cmocka_unit_test(test_members_are_rafts_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
