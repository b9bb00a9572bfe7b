/*
 * The one loop of sluiced: libuv plus what it does not know, that the process
 * itself was stopped for a while. After a loop turn more than LOOP_STALL_MS
 * late no deadline that ran out in the gap proves anything about a peer.
 */
#ifndef BASE_LOOP_H
#define BASE_LOOP_H

#include <stdint.h>

#include <uv.h>

#define LOOP_STALL_MS 100
#define LOOP_CLOSE_MS 500

struct loop {
    uv_loop_t uv;

    /* private */
    uv_check_t check;
    uv_timer_t beat;
    uint64_t last_turn_ms;
    uint64_t stalls;
};

/* 0, or a libuv error. The loop is used through &l->uv. */
int loop_init(struct loop *l);

/*
 * Closes the loop's own handles; every other handle must be closing. Runs the
 * loop until all close callbacks ran, then frees it. But a thread of libuv's
 * pool that does not come back within LOOP_CLOSE_MS, as one in the resolver
 * may not for many seconds, leaves it open for the rest of the process.
 */
void loop_close(struct loop *l);

/* 1 when a loop was left open: exit would wait for the thread, _exit does
 * not. */
int loop_left_open(void);

/* CLOCK_MONOTONIC and CLOCK_BOOTTIME now, in milliseconds (not the loop's
 * cached time), and CLOCK_REALTIME. */
uint64_t clock_mono_ms(void);
uint64_t clock_mono_us(void);
uint64_t clock_boot_ms(void);
uint64_t clock_real_ms(void);

/*
 * How many stalls of this process were noticed. Ask it when a deadline is
 * set and again when it runs out: when the count differs the deadline is
 * void and is given once more, whole. Calling it notices a stall that ends
 * just now.
 */
uint64_t loop_stalls(struct loop *l);

#endif
