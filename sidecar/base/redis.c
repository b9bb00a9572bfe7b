/* A connection to Redis and its life: look the name up, dial, greet, keep,
 * lose, wait, from the start again. */
#include "base/redis.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/redis_private.h"

/* A connection that lives shorter than this did not mend anything: the next
 * attempt waits longer still. */
#define STABLE_MS 1000

static void attempt(struct redis *r);

/* ---- back-off --------------------------------------------------------- */

unsigned
redis_backoff_ms(unsigned failures, double dice)
{
    unsigned ms = REDIS_BACKOFF_FIRST_MS;

    for (unsigned i = 1; i < failures && ms < REDIS_BACKOFF_MAX_MS; i++)
        ms *= 2;
    if (ms > REDIS_BACKOFF_MAX_MS)
        ms = REDIS_BACKOFF_MAX_MS;
    return (unsigned)(ms * (0.8 + 0.4 * dice));
}

static double
throw_dice(void)
{
    uint32_t bits = UINT32_MAX / 2;

    if (getrandom(&bits, sizeof(bits), GRND_NONBLOCK) < 0)
        return 0.5;
    return bits / (UINT32_MAX + 1.0);
}

/* ---- time ------------------------------------------------------------- */

static void on_timer(uv_timer_t *timer);

static void
arm(struct redis *r, unsigned ms)
{
    uv_update_time(&r->loop->uv);
    r->stalls = loop_stalls(r->loop);
    r->timer_ms = ms;
    uv_timer_start(&r->timer, on_timer, ms, 0);
}

static void
enter(struct redis *r, enum redis_stage stage, unsigned ms)
{
    r->stage = stage;
    arm(r, ms);
}

/* ---- ends ------------------------------------------------------------- */

void
redis_lost(struct redis *r, const char *format, ...)
{
    char why[256];
    va_list args;

    va_start(args, format);
    vsnprintf(why, sizeof(why), format, args);
    va_end(args);
    if (r->stage == REDIS_UP && clock_mono_ms() - r->up_ms >= STABLE_MS)
        r->failures = 0;
    redis_talk_end(r);
    r->failures++;
    enter(r, REDIS_WAITING, redis_backoff_ms(r->failures, throw_dice()));
    r->events->down(r->data, why);
}

/* What ran out of time was perhaps only the first of several addresses: the
 * next attempt begins with the next one. */
static void
out_of_time(struct redis *r)
{
    char why[HOST_PORT_HOST_SIZE + 64];

    switch (r->stage) {
    case REDIS_LOOKUP:
        /* It cannot be stopped, and a second one would only queue behind
         * it: wait on. */
        snprintf(why, sizeof(why),
                 "no answer to the look-up of %s within %d ms", r->address.host,
                 REDIS_DEADLINE_MS);
        arm(r, REDIS_DEADLINE_MS);
        r->events->down(r->data, why);
        break;
    case REDIS_DIALLING:
        redis_lost(r, "cannot connect to %s: no answer within %d ms", r->where,
                   REDIS_DEADLINE_MS);
        break;
    default:
        redis_lost(r, "%s took the connection but said nothing within %d ms",
                   r->where, REDIS_DEADLINE_MS);
        break;
    }
}

/* ---- opening ---------------------------------------------------------- */

static void
dial_next(struct redis *r)
{
    const char *literal = r->addresses.items[r->next++];

    snprintf(r->where, sizeof(r->where),
             strchr(literal, ':') ? "[%s]:%u" : "%s:%u", literal,
             r->address.port);
    enter(r, REDIS_DIALLING, REDIS_DEADLINE_MS);
    redis_talk_dial(r, literal);
}

void
redis_dial_failed(struct redis *r, const char *why)
{
    redis_talk_end(r);
    if (r->next < r->addresses.count)
        dial_next(r);
    else
        redis_lost(r, "cannot connect to %s: %s", r->where, why);
}

void
redis_dialled(struct redis *r)
{
    enter(r, REDIS_GREETING, REDIS_DEADLINE_MS);
}

