/* The loop and the clocks: libuv, and noticing that we ourselves stood still.
 */
#include "base/loop.h"

#include <time.h>

static uint64_t
clock_us(clockid_t id)
{
    struct timespec ts;

    clock_gettime(id, &ts);
    return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

uint64_t
clock_mono_ms(void)
{
    return clock_us(CLOCK_MONOTONIC) / 1000;
}

uint64_t
clock_mono_us(void)
{
    return clock_us(CLOCK_MONOTONIC);
}

uint64_t
clock_boot_ms(void)
{
    return clock_us(CLOCK_BOOTTIME) / 1000;
}

uint64_t
clock_real_ms(void)
{
    return clock_us(CLOCK_REALTIME) / 1000;
}

/*
 * The beat makes a healthy loop turn at least every LOOP_STALL_MS / 2, so a
 * longer gap between two looks at the clock means that we did not run. The
 * count grows once per gap, whoever looks first: a timer that ran out in the
 * gap (libuv runs timers before it polls) or the turn's own check.
 */
uint64_t
loop_stalls(struct loop *l)
{
    uint64_t now = clock_mono_ms();

    if (now > l->last_turn_ms + LOOP_STALL_MS + LOOP_STALL_MS / 2)
        l->stalls++;
    l->last_turn_ms = now;
    return l->stalls;
}

static void
loop_turned(uv_check_t *check)
{
    loop_stalls(check->data);
}

static void
loop_beat(uv_timer_t *timer)
{
    loop_stalls(timer->data);
}

int
loop_init(struct loop *l)
{
    int rc = uv_loop_init(&l->uv);

    if (rc != 0)
        return rc;
    l->stalls = 0;
    l->last_turn_ms = clock_mono_ms();
    l->check.data = l->beat.data = l;
    uv_check_init(&l->uv, &l->check);
    uv_check_start(&l->check, loop_turned);
    uv_unref((uv_handle_t *)&l->check);
    uv_timer_init(&l->uv, &l->beat);
    uv_timer_start(&l->beat, loop_beat, LOOP_STALL_MS / 2, LOOP_STALL_MS / 2);
    uv_unref((uv_handle_t *)&l->beat);
    return 0;
}

static int left_open;

static void
loop_patience_ended(uv_timer_t *timer)
{
    uv_stop(timer->loop);
}

void
loop_close(struct loop *l)
{
    uv_timer_t patience;

    uv_close((uv_handle_t *)&l->check, NULL);
    uv_close((uv_handle_t *)&l->beat, NULL);
    uv_timer_init(&l->uv, &patience);
    uv_update_time(&l->uv);
    uv_timer_start(&patience, loop_patience_ended, LOOP_CLOSE_MS, 0);
    uv_unref((uv_handle_t *)&patience);
    uv_run(&l->uv, UV_RUN_DEFAULT);
    uv_close((uv_handle_t *)&patience, NULL);
    uv_run(&l->uv, UV_RUN_NOWAIT);
    if (uv_loop_close(&l->uv) != 0)
        left_open = 1;
}

int
loop_left_open(void)
{
    return left_open;
}
