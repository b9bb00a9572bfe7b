/* Calls from the loop, soon and once. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/later.h"

struct calls {
    struct loop loop;
    char order[64]; /* a letter for each call */
    int again;      /* a call asks for the next one */
};

struct call {
    struct calls *calls;
    char letter;
};

static void
note(void *data)
{
    struct call *call = data;
    struct calls *c = call->calls;
    size_t len = strlen(c->order);

    assert_true(len < sizeof(c->order) - 1);
    c->order[len] = call->letter;
    if (c->again-- > 0) {
        later(&c->loop, note, data);
        assert_int_equal(strlen(c->order), len + 1);
    }
}

static void
begin(struct calls *c)
{
    memset(c, 0, sizeof(*c));
    assert_int_equal(loop_init(&c->loop), 0);
}

static void
end(struct calls *c, const char *order)
{
    loop_close(&c->loop);
    assert_false(loop_left_open());
    assert_string_equal(c->order, order);
}

static void
test_not_from_within(void **state)
{
    struct calls c;
    struct call a = {&c, 'a'};

    (void)state;
    begin(&c);
    later(&c.loop, note, &a);
    assert_string_equal(c.order, "");
    uv_run(&c.loop.uv, UV_RUN_NOWAIT);
    assert_string_equal(c.order, "a");
    uv_run(&c.loop.uv, UV_RUN_NOWAIT);
    end(&c, "a");
}

/* A turn that could sleep does not. */
static void
test_wakes_the_loop(void **state)
{
    struct calls c;
    struct call a = {&c, 'a'};
    uint64_t start_ms;

    (void)state;
    begin(&c);
    later(&c.loop, note, &a);
    start_ms = clock_mono_ms();
    while (!*c.order)
        uv_run(&c.loop.uv, UV_RUN_ONCE);
    assert_true(clock_mono_ms() - start_ms < 1000);
    end(&c, "a");
}

static void
test_each_once(void **state)
{
    struct calls c;
    struct call calls[3] = {{&c, 'a'}, {&c, 'b'}, {&c, 'c'}};
    int counts[3] = {0};

    (void)state;
    begin(&c);
    for (int i = 0; i < 6; i++)
        later(&c.loop, note, &calls[i % 3]);
    uv_run(&c.loop.uv, UV_RUN_NOWAIT);
    for (const char *at = c.order; *at; at++)
        counts[*at - 'a']++;
    for (int i = 0; i < 3; i++)
        assert_int_equal(counts[i], 2);
    memset(c.order, 0, sizeof(c.order));
    uv_run(&c.loop.uv, UV_RUN_NOWAIT);
    end(&c, "");
}

static void
test_from_a_call(void **state)
{
    struct calls c;
    struct call a = {&c, 'a'};

    (void)state;
    begin(&c);
    c.again = 3;
    later(&c.loop, note, &a);
    while (strlen(c.order) < 4)
        uv_run(&c.loop.uv, UV_RUN_ONCE);
    end(&c, "aaaa");
}

/* Whoever closes the loop hears of it too. */
static void
test_before_the_loop_closes(void **state)
{
    struct calls c;
    struct call a = {&c, 'a'};

    (void)state;
    begin(&c);
    c.again = 1;
    later(&c.loop, note, &a);
    end(&c, "aa");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_not_from_within),
        cmocka_unit_test(test_wakes_the_loop),
        cmocka_unit_test(test_each_once),
        cmocka_unit_test(test_from_a_call),
        cmocka_unit_test(test_before_the_loop_closes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