void
redis_confirmed(struct redis *r)
{
    r->up_ms = clock_mono_ms();
    r->next = r->addresses.count;
    enter(r, REDIS_UP, REDIS_BEAT_MS);
    r->events->up(r->data);
}

static void
looked_up(void *data, int status, const struct resolve_addresses *found)
{
    struct redis *r = data;

    r->lookup = NULL;
    if (status != 0) {
        redis_lost(r, "cannot look %s up: %s", r->address.host,
                   uv_strerror(status));
        return;
    }
    r->addresses = *found;
    r->next = 0;
    dial_next(r);
}

static void
attempt(struct redis *r)
{
    int status;

    if (r->address.path[0]) {
        snprintf(r->where, sizeof(r->where), "%s", r->address.path);
        enter(r, REDIS_DIALLING, REDIS_DEADLINE_MS);
        redis_talk_dial(r, NULL);
        return;
    }
    if (r->next < r->addresses.count) {
        dial_next(r);
        return;
    }
    r->next = 0;
    if (resolve_literal(r->address.host, &r->addresses)) {
        dial_next(r);
        return;
    }
    enter(r, REDIS_LOOKUP, REDIS_DEADLINE_MS);
    r->lookup = resolve_start(r->loop, r->address.host, looked_up, r, &status);
    if (!r->lookup)
        redis_lost(r, "cannot look %s up: %s", r->address.host,
                   uv_strerror(status));
}

/* ---- keeping ---------------------------------------------------------- */

/* Listening is asked for again when the channel is still: the answer tells
 * an idle Redis from a dead one. */
static void
tick(struct redis *r)
{
    uint64_t silence_ms = clock_mono_ms() - r->heard_ms;

    if (r->unanswered > 0 && silence_ms >= REDIS_SILENCE_MS) {
        redis_lost(r, "%s has not answered for %d ms", r->where,
                   REDIS_SILENCE_MS);
        return;
    }
    arm(r, REDIS_BEAT_MS);
    if (r->role == REDIS_PUBLISHER || silence_ms >= 2 * REDIS_BEAT_MS)
        redis_talk_beat(r);
}

/* Where this process stood still the time counts for nobody. */
static void
on_timer(uv_timer_t *timer)
{
    struct redis *r = timer->data;
    int stalled = loop_stalls(r->loop) != r->stalls;

    if (r->stage == REDIS_WAITING) {
        attempt(r);
    } else if (stalled) {
        r->heard_ms = clock_mono_ms();
        arm(r, r->timer_ms);
    } else if (r->stage == REDIS_UP) {
        tick(r);
    } else {
        out_of_time(r);
    }
}

/* ---- interface -------------------------------------------------------- */

static char *
copy(const char *text)
{
    char *c = strdup(text ? text : "");

    if (!c)
        abort();
    return c;
}

struct redis *
redis_new(struct loop *loop,
          const struct redis_target *target,
          enum redis_role role,
          const char *channel,
          const struct redis_events *events,
          void *data)
{
    struct redis *r = calloc(1, sizeof(*r));

    if (!r)
        abort();
    r->loop = loop;
    r->address = target->address;
    r->user = copy(target->user);
    r->password_file = copy(target->password_file);
    r->role = role;
    snprintf(r->channel, sizeof(r->channel), "%s", channel);
    r->events = events;
    r->data = data;
    uv_timer_init(&loop->uv, &r->timer);
    r->timer.data = r;
    enter(r, REDIS_WAITING, 0);
    return r;
}

int
redis_publish(struct redis *r, const char *text, size_t len)
{
    if (r->stage != REDIS_UP || r->unanswered >= REDIS_UNANSWERED_MAX)
        return -1;
    redis_talk_publish(r, text, len);
    return 0;
}

static void
on_closed(uv_handle_t *handle)
{
    struct redis *r = handle->data;

    free(r->user);
    free(r->password_file);
    free(r);
}

void
redis_close(struct redis *r)
{
    if (!r)
        return;
    r->stage = REDIS_CLOSED;
    resolve_cancel(r->lookup);
    redis_talk_end(r);
    uv_close((uv_handle_t *)&r->timer, on_closed);
}
