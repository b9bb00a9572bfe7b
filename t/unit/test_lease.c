/* The lease: stories of one node step by step, then whole fleets on a store
 * and clocks of our own, in which two may never act at once. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "consensus/lease.h"

/* ---- stories ---------------------------------------------------------- */

enum event {
    SEES,    /* reads holder, instance, seq (term is 7) */
    NO_ROW,  /* reads that there is none */
    CHANGED, /* what it wrote was carried out */
    NOT,     /* and changed nothing */
    FAILS    /* no answer */
};

struct moment {
    uint64_t start_ms, end_ms;
    enum event event;
    const char *instance;
    uint64_t seq;
    /* and then: */
    enum lease_step next;
    uint64_t due_ms;
    uint64_t until_ms; /* at end_ms */
};

#define ME "me"
#define STORY(...)                             \
    tell((const struct moment[]){__VA_ARGS__}, \
         sizeof((const struct moment[]){__VA_ARGS__}) / sizeof(struct moment))

static void
happen(struct lease *l, const struct moment *m)
{
    struct lease_row row = {
        .exists = m->event == SEES, .term = 7, .seq = m->seq};

    if (m->event == SEES) {
        snprintf(row.instance, sizeof(row.instance), "%s", m->instance);
        snprintf(row.holder, sizeof(row.holder), "%s%s",
                 m->instance[0] ? "host-" : "", m->instance);
    }
    if (m->event == SEES || m->event == NO_ROW)
        lease_looked(l, &row, m->start_ms, m->end_ms);
    else if (m->event == FAILS)
        lease_failed(l, m->end_ms);
    else
        lease_wrote(l, lease_next(l), m->event == CHANGED, m->start_ms,
                    m->end_ms);
}

static struct lease
tell(const struct moment *moments, size_t count)
{
    struct lease l;

    lease_init(&l, "host-me", ME);
    assert_int_equal(lease_next(&l), LEASE_LOOK);
    for (size_t i = 0; i < count; i++) {
        const struct moment *m = &moments[i];

        happen(&l, m);
        if (lease_next(&l) != m->next || lease_due_ms(&l) != m->due_ms ||
            lease_until(&l, m->end_ms) != m->until_ms)
            fail_msg("moment %zu: next %d due %lu until %lu", i, lease_next(&l),
                     (unsigned long)lease_due_ms(&l),
                     (unsigned long)lease_until(&l, m->end_ms));
    }
    return l;
}

static void
test_first_of_all(void **state)
{
    struct lease l;

    (void)state;
    l = STORY({0, 5, NO_ROW, NULL, 0, LEASE_LOOK, 100, 0},
              {500, 504, NO_ROW, NULL, 0, LEASE_LOOK, 600, 0},
              {1000, 1004, NO_ROW, NULL, 0, LEASE_LOOK, 1100, 0},
              {1001, 1005, NO_ROW, NULL, 0, LEASE_CREATE, 1005, 0},
              {1010, 1020, CHANGED, NULL, 0, LEASE_RENEW, 1260, 1810});
    assert_true(lease_holds(&l));
    assert_int_equal(l.row.term, 1);
    assert_int_equal(l.row.seq, 1);
    assert_string_equal(l.row.holder, "host-me");
    assert_string_equal(l.former, "");
    assert_int_equal(lease_until(&l, 1809), 1810);
    assert_int_equal(lease_until(&l, 1810), 0);
}

static void
test_free_is_taken_at_once(void **state)
{
    struct lease l;

    (void)state;
    l = STORY({0, 5, SEES, "", 41, LEASE_TAKE, 5, 0},
              {6, 9, CHANGED, NULL, 0, LEASE_RENEW, 256, 806});
    assert_int_equal(l.row.term, 8);
    assert_int_equal(l.row.seq, 42);
    assert_string_equal(l.former, "");
}

