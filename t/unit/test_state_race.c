/*
 * One writer flat out, four readers: no reader ever takes a torn image. Under
 * ThreadSanitizer this also proves the protocol, not only this machine's
 * memory model. Two mappings of one file are different addresses to it, so
 * readers look at the writer's own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "sluice_state.h"

#include "marked.h"
#include "tempdir.h"

#define READERS 4
#define RUN_MS 1500
#define RUN_MAX_MS 20000 /* on a machine that has no time for us */
#define ENOUGH 100       /* snapshots of each reader */

struct reader {
    pthread_t thread;
    struct sluice_map map;
    atomic_ulong whole;
    unsigned long torn, back;
    unsigned long too_fast; /* the writer won all attempts */
    unsigned long beats_back;
};

static struct sluice_writer *writer;
static struct reader readers[READERS];
static atomic_int stop;
static atomic_ulong published;

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
    static uint64_t buf[8192];

    (void)data;
    for (uint64_t mark = 2; !atomic_load(&stop); mark++) {
        if (marked_publish(writer, buf, mark) != 0)
            break;
        sluice_writer_heartbeat(writer, mark);
        atomic_fetch_add(&published, 1);
    }
    return NULL;
}

/* Marks, generations and heartbeats only ever grow. */
static void *
read_flat_out(void *data)
{
    struct reader *r = data;
    size_t size = sluice_map_slot_size(&r->map, SLUICE_PART_VERDICTS);
    void *buf = aligned_alloc(64, size);
    uint64_t generation, mark, beat, last = 0, last_mark = 0, last_beat = 0;

    while (!atomic_load(&stop)) {
        generation = sluice_map_snapshot(&r->map, SLUICE_PART_VERDICTS, buf);
        if (generation == 0) {
            r->too_fast++;
            continue;
        }
        mark = marked_read(buf);
        r->torn += mark == 0;
        r->back += generation < last || mark < last_mark || mark != generation;
        atomic_fetch_add(&r->whole, 1);
        last = generation;
        last_mark = mark;
        beat = sluice_map_heartbeat(&r->map);
        r->beats_back += beat < last_beat;
        last_beat = beat;
    }
    free(buf);
    return NULL;
}

/* Where the writer has its file mapped. */
static const unsigned char *
writers_mapping(void)
{
    FILE *f = fopen("/proc/self/maps", "r");
    unsigned long begin, found = 0;
    char line[4608], mode[8];

    assert_non_null(f);
    while (fgets(line, sizeof(line), f))
        if (strstr(line, tempdir) &&
            sscanf(line, "%lx-%*x %7s", &begin, mode) == 2 &&
            strcmp(mode, "rw-s") == 0)
            found = begin;
    fclose(f);
    assert_true(found != 0);
    return (const unsigned char *)found;
}

static void
begin(void)
{
    static uint64_t buf[8192];
    struct sluice_map map = {0};
    char err[512];

    writer = sluice_writer_create(tempdir_path("state"), marked_capacity, err,
                                  sizeof(err));
    assert_non_null(writer);
    assert_int_equal(marked_publish(writer, buf, 1), 0);
    assert_int_equal(sluice_writer_commit(writer, err, sizeof(err)), 0);
    for (int i = 0; i < READERS; i++) {
        assert_int_equal(sluice_map_open(&readers[i].map, tempdir_path("state"),
                                         err, sizeof(err)),
                         0);
        map = readers[i].map;
    }
    /* The others keep a read-only map of their own, as other processes. */
    for (int i = 0; i < READERS; i += 2) {
        sluice_map_close(&readers[i].map);
        readers[i].map = map;
        readers[i].map.base = writers_mapping();
    }
}

static void
end(void)
{
    for (int i = 1; i < READERS; i += 2)
        sluice_map_close(&readers[i].map);
    sluice_writer_close(writer);
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
test_no_reader_takes_a_torn_image(void **state)
{
    (void)state;
    const struct timespec nap = {.tv_nsec = 20000000};
    uint64_t since_ms = now_ms();
    pthread_t thread;

    begin();
    pthread_create(&thread, NULL, write_flat_out, NULL);
    for (int i = 0; i < READERS; i++)
        pthread_create(&readers[i].thread, NULL, read_flat_out, &readers[i]);
    while (!enough(now_ms() - since_ms))
        nanosleep(&nap, NULL);
    atomic_store(&stop, 1);
    pthread_join(thread, NULL);
    for (int i = 0; i < READERS; i++)
        pthread_join(readers[i].thread, NULL);

    print_message("# %lu published\n", atomic_load(&published));
    assert_true(atomic_load(&published) >= ENOUGH);
    for (int i = 0; i < READERS; i++) {
        print_message("# reader %d: %lu whole, %lu too fast\n", i,
                      atomic_load(&readers[i].whole), readers[i].too_fast);
        assert_int_equal(readers[i].torn, 0);
        assert_int_equal(readers[i].back, 0);
        assert_int_equal(readers[i].beats_back, 0);
        assert_true(atomic_load(&readers[i].whole) >= ENOUGH);
    }
    end();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_reader_takes_a_torn_image),
    };
    int failed;

    tempdir_make();
    failed = cmocka_run_group_tests_name("state race", tests, NULL, NULL);
    tempdir_remove();
    return failed;
}
