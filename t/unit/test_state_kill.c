/* A writer is killed again and again while it publishes flat out: what it
 * leaves is always one whole image, and the next writer can go on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include <sys/prctl.h>
#include <sys/wait.h>

#include "sluice_state.h"

#include "marked.h"
#include "tempdir.h"

#define KILLS 250
#define MAX_LIFE_US 10000    /* of a writer, at random */
#define START_MAX_US 2000000 /* on a machine that has no time for us */
#define RESIZE_EVERY 40      /* publishes: some die around a rename */

static uint64_t buf[8192];

struct tally {
    unsigned long whole, torn, unreadable, too_fast;
    unsigned replaced; /* files met that another writer or size had left */
    unsigned midway;   /* writers that died with a file half prepared */
};

static uint64_t
now_us(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

/* ---- the writer's process --------------------------------------------- */

static void
write_until_killed(const char *path)
{
    struct sluice_writer *w;
    char err[512];

    w = sluice_writer_create(path, marked_capacity, err, sizeof(err));
    if (!w || marked_publish(w, buf, 1) != 0 ||
        sluice_writer_commit(w, err, sizeof(err)) != 0)
        _exit(1);
    for (uint64_t mark = 2;; mark++) {
        if (mark % RESIZE_EVERY == 0 &&
            sluice_writer_resize(w, marked_capacity, err, sizeof(err)) != 0)
            _exit(2);
        if (marked_publish(w, buf, mark) != 0)
            _exit(3);
        if (mark % RESIZE_EVERY == 0 &&
            sluice_writer_commit(w, err, sizeof(err)) != 0)
            _exit(4);
        sluice_writer_heartbeat(w, mark);
    }
}

static pid_t
start_writer(const char *path)
{
    pid_t parent = getpid(), pid = fork();

    if (pid == 0) {
        /* not to outlive a test that fails */
        if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent)
            _exit(5);
        write_until_killed(path);
    }
    assert_true(pid > 0);
    return pid;
}

static void
kill_writer(pid_t pid)
{
    int status;

    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

/* ---- the reader ------------------------------------------------------- */

/* From the first commit on there is a good file at every moment. */
static void
follow(struct sluice_map *m, const char *path, struct tally *t)
{
    char err[256];

    if (!sluice_map_moved(m, path))
        return;
    sluice_map_close(m);
    if (sluice_map_open(m, path, err, sizeof(err)) != 0) {
        print_message("# unreadable: %s\n", err);
        t->unreadable++;
        return;
    }
    t->replaced++;
}

static int
look(const struct sluice_map *m, struct tally *t)
{
    static uint64_t copy[8192];

    if (sluice_map_snapshot(m, SLUICE_PART_VERDICTS, copy) == 0)
        return 0;
    if (marked_read(copy) == 0)
        t->torn++;
    else
        t->whole++;
    return 1;
}

static unsigned
prepared_files(void)
{
    DIR *d = opendir(tempdir);
    struct dirent *entry;
    unsigned count = 0;

    while ((entry = readdir(d)))
        count += strstr(entry->d_name, ".tmp") != NULL;
    closedir(d);
    return count;
}

static void
watch_for(struct sluice_map *m, const char *path, uint64_t us, struct tally *t)
{
    uint64_t end_us = now_us() + us;

    do {
        follow(m, path, t);
        t->too_fast += !look(m, t);
    } while (now_us() < end_us);
}

static void
watch_until_replaced(struct sluice_map *m, const char *path, struct tally *t)
{
    uint64_t end_us = now_us() + START_MAX_US;
    unsigned before = t->replaced;

    while (t->replaced == before && now_us() < end_us)
        watch_for(m, path, 0, t);
}

static void
one_writers_life(struct sluice_map *m, const char *path, struct tally *t)
{
    pid_t pid = start_writer(path);

    if (rand() % 4 != 0) /* the rest is killed in its first steps */
        watch_until_replaced(m, path, t);
    watch_for(m, path, (uint64_t)rand() % MAX_LIFE_US, t);
    kill_writer(pid);
    follow(m, path, t);
    if (!look(m, t)) /* nobody writes now: there is no excuse */
        t->unreadable++;
    t->midway += prepared_files();
    assert_in_range(prepared_files(), 0, 1); /* none of the one before */
}

/* The first file is there before the first writer that is killed. */
static void
write_first(const char *path)
{
    struct sluice_writer *w;
    char err[512];

    w = sluice_writer_create(path, marked_capacity, err, sizeof(err));
    assert_non_null(w);
    assert_int_equal(marked_publish(w, buf, 1), 0);
    assert_int_equal(sluice_writer_commit(w, err, sizeof(err)), 0);
    sluice_writer_close(w);
}

static void
test_a_killed_writer_leaves_a_whole_image(void **state)
{
    (void)state;
    const char *path = tempdir_path("state");
    struct sluice_map m = {0};
    struct tally t = {0};

    write_first(path);
    for (int i = 0; i < KILLS; i++)
        one_writers_life(&m, path, &t);
    print_message("# %d writers killed, %u midway of a new file; %u files, "
                  "%lu whole images, %lu times too fast\n",
                  KILLS, t.midway, t.replaced, t.whole, t.too_fast);
    assert_int_equal(t.torn, 0);
    assert_int_equal(t.unreadable, 0);
    assert_true(t.whole > KILLS);
    assert_true(t.replaced > KILLS / 2); /* most writers got to write */
    sluice_map_close(&m);
    write_first(path); /* and so can the next one */
    assert_int_equal(prepared_files(), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_killed_writer_leaves_a_whole_image),
    };
    int failed;

    srand((unsigned)getpid());
    tempdir_make();
    failed = cmocka_run_group_tests_name("state kill", tests, NULL, NULL);
    tempdir_remove();
    return failed;
}
