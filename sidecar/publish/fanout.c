/* The fan-out through Redis: one connection that publishes, one that listens,
 * and one line in the log when that changes. */
#include "publish/fanout.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/redis.h"

#define GARBAGE_LOG_MS 60000
#define DOMAIN_MAX 64 /* bytes of the domain that go into the channel */

/* One of the two connections. */
struct fanout_link {
    struct fanout *fanout;
    enum redis_role role;
    struct redis *redis;
    int up;
    char why[256]; /* it is not up; "" = nothing to say */
};

struct fanout {
    struct loop *loop;
    fanout_order_cb cb;
    void *data;
    char *address; /* as configured; "" = no Redis */
    char *user;
    char *password_file;
    char domain[DOMAIN_MAX + 1];
    char channel[REDIS_CHANNEL_SIZE]; /* "" = nothing to connect to */
    char store_id[SLUICE_STORE_ID_SIZE];
    int has_store;
    uint64_t revision;
    struct fanout_link links[2]; /* by enum redis_role */
    uint64_t dropped;            /* orders, since the last time both were up */
    int slow;                    /* said */
    uint64_t garbage;            /* messages, since the last line about it */
    uint64_t garbage_ms;         /* when that was; 0: never */
};

static const char *const role_names[] = {
    [REDIS_PUBLISHER] = "publisher",
    [REDIS_SUBSCRIBER] = "subscriber",
};

/* ---- what is said ----------------------------------------------------- */

static const char *
advice_for(const char *why)
{
    static const char *const known[][2] = {
        {"NOAUTH", "set RedisPasswordFile"},
        {"WRONGPASS", "see RedisUser and RedisPasswordFile"},
        {"without any password", "see RedisUser and RedisPasswordFile"},
        {"RedisPasswordFile", "see RedisPasswordFile"},
        {"NOPERM", "the user needs +auth +publish +subscribe &sluice:*"},
        {"does not speak Redis", "see RedisAddress"},
        {"otherwise than Redis", "see RedisAddress"},
    };

    for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
        if (strstr(why, known[i][0]))
            return known[i][1];
    return "checks go on; until Redis is there other nodes hear of a change "
           "by the store, within a second";
}

/* Both connections lose one Redis together: the second says nothing new. */
static void
on_down(void *data, const char *why)
{
    struct fanout_link *link = data;
    struct fanout *f = link->fanout;

    link->up = 0;
    if (strcmp(link->why, why) == 0)
        return;
    snprintf(link->why, sizeof(link->why), "%s", why);
    if (strcmp(f->links[!link->role].why, why) == 0)
        return;
    log_warn("redis_unavailable", log_str("address", f->address),
             log_str("role", role_names[link->role]), log_str("error", why),
             log_str("advice", advice_for(why)));
}

static void
on_up(void *data)
{
    struct fanout_link *link = data;
    struct fanout *f = link->fanout;

    link->up = 1;
    link->why[0] = '\0';
    if (!f->links[0].up || !f->links[1].up)
        return;
    log_info("redis_connected", log_str("address", f->address),
             log_str("channel", f->channel),
             log_int("dropped", (int64_t)f->dropped));
    f->dropped = 0;
    f->slow = 0;
}

/* The first one at once, then a count each minute. */
static void
on_garbage(struct fanout *f, const char *why)
{
    uint64_t now_ms = clock_mono_ms();

    f->garbage++;
    if (f->garbage_ms && now_ms - f->garbage_ms < GARBAGE_LOG_MS)
        return;
    log_warn("redis_garbage", log_str("channel", f->channel),
             log_int("count", (int64_t)f->garbage), log_str("last", why),
             log_str("advice", "somebody else publishes on this channel; it "
                               "is ignored"));
    f->garbage = 0;
    f->garbage_ms = now_ms;
}

/* ---- what is heard and told ------------------------------------------- */

static void
on_message(void *data, const char *text, size_t len)
{
    struct fanout_link *link = data;
    struct fanout *f = link->fanout;
    struct sluice_order order;
    char err[256];

    if (sluice_order_read(text, len, &order, err, sizeof(err)) != 0)
        on_garbage(f, err);
    else if (strcmp(order.store_id, f->store_id) != 0)
        on_garbage(f, "an order of another store");
    else
        f->cb(f->data, &order);
}

static size_t
on_beat(void *data, char *buf, size_t size)
{
    struct fanout_link *link = data;
    struct fanout *f = link->fanout;
    struct sluice_order beat = {.kind = SLUICE_ORDER_BEAT,
                                .revision = f->revision};

    memcpy(beat.store_id, f->store_id, sizeof(beat.store_id));
    return sluice_order_write(&beat, buf, size);
}

