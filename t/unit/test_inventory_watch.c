/* An inventory that is asked again and again: a driver of the test's says
 * what and when. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "inventory/inventory.h"

#define WAIT_MS 10000
#define REFRESH_MS 5
#define CHURNS 10000

static struct loop loop;
static struct inventory_shared shared = {.loop = &loop};
static struct inventory *inventory;

/* ---- the driver -----------------------------------------------------------
 */

static struct {
    unsigned opened, asked, closed;
    int silent;         /* does not answer */
    const char *error;  /* or fails */
    const char *answer; /* "b:1 a:2", hosts of one letter */
} fake;

static void *
fake_open(struct inventory *i, const struct inventory_shared *s)
{
    assert_ptr_equal(s, &shared);
    fake.opened++;
    return i;
}

static void
fake_ask(void *source)
{
    struct inventory_hosts hosts = {0};

    fake.asked++;
    if (fake.silent)
        return;
    if (fake.error) {
        inventory_fail(source, fake.error);
        return;
    }
    for (const char *c = fake.answer; *c; c += c[3] ? 4 : 3) {
        char name[2] = {*c, '\0'};

        inventory_hosts_add(&hosts, name, (uint16_t)(c[2] - '0'));
    }
    inventory_answer(source, &hosts);
}

static void
fake_close(void *source)
{
    assert_non_null(source);
    fake.closed++;
}

static int
fake_same(const struct conf_cluster *a, const struct conf_cluster *b)
{
    return a->port == b->port;
}

static const struct inventory_driver driver = {
    .name = "fake",
    .open = fake_open,
    .ask = fake_ask,
    .close = fake_close,
    .same = fake_same,
};

/* ---- what is told
 * ------------------------------------------------------------ */

static struct {
    unsigned times;
    char text[256];
} told;

static void
on_told(void *data, const struct inventory_hosts *hosts)
{
    size_t at = 0;

    (void)data;
    told.times++;
    strcpy(told.text, hosts ? "" : "nothing");
    for (size_t i = 0; hosts && i < hosts->count; i++)
        at += (size_t)snprintf(told.text + at, sizeof(told.text) - at,
                               "%s%s:%u%s", i ? " " : "", hosts->items[i].name,
                               hosts->items[i].port,
                               hosts->items[i].ignored ? "!" : "");
}

static const struct conf_cluster cluster = {
    .name = (char[]){"c"},
    .inventory = "fake",
    .inventory_refresh_ms = REFRESH_MS,
};

static int
setup(void **state)
{
    (void)state;
    memset(&fake, 0, sizeof(fake));
    memset(&told, 0, sizeof(told));
    assert_int_equal(loop_init(&loop), 0);
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    inventory_stop(inventory);
    assert_int_equal(fake.opened, fake.closed);
    loop_close(&loop);
    return 0;
}

static void
start(void)
{
    inventory = inventory_start_with(&driver, &shared, &cluster, on_told, NULL);
}

static void
turn_until_asked(unsigned more)
{
    uint64_t end_ms = clock_mono_ms() + WAIT_MS;
    unsigned wanted = fake.asked + more;

    while (fake.asked < wanted && clock_mono_ms() < end_ms)
        uv_run(&loop.uv, UV_RUN_ONCE);
    assert_true(fake.asked >= wanted);
}

static struct inventory_status
status_now(void)
{
    struct inventory_status status;

    inventory_status(inventory, &status);
    return status;
}

/* ---- tests
 * --------------------------------------------------------------------- */

static void
test_hosts_are_told_in_order_and_once(void **state)
{
    (void)state;
    fake.answer = "b:2 a:1 b:1 a:1";
    start();
    assert_string_equal(told.text, "a:1 b:1 b:2");
    turn_until_asked(3);
    assert_int_equal(told.times, 1);
    fake.answer = "c:1";
    turn_until_asked(1);
    assert_string_equal(told.text, "c:1");
    fake.answer = "";
    turn_until_asked(1);
    assert_string_equal(told.text, "");
    assert_int_equal(told.times, 3);
}

