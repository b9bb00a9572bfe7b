
/*
 * What is said to Redis and heard from it: orders, applied to the overlay.
 *
 * Of hiredis this takes what formats and parses; the connection is nginx's,
 * as any other.  hiredis' own asynchronous interface looks names up while the
 * worker waits, and aborts it when a server says something unasked.
 */


#include "ngx_sluice_redis.h"

#include <hiredis/hiredis.h>


#define NGX_SLUICE_REDIS_REPLY     65536   /* bytes; more is not for us */
#define NGX_SLUICE_REDIS_ELEMENTS  8


static ngx_int_t ngx_sluice_redis_reader(ngx_sluice_subscriber_t *ss);
static void *ngx_sluice_redis_array(const redisReadTask *task, int elements);
static ngx_int_t ngx_sluice_redis_request(ngx_sluice_subscriber_t *ss);
static ngx_int_t ngx_sluice_redis_reply(ngx_sluice_subscriber_t *ss,
    redisReply *reply);
static void ngx_sluice_redis_message(ngx_sluice_subscriber_t *ss,
    redisReply *reply);
static void ngx_sluice_redis_garbage(ngx_sluice_subscriber_t *ss, char *why);


static redisReplyObjectFunctions  ngx_sluice_redis_functions;
static void                    *(*ngx_sluice_redis_make_array)(
    const redisReadTask *task, int elements);


