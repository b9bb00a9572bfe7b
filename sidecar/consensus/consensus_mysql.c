/* Consensus kept in MySQL: freno's tables, and Sluice's own beside them. */
#include "consensus/consensus_mysql_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "consensus/draw.h"

#define CLOSE_MS 250 /* at most, to step down and end what is under way */

/* ---- what the driver is asked ----------------------------------------- */

static void
mysql_change(struct consensus *c,
             const struct consensus_change *change,
             consensus_done_cb cb,
             void *data)
{
    changer_add(c->changer, change, cb, data);
}

static void
mysql_hint(struct consensus *c, uint64_t revision)
{
    reader_hint(c->reader, revision);
}

static void
mysql_status(const struct consensus *c, struct consensus_status *out)
{
    memset(out, 0, sizeof(*out));
    out->service_id = c->service_id;
    out->domain = c->domain;
    out->share_domain = c->share_domain;
    out->healthy = reader_is_healthy(c->reader);
    out->leads = keeper_leads(c->keeper);
    out->leader = out->healthy ? keeper_leader(c->keeper) : "";
    out->state = out->leads ? "Leader" : out->healthy ? "Healthy" : "Unhealthy";
    if (out->healthy)
        reader_status(c->reader, out);
    out->others = out->healthy_services.count > 1;
}

/* ---- life ------------------------------------------------------------- */

static char *
copy(const char *text)
{
    char *dup = strdup(text);

    if (!dup)
        abort();
    return dup;
}

static void
set_target(struct consensus *c, const struct conf_backend *b)
{
    const struct mysql_target target = {
        .host = b->host,
        .port = (uint16_t)b->port,
        .user = b->user,
        .password = b->password,
        .database = b->schema,
        .collation = b->collation,
        .tls = b->tls,
    };

    mysql_target_copy(&c->target, &target);
}

static struct consensus *
mysql_open(struct loop *loop,
           struct connector *connector,
           const struct conf *conf,
           const struct consensus_events *events,
           void *data,
           char *err,
           size_t err_size)
{
    struct consensus *c;

    if (conf->backend.host[0] == '\0') {
        snprintf(err, err_size, "BackendMySQLHost is not set");
        return NULL;
    }
    c = calloc(1, sizeof(*c));
    if (!c)
        abort();
    c->loop = loop;
    c->connector = connector;
    c->events = *events;
    c->data = data;
    c->domain = copy(conf->domain);
    c->share_domain = copy(conf->share_domain);
    snprintf(c->service_id, sizeof(c->service_id), "%s", conf->service_id);
    /* Tells two processes apart that go by one service id. */
    draw_hex(c->instance, sizeof(c->instance) - 1);
    set_target(c, &conf->backend);
    uv_timer_init(&loop->uv, &c->closing);
    c->closing.data = c;
    c->keeper = keeper_new(c);
    c->changer = changer_new(c);
    c->reader = reader_new(c);
    return c;
}

/* ---- the end ---------------------------------------------------------- */

static void
closing_closed(uv_handle_t *handle)
{
    struct consensus *c = handle->data;
    void (*closed)(void *data) = c->closed;
    void *data = c->closed_data;

    free(c->domain);
    free(c->share_domain);
    mysql_target_clear(&c->target);
    free(c);
    closed(data);
}

static void
on_closing(uv_timer_t *timer)
{
    struct consensus *c = timer->data;

    changer_abandon(c->changer);
    keeper_free(c->keeper);
    changer_free(c->changer);
    reader_free(c->reader);
    uv_close((uv_handle_t *)&c->closing, closing_closed);
}

void
consensus_mysql_left(struct consensus *c)
{
    if (--c->leaving == 0)
        uv_timer_start(&c->closing, on_closing, 0, 0);
}

static void
mysql_close_consensus(struct consensus *c,
                      void (*closed)(void *data),
                      void *data)
{
    c->closed = closed;
    c->closed_data = data;
    c->leaving = 2;
    uv_timer_start(&c->closing, on_closing, CLOSE_MS, 0);
    changer_leave(c->changer);
    keeper_leave(c->keeper);
}

const struct consensus_driver consensus_mysql = {
    .name = "mysql",
    .open = mysql_open,
    .change = mysql_change,
    .hint = mysql_hint,
    .status = mysql_status,
    .close = mysql_close_consensus,
};
