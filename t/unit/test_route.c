/* The choice of the active host: whole incidents, a line each. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "decide/route.h"

static struct route_candidate hosts[8];
static size_t count;
static struct route_choice choice;
static int active;
static struct route_rules rules;

static const char *const names[] = {"a:1", "b:1", "c:1", "d:1"};

/* "up0 up1 dead ?": a host each. A digit is its index; p and a digit its
 * priority; "dead", "?" (unknown), and d (down) or m (drained) behind it. */
static void
see(const char *words)
{
    char copy[128], *save = NULL;

    strcpy(copy, words);
    count = 0;
    for (char *w = strtok_r(copy, " ", &save); w;
         w = strtok_r(NULL, " ", &save)) {
        struct route_candidate *h = &hosts[count];

        memset(h, 0, sizeof(*h));
        h->name = names[count++];
        h->up = strncmp(w, "up", 2) == 0;
        h->unknown = *w == '?';
        h->why = h->up ? "fine" : "refused";
        h->index = ROUTE_NO_INDEX;
        for (w += h->up ? 2 : h->unknown ? 1 : 4; *w; w++) {
            if (*w >= '0' && *w <= '9')
                h->index = (uint64_t)(*w - '0');
            else if (*w == 'p')
                h->priority = (unsigned)(*++w - '0');
            else if (*w == 'm')
                h->drained = 1;
            else if (*w == '!')
                h->down = 1;
        }
    }
}

/* What follows: the active host's letter, '-' for none; '.' behind it when
 * nothing moved. */
static const char *
then(const char *words)
{
    static char text[3];

    see(words);
    route_choose(&rules, hosts, count, active, &choice);
    active = choice.active;
    text[0] = active < 0 ? '-' : names[active][0];
    text[1] = choice.moves ? '\0' : '.';
    text[2] = '\0';
    return text;
}

static int
setup(void **state)
{
    (void)state;
    active = -1;
    memset(&rules, 0, sizeof(rules));
    return 0;
}

static void
test_a_start(void **state)
{
    (void)state;
    assert_string_equal(then("? ? ?"), "-.");
    assert_string_equal(then("? up1 ?"), "-."); /* perhaps a better one */
    assert_string_equal(then("dead up1 ?"), "-.");
    assert_string_equal(then("dead up1 up0"), "c");
    assert_string_equal(choice.reason, "c:1 is the first");
    assert_string_equal(then("dead dead dead"), "-");
    assert_string_equal(choice.reason, "c:1: refused");
    assert_string_equal(then("dead dead dead"), "-.");
    assert_string_equal(then(""), "-.");
}

static void
test_a_restart_moves_nobody(void **state)
{
    (void)state;
    active = 1;
    assert_string_equal(then("up0 ? up2"), "b.");
    assert_string_equal(then("? ? ?"), "b.");
    assert_string_equal(then("up0 up1 up2"), "b.");
}

static void
test_sticky(void **state)
{
    (void)state;
    assert_string_equal(then("up0 up1 up2"), "a");
    assert_string_equal(then("dead up1 up2"), "b");
    assert_string_equal(choice.reason, "a:1: refused");
    assert_string_equal(then("up0 up1 up2"), "b."); /* no way back by itself */
    assert_string_equal(then("up2 up1 up0"), "b."); /* indices permute */
    assert_string_equal(then("up0 dead dead"), "a");
    assert_string_equal(then("dead dead dead"), "-");
    assert_string_equal(then("dead dead up2"), "c");
}

static void
test_lowest_index(void **state)
{
    (void)state;
    rules.lowest_index = 1;
    assert_string_equal(then("up0 up1 up2"), "a");
    assert_string_equal(then("dead up1 up2"), "b");
    assert_string_equal(then("up0 up1 up2"), "a");
    assert_string_equal(choice.reason, "a:1 goes before b:1 by its index");
    assert_string_equal(then("up2 up1 up0"), "c");
    assert_string_equal(then("? up1 up2"), "c."); /* not while one is unknown */
    assert_string_equal(then("dead up1 up2"), "b");
}

static void
test_ties_are_stable(void **state)
{
    (void)state;
    rules.lowest_index = 1;
    for (int i = 0; i < 20; i++)
        assert_string_equal(then("up up up"), i == 0 ? "a" : "a.");
    assert_string_equal(then("up3 up3 up3"), "a.");
    assert_string_equal(then("up up0 up"), "b"); /* without an index: last */
}

static void
test_priorities(void **state)
{
    (void)state;
    assert_string_equal(then("up0p2 up1p1 up2p1"), "b");
    assert_string_equal(then("up0p2 dead up2p1"), "c");
    assert_string_equal(then("up0p2 dead dead"), "a");
    assert_string_equal(then("up0p2 up1p1 up2p1"), "a."); /* sticky first */
    rules.lowest_index = 1;
    assert_string_equal(then("up0p2 up1p1 up2p1"), "b");
}

static void
test_operators(void **state)
{
    (void)state;
    active = 0;
    assert_string_equal(then("up0m up1 up2"), "b"); /* drained: the next */
    assert_string_equal(choice.reason, "a:1: an operator drains it");
    assert_string_equal(then("up0m dead dead"), "a"); /* better than nobody */
    assert_string_equal(then("up0m up1m dead"), "a.");
    assert_string_equal(then("up0! up1m dead"), "b");
    assert_string_equal(choice.reason, "a:1: an operator took it down");
    assert_string_equal(then("up0! up1! dead"), "-");
    assert_string_equal(then("up0! ?! dead"), "-."); /* waits for nobody */
    assert_string_equal(then("up0! ?! up2"), "c");
    active = 0;
    assert_string_equal(then("?! up1 up2"), "b"); /* down, known or not */
}

static void
test_by_hand(void **state)
{
    (void)state;
    rules.manual = 1;
    assert_string_equal(then("up0 up1 up2"), "-.");
    active = 2;
    assert_string_equal(then("up0 up1 dead"), "c.");
    assert_string_equal(then("up0 up1 up2!"), "c.");
    rules.manual = 0;
    assert_string_equal(then("up0 up1 dead"), "a");
}

static int
reports(const char *words, int now_active)
{
    see(words);
    return route_inactive(hosts, count, now_active);
}

static void
test_the_host_for_reports(void **state)
{
    (void)state;
    assert_int_equal(reports("up0 up1 up2", 0), 2);
    assert_int_equal(reports("up2 up1 up0", 0), 1);
    assert_int_equal(reports("up0 up1 dead", 0), 1);
    assert_int_equal(reports("up0 up1m dead", 0), 0);
    assert_int_equal(reports("up0 dead up2!", 0), 0);
    assert_int_equal(reports("up up up", 2), 1);
    assert_int_equal(reports("dead dead dead", 0), -1);
    assert_int_equal(reports("", -1), -1);
    assert_int_equal(reports("up0 dead dead", -1), 0);
}

#define TEST(f) cmocka_unit_test_setup(f, setup)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_start),
        TEST(test_a_restart_moves_nobody),
        TEST(test_sticky),
        TEST(test_lowest_index),
        TEST(test_ties_are_stable),
        TEST(test_priorities),
        TEST(test_operators),
        TEST(test_by_hand),
        TEST(test_the_host_for_reports),
    };

    return cmocka_run_group_tests_name("route", tests, NULL, NULL);
}