static void
test_another_was_faster(void **state)
{
    (void)state;
    STORY({0, 5, SEES, "", 41, LEASE_TAKE, 5, 0},
          {6, 9, NOT, NULL, 0, LEASE_LOOK, 9, 0},
          {10, 12, SEES, "you", 42, LEASE_LOOK, 110, 0});
}

static void
test_renewed_in_time(void **state)
{
    struct lease l;

    (void)state;
    l = STORY({0, 5, SEES, "", 1, LEASE_TAKE, 5, 0},
              {5, 6, CHANGED, NULL, 0, LEASE_RENEW, 255, 805},
              {255, 300, CHANGED, NULL, 0, LEASE_RENEW, 505, 1055},
              {505, 1400, CHANGED, NULL, 0, LEASE_RENEW, 755, 0},
              {1401, 1402, CHANGED, NULL, 0, LEASE_RENEW, 1651, 2201});
    assert_int_equal(l.row.seq, 5);
    assert_int_equal(l.row.term, 8);
}

static void
test_stands_a_second_from_the_end_of_the_read(void **state)
{
    struct lease l;

    (void)state;
    l = STORY({0, 90, SEES, "you", 9, LEASE_LOOK, 100, 0},
              {400, 401, SEES, "you", 9, LEASE_LOOK, 500, 0},
              {800, 801, SEES, "you", 9, LEASE_LOOK, 900, 0},
              {1080, 1089, SEES, "you", 9, LEASE_LOOK, 1180, 0},
              {1080, 1090, SEES, "you", 9, LEASE_TAKE, 1090, 0},
              {1091, 1092, CHANGED, NULL, 0, LEASE_RENEW, 1341, 1891});
    assert_string_equal(l.former, "host-you");
    assert_int_equal(l.row.term, 8);
    assert_int_equal(l.row.seq, 10);
}

static void
test_a_holder_that_renews_is_left_alone(void **state)
{
    (void)state;
    STORY({0, 1, SEES, "you", 9, LEASE_LOOK, 100, 0},
          {500, 501, SEES, "you", 9, LEASE_LOOK, 600, 0},
          {900, 901, SEES, "you", 10, LEASE_LOOK, 1000, 0},
          {1300, 1301, SEES, "you", 10, LEASE_LOOK, 1400, 0},
          {1700, 1701, SEES, "you", 10, LEASE_LOOK, 1800, 0},
          {1900, 1900, SEES, "you", 10, LEASE_LOOK, 2000, 0},
          {1900, 1901, SEES, "you", 10, LEASE_TAKE, 1901, 0});
}

/* The same number in other hands is another row. */
static void
test_instances_are_told_apart(void **state)
{
    (void)state;
    STORY({0, 1, SEES, "you", 9, LEASE_LOOK, 100, 0},
          {500, 501, SEES, "he", 9, LEASE_LOOK, 600, 0},
          {1000, 1001, SEES, "he", 9, LEASE_LOOK, 1100, 0},
          {1499, 1500, SEES, "he", 9, LEASE_LOOK, 1599, 0},
          {1500, 1501, SEES, "he", 9, LEASE_TAKE, 1501, 0});
}

/* We slept, or could not read: perhaps they slept as well. */
static void
test_unwatched_it_did_not_stand(void **state)
{
    (void)state;
    STORY({0, 1, SEES, "you", 9, LEASE_LOOK, 100, 0},
          {9000, 9001, SEES, "you", 9, LEASE_LOOK, 9100, 0},
          {9500, 9501, SEES, "you", 9, LEASE_LOOK, 9600, 0},
          {9600, 9700, FAILS, NULL, 0, LEASE_LOOK, 9800, 0},
          {9900, 9901, SEES, "you", 9, LEASE_LOOK, 10000, 0},
          {10400, 10401, SEES, "you", 9, LEASE_LOOK, 10500, 0},
          {10900, 10901, SEES, "you", 9, LEASE_TAKE, 10901, 0});
}

