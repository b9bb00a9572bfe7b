/* libraft as the engine makes it safe: one voter, and what it keeps. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <dirent.h>

#include <cmocka.h>

#include "raft_engine_help.h"

static int
has_file(const char *prefix)
{
    DIR *d = opendir(dir);
    struct dirent *entry;
    int count = 0;

    while ((entry = readdir(d)))
        count += strncmp(entry->d_name, prefix, strlen(prefix)) == 0;
    closedir(d);
    return count;
}

/* ---- one voter -------------------------------------------------------- */

static void
test_before_it_starts(void **state)
{
    struct engine_member member;
    struct voter v;

    (void)state;
    voter_open(&v, dir);
    assert_true(engine_empty(v.engine));
    assert_false(engine_acts(v.engine));
    assert_string_equal(engine_leader(v.engine), "");
    assert_string_equal(engine_state(v.engine), "Shutdown");
    assert_int_equal(engine_last(v.engine), 0);
    assert_int_equal(engine_applied(v.engine), 0);
    assert_int_equal(engine_members(v.engine, &member), 0);
    refused(&v, found_of("6f1c9a52"));
    voter_close(&v);
}

static void
test_leads_alone(void **state)
{
    struct engine_member member;
    struct voter v;

    (void)state;
    voter_found(&v, dir);
    assert_false(engine_empty(v.engine));
    assert_string_equal(engine_state(v.engine), "Leader");
    assert_string_equal(engine_leader(v.engine), VOTER_ADDRESS);
    assert_true(engine_last_term(v.engine) >= 1);
    assert_true(v.until_ms > 0);
    assert_int_equal(engine_member_count(v.engine), 1);
    assert_int_equal(engine_voter_count(v.engine), 1);
    assert_int_equal(engine_members(v.engine, &member), 1);
    assert_int_equal(member.id, VOTER_ID);
    assert_string_equal(member.address, VOTER_ADDRESS);
    assert_int_equal(member.voter, 1);
    assert_int_equal(member.heard_ms, 0);
    assert_int_equal(member.behind, 0);
    assert_int_equal(v.failed + v.restored, 0);
    voter_close(&v);
    assert_int_equal(v.until_ms, 0); /* it said so */
}

/* Goes on acting for longer than a lease, and writes nothing for that. */
static void
test_goes_on_acting(void **state)
{
    struct voter v;
    uint64_t last, stalls;

    (void)state;
    voter_found(&v, dir);
    done(&v, found_of("6f1c9a52"));
    last = engine_last(v.engine);
    stalls = loop_stalls(&v.loop);
    run_for(&v, 2 * ENGINE_LEASE_MS);
    run_until(&v, engine_acts(v.engine));
    if (loop_stalls(&v.loop) == stalls)
        assert_int_equal(engine_last(v.engine), last);
    voter_close(&v);
}

/* Of a process that stood still the lease runs out by the clock. */
static void
test_stood_still(void **state)
{
    struct answer a;
    struct voter v;

    (void)state;
    voter_found(&v, dir);
    usleep((ENGINE_LEASE_MS + 20) * 1000);
    assert_false(engine_acts(v.engine));
    a = propose_and_wait(&v, found_of("6f1c9a52"));
    assert_int_equal(a.outcome, CONSENSUS_REFUSED);
    assert_int_equal(v.applied, 0);
    run_until(&v, engine_acts(v.engine));
    done(&v, found_of("6f1c9a52"));
    voter_close(&v);
    ledger_free(&v.ledger);
}

static void
test_apply(void **state)
{
    struct answer a;
    struct voter v;

    (void)state;
    voter_found(&v, dir);
    a = done(&v, found_of("6f1c9a52"));
    assert_string_equal(v.ledger.store_id, "6f1c9a52");
    assert_string_equal(a.stored.key, "");
    a = done(&v, throttle_of("app", CHANGE_RATIO_KEEP, 60000, 1000));
    assert_string_equal(a.stored.key, "app");
    assert_true(a.stored.ratio == 1);
    assert_int_equal(a.stored.ttl_ms, 60000);
    assert_int_equal(a.revision, v.ledger.revision);
    assert_int_equal(a.revision, engine_applied(v.engine));
    assert_int_equal(a.revision, v.applied_index);
    assert_int_equal(v.applied, 2);
    a = done(&v, change_of(CHANGE_SKIP, "db1", 1000, 1000));
    assert_int_equal(a.stored.kind, CHANGE_SKIP);
    assert_int_equal(v.ledger.nskips, 1);
    assert_int_equal(v.ledger.nthrottles, 1);
    voter_close(&v);
    ledger_free(&v.ledger);
}

/* Each is answered with its own. */
static void
test_many_at_once(void **state)
{
    struct answer a[32] = {0};
    struct voter v;
    char name[16];

    (void)state;
    voter_found(&v, dir);
    for (int i = 0; i < 32; i++) {
        snprintf(name, sizeof(name), "app%d", i);
        propose(&v, throttle_of(name, i / 32.0, 60000, 1000), &a[i]);
    }
    run_until(&v, a[31].count);
    for (int i = 0; i < 32; i++) {
        snprintf(name, sizeof(name), "app%d", i);
        assert_int_equal(a[i].count, 1);
        assert_int_equal(a[i].outcome, CONSENSUS_DONE);
        assert_string_equal(a[i].stored.key, name);
        assert_true(a[i].stored.ratio == i / 32.0);
        assert_int_equal(a[i].revision, a[0].revision + (uint64_t)i);
    }
    voter_close(&v);
    ledger_free(&v.ledger);
}

