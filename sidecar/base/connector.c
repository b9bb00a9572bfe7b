/* Threads that make blocking connections for the loop. */
#include "base/connector.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/connector_dial.h"
#include "base/resolve.h"

#define STACK_BYTES (512 * 1024)
#define FREE_WAIT_MS 300 /* how long connector_free waits for threads */

struct worker {
    struct connector *connector;
    pthread_t thread;
    int wake_fd; /* eventfd: readable when its job is cancelled */
    struct connector_job *job;
};

struct connector_job {
    struct connector *connector;
    struct connector_job *next;
    struct mysql_target target;
    char address[MYSQL_TARGET_ADDRESS_SIZE];
    int by_name, suspect;
    connector_cb cb;
    void *data;
    atomic_int stage;   /* QUEUED, DIALLING or DONE */
    atomic_int reached; /* DIALLING has become GREETING */
    int refs;           /* the starter's and the pool's; under the lock */
    int cancelled;
    struct worker *worker; /* while one is at it */
    uint64_t took_ms;
    MYSQL *mysql;
    struct mysql_failure why;
};

struct queue {
    struct connector_job *head, **tail;
};

struct connector {
    uv_async_t async;
    pthread_mutex_t lock;
    pthread_cond_t work;
    struct queue trusted, suspects, done;
    unsigned queued, idle, suspects_running, nworkers;
    int closing;
    int users; /* the owner and every living thread */
    struct worker workers[CONNECTOR_THREADS];
};

/* ---- queues and references (under the lock) --------------------------- */

static void
queue_init(struct queue *q)
{
    q->head = NULL;
    q->tail = &q->head;
}

static void
queue_push(struct queue *q, struct connector_job *job)
{
    job->next = NULL;
    *q->tail = job;
    q->tail = &job->next;
}

static struct connector_job *
queue_pop(struct queue *q)
{
    struct connector_job *job = q->head;

    if (job && !(q->head = job->next))
        q->tail = &q->head;
    return job;
}

static int
queue_remove(struct queue *q, struct connector_job *job)
{
    for (struct connector_job **at = &q->head; *at; at = &(*at)->next)
        if (*at == job) {
            if (!(*at = job->next))
                q->tail = at;
            return 1;
        }
    return 0;
}

static void
job_unref(struct connector_job *job)
{
    if (--job->refs > 0)
        return;
    mysql_target_clear(&job->target);
    free(job);
}

static void
connector_unref(struct connector *c)
{
    int last = --c->users == 0;

    pthread_mutex_unlock(&c->lock);
    if (!last)
        return;
    for (unsigned i = 0; i < c->nworkers; i++)
        close(c->workers[i].wake_fd);
    pthread_cond_destroy(&c->work);
    pthread_mutex_destroy(&c->lock);
    free(c);
}

/* ---- a thread --------------------------------------------------------- */

static MYSQL *
job_run(struct worker *w, struct connector_job *job)
{
    uint64_t began_ms = clock_mono_ms();
    MYSQL *mysql;
    struct connector_dial dial = {
        .target = &job->target,
        .address = job->address,
        .by_name = job->by_name,
        .timeout_ms = CONNECTOR_TIMEOUT_MS,
        .wake_fd = w->wake_fd,
        .reached = &job->reached,
    };

    mysql = connector_dial(&dial, &job->why);
    job->took_ms = clock_mono_ms() - began_ms;
    return mysql;
}

/* Of two waiting jobs the one whose host was not slow last time goes first. */
static struct connector_job *
take_job(struct connector *c, struct worker *w)
{
    struct connector_job *job = queue_pop(&c->trusted);
    uint64_t old;

    if (!job && c->suspects_running < CONNECTOR_THREADS / 2)
        job = queue_pop(&c->suspects);
    if (!job)
        return NULL;
    c->queued--;
    c->suspects_running += job->suspect != 0;
    job->worker = w;
    w->job = job;
    atomic_store(&job->stage, CONNECTOR_DIALLING);
    if (read(w->wake_fd, &old, sizeof(old)) < 0 && errno != EAGAIN)
        abort();
    return job;
}

/* The lock is held before and after. Returns what has to be closed. */
static MYSQL *
job_finish(struct connector *c, struct connector_job *job, MYSQL *mysql)
{
    c->suspects_running -= job->suspect != 0;
    job->worker->job = NULL;
    job->worker = NULL;
    atomic_store(&job->stage, CONNECTOR_DONE);
    if (job->cancelled) {
        job_unref(job);
        return mysql;
    }
    job->mysql = mysql;
    queue_push(&c->done, job);
    if (!c->closing)
        uv_async_send(&c->async);
    return NULL;
}

static void *
worker_main(void *arg)
{
    struct worker *w = arg;
    struct connector *c = w->connector;

    pthread_mutex_lock(&c->lock);
    while (!c->closing) {
        struct connector_job *job = take_job(c, w);
        MYSQL *mysql;

        if (!job) {
            c->idle++;
            pthread_cond_wait(&c->work, &c->lock);
            c->idle--;
            continue;
        }
        pthread_mutex_unlock(&c->lock);
        mysql = job_run(w, job);
        pthread_mutex_lock(&c->lock);
        mysql = job_finish(c, job, mysql);
        if (mysql) {
            pthread_mutex_unlock(&c->lock);
            mysql_close(mysql);
            pthread_mutex_lock(&c->lock);
        }
    }
    connector_unref(c);
    return NULL;
}

