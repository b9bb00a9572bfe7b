/* Name resolution: literals at once, names later, cancelled ones never. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>

#include <dlfcn.h>
#include <netdb.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/resolve.h"

/*
 * The resolver that libuv calls: the name "slow" waits for the semaphore, then
 * is the address of another.
 */
static sem_t go_on;
static atomic_int slow_calls;

int
getaddrinfo(const char *name,
            const char *service,
            const struct addrinfo *hints,
            struct addrinfo **out)
{
    int (*real)(const char *, const char *, const struct addrinfo *,
                struct addrinfo **);

    *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
    if (strcmp(name, "slow") == 0 && !(hints->ai_flags & AI_NUMERICHOST)) {
        slow_calls++;
        sem_wait(&go_on);
        name = "127.0.0.9";
    }
    return real(name, service, hints, out);
}

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

/* Runs the loop until it was answered. */
static void
run_until_seen(struct loop *loop, const struct seen *seen)
{
    while (seen->calls == 0)
        uv_run(&loop->uv, UV_RUN_ONCE);
}

/* A name that takes long, asked for and given up again and again, has one
 * thread, and the others do their work. */
static void
test_slow_name(void **state)
{
    struct seen slow = {0}, other = {0};
    struct loop loop;
    int status;

    (void)state;
    alarm(60); /* a loop that waits for ever is the defect */
    slow_calls = 0;
    assert_int_equal(sem_init(&go_on, 0, 0), 0);
    assert_int_equal(loop_init(&loop), 0);
    for (int i = 0; i < 20; i++) {
        struct resolve *r =
            resolve_start(&loop, "slow", on_resolved, &slow, &status);

        assert_non_null(r);
        while (slow_calls == 0)
            uv_run(&loop.uv, UV_RUN_NOWAIT);
        resolve_cancel(r);
    }
    assert_non_null(
        resolve_start(&loop, "localhost", on_resolved, &other, &status));
    run_until_seen(&loop, &other);
    assert_int_equal(other.status, 0);
    assert_int_equal(slow_calls, 1);
    assert_int_equal(slow.calls, 0);

    /* Whoever asks now has the answer that the thread brings. */
    assert_non_null(resolve_start(&loop, "slow", on_resolved, &slow, &status));
    sem_post(&go_on);
    run_until_seen(&loop, &slow);
    assert_int_equal(slow.status, 0);
    assert_string_equal(slow.found.items[0], "127.0.0.9");
    assert_int_equal(slow_calls, 1);
    loop_close(&loop);
    sem_destroy(&go_on);
    alarm(0);
}

/* Two that wait for one name: both are told; one of them may go. */
static void
test_shared(void **state)
{
    struct seen seen[3] = {{0}};
    struct resolve *r[3];
    struct loop loop;
    int status;

    (void)state;
    assert_int_equal(loop_init(&loop), 0);
    for (int i = 0; i < 3; i++)
        r[i] =
            resolve_start(&loop, "localhost", on_resolved, &seen[i], &status);
    resolve_cancel(r[1]);
    uv_run(&loop.uv, UV_RUN_DEFAULT);
    assert_int_equal(seen[0].calls, 1);
    assert_int_equal(seen[1].calls, 0);
    assert_int_equal(seen[2].calls, 1);
    assert_int_equal(seen[2].status, 0);
    loop_close(&loop);
}

/* One that was taken back before a thread began it is not joined. */
static void
test_again_after_cancel(void **state)
{
    struct seen seen = {0};
    struct loop loop;
    int status;

    (void)state;
    assert_int_equal(loop_init(&loop), 0);
    resolve_cancel(
        resolve_start(&loop, "localhost", on_resolved, &seen, &status));
    assert_non_null(
        resolve_start(&loop, "localhost", on_resolved, &seen, &status));
    uv_run(&loop.uv, UV_RUN_DEFAULT);
    assert_int_equal(seen.calls, 1);
    assert_int_equal(seen.status, 0);
    loop_close(&loop);
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
        cmocka_unit_test(test_slow_name),
        cmocka_unit_test(test_shared),
        cmocka_unit_test(test_again_after_cancel),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
