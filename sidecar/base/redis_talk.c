/*
 * The words with Redis: hiredis parses and formats, the loop waits. Of
 * hiredis' two interfaces this is the plain one on a non-blocking socket:
 * its asynchronous one asserts that a server says nothing unasked, and aborts
 * the process when one does.
 */
#include "base/redis_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <hiredis/hiredis.h>

#include "base/redis_password.h"

#define REPLY_MAX_BYTES 65536 /* more is not for us */

/* ---- the socket ------------------------------------------------------- */

static void on_poll(uv_poll_t *poll, int status, int events);

static void
poll_for(struct redis *r, int events)
{
    if (r->polled == events)
        return;
    r->polled = events;
    uv_poll_start(r->poll, events, on_poll);
}

static void
free_poll(uv_handle_t *handle)
{
    free(handle);
}

/* The poll first: libuv must not watch a descriptor that is closed. */
void
redis_talk_end(struct redis *r)
{
    if (r->poll)
        uv_close((uv_handle_t *)r->poll, free_poll);
    r->poll = NULL;
    r->polled = 0;
    if (r->context)
        redisFree(r->context);
    r->context = NULL;
    r->auth = 0;
    r->unanswered = 0;
    r->unfinished_bytes = 0;
}

void
redis_talk_dial(struct redis *r, const char *literal)
{
    redisContext *c = literal ? redisConnectNonBlock(literal, r->address.port)
                              : redisConnectUnixNonBlock(r->address.path);
    int rc;

    if (!c)
        abort();
    r->context = c;
    if (c->err) {
        char why[sizeof(c->errstr)];

        memcpy(why, c->errstr, sizeof(why));
        redis_dial_failed(r, why);
        return;
    }
    fcntl(c->fd, F_SETFD, FD_CLOEXEC);
    r->poll = calloc(1, sizeof(*r->poll));
    if (!r->poll)
        abort();
    rc = uv_poll_init(&r->loop->uv, r->poll, c->fd);
    if (rc != 0) {
        free(r->poll);
        r->poll = NULL;
        redis_lost(r, "cannot watch the connection: %s", uv_strerror(rc));
        return;
    }
    r->poll->data = r;
    poll_for(r, UV_WRITABLE);
}

/* ---- asking ----------------------------------------------------------- */

static void
ask(struct redis *r, int argc, const char **argv, const size_t *lens)
{
    if (r->unanswered == 0)
        r->heard_ms = clock_mono_ms();
    if (redisAppendCommandArgv(r->context, argc, argv, lens) != REDIS_OK)
        abort();
    r->unanswered++;
    poll_for(r, UV_READABLE | UV_WRITABLE);
}

void
redis_talk_publish(struct redis *r, const char *text, size_t len)
{
    const char *argv[] = {"PUBLISH", r->channel, text};
    const size_t lens[] = {7, strlen(r->channel), len};

    ask(r, 3, argv, lens);
}

static void
subscribe(struct redis *r)
{
    const char *argv[] = {"SUBSCRIBE", r->channel};
    const size_t lens[] = {9, strlen(r->channel)};

    ask(r, 2, argv, lens);
}

void
redis_talk_beat(struct redis *r)
{
    char text[REDIS_TEXT_SIZE];

    if (r->role == REDIS_SUBSCRIBER)
        subscribe(r);
    else
        redis_talk_publish(r, text,
                           r->events->beat(r->data, text, sizeof(text)));
}

/* AUTH [user] password, when there is a password. */
static int
authenticate(struct redis *r)
{
    char password[REDIS_PASSWORD_SIZE], err[512];
    const char *argv[] = {"AUTH", r->user, password};
    size_t lens[] = {4, strlen(r->user), 0};
    int named = r->user[0] != '\0';

    if (r->password_file[0] == '\0')
        return 0;
    if (redis_password_read(r->password_file, password, err, sizeof(err))) {
        redis_lost(r, "RedisPasswordFile: %s", err);
        return -1;
    }
    lens[2] = strlen(password);
    if (!named) {
        argv[1] = argv[2];
        lens[1] = lens[2];
    }
    ask(r, named ? 3 : 2, argv, lens);
    r->auth = 1;
    explicit_bzero(password, sizeof(password));
    return 0;
}

/* connect(2) is over. All of the greeting goes out at once. */
static void
greet(struct redis *r)
{
    int error = 0;
    socklen_t len = sizeof(error);

    getsockopt(r->context->fd, SOL_SOCKET, SO_ERROR, &error, &len);
    if (error) {
        redis_dial_failed(r, strerror(error));
        return;
    }
    if (r->address.path[0] == '\0')
        redisEnableKeepAlive(r->context);
    redis_dialled(r);
    if (authenticate(r) == 0)
        redis_talk_beat(r);
}

