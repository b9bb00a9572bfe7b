/* libraft as the engine makes it safe: changes of members, and the end, whoever
 * asked for it. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "raft_engine_help.h"
#include "tmpfs_help.h"

/* ---- members ---------------------------------------------------------- */

struct told {
    int count, status;
    char text[256];
};

static void
on_member(void *data, int status, const char *text)
{
    struct told *t = data;

    t->count++;
    t->status = status;
    snprintf(t->text, sizeof(t->text), "%s", text);
}

static void
test_remove_whom_nobody_knows(void **state)
{
    struct told told = {0};
    struct voter v;

    (void)state;
    voter_found(&v, dir);
    assert_int_equal(engine_remove(v.engine, 7, on_member, &told), 0);
    assert_int_equal(told.count, 0);
    run_until(&v, told.count);
    assert_int_not_equal(told.status, 0);
    assert_memory_equal(told.text, "removing it: ", 13);
    done(&v, found_of("6f1c9a52"));
    voter_close(&v);
    assert_int_equal(told.count, 1);
}

/* A spare is in the list; it has to catch up first. */
static void
test_add_one_at_a_time(void **state)
{
    struct told told = {0}, other = {0};
    struct engine_member members[2];
    struct voter v;

    (void)state;
    voter_open(&v, dir);
    assert_int_equal(engine_add(v.engine, 7, "db2:1", on_member, &told), -1);
    assert_int_equal(engine_remove(v.engine, 7, on_member, &told), -1);
    voter_close(&v);
    voter_found(&v, dir);
    assert_int_equal(engine_add(v.engine, 7, "db2:1", on_member, &told), 0);
    assert_int_equal(engine_add(v.engine, 8, "db3:1", on_member, &other), -1);
    assert_int_equal(engine_remove(v.engine, 7, on_member, &other), -1);
    run_until(&v, engine_member_count(v.engine) == 2);
    assert_int_equal(engine_members(v.engine, members), 2);
    assert_int_equal(members[1].voter, 0);
    assert_int_equal(members[1].heard_ms, -1);
    assert_true(members[1].behind > 0);
    assert_int_equal(engine_voter_count(v.engine), 1);
    done(&v, found_of("6f1c9a52")); /* goes on meanwhile */
    assert_int_equal(told.count, 0);
    voter_close(&v); /* it will never catch up */
    assert_int_equal(other.count, 0);
    assert_int_equal(told.count, 1);
    assert_int_equal(told.status, RAFT_LEADERSHIPLOST);
}

struct hand_over {
    struct told told;
    int done;
};

static void
on_handed_over_later(void *data)
{
    struct hand_over *h = data;

    h->done++;
    assert_int_equal(h->told.count, 1);
}

/* A change of members is answered first, as long as somebody listens. */
static void
test_hand_over_while_adding(void **state)
{
    struct hand_over h = {0};
    struct voter v;

    (void)state;
    voter_found(&v, dir);
    assert_int_equal(engine_add(v.engine, 7, "db2:1", on_member, &h.told), 0);
    engine_hand_over(v.engine, on_handed_over_later, &h);
    assert_int_equal(h.told.count, 0);
    assert_int_equal(engine_add(v.engine, 8, "db3:1", on_member, &h.told), -1);
    run_until(&v, h.done);
    assert_int_equal(h.told.status, RAFT_LEADERSHIPLOST);
    run_for(&v, 50);
    voter_close(&v);
    assert_int_equal(h.told.count, 1);
}

/* ---- the end ---------------------------------------------------------- */

static void
test_close_answers(void **state)
{
    struct answer a[20] = {0};
    struct voter v, again;

    (void)state;
    voter_found(&v, dir);
    for (int i = 0; i < 20; i++)
        propose(&v, throttle_of("app", i / 20.0, FACT_NEVER, 1000), &a[i]);
    voter_close(&v);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(a[i].count, 1);
        assert_int_equal(a[i].outcome, CONSENSUS_UNKNOWN);
        assert_memory_equal(a[i].text, "may or may not have been stored", 31);
    }
    voter_reopen(&again, dir);
    assert_true(again.ledger.nthrottles <= 1);
    voter_close(&again);
    ledger_free(&v.ledger);
    ledger_free(&again.ledger);
}

