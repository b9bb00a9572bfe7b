/* Where the galera-healthchecks of a routed cluster's hosts are asked, in
 * Switchboard's key names. */
#include "base/conf_block.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* galera-healthcheck's, and its successor's with TLS. */
#define PORT_TLS 9201
#define ENDPOINT_JSON "api/v1/status"
#define ENDPOINT_CODE "galera_status"

static void
error(const struct conf_block *b, enum conf_id id, const char *text)
{
    conf_block_problem(b, CONF_ERROR, id, text);
}

/* ---- keys that nobody reads --------------------------------------------- */

static void
refuse_ours(const struct conf_block *b)
{
    static const enum conf_id ours[] = {CONF_ROUTING_StatusCAFile,
                                        CONF_ROUTING_StatusEndpoint,
                                        CONF_ROUTING_StatusIntervalMillis,
                                        CONF_ROUTING_StatusKind,
                                        CONF_ROUTING_StatusPassword,
                                        CONF_ROUTING_StatusPort,
                                        CONF_ROUTING_StatusServerName,
                                        CONF_ROUTING_StatusTLS,
                                        CONF_ROUTING_StatusUser};

    for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
        if (conf_is_set(b, ours[i]))
            error(b, ours[i], "is for Eligible http only");
}

static void
refuse_sql(const struct conf_block *b)
{
    static const enum conf_id others[] = {CONF_ROUTING_AvailableWhenDonor,
                                          CONF_ROUTING_AvailableWhenReadOnly};

    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        if (conf_is_set(b, others[i]))
            error(b, others[i],
                  "with Eligible http whoever answers there decides that: say "
                  "it in its file");
}

/* ---- single keys --------------------------------------------------------- */

static void
read_kind(struct conf_status *s, const struct conf_block *b)
{
    const char *kind = conf_string(b, CONF_ROUTING_StatusKind);

    s->only_code = strcasecmp(kind, "status") == 0;
    if (!s->only_code && strcasecmp(kind, "json") != 0)
        error(b, CONF_ROUTING_StatusKind, "expected json or status");
}

static int
is_path(const char *text)
{
    for (; *text; text++)
        if (*text <= ' ' || *text > '~' || *text == '#')
            return 0;
    return 1;
}

static void
read_endpoint(struct conf_status *s, const struct conf_block *b)
{
    const char *path = conf_string(b, CONF_ROUTING_StatusEndpoint);

    if (!conf_is_set(b, CONF_ROUTING_StatusEndpoint)) {
        s->endpoint = conf_copy(s->only_code ? ENDPOINT_CODE : ENDPOINT_JSON);
        return;
    }
    path += *path == '/';
    s->endpoint = conf_copy(path);
    if (!is_path(path))
        error(b, CONF_ROUTING_StatusEndpoint,
              "expected a path, as api/v1/status");
    if (s->only_code && strcmp(path, ENDPOINT_JSON) == 0)
        conf_block_problem(b, CONF_WARNING, CONF_ROUTING_StatusEndpoint,
                           "galera-healthcheck answers 200 there, whatever "
                           "its health is: StatusKind json reads it");
}

static void
read_tls(struct conf_status *s, struct conf_block *b)
{
    static const enum conf_id files[] = {CONF_ROUTING_StatusCAFile,
                                         CONF_ROUTING_StatusServerName};

    s->tls = b->values[CONF_ROUTING_StatusTLS].number != 0;
    s->port = s->tls && !conf_is_set(b, CONF_ROUTING_StatusPort)
                  ? PORT_TLS
                  : (int)b->values[CONF_ROUTING_StatusPort].number;
    for (size_t i = 0; !s->tls && i < sizeof(files) / sizeof(files[0]); i++)
        if (conf_is_set(b, files[i]))
            error(b, files[i], "is for StatusTLS only");
    if (strpbrk(conf_string(b, CONF_ROUTING_StatusServerName), ":/@[]%?# "))
        error(b, CONF_ROUTING_StatusServerName,
              "expected the name in the certificate, without a port");
    s->ca = conf_take_string(b, CONF_ROUTING_StatusCAFile);
    s->server_name = conf_take_string(b, CONF_ROUTING_StatusServerName);
}

static void
read_login(struct conf_status *s, struct conf_block *b)
{
    int user = conf_is_set(b, CONF_ROUTING_StatusUser);

    if (strchr(conf_string(b, CONF_ROUTING_StatusUser), ':'))
        error(b, CONF_ROUTING_StatusUser,
              "no colon can be in it: basic authentication ends the name "
              "there");
    if (user && !conf_is_set(b, CONF_ROUTING_StatusPassword))
        error(b, CONF_ROUTING_StatusUser, "needs StatusPassword");
    if (!user && conf_is_set(b, CONF_ROUTING_StatusPassword))
        error(b, CONF_ROUTING_StatusPassword, "needs StatusUser");
    s->user = conf_take_string(b, CONF_ROUTING_StatusUser);
    s->password = conf_take_string(b, CONF_ROUTING_StatusPassword);
}

/* ---- all of them --------------------------------------------------------- */

void
conf_read_status(struct conf_routing *r, struct conf_block *routing)
{
    struct conf_status *s = &r->status;

    if (r->eligible != CONF_ELIGIBLE_HTTP) {
        if (r->eligible != CONF_ELIGIBLE_NONE)
            refuse_ours(routing);
        return;
    }
    refuse_sql(routing);
    read_kind(s, routing);
    read_endpoint(s, routing);
    read_tls(s, routing);
    read_login(s, routing);
    s->interval_ms =
        (int)routing->values[CONF_ROUTING_StatusIntervalMillis].number;
}

int
conf_same_status(const struct conf_status *a, const struct conf_status *b)
{
    if (!a || !b)
        return a == b;
    return a->only_code == b->only_code && a->port == b->port &&
           a->interval_ms == b->interval_ms && a->tls == b->tls &&
           conf_same(a->endpoint, b->endpoint) && conf_same(a->ca, b->ca) &&
           conf_same(a->server_name, b->server_name) &&
           conf_same(a->user, b->user) && conf_same(a->password, b->password);
}

void
conf_free_status(struct conf_routing *r)
{
    free(r->status.endpoint);
    free(r->status.ca);
    free(r->status.server_name);
    free(r->status.user);
    free(r->status.password);
}