static void
test_a_lost_answer_is_looked_up(void **state)
{
    struct lease l;

    (void)state;
    l = STORY({0, 5, SEES, "", 1, LEASE_TAKE, 5, 0},
              {5, 6, CHANGED, NULL, 0, LEASE_RENEW, 255, 805},
              {255, 400, FAILS, NULL, 0, LEASE_LOOK, 500, 805},
              /* It was carried out after all; that proves nothing. */
              {500, 501, SEES, ME, 3, LEASE_RENEW, 501, 805},
              {501, 502, CHANGED, NULL, 0, LEASE_RENEW, 751, 1301});
    assert_int_equal(l.row.seq, 4);
    /* The same for a take-over. */
    l = STORY({0, 5, SEES, "", 1, LEASE_TAKE, 5, 0},
              {5, 900, FAILS, NULL, 0, LEASE_LOOK, 1000, 0},
              {1000, 1001, SEES, ME, 2, LEASE_RENEW, 1001, 0},
              {1001, 1002, CHANGED, NULL, 0, LEASE_RENEW, 1251, 1801});
    assert_int_equal(l.row.term, 7);
}

static void
test_lost_to_another(void **state)
{
    struct lease l;

    (void)state;
    l = STORY({0, 5, SEES, "", 1, LEASE_TAKE, 5, 0},
              {5, 6, CHANGED, NULL, 0, LEASE_RENEW, 255, 805},
              {255, 260, NOT, NULL, 0, LEASE_LOOK, 260, 805},
              {260, 261, SEES, "you", 3, LEASE_LOOK, 360, 0});
    assert_false(lease_holds(&l));
    /* The row was deleted under us. */
    l = STORY({0, 5, SEES, "", 1, LEASE_TAKE, 5, 0},
              {5, 6, CHANGED, NULL, 0, LEASE_RENEW, 255, 805},
              {255, 260, NOT, NULL, 0, LEASE_LOOK, 260, 805},
              {260, 261, NO_ROW, NULL, 0, LEASE_LOOK, 360, 0});
    assert_false(lease_holds(&l));
}

static void
test_resigned(void **state)
{
    struct lease l;

    (void)state;
    l = STORY({0, 5, SEES, "", 1, LEASE_TAKE, 5, 0},
              {5, 6, CHANGED, NULL, 0, LEASE_RENEW, 255, 805});
    lease_resign(&l);
    assert_int_equal(lease_until(&l, 7), 0);
    assert_false(lease_holds(&l));
    assert_int_equal(lease_next(&l), LEASE_LOOK);
}

/* ---- a fleet ---------------------------------------------------------- */

#define NODES 3
#define QUEUE 64

/* A statement on its way: carried out at exec_ms, answered at end_ms. */
struct flight {
    int node; /* -1: free */
    enum lease_step step;
    char instance[LEASE_INSTANCE_SIZE]; /* what it compares with */
    uint64_t seq, start_ms, exec_ms, end_ms;
    int carried_out, changed, unanswered;
    struct lease_row row; /* as read */
};

struct node {
    struct lease lease;
    uint64_t clock_ms; /* its clock is ahead by that */
    uint64_t frozen_until_ms;
    uint64_t patience_ms; /* of the call under way: then it gives up */
    int flight;           /* -1: none */
    int dead;
};

struct fleet {
    unsigned seed;
    int lossy; /* answers get lost */
    uint64_t now_ms, slow_until_ms, away_until_ms;
    struct lease_row row;
    struct node nodes[NODES];
    struct flight flights[QUEUE];
    unsigned changes; /* of the acting node */
    int last;
};

static unsigned
dice(struct fleet *f, unsigned sides)
{
    f->seed = f->seed * 1103515245u + 12345u;
    return (f->seed >> 16) % sides;
}

