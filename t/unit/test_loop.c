/* The loop notices that the process itself stood still, once per stall. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <semaphore.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/loop.h"

struct seen {
    struct loop *loop;
    uint64_t at_deadline;
};

static void
on_deadline(uv_timer_t *timer)
{
    struct seen *seen = timer->data;

    seen->at_deadline = loop_stalls(seen->loop);
}

static void
run_for(struct loop *l,
        unsigned deadline_ms,
        unsigned block_ms,
        uint64_t *count)
{
    struct seen seen = {.loop = l, .at_deadline = UINT64_MAX};
    uv_timer_t timer;

    uv_timer_init(&l->uv, &timer);
    timer.data = &seen;
    uv_update_time(&l->uv);
    uv_timer_start(&timer, on_deadline, deadline_ms, 0);
    if (block_ms)
        usleep(block_ms * 1000);
    while (seen.at_deadline == UINT64_MAX)
        uv_run(&l->uv, UV_RUN_ONCE);
    *count = seen.at_deadline;
    uv_close((uv_handle_t *)&timer, NULL);
    uv_run(&l->uv, UV_RUN_NOWAIT);
}

static void
test_a_stall_is_counted_once(void **state)
{
    struct loop l;
    uint64_t before, after;

    (void)state;
    assert_int_equal(loop_init(&l), 0);
    before = loop_stalls(&l);
    run_for(&l, 50, 400, &after);
    assert_int_equal(after, before + 1);
    assert_int_equal(loop_stalls(&l), before + 1);
    loop_close(&l);
}

/* A loop that only waits is not stalled, however long the wait. */
static void
test_waiting_is_no_stall(void **state)
{
    struct loop l;
    uint64_t before, after;

    (void)state;
    assert_int_equal(loop_init(&l), 0);
    before = loop_stalls(&l);
    /* A busy machine may stall us for real: three tries. */
    for (int i = 0; i < 3; i++) {
        run_for(&l, 400, 0, &after);
        if (after == before)
            break;
        before = after;
    }
    assert_int_equal(after, before);
    loop_close(&l);
}

static void
test_clocks(void **state)
{
    uint64_t a = clock_mono_ms();
    uint64_t us = clock_mono_us();

    (void)state;
    assert_true(us / 1000 >= a && us / 1000 < a + 1000);
    assert_true(clock_boot_ms() + 1000 > a);
    assert_true(clock_real_ms() > UINT64_C(1700000000000));
}

static sem_t go_on;

static void
wait_in_pool(uv_work_t *work)
{
    (void)work;
    sem_wait(&go_on);
}

static void
work_done(uv_work_t *work, int status)
{
    *(int *)work->data = status == 0;
}

/* A thread that is held up holds up neither the end of a loop nor of a
 * process. */
static void
test_close_does_not_wait_for_threads(void **state)
{
    struct loop l;
    uv_work_t work;
    int done = 0;

    (void)state;
    alarm(60); /* waiting for ever is the defect */
    assert_int_equal(sem_init(&go_on, 0, 0), 0);
    assert_int_equal(loop_init(&l), 0);
    loop_close(&l);
    assert_false(loop_left_open());

    assert_int_equal(loop_init(&l), 0);
    work.data = &done;
    assert_int_equal(uv_queue_work(&l.uv, &work, wait_in_pool, work_done), 0);
    loop_close(&l);
    assert_false(done);
    assert_true(loop_left_open());

    sem_post(&go_on);
    uv_run(&l.uv, UV_RUN_DEFAULT);
    assert_true(done);
    assert_int_equal(uv_loop_close(&l.uv), 0);
    sem_destroy(&go_on);
    alarm(0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_stall_is_counted_once),
        cmocka_unit_test(test_waiting_is_no_stall),
        cmocka_unit_test(test_clocks),
        cmocka_unit_test(test_close_does_not_wait_for_threads),
    };

    return cmocka_run_group_tests_name("loop", tests, NULL, NULL);
}
