/* HTTP checks: the targets that are asked, and who wants to know of each. */
#include "probe/http_check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STATUS_MAX 600
#define STATUS_NO_ANSWER 500 /* as freno counts an error */
#define FIRST_STEP_MS 2

struct http_checks {
    struct loop *loop;
    struct http_client *client;
    unsigned interval_ms;
    uint32_t turn;
    uint64_t next_first_ms;
    struct target *targets;
    unsigned long long counts[STATUS_MAX];
    unsigned long long errors;
};

/* What is asked, once for all who ask for it. */
struct target {
    struct http_checks *checks;
    struct target *next, **link;
    struct http_check *users;
    char *url;
    uv_timer_t timer;
    struct http_get *get; /* under way, or NULL */
    uint64_t stalls;      /* when it began */
    unsigned status;
};

struct http_check {
    struct target *target;
    struct http_check *next, **link;
    http_check_cb changed;
    void *data;
};

/* ---- asking ------------------------------------------------------------ */

static void
tell(const struct target *target)
{
    for (struct http_check *user = target->users; user; user = user->next)
        user->changed(user->data);
}

static void
on_answer(void *data,
          const struct http_client_answer *answer,
          const char *error)
{
    struct target *target = data;
    struct http_checks *checks = target->checks;
    unsigned status = answer ? answer->status : STATUS_NO_ANSWER;
    int removed = target->status == 404;

    target->get = NULL;
    if (error && loop_stalls(checks->loop) != target->stalls)
        return; /* the time was ours, not the host's */
    target->status = status;
    if (error)
        checks->errors++;
    else if (status < STATUS_MAX)
        checks->counts[status]++;
    if (removed != (status == 404))
        tell(target);
}

static void
on_due(uv_timer_t *timer)
{
    struct target *target = timer->data;
    const struct http_client_request request = {
        .url = target->url,
        .connect_ms = HTTP_CHECK_TIMEOUT_MS,
        .total_ms = HTTP_CHECK_TIMEOUT_MS,
        .follow_redirects = 1,
    };

    if (target->get)
        return;
    target->stalls = loop_stalls(target->checks->loop);
    target->get =
        http_client_get(target->checks->client, &request, on_answer, target);
}

/* From now on in its own place within the interval: multiples of the golden
 * ratio are spread evenly wherever they begin. */
static void
on_first(uv_timer_t *timer)
{
    struct target *target = timer->data;
    struct http_checks *checks = target->checks;
    uint64_t phase_ms;

    checks->turn += 2654435769u;
    phase_ms = (uint64_t)checks->turn * checks->interval_ms >> 32;
    uv_timer_start(timer, on_due, phase_ms, checks->interval_ms);
    on_due(timer);
}

/* The first time soon, for a host that is to be left out counts until it was
 * asked; but not all of a thousand at once. */
static void
begin(struct target *target)
{
    struct http_checks *checks = target->checks;
    uint64_t now_ms = clock_mono_ms();

    if (checks->next_first_ms < now_ms)
        checks->next_first_ms = now_ms;
    uv_timer_init(&checks->loop->uv, &target->timer);
    target->timer.data = target;
    uv_timer_start(&target->timer, on_first, checks->next_first_ms - now_ms, 0);
    checks->next_first_ms += FIRST_STEP_MS;
}

/* ---- targets ----------------------------------------------------------- */

static char *
make_url(const char *host, int port, const char *path)
{
    int brackets = strchr(host, ':') != NULL;
    char *url;

    if (asprintf(&url, "http://%s%s%s:%d/%s", brackets ? "[" : "", host,
                 brackets ? "]" : "", port, path) < 0)
        abort();
    return url;
}

static struct target *
take_target(struct http_checks *checks, char *url)
{
    struct target *target;

    for (target = checks->targets; target; target = target->next)
        if (strcmp(target->url, url) == 0) {
            free(url);
            return target;
        }
    target = calloc(1, sizeof(*target));
    if (!target)
        abort();
    target->checks = checks;
    target->url = url;
    target->next = checks->targets;
    target->link = &checks->targets;
    if (target->next)
        target->next->link = &target->next;
    checks->targets = target;
    begin(target);
    return target;
}

static void
target_closed(uv_handle_t *handle)
{
    struct target *target = handle->data;

    free(target->url);
    free(target);
}

/* What is known of it goes with the last who asked. */
static void
drop_target(struct target *target)
{
    *target->link = target->next;
    if (target->next)
        target->next->link = target->link;
    http_client_cancel(target->get);
    uv_close((uv_handle_t *)&target->timer, target_closed);
}

/* ---- who asks ----------------------------------------------------------- */

struct http_check *
http_check_start(struct http_checks *checks,
                 const char *host,
                 int port,
                 const char *path,
                 http_check_cb changed,
                 void *data)
{
    struct http_check *check = calloc(1, sizeof(*check));

    if (!check)
        abort();
    check->target = take_target(checks, make_url(host, port, path));
    check->changed = changed;
    check->data = data;
    check->next = check->target->users;
    check->link = &check->target->users;
    if (check->next)
        check->next->link = &check->next;
    check->target->users = check;
    return check;
}

void
http_check_stop(struct http_check *check)
{
    *check->link = check->next;
    if (check->next)
        check->next->link = check->link;
    if (!check->target->users)
        drop_target(check->target);
    free(check);
}

int
http_check_removes(const struct http_check *check)
{
    return check->target->status == 404;
}

unsigned
http_check_status(const struct http_check *check)
{
    return check->target->status;
}

/* ---- all of them --------------------------------------------------------- */

struct http_checks *
http_checks_new(struct loop *loop,
                struct http_client *client,
                unsigned interval_ms)
{
    struct http_checks *checks = calloc(1, sizeof(*checks));

    if (!checks)
        abort();
    checks->loop = loop;
    checks->client = client;
    checks->interval_ms = interval_ms ? interval_ms : HTTP_CHECK_INTERVAL_MS;
    return checks;
}

void
http_checks_free(struct http_checks *checks)
{
    free(checks);
}

void
http_checks_count(const struct http_checks *checks,
                  void (*each)(void *data,
                               unsigned status,
                               unsigned long long count),
                  void *data)
{
    for (unsigned status = 0; status < STATUS_MAX; status++)
        if (checks->counts[status] > 0)
            each(data, status, checks->counts[status]);
}

unsigned long long
http_checks_errors(const struct http_checks *checks)
{
    return checks->errors;
}