/* What is being written, and what waits behind it. */
static void
test_close_while_writing(void **state)
{
    struct voter v, again;
    uint64_t written;

    (void)state;
    voter_found(&v, dir);
    for (int turns = 0; turns < 12; turns++) {
        struct answer a = {0};

        for (int i = 0; i < 8; i++)
            propose(&v, throttle_of("app", 0.5, FACT_NEVER, 1000), &a);
        for (int i = 0; i < turns / 3; i++)
            uv_run(&v.loop.uv, UV_RUN_NOWAIT);
        for (int i = 0; i < 8; i++)
            propose(&v, throttle_of("app", 0.5, FACT_NEVER, 1000), &a);
        written = v.ledger.revision;
        voter_close(&v);
        assert_int_equal(a.count, 16);
        voter_reopen(&again, dir);
        assert_true(again.ledger.revision >= written);
        ledger_free(&v.ledger);
        voter_close(&again);
        ledger_free(&again.ledger);
        voter_reopen(&v, dir);
    }
    voter_close(&v);
    ledger_free(&v.ledger);
}

static void
test_close_answers_refused(void **state)
{
    struct answer a = {0};
    struct voter v;

    (void)state;
    voter_open(&v, dir);
    propose(&v, found_of("6f1c9a52"), &a);
    voter_close(&v);
    assert_int_equal(a.count, 1);
    assert_int_equal(a.outcome, CONSENSUS_REFUSED);
}

static void
on_handed_over(void *data)
{
    struct voter *v = data;

    v->handed_over++;
}

static void
test_hand_over(void **state)
{
    struct voter v;

    (void)state;
    voter_found(&v, dir);
    engine_hand_over(v.engine, on_handed_over, &v);
    assert_int_equal(v.handed_over, 0);
    assert_false(engine_acts(v.engine));
    assert_int_equal(v.until_ms, 0);
    run_until(&v, v.handed_over);
    run_for(&v, 2 * ENGINE_LEASE_MS);
    assert_int_equal(v.handed_over, 1);
    assert_false(engine_acts(v.engine)); /* no more, in this life */
    refused(&v, found_of("6f1c9a52"));
    voter_close(&v);
    assert_int_equal(v.failed, 0);
}

static void
test_hand_over_before_it_starts(void **state)
{
    struct voter v;

    (void)state;
    voter_open(&v, dir);
    engine_hand_over(v.engine, on_handed_over, &v);
    run_until(&v, v.handed_over);
    voter_close(&v);
    assert_int_equal(v.handed_over, 1);
}

/* No word comes after the end was asked for. */
static void
test_close_while_handing_over(void **state)
{
    struct voter v;

    (void)state;
    voter_found(&v, dir);
    engine_hand_over(v.engine, on_handed_over, &v);
    voter_close(&v);
    assert_int_equal(v.handed_over, 0);
}

/* ---- a disk that is full ---------------------------------------------- */

/* As many bytes as a command has. */
static struct ledger_command
large_command(void)
{
    struct ledger_command c = throttle_of("app", 0.5, FACT_NEVER, 1000);

    memset(c.change.key, 'k', sizeof(c.change.key) - 1);
    memset(c.change.owner, 'o', sizeof(c.change.owner) - 1);
    memset(c.change.reason, 'r', sizeof(c.change.reason) - 1);
    return c;
}

/* libraft writes to a file of 8 MiB, and then there is no room for the next
 * one. */
static void
test_no_room(void **state)
{
    const char *disk = tmpfs_mount("12m");
    struct ledger_command command = large_command();
    struct answer a = {0};
    struct voter v;
    int asked = 0;

    (void)state;
    if (!disk)
        return;
    voter_found(&v, disk);
    done(&v, found_of("6f1c9a52"));
    while (!v.failed && asked < 40000) {
        tmpfs_fill(disk); /* what a file gave back, too */
        for (int i = 0; i < 64 && engine_acts(v.engine); i++, asked++)
            propose(&v, command, &a);
        uv_run(&v.loop.uv, UV_RUN_ONCE);
    }
    assert_string_equal(v.why, "cannot write to RaftDataDir: no room left");
    assert_false(engine_acts(v.engine));
    assert_int_equal(v.until_ms, 0);
    run_for(&v, 2 * ENGINE_LEASE_MS);
    assert_int_equal(v.failed, 1);
    assert_false(engine_acts(v.engine));
    refused(&v, found_of("6f1c9a52"));
    voter_close(&v);
    assert_int_equal(v.failed, 1);
    assert_int_equal(a.count, asked);
    assert_int_equal(a.outcome, CONSENSUS_UNKNOWN);
    ledger_free(&v.ledger);
    tmpfs_unmount();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        test(test_remove_whom_nobody_knows),
        test(test_add_one_at_a_time),
        test(test_hand_over_while_adding),
        test(test_close_answers),
        test(test_close_while_writing),
        test(test_close_answers_refused),
        test(test_hand_over),
        test(test_hand_over_before_it_starts),
        test(test_close_while_handing_over),
        test(test_no_room),
    };
    int rc;

    tempdir_make();
    tmpfs_begin();
    rc = cmocka_run_group_tests(tests, NULL, NULL);
    tempdir_remove();
    return rc;
}
