/*
 * Two writers taking turns flat out, three readers without a lock: nobody
 * ever finds half an order, another key's, or an older one than before. Under
 * ThreadSanitizer this also proves the protocol.
 */
#include "overlay_marked.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#define WRITERS 2
#define READERS 3
#define RUN_MS 1000
#define RUN_MAX_MS 20000 /* on a machine that has no time for us */
#define ENOUGH 1000      /* orders found by each reader */

struct reader {
    pthread_t thread;
    struct marked_reader seen;
    atomic_ulong whole;
};

static struct sluice_overlay *overlay;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t revision; /* under the lock */
static struct reader readers[READERS];
static atomic_int stop;
static atomic_ulong applied;

static uint64_t
now_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static void *
write_flat_out(void *data)
{
    (void)data;
    while (!atomic_load(&stop)) {
        pthread_mutex_lock(&lock);
        if (marked_apply(overlay, ++revision) > 0)
            atomic_fetch_add(&applied, 1);
        pthread_mutex_unlock(&lock);
    }
    return NULL;
}

static void *
read_flat_out(void *data)
{
    struct reader *r = data;

    while (!atomic_load(&stop)) {
        marked_look(overlay, &r->seen);
        atomic_store(&r->whole, r->seen.whole);
    }
    return NULL;
}

static int
enough(uint64_t ran_ms)
{
    if (ran_ms < RUN_MS)
        return 0;
    for (int i = 0; i < READERS; i++)
        if (atomic_load(&readers[i].whole) < ENOUGH)
            return ran_ms >= RUN_MAX_MS;
    return 1;
}

static void
test_no_reader_finds_half_an_order(void **state)
{
    (void)state;
    const struct timespec nap = {.tv_nsec = 20000000};
    uint64_t since_ms = now_ms();
    pthread_t writers[WRITERS];

    overlay = overlay_of(MARKED_ENTRIES);
    for (int i = 0; i < WRITERS; i++)
        pthread_create(&writers[i], NULL, write_flat_out, NULL);
    for (int i = 0; i < READERS; i++)
        pthread_create(&readers[i].thread, NULL, read_flat_out, &readers[i]);
    while (!enough(now_ms() - since_ms))
        nanosleep(&nap, NULL);
    atomic_store(&stop, 1);
    for (int i = 0; i < WRITERS; i++)
        pthread_join(writers[i], NULL);
    for (int i = 0; i < READERS; i++)
        pthread_join(readers[i].thread, NULL);

    print_message("# %lu orders applied\n", atomic_load(&applied));
    assert_true(atomic_load(&applied) >= ENOUGH);
    for (int i = 0; i < READERS; i++) {
        print_message("# reader %d: %lu found\n", i, readers[i].seen.whole);
        assert_int_equal(readers[i].seen.torn, 0);
        assert_int_equal(readers[i].seen.back, 0);
        assert_true(readers[i].seen.whole >= ENOUGH);
    }
    free(overlay);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_reader_finds_half_an_order),
    };

    return cmocka_run_group_tests_name("overlay race", tests, NULL, NULL);
}