void
fanout_publish(struct fanout *f, const struct sluice_order *order)
{
    struct fanout_link *link = &f->links[REDIS_PUBLISHER];
    char text[SLUICE_ORDER_TEXT_MAX];
    size_t len;

    if (!link->redis)
        return;
    len = sluice_order_write(order, text, sizeof(text));
    if (len == 0)
        return;
    if (redis_publish(link->redis, text, len) == 0)
        return;
    f->dropped++;
    if (link->up && !f->slow) {
        f->slow = 1;
        log_warn("redis_slow", log_str("address", f->address),
                 log_int("unanswered", REDIS_UNANSWERED_MAX),
                 log_str("advice", "orders are dropped; the store says the "
                                   "same within a second"));
    }
}

/* ---- connections ------------------------------------------------------ */

static const struct redis_events events = {
    .up = on_up,
    .down = on_down,
    .message = on_message,
    .beat = on_beat,
};

static void
disconnect(struct fanout *f)
{
    for (size_t i = 0; i < 2; i++) {
        redis_close(f->links[i].redis);
        f->links[i].redis = NULL;
        f->links[i].up = 0;
        f->links[i].why[0] = '\0';
    }
}

static void
connect_both(struct fanout *f)
{
    struct redis_target target = {.user = f->user,
                                  .password_file = f->password_file};
    char err[256];

    if (redis_address_parse(f->address, &target.address, err, sizeof(err)))
        return; /* the configuration was checked: there is none */
    for (size_t i = 0; i < 2; i++)
        f->links[i].redis = redis_new(f->loop, &target, f->links[i].role,
                                      f->channel, &events, &f->links[i]);
}

/* What others may read in a terminal or type into an ACL. */
static void
printable(char *out, size_t size, const char *text)
{
    size_t len = 0;

    for (; *text && len + 1 < size; text++, len++)
        out[len] =
            isalnum((unsigned char)*text) || strchr("._-", *text) ? *text : '_';
    out[len] = '\0';
}

static void
name_channel(struct fanout *f)
{
    char store[SLUICE_STORE_ID_SIZE];

    printable(store, sizeof(store), f->store_id);
    snprintf(f->channel, sizeof(f->channel), "sluice:%s:%s", f->domain,
             store[0] ? store : "-");
}

/* To the channel of this address, domain and store, if there are any. */
static void
go_over(struct fanout *f)
{
    disconnect(f);
    f->channel[0] = '\0';
    if (f->address[0] == '\0' || !f->has_store)
        return;
    name_channel(f);
    connect_both(f);
}

void
fanout_set_store(struct fanout *f, const char *store_id, uint64_t revision)
{
    f->revision = revision;
    if (f->has_store && strcmp(f->store_id, store_id) == 0)
        return;
    f->has_store = 1;
    snprintf(f->store_id, sizeof(f->store_id), "%s", store_id);
    go_over(f);
}

const char *
fanout_channel(const struct fanout *f)
{
    return f->channel;
}

/* ---- life ------------------------------------------------------------- */

static char *
copy(const char *text)
{
    char *c = strdup(text);

    if (!c)
        abort();
    return c;
}

static void
take_conf(struct fanout *f, const struct conf *conf)
{
    free(f->address);
    free(f->user);
    free(f->password_file);
    f->address = copy(conf->redis_address);
    f->user = copy(conf->redis_user);
    f->password_file = copy(conf->redis_password_file);
    printable(f->domain, sizeof(f->domain), conf->domain);
}

struct fanout *
fanout_open(struct loop *loop,
            const struct conf *conf,
            fanout_order_cb cb,
            void *data)
{
    struct fanout *f = calloc(1, sizeof(*f));

    if (!f)
        abort();
    f->loop = loop;
    f->cb = cb;
    f->data = data;
    f->links[REDIS_PUBLISHER] =
        (struct fanout_link){.fanout = f, .role = REDIS_PUBLISHER};
    f->links[REDIS_SUBSCRIBER] =
        (struct fanout_link){.fanout = f, .role = REDIS_SUBSCRIBER};
    take_conf(f, conf);
    return f;
}

void
fanout_reload(struct fanout *f, const struct conf *conf)
{
    char domain[DOMAIN_MAX + 1];

    printable(domain, sizeof(domain), conf->domain);
    if (strcmp(f->address, conf->redis_address) == 0 &&
        strcmp(f->user, conf->redis_user) == 0 &&
        strcmp(f->password_file, conf->redis_password_file) == 0 &&
        strcmp(f->domain, domain) == 0)
        return;
    take_conf(f, conf);
    go_over(f);
}

void
fanout_close(struct fanout *f)
{
    if (!f)
        return;
    disconnect(f);
    free(f->address);
    free(f->user);
    free(f->password_file);
    free(f);
}
