/* Who leads in freno's eyes: stories of one node. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "consensus/election.h"

#define ME "me:8087"
#define YOU "you:8087"
#define FRENO "freno:9777"

/* Reads that row at that time. */
static void
reads(struct election *e, const char *id, uint64_t at_ms)
{
    assert_int_equal(election_next(e, at_ms), ELECTION_READ);
    assert_true(election_due_ms(e) <= at_ms);
    election_read(e, id, at_ms);
    assert_string_equal(e->leader, id);
}

static void
writes(struct election *e, enum election_step step, uint64_t at_ms)
{
    assert_true(election_due_ms(e) <= at_ms);
    assert_int_equal(election_next(e, at_ms), step);
    election_wrote(e, at_ms);
}

static void
test_without_the_lease_it_only_reads(void **state)
{
    struct election e;

    (void)state;
    election_init(&e, ME);
    assert_string_equal(e.leader, "");
    reads(&e, "", 0);
    assert_int_equal(election_due_ms(&e), 250);
    reads(&e, YOU, 250);
    reads(&e, ME, 500); /* another process by our name */
    assert_false(election_leads(&e, 501));
    assert_int_equal(election_next(&e, 100000), ELECTION_READ);
}

static void
test_renewed_each_second(void **state)
{
    struct election e;

    (void)state;
    election_init(&e, ME);
    reads(&e, "", 0);
    election_enter(&e, "", 100);
    assert_int_equal(election_due_ms(&e), 100);
    writes(&e, ELECTION_CLAIM, 100);
    assert_false(election_leads(&e, 101)); /* the row tells */
    reads(&e, ME, 102);
    assert_true(election_leads(&e, 103));
    assert_true(election_leads(&e, 4099));
    assert_false(election_leads(&e, 4100)); /* 4 s from the write's start */
    reads(&e, ME, 352);
    assert_false(election_leads(&e, 4100)); /* a read renews nothing */
    reads(&e, ME, 602);
    reads(&e, ME, 852);
    writes(&e, ELECTION_CLAIM, 1100);
    reads(&e, ME, 1101);
    assert_true(election_leads(&e, 5099));
}

static void
test_taken_from_a_sluice_node_at_once(void **state)
{
    struct election e;

    (void)state;
    election_init(&e, ME);
    reads(&e, YOU, 0);
    election_enter(&e, YOU, 100);
    writes(&e, ELECTION_TAKE, 100);
    reads(&e, ME, 101);
    assert_true(election_leads(&e, 102));
    writes(&e, ELECTION_CLAIM, 1100);
}

/* The row was never read before, so the first statement is freno's. */
static void
test_taken_from_a_sluice_node_unseen(void **state)
{
    struct election e;

    (void)state;
    election_init(&e, ME);
    election_enter(&e, YOU, 100);
    writes(&e, ELECTION_CLAIM, 100);
    reads(&e, YOU, 101);
    writes(&e, ELECTION_TAKE, 101);
    reads(&e, ME, 102);
    assert_true(election_leads(&e, 103));
}

/* Only freno's 5 s rule takes it from a freno node: the statement is asked
 * again and again, and the server decides. */
static void
test_not_taken_from_freno(void **state)
{
    struct election e;

    (void)state;
    election_init(&e, ME);
    reads(&e, FRENO, 0);
    election_enter(&e, YOU, 100);
    for (uint64_t at_ms = 100; at_ms < 6000; at_ms += 251) {
        writes(&e, ELECTION_CLAIM, at_ms);
        reads(&e, FRENO, at_ms + 1);
        assert_false(election_leads(&e, at_ms + 2));
    }
    writes(&e, ELECTION_CLAIM, 7000);
    reads(&e, ME, 7001);
    assert_true(election_leads(&e, 7002));
}

static void
test_lost_to_another(void **state)
{
    struct election e;

    (void)state;
    election_init(&e, ME);
    election_enter(&e, "", 0);
    writes(&e, ELECTION_CLAIM, 0);
    reads(&e, ME, 1);
    reads(&e, FRENO, 251);
    assert_false(election_leads(&e, 252));
    writes(&e, ELECTION_CLAIM, 501); /* once more, not before */
}

static void
test_lease_lost(void **state)
{
    struct election e;

    (void)state;
    election_init(&e, ME);
    election_enter(&e, "", 0);
    writes(&e, ELECTION_CLAIM, 0);
    reads(&e, ME, 1);
    election_leave(&e);
    assert_false(election_leads(&e, 2));
    reads(&e, ME, 251);
    assert_false(election_leads(&e, 252));
    reads(&e, YOU, 501);
    assert_int_equal(election_next(&e, 10000), ELECTION_READ);
    /* Between a write and the read that follows it, too. */
    election_enter(&e, "", 1000);
    writes(&e, ELECTION_CLAIM, 1000);
    election_leave(&e);
    reads(&e, ME, 1001);
    assert_false(election_leads(&e, 1002));
}

static void
test_no_answer(void **state)
{
    struct election e;

    (void)state;
    election_init(&e, ME);
    election_enter(&e, "", 0);
    writes(&e, ELECTION_CLAIM, 0);
    reads(&e, ME, 1);
    election_failed(&e, 1300);
    assert_string_equal(e.leader, "");
    assert_true(election_leads(&e, 3999)); /* what was granted stands */
    assert_false(election_leads(&e, 4000));
    assert_int_equal(election_due_ms(&e), 1550);
    writes(&e, ELECTION_CLAIM, 1550);
    election_failed(&e, 2550); /* its answer is lost: it grants nothing */
    election_read(&e, ME, 2799);
    assert_false(election_leads(&e, 4001));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_without_the_lease_it_only_reads),
        cmocka_unit_test(test_renewed_each_second),
        cmocka_unit_test(test_taken_from_a_sluice_node_at_once),
        cmocka_unit_test(test_taken_from_a_sluice_node_unseen),
        cmocka_unit_test(test_not_taken_from_freno),
        cmocka_unit_test(test_lost_to_another),
        cmocka_unit_test(test_lease_lost),
        cmocka_unit_test(test_no_answer),
    };

    return cmocka_run_group_tests_name("election", tests, NULL, NULL);
}
