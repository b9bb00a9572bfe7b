/*
 * Threads of our own that make the connections which libmariadb can only make
 * blocking: with TLS, or with an authentication plugin other than
 * mysql_native_password. One slow host cannot hold up the others.
 */
#ifndef BASE_CONNECTOR_H
#define BASE_CONNECTOR_H

#include "base/loop.h"
#include "base/mysql_failure.h"
#include "base/mysql_target.h"

#define CONNECTOR_THREADS 32
#define CONNECTOR_QUEUE 4096
#define CONNECTOR_TIMEOUT_MS 1000

struct connector;
struct connector_job; /* one connection being made */

/* In the loop. The MYSQL is the callee's, its socket non-blocking; NULL when
 * it failed. */
typedef void (*connector_cb)(void *data,
                             MYSQL *mysql,
                             const struct mysql_failure *why);

struct connector *connector_new(struct loop *loop);

/* Cancels every job, and waits a moment for its threads. */
void connector_free(struct connector *c);

/*
 * Connects to ADDRESS, an IP literal or a path; BY_NAME to target->host, so
 * that libmariadb can compare that name with the certificate. SUSPECT jobs (the
 * host's last attempt was slow) get at most half of the threads. Never NULL
 * unless the queue is full. The callback comes later, never from within.
 */
struct connector_job *connector_start(struct connector *c,
                                      const struct mysql_target *target,
                                      const char *address,
                                      int by_name,
                                      int suspect,
                                      connector_cb cb,
                                      void *data);

/* How far it has come. */
enum connector_stage {
    CONNECTOR_QUEUED,
    CONNECTOR_DIALLING, /* a thread looks the name up, or dials */
    CONNECTOR_GREETING, /* the TCP connection stands */
    CONNECTOR_DONE
};
enum connector_stage connector_stage(const struct connector_job *job);

/* In the callback: whether it held a thread for long. */
int connector_was_slow(const struct connector_job *job);

/* No callback comes after this, and a connection that was made all the same
 * is closed. A job that a thread is at goes on for a moment: look with
 * connector_stage before starting another for that host. */
void connector_cancel(struct connector_job *job);

/* Every job is released once, after its callback or its cancelling. NULL is
 * allowed. */
void connector_release(struct connector_job *job);

#endif