static void
depart(struct fleet *f, int i)
{
    struct node *n = &f->nodes[i];
    struct flight *x = NULL;

    for (int k = 0; k < QUEUE && !x; k++)
        if (f->flights[k].node < 0)
            x = &f->flights[k];
    if (!x)
        return; /* too much is on its way: this node waits */
    memset(x, 0, sizeof(*x));
    x->node = i;
    x->step = lease_next(&n->lease);
    memcpy(x->instance, n->lease.row.instance, sizeof(x->instance));
    x->seq = n->lease.row.seq;
    x->start_ms = f->now_ms;
    x->exec_ms = f->now_ms + dice(f, 5);
    if (x->exec_ms < f->slow_until_ms)
        x->exec_ms = f->slow_until_ms + dice(f, 5);
    x->end_ms = x->exec_ms + dice(f, 5);
    x->unanswered = f->lossy && dice(f, 100) == 0;
    n->flight = (int)(x - f->flights);
    n->patience_ms = f->now_ms + 1000;
}

static void
carry_out(struct fleet *f, struct flight *x)
{
    struct lease_row *row = &f->row;
    struct node *n = &f->nodes[x->node];
    int ours = row->exists && row->seq == x->seq &&
               strcmp(row->instance, x->instance) == 0;

    x->carried_out = 1;
    x->row = *row;
    if (x->step == LEASE_RENEW && ours) {
        row->seq++;
        x->changed = 1;
    } else if ((x->step == LEASE_TAKE && ours) ||
               (x->step == LEASE_CREATE && !row->exists)) {
        row->term++;
        row->seq = x->step == LEASE_TAKE ? row->seq + 1 : 1;
        row->exists = 1;
        memcpy(row->instance, n->lease.instance, sizeof(row->instance));
        memcpy(row->holder, n->lease.holder, sizeof(row->holder));
        x->changed = 1;
    }
}

static void
arrive(struct fleet *f, struct node *n, struct flight *x)
{
    uint64_t start_ms = x->start_ms + n->clock_ms;
    uint64_t end_ms = f->now_ms + n->clock_ms;

    n->flight = -1;
    if (x->step == LEASE_LOOK)
        lease_looked(&n->lease, &x->row, start_ms, end_ms);
    else
        lease_wrote(&n->lease, x->step, x->changed, start_ms, end_ms);
    x->node = -1;
}

/* Given up, but it may be carried out all the same, much later. */
static void
give_up(struct fleet *f, struct node *n)
{
    n->flight = -1;
    lease_failed(&n->lease, f->now_ms + n->clock_ms);
}

static void
turn(struct fleet *f, int i)
{
    struct node *n = &f->nodes[i];
    struct flight *x = n->flight >= 0 ? &f->flights[n->flight] : NULL;

    if (n->dead || f->now_ms < n->frozen_until_ms)
        return;
    if (x && x->carried_out && !x->unanswered && f->now_ms >= x->end_ms)
        arrive(f, n, x);
    else if (x && f->now_ms >= n->patience_ms)
        give_up(f, n);
    if (n->flight < 0 && f->now_ms >= f->away_until_ms &&
        f->now_ms + n->clock_ms >= lease_due_ms(&n->lease))
        depart(f, i);
}

static void
trouble(struct fleet *f)
{
    switch (dice(f, 6000)) {
    case 0:
        f->nodes[dice(f, NODES)].frozen_until_ms = f->now_ms + dice(f, 4000);
        break;
    case 1: /* the server stands still, and then carries everything out */
        f->slow_until_ms = f->now_ms + dice(f, 3000);
        break;
    case 2:
        f->away_until_ms = f->now_ms + dice(f, 3000);
        break;
    }
}

static int
acting(struct fleet *f)
{
    int who = -1;

    for (int i = 0; i < NODES; i++) {
        struct node *n = &f->nodes[i];

        if (n->dead || !lease_until(&n->lease, f->now_ms + n->clock_ms))
            continue;
        if (who >= 0)
            fail_msg("seed: nodes %d and %d act at %lu", who, i,
                     (unsigned long)f->now_ms);
        who = i;
    }
    return who;
}

static void
fleet_init(struct fleet *f, unsigned seed)
{
    char name[32];

    memset(f, 0, sizeof(*f));
    f->seed = seed;
    f->last = -1;
    for (int k = 0; k < QUEUE; k++)
        f->flights[k].node = -1;
    for (int i = 0; i < NODES; i++) {
        struct node *n = &f->nodes[i];

        snprintf(name, sizeof(name), "node%d", i);
        lease_init(&n->lease, "the same", name);
        n->clock_ms = dice(f, 30000);
        n->flight = -1;
    }
}

