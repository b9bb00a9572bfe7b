/* The consensus backend in MySQL, and what this node is called. */
#include "base/conf_block.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- what must hold --------------------------------------------------- */

static void
validate_domain(const struct conf_block *top, enum conf_id id, size_t len)
{
    char text[128];

    if (len <= CONF_DOMAIN_MAX)
        return;
    snprintf(text, sizeof(text), "%zu bytes: expected at most %d%s", len,
             CONF_DOMAIN_MAX,
             id == CONF_TOP_DataCenter
                 ? " for DataCenter:Environment, where Domain is not set"
                 : "");
    conf_block_problem(top, CONF_ERROR, id, text);
}

int
conf_validate_service_id(const char *id, char *err, size_t err_size)
{
    if (strlen(id) <= CONF_SERVICE_ID_MAX)
        return 0;
    snprintf(err, err_size,
             "the host name and ListenPort, %.64s…, have %zu bytes: expected "
             "at most %d",
             id, strlen(id), CONF_SERVICE_ID_MAX);
    return -1;
}

/* HOST NAME:PORT, as freno's nodes call themselves in MySQL. */
static char *
host_and_port(int port)
{
    char host[256] = "", *id;

    if (gethostname(host, sizeof(host) - 1) != 0)
        strcpy(host, "localhost");
    if (asprintf(&id, "%s:%d", host, port) < 0)
        abort();
    return id;
}

/* And as its raft nodes do. */
static char *
service_id(const struct conf *c)
{
    return *c->raft.self != '\0' ? conf_copy(c->raft.self)
                                 : host_and_port(c->listen_port);
}

static void
validate_domain_parts(const struct conf_block *top)
{
    if (*conf_string(top, CONF_TOP_Domain) == '\0')
        validate_domain(top, CONF_TOP_DataCenter,
                        strlen(conf_string(top, CONF_TOP_DataCenter)) + 1 +
                            strlen(conf_string(top, CONF_TOP_Environment)));
}

static void
validate_service_id(const struct conf_block *top)
{
    char *id = host_and_port((int)top->values[CONF_TOP_ListenPort].number);
    char err[256];

    if (conf_validate_service_id(id, err, sizeof(err)) != 0)
        conf_block_problem(top, CONF_ERROR, CONF_TOP_ListenPort, err);
    free(id);
}

void
conf_validate_backend(const struct conf_block *top)
{
    static const enum conf_id files[3] = {CONF_TOP_BackendTLSCAFile,
                                          CONF_TOP_BackendTLSCertFile,
                                          CONF_TOP_BackendTLSKeyFile};

    validate_domain(top, CONF_TOP_Domain,
                    strlen(conf_string(top, CONF_TOP_Domain)));
    validate_domain(top, CONF_TOP_ShareDomain,
                    strlen(conf_string(top, CONF_TOP_ShareDomain)));
    conf_validate_tls_keys(top, files, CONF_TOP_BackendUseTLS);
    if (conf_raft_is_used(top))
        validate_domain_parts(top);
    if (!top->values[CONF_TOP_BackendMySQLHost].given)
        return;
    if (!top->values[CONF_TOP_BackendMySQLSchema].given)
        conf_block_problem(top, CONF_ERROR, CONF_TOP_BackendMySQLHost,
                           "BackendMySQLSchema must be set when "
                           "BackendMySQLHost is specified");
    validate_domain_parts(top);
    validate_service_id(top);
}

/* ---- what becomes of it ----------------------------------------------- */

static char *
domain(struct conf_block *top)
{
    char *text;

    if (*conf_string(top, CONF_TOP_Domain) != '\0')
        return conf_take_string(top, CONF_TOP_Domain);
    if (asprintf(&text, "%s:%s", conf_string(top, CONF_TOP_DataCenter),
                 conf_string(top, CONF_TOP_Environment)) < 0)
        abort();
    return text;
}

void
conf_fill_backend(struct conf *c, struct conf_block *top)
{
    struct conf_backend *b = &c->backend;

    c->domain = domain(top);
    c->share_domain = conf_take_string(top, CONF_TOP_ShareDomain);
    c->service_id = service_id(c);
    b->host = conf_take_string(top, CONF_TOP_BackendMySQLHost);
    b->port = (int)top->values[CONF_TOP_BackendMySQLPort].number;
    b->schema = conf_take_string(top, CONF_TOP_BackendMySQLSchema);
    b->user = conf_take_string(top, CONF_TOP_BackendMySQLUser);
    b->password = conf_take_string(top, CONF_TOP_BackendMySQLPassword);
    b->collation = conf_take_string(top, CONF_TOP_BackendMySQLCollation);
    b->tls.use = top->values[CONF_TOP_BackendUseTLS].number != 0;
    b->tls.verify = top->values[CONF_TOP_BackendTLSVerify].number != 0;
    b->tls.ca = conf_take_string(top, CONF_TOP_BackendTLSCAFile);
    b->tls.cert = conf_take_string(top, CONF_TOP_BackendTLSCertFile);
    b->tls.key = conf_take_string(top, CONF_TOP_BackendTLSKeyFile);
}

void
conf_set_listen_port(struct conf *c, int port)
{
    c->listen_port = port;
    free(c->service_id);
    c->service_id = service_id(c);
}

void
conf_free_backend(struct conf *c)
{
    struct conf_backend *b = &c->backend;

    free(c->domain);
    free(c->share_domain);
    free(c->service_id);
    free(b->host);
    free(b->schema);
    free(b->user);
    free(b->password);
    free(b->collation);
    free(b->tls.ca);
    free(b->tls.cert);
    free(b->tls.key);
}