/* ---- answers ---------------------------------------------------------- */

static int
is_word(const redisReply *reply, const char *word)
{
    return reply->type == REDIS_REPLY_STRING && reply->len == strlen(word) &&
           memcmp(reply->str, word, reply->len) == 0;
}

/* [message CHANNEL TEXT] or [subscribe CHANNEL COUNT]. The whole word, not
 * its first letter, tells which. */
static int
take_pushed(struct redis *r, const redisReply *reply)
{
    const redisReply *const *e = (const redisReply *const *)reply->element;

    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 3 ||
        !is_word(e[1], r->channel))
        return -1;
    if (is_word(e[0], "message") && e[2]->type == REDIS_REPLY_STRING &&
        r->stage == REDIS_UP) {
        r->events->message(r->data, e[2]->str, e[2]->len);
        return 0;
    }
    if (!is_word(e[0], "subscribe") || r->unanswered == 0)
        return -1;
    r->unanswered--;
    if (r->stage == REDIS_GREETING)
        redis_confirmed(r);
    return 0;
}

static int
take_published(struct redis *r, const redisReply *reply)
{
    if (reply->type != REDIS_REPLY_INTEGER || r->unanswered == 0)
        return -1;
    r->unanswered--;
    if (r->stage == REDIS_GREETING)
        redis_confirmed(r);
    return 0;
}

static int
take_auth(struct redis *r, const redisReply *reply)
{
    r->auth = 0;
    r->unanswered--;
    return reply->type == REDIS_REPLY_STATUS ? 0 : -1;
}

static void
take_reply(struct redis *r, const redisReply *reply)
{
    int rc;

    r->heard_ms = clock_mono_ms();
    r->unfinished_bytes = 0;
    if (reply->type == REDIS_REPLY_ERROR) {
        redis_lost(r, "%s says: %s", r->where, reply->str);
        return;
    }
    if (r->auth)
        rc = take_auth(r, reply);
    else if (r->role == REDIS_SUBSCRIBER)
        rc = take_pushed(r, reply);
    else
        rc = take_published(r, reply);
    if (rc != 0)
        redis_lost(r, "%s answers otherwise than Redis does", r->where);
}

static void
broken(struct redis *r)
{
    const redisContext *c = r->context;

    if (c->err == REDIS_ERR_EOF)
        redis_lost(r, "%s closed the connection%s", r->where,
                   r->stage == REDIS_GREETING ? " without an answer" : "");
    else if (c->err == REDIS_ERR_PROTOCOL)
        redis_lost(r, "%s does not speak Redis' protocol: %s", r->where,
                   c->errstr);
    else
        redis_lost(r, "%s: %s", r->where, c->errstr);
}

/* An event's callee may close r, or the answer may end the connection. */
static void
take_replies(struct redis *r)
{
    while (r->context) {
        void *reply = NULL;

        if (redisGetReply(r->context, &reply) != REDIS_OK) {
            broken(r);
            return;
        }
        if (!reply)
            break;
        take_reply(r, reply);
        freeReplyObject(reply);
    }
    if (r->context && r->unfinished_bytes > REPLY_MAX_BYTES)
        redis_lost(r, "%s answers with more than %d bytes", r->where,
                   REPLY_MAX_BYTES);
}

/* At most 16 KB for each event; the poll is level-triggered. */
static void
read_some(struct redis *r)
{
    redisContext *c = r->context;
    size_t before = c->reader->len;
    int rc = redisBufferRead(c);

    if (c->reader->len > before)
        r->unfinished_bytes += c->reader->len - before;
    if (rc != REDIS_OK)
        broken(r);
    else
        take_replies(r);
}

static void
write_some(struct redis *r)
{
    int done = 0;

    if (redisBufferWrite(r->context, &done) != REDIS_OK)
        broken(r);
    else if (done)
        poll_for(r, UV_READABLE);
}

/* status: the poll itself failed; a read says why. */
static void
on_poll(uv_poll_t *poll, int status, int events)
{
    struct redis *r = poll->data;

    if (r->stage == REDIS_DIALLING) {
        greet(r);
        return;
    }
    if (status < 0 || (events & UV_READABLE))
        read_some(r);
    if (r->context && status < 0)
        redis_lost(r, "%s: %s", r->where, uv_strerror(status));
    if (r->context && (events & UV_WRITABLE))
        write_some(r);
}
