/*
 * HTTP checks of hosts: who answers 404 is left out (freno b3fbe7e,
 * go/throttle/mysql.go and go/mysql/http_check.go). One request for each
 * host, port and path, however many ask for it. Only a 404 removes: an error
 * does not, nor does a host that has not answered yet.
 */
#ifndef PROBE_HTTP_CHECK_H
#define PROBE_HTTP_CHECK_H

#include "base/http_client.h"
#include "base/loop.h"

#define HTTP_CHECK_INTERVAL_MS 5000
#define HTTP_CHECK_TIMEOUT_MS 1000

struct http_checks; /* all of a process */
struct http_check;  /* one who asks for one */

/* Asks each every INTERVAL_MS, spread over it; 0: HTTP_CHECK_INTERVAL_MS. The
 * client is borrowed. */
struct http_checks *http_checks_new(struct loop *loop,
                                    struct http_client *client,
                                    unsigned interval_ms);

/* After every check was stopped. */
void http_checks_free(struct http_checks *checks);

/* Whether the host is to be left out changed. Must not start or stop checks. */
typedef void (*http_check_cb)(void *data);

/*
 * GET http://HOST:PORT/PATH, a '/' before PATH in any case, as freno has it.
 * HOST is a name or an IP literal without brackets. Never calls back from
 * within; what others learned before is known at once.
 */
struct http_check *http_check_start(struct http_checks *checks,
                                    const char *host,
                                    int port,
                                    const char *path,
                                    http_check_cb changed,
                                    void *data);
void http_check_stop(struct http_check *check);

/* 1: its last answer was 404. */
int http_check_removes(const struct http_check *check);

/* Of the last answer; 500: it had none; 0: it was not asked yet. */
unsigned http_check_status(const struct http_check *check);

/* How often which status came since the start. `each` is called for those
 * that did. */
void http_checks_count(const struct http_checks *checks,
                       void (*each)(void *data,
                                    unsigned status,
                                    unsigned long long count),
                       void *data);

/* How often there was none. */
unsigned long long http_checks_errors(const struct http_checks *checks);

#endif
