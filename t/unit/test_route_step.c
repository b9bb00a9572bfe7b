/* The way from one host to another: whole moves, one step after the other. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "decide/route_step.h"

static struct route_fact now;
static struct route_step_rules rules;

/* Where it goes then: "ACTIVE>NEXT EPOCH: REASON" is what counts from now on;
 * "" is not yet. */
static void
steps(const char *to, const char *why, const char *want)
{
    struct route_fact out;
    char got[2 * ROUTE_FACT_HOST_SIZE + ROUTE_FACT_TEXT_SIZE + 32];

    if (route_step(&rules, &now, to, why, &out) == ROUTE_STEP_NONE) {
        assert_string_equal("", want);
        return;
    }
    snprintf(got, sizeof(got), "%s>%s %d: %s", out.active, out.next,
             (int)out.epoch, out.reason);
    assert_string_equal(got, want);
    now = out;
}

static int
setup(void **state)
{
    (void)state;
    memset(&now, 0, sizeof(now));
    memset(&rules, 0, sizeof(rules));
    return 0;
}

static void
test_static(void **state)
{
    (void)state;
    steps("a", "first", "a> 1: first");
    steps("b", "a died", "b> 2: a died");
    steps("", "b died", "> 3: b died");
    rules.is_old = 1;
    steps("b", "put back", "b> 4: put back");
}

static void
test_two_steps(void **state)
{
    (void)state;
    rules.lease = 1;
    steps("a", "first", "");
    rules.let_go = 1;
    steps("a", "first", "a> 1: first");
    steps("b", "a died", ">b 2: a died");
    rules.let_go = 0;
    steps("b", "b is the first", "");
    rules.let_go = 1;
    steps("b", "b is the first", "b> 3: a died");
}

static void
test_somebody_else_meanwhile(void **state)
{
    (void)state;
    rules.lease = 1;
    rules.let_go = 1;
    steps("a", "first", "a> 1: first");
    steps("b", "a died", ">b 2: a died");
    rules.let_go = 0;
    steps("c", "c is the first", "");
    rules.let_go = 1;
    steps("c", "c is the first", "c> 3: c is the first");
    steps("", "c died", "> 4: c died");
    steps("a", "a is the first", "a> 5: a is the first");
}

static void
test_an_operator(void **state)
{
    (void)state;
    rules.lease = rules.insists = 1;
    rules.let_go = 1;
    steps("a", "first", "a> 1: first");
    rules.let_go = 0;
    steps("b", "told", ">b 2: told");
    steps("b", "told again", "");
    steps("c", "told better", ">c 3: told better");
    rules.let_go = 1;
    steps("c", "c is the first", "c> 4: told better");
}

/* A store that was put back may have sent others elsewhere. */
static void
test_put_back(void **state)
{
    (void)state;
    rules.lease = rules.let_go = rules.is_old = 1;
    now.epoch = 7;
    strcpy(now.active, "a");
    steps("a", "put back", ">a 8: put back");
    rules.is_old = 0;
    steps("a", "a is the first", "a> 9: put back");
    now.active[0] = '\0';
    rules.is_old = 1;
    steps("b", "put back", ">b 10: put back");
    steps("", "put back", "> 11: put back");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_static, setup),
        cmocka_unit_test_setup(test_two_steps, setup),
        cmocka_unit_test_setup(test_somebody_else_meanwhile, setup),
        cmocka_unit_test_setup(test_an_operator, setup),
        cmocka_unit_test_setup(test_put_back, setup),
    };

    return cmocka_run_group_tests_name("route steps", tests, NULL, NULL);
}
