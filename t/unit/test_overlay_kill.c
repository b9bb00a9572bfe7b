/* A worker is killed again and again while it applies orders flat out: what
 * was held stays whole, and the next one goes on without repairing. */
#include "overlay_marked.h"

#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define KILLS 500
#define MAX_LIFE_US 2000     /* of a worker, at random */
#define START_MAX_US 2000000 /* on a machine that has no time for us */

struct shared {
    volatile uint64_t revision; /* of the last order begun */
    uint64_t pad[7];
    struct sluice_overlay overlay;
};

static struct shared *shared;
static struct marked_reader seen;
static unsigned midway; /* workers that died in the middle of an order */

static uint64_t
now_us(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static void
work_until_killed(void)
{
    for (;;) {
        shared->revision++;
        marked_apply(&shared->overlay, shared->revision);
    }
}

static pid_t
start_worker(void)
{
    pid_t parent = getpid(), pid = fork();

    if (pid == 0) {
        /* not to outlive a test that fails */
        if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent)
            _exit(1);
        work_until_killed();
    }
    assert_true(pid > 0);
    return pid;
}

static void
kill_worker(pid_t pid)
{
    int status;

    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

/* The order that was being written when the worker died is not current. */
static void
count_halves(void)
{
    const struct sluice_overlay_entry *e = shared->overlay.entries;

    for (int i = 0; i < MARKED_ENTRIES; i++, e++) {
        if (e->generation > 0)
            assert_true(marked_whole(&e->orders[e->generation & 1]));
        if (e->generation > 1)
            midway += !marked_whole(&e->orders[~e->generation & 1]);
    }
}

static void
one_workers_life(void)
{
    uint64_t before = shared->revision, start_us = now_us(), end_us;
    pid_t pid = start_worker();

    while (shared->revision == before && now_us() < start_us + START_MAX_US)
        ;
    end_us = now_us() + (uint64_t)rand() % MAX_LIFE_US;
    do
        marked_look(&shared->overlay, &seen);
    while (now_us() < end_us);
    kill_worker(pid);
    assert_true(shared->revision > before);
    marked_look(&shared->overlay, &seen);
    count_halves();
}

static void
test_a_killed_worker_leaves_whole_orders(void **state)
{
    (void)state;
    size_t size = sizeof(*shared) - sizeof(shared->overlay) +
                  sluice_overlay_size(MARKED_ENTRIES);

    shared = mmap(NULL, size, PROT_READ | PROT_WRITE,
                  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(shared != MAP_FAILED);
    sluice_overlay_init(&shared->overlay, MARKED_ENTRIES);
    for (int i = 0; i < KILLS; i++)
        one_workers_life();
    print_message("# %d workers killed, %u in the middle of an order; %lu"
                  " orders begun, %lu found\n",
                  KILLS, midway, (unsigned long)shared->revision, seen.whole);
    assert_int_equal(seen.torn, 0);
    assert_int_equal(seen.back, 0);
    assert_true(seen.whole > KILLS);
    munmap(shared, size);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_killed_worker_leaves_whole_orders),
    };

    srand((unsigned)getpid());
    return cmocka_run_group_tests_name("overlay kill", tests, NULL, NULL);
}