static void
test_a_failure_keeps_what_is_known(void **state)
{
    (void)state;
    fake.answer = "a:1";
    start();
    fake.error = "lb:80: it is away";
    turn_until_asked(3);
    assert_string_equal(told.text, "a:1");
    assert_int_equal(told.times, 1);
    assert_true(status_now().failures >= 3);
    assert_string_equal(status_now().error, "lb:80: it is away");
    assert_int_equal(status_now().hosts, 1);
    fake.error = NULL;
    turn_until_asked(1);
    assert_int_equal(status_now().failures, 0);
    assert_string_equal(status_now().error, "");
    assert_int_equal(told.times, 1);
}

static void
test_a_failure_at_the_start_is_told(void **state)
{
    (void)state;
    fake.error = "away";
    start();
    assert_string_equal(told.text, "nothing");
    assert_true(status_now().answered_mono_ms == 0);
    fake.error = NULL;
    fake.answer = "";
    turn_until_asked(1);
    assert_string_equal(told.text, "");
    assert_true(status_now().answered_mono_ms > 0);
}

static void
test_no_second_question_before_the_answer(void **state)
{
    uint64_t end_ms = clock_mono_ms() + 10 * REFRESH_MS;

    (void)state;
    fake.silent = 1;
    start();
    while (clock_mono_ms() < end_ms)
        uv_run(&loop.uv, UV_RUN_ONCE);
    assert_int_equal(fake.asked, 1);
    assert_int_equal(told.times, 0);
    fake.silent = 0;
    fake.answer = "a:1";
    fake_ask(inventory);
    assert_string_equal(told.text, "a:1");
    turn_until_asked(1);
}

static void
test_a_reload_keeps_a_source_that_is_the_same(void **state)
{
    char *ignore[] = {"a:"};
    struct conf_cluster other = cluster;

    (void)state;
    fake.answer = "a:1 b:1";
    start();
    other.ignore_hosts.items = ignore;
    other.ignore_hosts.count = 1;
    inventory_reload(inventory, &other);
    assert_int_equal(fake.opened, 1);
    assert_ptr_equal(inventory_cluster(inventory), &other);
    assert_string_equal(told.text, "a:1! b:1");
    assert_int_equal(told.times, 2);
    turn_until_asked(2);
    assert_int_equal(told.times, 2);
    inventory_reload(inventory, &cluster);
    assert_string_equal(told.text, "a:1 b:1");
}

static void
test_a_reload_replaces_another_source(void **state)
{
    struct conf_cluster other = cluster;

    (void)state;
    fake.answer = "a:1";
    start();
    other.port = 1;
    fake.silent = 1;
    inventory_reload(inventory, &other);
    assert_int_equal(fake.opened, 2);
    assert_int_equal(fake.closed, 1);
    assert_int_equal(fake.asked, 2);
    assert_string_equal(told.text, "a:1");
    fake.silent = 0;
    fake.answer = "b:1";
    fake_ask(inventory);
    assert_string_equal(told.text, "b:1");
    inventory_reload(inventory, &cluster);
}

/* A day's worth and more: nothing may be left of hosts that came and went. */
static void
test_hosts_come_and_go_all_day(void **state)
{
    static const char *const answers[] = {"a:1 b:1", "b:1 c:1", "", "c:2 a:1"};

    (void)state;
    fake.answer = answers[0];
    start();
    for (int i = 1; i <= CHURNS; i++) {
        fake.answer = answers[i % 4];
        fake.error = i % 7 == 0 ? "away" : NULL;
        fake_ask(inventory);
        assert_true(status_now().hosts <= 2);
    }
    assert_true(told.times > CHURNS / 2);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_hosts_are_told_in_order_and_once),
        TEST(test_a_failure_keeps_what_is_known),
        TEST(test_a_failure_at_the_start_is_told),
        TEST(test_no_second_question_before_the_answer),
        TEST(test_a_reload_keeps_a_source_that_is_the_same),
        TEST(test_a_reload_replaces_another_source),
        TEST(test_hosts_come_and_go_all_day),
    };

    freopen("/dev/null", "w", stderr); /* the log of a day */
    return cmocka_run_group_tests_name("inventory watch", tests, NULL, NULL);
}