/* Signals are the loop's thread's business. */
static void
add_worker(struct connector *c)
{
    struct worker *w = &c->workers[c->nworkers];
    pthread_attr_t attr;
    sigset_t all, before;

    w->connector = c;
    w->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (w->wake_fd < 0)
        return;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK_BYTES);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    if (pthread_create(&w->thread, &attr, worker_main, w) == 0) {
        c->nworkers++;
        c->users++;
    } else {
        close(w->wake_fd);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attr);
}

/* ---- the loop's side -------------------------------------------------- */

static void
deliver(uv_async_t *async)
{
    struct connector *c = async->data;
    struct connector_job *job;

    pthread_mutex_lock(&c->lock);
    while ((job = queue_pop(&c->done))) {
        MYSQL *mysql = job->mysql;

        job->mysql = NULL;
        pthread_mutex_unlock(&c->lock);
        if (!job->cancelled)
            job->cb(job->data, mysql, &job->why);
        pthread_mutex_lock(&c->lock);
        job_unref(job);
    }
    pthread_mutex_unlock(&c->lock);
}

struct connector *
connector_new(struct loop *loop)
{
    struct connector *c = calloc(1, sizeof(*c));

    if (!c || uv_async_init(&loop->uv, &c->async, deliver) != 0)
        abort();
    mysql_target_library();
    uv_unref((uv_handle_t *)&c->async);
    c->async.data = c;
    c->users = 1;
    pthread_mutex_init(&c->lock, NULL);
    pthread_cond_init(&c->work, NULL);
    queue_init(&c->trusted);
    queue_init(&c->suspects);
    queue_init(&c->done);
    return c;
}

struct connector_job *
connector_start(struct connector *c,
                const struct mysql_target *target,
                const char *address,
                int by_name,
                int suspect,
                connector_cb cb,
                void *data)
{
    struct connector_job *job = calloc(1, sizeof(*job));

    if (!job)
        abort();
    job->connector = c;
    mysql_target_copy(&job->target, target);
    snprintf(job->address, sizeof(job->address), "%s", address);
    job->by_name = by_name;
    job->suspect = suspect;
    job->cb = cb;
    job->data = data;
    job->refs = 2;
    pthread_mutex_lock(&c->lock);
    if (c->queued >= CONNECTOR_QUEUE) {
        job->refs = 1;
        job_unref(job);
        job = NULL;
    } else {
        queue_push(suspect ? &c->suspects : &c->trusted, job);
        c->queued++;
        if (c->idle < c->queued && c->nworkers < CONNECTOR_THREADS)
            add_worker(c);
        pthread_cond_signal(&c->work);
    }
    pthread_mutex_unlock(&c->lock);
    return job;
}

enum connector_stage
connector_stage(const struct connector_job *job)
{
    int stage = atomic_load(&job->stage);

    if (stage == CONNECTOR_DIALLING && atomic_load(&job->reached))
        stage = CONNECTOR_GREETING;
    return (enum connector_stage)stage;
}

int
connector_was_slow(const struct connector_job *job)
{
    return job->took_ms >= CONNECTOR_TIMEOUT_MS / 2;
}

static void
wake(struct worker *w)
{
    const uint64_t one = 1;

    if (write(w->wake_fd, &one, sizeof(one)) < 0 && errno != EAGAIN)
        abort();
}

void
connector_cancel(struct connector_job *job)
{
    struct connector *c = job->connector;
    MYSQL *mysql = NULL;

    pthread_mutex_lock(&c->lock);
    if (!job->cancelled) {
        job->cancelled = 1;
        mysql = job->mysql;
        job->mysql = NULL;
        if (job->worker) {
            wake(job->worker);
        } else if (queue_remove(&c->trusted, job) ||
                   queue_remove(&c->suspects, job)) {
            c->queued--;
            atomic_store(&job->stage, CONNECTOR_DONE);
            job_unref(job);
        }
    }
    pthread_mutex_unlock(&c->lock);
    mysql_close(mysql);
}

void
connector_release(struct connector_job *job)
{
    struct connector *c;

    if (!job)
        return;
    c = job->connector;
    pthread_mutex_lock(&c->lock);
    job_unref(job);
    pthread_mutex_unlock(&c->lock);
}

static void
async_closed(uv_handle_t *handle)
{
    struct connector *c = handle->data;

    pthread_mutex_lock(&c->lock);
    connector_unref(c);
}

/* A thread in the resolver cannot be called back; it frees what is left when
 * it returns. */
static void
join(pthread_t thread, const struct timespec *until)
{
    if (pthread_clockjoin_np(thread, NULL, CLOCK_MONOTONIC, until) != 0)
        pthread_detach(thread);
}

void
connector_free(struct connector *c)
{
    struct timespec until;
    unsigned nworkers;

    pthread_mutex_lock(&c->lock);
    c->closing = 1;
    nworkers = c->nworkers;
    for (unsigned i = 0; i < nworkers; i++)
        if (c->workers[i].job) {
            c->workers[i].job->cancelled = 1;
            wake(&c->workers[i]);
        }
    pthread_cond_broadcast(&c->work);
    pthread_mutex_unlock(&c->lock);
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += FREE_WAIT_MS * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    for (unsigned i = 0; i < nworkers; i++)
        join(c->workers[i].thread, &until);
    deliver(&c->async);
    uv_close((uv_handle_t *)&c->async, async_closed);
}