/* What no node could decode must not get into the log. */
static void
test_what_the_ledger_refuses(void **state)
{
    struct voter v;

    (void)state;
    voter_found(&v, dir);
    refused(&v, throttle_of("", 0.5, 1000, 1000));
    refused(&v, throttle_of("app", 2, 1000, 1000));
    refused(&v, found_of(""));
    done(&v, found_of("6f1c9a52"));
    voter_close(&v);
    ledger_free(&v.ledger);
}

/* ---- again ------------------------------------------------------------ */

static void
test_restart(void **state)
{
    struct voter v, again;
    uint64_t last, term;

    (void)state;
    voter_found(&v, dir);
    done(&v, found_of("6f1c9a52"));
    done(&v, throttle_of("app", 0.5, FACT_NEVER, 1000));
    done(&v, change_of(CHANGE_SKIP, "db1", 60000, 1000));
    last = engine_last(v.engine);
    term = engine_last_term(v.engine);
    voter_close(&v);
    voter_reopen(&again, dir);
    assert_true(same(&v.ledger, &again.ledger));
    assert_true(engine_last(again.engine) >= last);
    assert_true(engine_last_term(again.engine) >= term);
    assert_int_equal(again.applied, 3);
    assert_int_equal(again.restored, 0);
    done(&again, throttle_of("app2", 0.5, FACT_NEVER, 1000));
    voter_close(&again);
    ledger_free(&v.ledger);
    ledger_free(&again.ledger);
}

#define MANY 10000

static void
apply_many(struct voter *v)
{
    static struct answer answers[MANY];
    char name[32];

    memset(answers, 0, sizeof(answers));
    for (int i = 0; i < MANY; i++) {
        snprintf(name, sizeof(name), "app%d", i % 50);
        run_until(v, engine_acts(v->engine));
        propose(v, throttle_of(name, i / (double)MANY, FACT_NEVER, 1000),
                &answers[i]);
        if (i % 500 == 499)
            run_until(v, answers[i].count);
    }
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(answers[i].count, 1);
        assert_int_equal(answers[i].outcome, CONSENSUS_DONE);
    }
}

static void
test_snapshot(void **state)
{
    struct voter v, again;

    (void)state;
    voter_found(&v, dir);
    apply_many(&v);
    run_until(&v, has_file("snapshot-"));
    run_for(&v, 50);
    assert_int_equal(v.failed, 0);
    voter_close(&v);
    voter_reopen(&again, dir);
    assert_int_equal(again.restored, 1);
    assert_true(again.applied < MANY);
    assert_true(same(&v.ledger, &again.ledger));
    voter_close(&again);
    ledger_free(&v.ledger);
    ledger_free(&again.ledger);
}

static void
test_bootstrap_is_for_empty_ones(void **state)
{
    struct voter v, again;

    (void)state;
    voter_found(&v, dir);
    done(&v, found_of("6f1c9a52"));
    assert_int_equal(engine_bootstrap(v.engine, v.err, sizeof(v.err)), -1);
    assert_true(*v.err);
    voter_close(&v);
    voter_open(&again, dir);
    assert_int_equal(engine_bootstrap(again.engine, v.err, sizeof(v.err)), -1);
    voter_close(&again);
    voter_reopen(&again, dir);
    assert_true(same(&v.ledger, &again.ledger));
    voter_close(&again);
    ledger_free(&again.ledger);
}

/* The members are another, the facts are kept. */
static void
test_rewrite(void **state)
{
    struct engine_member member;
    struct voter v, again;

    (void)state;
    voter_found(&v, dir);
    done(&v, found_of("6f1c9a52"));
    done(&v, throttle_of("app", 0.5, FACT_NEVER, 1000));
    assert_int_equal(engine_rewrite(v.engine, v.err, sizeof(v.err)), -1);
    assert_true(*v.err); /* not while it runs */
    voter_close(&v);
    assert_int_equal(voter_open_as(&again, dir, "db9:10008"), 0);
    if (engine_rewrite(again.engine, again.err, sizeof(again.err)) != 0)
        fail_msg("%s", again.err);
    voter_start(&again);
    run_until(&again, engine_acts(again.engine));
    assert_true(same(&v.ledger, &again.ledger));
    assert_int_equal(engine_members(again.engine, &member), 1);
    assert_string_equal(member.address, "db9:10008");
    done(&again, throttle_of("app2", 0.5, FACT_NEVER, 1000));
    voter_close(&again);
    ledger_free(&v.ledger);
    ledger_free(&again.ledger);
}

/* One that nobody has told of a cluster waits. */
static void
test_started_empty(void **state)
{
    struct voter v;

    (void)state;
    voter_open(&v, dir);
    voter_start(&v);
    run_for(&v, 2 * ENGINE_ELECTION_MS);
    assert_string_equal(engine_leader(v.engine), "");
    assert_false(engine_acts(v.engine));
    refused(&v, found_of("6f1c9a52"));
    assert_true(engine_empty(v.engine));
    voter_close(&v);
}

static void
test_no_directory(void **state)
{
    struct voter v;

    (void)state;
    rmdir(dir);
    assert_int_equal(voter_open_as(&v, dir, VOTER_ADDRESS), -1);
    assert_memory_equal(v.err, dir, strlen(dir));
    voter_close(&v);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        test(test_before_it_starts),
        test(test_leads_alone),
        test(test_goes_on_acting),
        test(test_stood_still),
        test(test_apply),
        test(test_many_at_once),
        test(test_what_the_ledger_refuses),
        test(test_restart),
        test(test_snapshot),
        test(test_bootstrap_is_for_empty_ones),
        test(test_rewrite),
        test(test_started_empty),
        test(test_no_directory),
    };
    int rc;

    tempdir_make();
    rc = cmocka_run_group_tests(tests, NULL, NULL);
    tempdir_remove();
    return rc;
}