ngx_int_t
ngx_sluice_redis_begin(ngx_sluice_subscriber_t *ss)
{
    if (ngx_sluice_redis_reader(ss) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_sluice_redis_request(ss);
}


void
ngx_sluice_redis_end(ngx_sluice_subscriber_t *ss)
{
    if (ss->reader) {
        redisReaderFree(ss->reader);
        ss->reader = NULL;
    }

    if (ss->request) {
        ngx_explicit_memzero(ss->request, ss->request_len);
        ngx_free(ss->request);
        ss->request = NULL;
    }
}


static ngx_int_t
ngx_sluice_redis_reader(ngx_sluice_subscriber_t *ss)
{
    redisReader  *reader;

    reader = redisReaderCreate();
    if (reader == NULL) {
        return NGX_ERROR;
    }

    ss->reader = reader;
    ss->fed = 0;

    /* what a server announces is not what we make room for */

    ngx_sluice_redis_functions = *reader->fn;
    ngx_sluice_redis_make_array = ngx_sluice_redis_functions.createArray;
    ngx_sluice_redis_functions.createArray = ngx_sluice_redis_array;
    reader->fn = &ngx_sluice_redis_functions;

    return NGX_OK;
}


static void *
ngx_sluice_redis_array(const redisReadTask *task, int elements)
{
    if (elements < 0 || elements > NGX_SLUICE_REDIS_ELEMENTS) {
        return NULL;
    }

    return ngx_sluice_redis_make_array(task, elements);
}


static ngx_int_t
ngx_sluice_redis_request(ngx_sluice_subscriber_t *ss)
{
    int          argc, auth_len, len;
    char        *auth, *subscribe;
    size_t       lens[3];
    const char  *args[3];

    auth = NULL;
    auth_len = 0;
    ss->replies = 0;

    if (ss->conf->password.len) {
        argc = 0;

        args[argc] = "AUTH";
        lens[argc++] = 4;

        if (ss->conf->user.len) {
            args[argc] = (char *) ss->conf->user.data;
            lens[argc++] = ss->conf->user.len;
        }

        args[argc] = (char *) ss->conf->password.data;
        lens[argc++] = ss->conf->password.len;

        auth_len = redisFormatCommandArgv(&auth, argc, args, lens);
        ss->replies = 1;
    }

    args[0] = "SUBSCRIBE";
    lens[0] = 9;
    args[1] = ss->channel;
    lens[1] = ngx_strlen(ss->channel);

    len = redisFormatCommandArgv(&subscribe, 2, args, lens);

    if (auth_len >= 0 && len > 0) {
        ss->request = ngx_alloc(auth_len + len, ngx_cycle->log);

        if (ss->request) {
            if (auth) {
                ngx_memcpy(ss->request, auth, auth_len);
            }

            ngx_memcpy(ss->request + auth_len, subscribe, len);

            ss->out.data = ss->request;
            ss->out.len = auth_len + len;
            ss->request_len = ss->out.len;
        }
    }

    if (auth_len > 0) {
        redisFreeCommand(auth);
    }

    if (len > 0) {
        redisFreeCommand(subscribe);
    }

    return ss->request ? NGX_OK : NGX_ERROR;
}


ngx_int_t
ngx_sluice_redis_feed(ngx_sluice_subscriber_t *ss, char *buf, size_t len)
{
    void         *reply;
    ngx_int_t     rc;
    redisReader  *reader;

    reader = ss->reader;
    ss->fed += len;

    if (redisReaderFeed(reader, buf, len) != REDIS_OK) {
        ngx_sluice_redis_lost(ss, 0, "%s", reader->errstr);
        return NGX_ERROR;
    }

    for ( ;; ) {

        if (redisReaderGetReply(reader, &reply) != REDIS_OK) {
            ngx_sluice_redis_lost(ss, 0, "it does not speak as Redis does: %s",
                                  reader->errstr);
            return NGX_ERROR;
        }

        if (reply == NULL) {
            break;
        }

        ss->fed = 0;
        rc = ngx_sluice_redis_reply(ss, reply);

        freeReplyObject(reply);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (ss->fed > NGX_SLUICE_REDIS_REPLY) {
        ngx_sluice_redis_lost(ss, 0, "it sent more than %d bytes at once",
                              NGX_SLUICE_REDIS_REPLY);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_sluice_redis_reply(ngx_sluice_subscriber_t *ss, redisReply *reply)
{
    char         *word;
    redisReply  **element;

    if (reply->type == REDIS_REPLY_ERROR) {
        ngx_sluice_redis_lost(ss, 0, "%s it answers: %s",
                              ss->replies ? "AUTH:" : "SUBSCRIBE:",
                              reply->str);
        return NGX_ERROR;
    }

    if (ss->replies) {
        ss->replies--;
        return NGX_OK;
    }

    element = reply->element;

    if (reply->type != REDIS_REPLY_ARRAY
        || reply->elements != 3
        || element[0]->type != REDIS_REPLY_STRING
        || element[1]->type != REDIS_REPLY_STRING
        || ngx_strcmp(element[1]->str, ss->channel) != 0)
    {
        return NGX_OK;
    }

    word = element[0]->str;

    if (ngx_strcmp(word, "subscribe") == 0) {
        ngx_sluice_redis_confirmed(ss);

    } else if (ngx_strcmp(word, "message") == 0
               && ss->state == ngx_sluice_redis_up
               && element[2]->type == REDIS_REPLY_STRING)
    {
        ngx_sluice_redis_message(ss, element[2]);
    }

    return NGX_OK;
}


static void
ngx_sluice_redis_message(ngx_sluice_subscriber_t *ss, redisReply *reply)
{
    char                  err[NGX_SLUICE_ERRSTR];
    ngx_sluice_zone_t    *zone;
    struct sluice_order   order;
    ngx_sluice_worker_t  *worker;

    zone = ngx_sluice_zone();
    worker = ngx_sluice_zone_worker(zone);

    if (sluice_order_read(reply->str, reply->len, &order, err, sizeof(err))
        != 0)
    {
        if (worker) {
            worker->garbage++;
        }

        ngx_sluice_redis_garbage(ss, err);
        return;
    }

    ngx_sluice_redis_heard(ss);

    if (worker && order.kind != SLUICE_ORDER_BEAT) {
        worker->orders++;
    }

    if (ngx_sluice_zone_apply(zone, &order, ngx_sluice_now()) == NGX_BUSY) {
        ngx_sluice_redis_garbage(ss, "no place in the zone: make it larger");
    }
}


static void
ngx_sluice_redis_garbage(ngx_sluice_subscriber_t *ss, char *why)
{
    ss->garbage++;

    if (ss->complained
        && ngx_current_msec - ss->complained < NGX_SLUICE_REDIS_MINUTE)
    {
        return;
    }

    ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                  "sluice: redis \"%V\", channel \"%s\": %ui messages were "
                  "ignored, the last: %s", &ss->conf->name, ss->channel,
                  ss->garbage, why);

    ss->complained = ngx_max(ngx_current_msec, 1);
    ss->garbage = 0;
}
