/* Name resolution: literals at once, names later, cancelled ones never. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/resolve.h"

struct seen {
    int calls, status;
    struct resolve_addresses found;
};

static void
on_resolved(void *data, int status, const struct resolve_addresses *found)
{
    struct seen *seen = data;

    seen->calls++;
    seen->status = status;
    seen->found = *found;
}

static void
test_literals(void **state)
{
    struct resolve_addresses out;

    (void)state;
    assert_true(resolve_literal("127.0.0.1", &out));
    assert_int_equal(out.count, 1);
    assert_string_equal(out.items[0], "127.0.0.1");
    assert_true(resolve_literal("::1", &out));
    assert_string_equal(out.items[0], "::1");
    assert_true(resolve_literal("2001:DB8:0:0::1", &out));
    assert_string_equal(out.items[0], "2001:db8::1");
}

static void
test_not_literals(void **state)
{
    const char *const names[] = {"localhost", "",         "db1.example",
                                 "1.2.3.4.5", "[::1]",    "127.0.0.1:3306",
                                 "::1::2",    "256.0.0.1"};
    struct resolve_addresses out;

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        assert_false(resolve_literal(names[i], &out));
        assert_int_equal(out.count, 0);
    }
}

/* Runs one lookup to its end; cancelled at once when asked to. */
static struct seen
look_up(const char *name, int cancel)
{
    struct seen seen = {0};
    struct loop loop;
    struct resolve *r;
    int status;

    assert_int_equal(loop_init(&loop), 0);
    r = resolve_start(&loop, name, on_resolved, &seen, &status);
    assert_int_equal(seen.calls, 0);
    if (r && cancel)
        resolve_cancel(r);
    if (!r)
        seen.status = status;
    uv_run(&loop.uv, UV_RUN_DEFAULT);
    loop_close(&loop);
    return seen;
}

static void
test_name(void **state)
{
    struct seen seen = look_up("localhost", 0);
    struct resolve_addresses out;

    (void)state;
    assert_int_equal(seen.calls, 1);
    assert_int_equal(seen.status, 0);
    assert_true(seen.found.count >= 1);
    for (unsigned i = 0; i < seen.found.count; i++)
        assert_true(resolve_literal(seen.found.items[i], &out));
}

static void
test_no_such_name(void **state)
{
    struct seen seen = look_up("no-such-host.invalid", 0);

    (void)state;
    assert_int_equal(seen.calls, 1);
    assert_int_not_equal(seen.status, 0);
    assert_int_equal(seen.found.count, 0);
}

/* A name longer than DNS allows never starts. */
static void
test_name_too_long(void **state)
{
    char name[2000];
    struct seen seen;

    (void)state;
    memset(name, 'a', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    seen = look_up(name, 0);
    assert_int_not_equal(seen.status, 0);
    assert_int_equal(seen.found.count, 0);
}

static void
test_cancel(void **state)
{
    (void)state;
    assert_int_equal(look_up("localhost", 1).calls, 0);
    resolve_cancel(NULL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_literals),
        cmocka_unit_test(test_not_literals),
        cmocka_unit_test(test_name),
        cmocka_unit_test(test_no_such_name),
        cmocka_unit_test(test_name_too_long),
        cmocka_unit_test(test_cancel),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