/* A millisecond; who acts, or -1. */
static int
tick(struct fleet *f)
{
    int who;

    f->now_ms++;
    for (int k = 0; k < QUEUE; k++) {
        struct flight *x = &f->flights[k];

        if (x->node >= 0 && !x->carried_out && f->now_ms >= x->exec_ms) {
            carry_out(f, x);
            if (f->nodes[x->node].flight != k)
                x->node = -1; /* nobody waits for it any more */
        } else if (x->node >= 0 && x->carried_out &&
                   f->nodes[x->node].flight != k) {
            x->node = -1;
        }
    }
    for (int i = 0; i < NODES; i++)
        turn(f, i);
    who = acting(f);
    if (who >= 0 && who != f->last) {
        f->changes++;
        f->last = who;
    }
    return who;
}

static void
test_never_two_act_at_once(void **state)
{
    unsigned changes = 0, led_ms = 0;
    struct fleet f;

    (void)state;
    for (unsigned seed = 1; seed <= 300; seed++) {
        fleet_init(&f, seed);
        f.lossy = 1;
        while (f.now_ms < 60000) {
            trouble(&f);
            led_ms += tick(&f) >= 0;
        }
        changes += f.changes;
    }
    print_message("# %u changes, led %u %% of the time\n", changes,
                  led_ms / (300 * 600));
    /* It was no quiet time, and somebody led for most of it. */
    assert_true(changes > 300 * 3);
    assert_true(led_ms > 300u * 60000u / 3);
}

static void
test_a_dead_holder_is_replaced(void **state)
{
    uint64_t longest_ms = 0;
    struct fleet f;

    (void)state;
    for (unsigned seed = 1; seed <= 200; seed++) {
        uint64_t died_ms;
        int who = -1;

        fleet_init(&f, seed);
        while (f.now_ms < 3000 + dice(&f, 300))
            who = tick(&f);
        while (who < 0)
            who = tick(&f);
        f.nodes[who].dead = 1;
        died_ms = f.now_ms;
        while (tick(&f) < 0)
            assert_true(f.now_ms < died_ms + 5000);
        if (f.now_ms - died_ms > longest_ms)
            longest_ms = f.now_ms - died_ms;
    }
    print_message("# replaced after %lu ms at most\n",
                  (unsigned long)longest_ms);
    assert_true(longest_ms <= 1300);
}

static void
test_a_quiet_fleet_keeps_its_leader(void **state)
{
    struct fleet f;

    (void)state;
    fleet_init(&f, 7);
    while (f.now_ms < 5000)
        tick(&f);
    assert_int_equal(f.changes, 1);
    while (f.now_ms < 120000)
        assert_true(tick(&f) >= 0);
    assert_int_equal(f.changes, 1);
    assert_int_equal(f.row.term, 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_of_all),
        cmocka_unit_test(test_free_is_taken_at_once),
        cmocka_unit_test(test_another_was_faster),
        cmocka_unit_test(test_renewed_in_time),
        cmocka_unit_test(test_stands_a_second_from_the_end_of_the_read),
        cmocka_unit_test(test_a_holder_that_renews_is_left_alone),
        cmocka_unit_test(test_instances_are_told_apart),
        cmocka_unit_test(test_unwatched_it_did_not_stand),
        cmocka_unit_test(test_a_lost_answer_is_looked_up),
        cmocka_unit_test(test_lost_to_another),
        cmocka_unit_test(test_resigned),
        cmocka_unit_test(test_never_two_act_at_once),
        cmocka_unit_test(test_a_dead_holder_is_replaced),
        cmocka_unit_test(test_a_quiet_fleet_keeps_its_leader),
    };

    return cmocka_run_group_tests_name("lease", tests, NULL, NULL);
}
