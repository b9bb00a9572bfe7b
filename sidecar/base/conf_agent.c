/* Reads the configuration of sluice-agent. */
#include "base/conf_agent.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include <uv.h>

#include "base/conf_block.h"
#include "base/host_port.h"

#define SOCKET_PATH_MAX (sizeof(((struct sockaddr_un *)0)->sun_path) - 1)

static void
error(const struct conf_block *b, enum conf_id id, const char *text)
{
    conf_block_problem(b, CONF_ERROR, id, text);
}

/* ---- the top level ---------------------------------------------------- */

static int
is_address(const char *text)
{
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;

    return uv_ip4_addr(text, 0, &v4) == 0 || uv_ip6_addr(text, 0, &v6) == 0;
}

/* Of galera-healthcheck's, what is not ours is no stranger. */
static void
note_unused(const struct conf_block *top)
{
    static const enum conf_id unused[] = {
        CONF_AGENT_Monit, CONF_AGENT_MyCnfPath, CONF_AGENT_MysqldPath};

    for (size_t i = 0; i < sizeof(unused) / sizeof(*unused); i++)
        if (conf_is_set(top, unused[i]))
            conf_block_problem(top, CONF_NOTE, unused[i],
                               "not used: sluice-agent neither starts nor "
                               "stops mysqld");
}

static void
validate_top(const struct conf_block *top)
{
    const char *file = conf_string(top, CONF_AGENT_MaintenanceFile);

    if (!is_address(conf_string(top, CONF_AGENT_Host)))
        error(top, CONF_AGENT_Host,
              "expected an IP address to listen on (0.0.0.0, or :: with IPv6, "
              "is all of this host's)");
    if (*file && *file != '/')
        error(top, CONF_AGENT_MaintenanceFile,
              "expected a path from the root: whoever starts us chooses the "
              "directory");
    note_unused(top);
}

/* ---- DB --------------------------------------------------------------- */

static void
validate_socket(const struct conf_block *db)
{
    const char *path = conf_string(db, CONF_AGENTDB_Socket);

    if (*path != '/')
        error(db, CONF_AGENTDB_Socket, "expected a path from the root");
    else if (strlen(path) > SOCKET_PATH_MAX)
        error(db, CONF_AGENTDB_Socket,
              "a unix socket's path may have 107 bytes");
    if (conf_is_set(db, CONF_AGENTDB_Host))
        conf_block_problem(db, CONF_WARNING, CONF_AGENTDB_Host,
                           "not used: Socket is the way");
}

static void
validate_db(const struct conf_block *db)
{
    char host[HOST_PORT_HOST_SIZE];
    uint16_t port = 0;

    if (!conf_is_set(db, CONF_AGENTDB_User) &&
        !conf_is_wrong(db, CONF_AGENTDB_User))
        error(db, CONF_AGENTDB_User,
              "is required: an account of mysqld's, which needs no "
              "privileges");
    if (conf_is_set(db, CONF_AGENTDB_Socket))
        validate_socket(db);
    else if (host_port_parse(conf_string(db, CONF_AGENTDB_Host), host, &port) !=
                 0 ||
             port != 0)
        error(db, CONF_AGENTDB_Host,
              "expected a name or an IP address; the port is Port, and a unix "
              "socket is Socket");
}

/* Without brackets, as it is dialled. */
static void
fill_db(struct conf_agent *c, struct conf_block *db)
{
    char host[HOST_PORT_HOST_SIZE];
    uint16_t port = 0;

    if (conf_is_set(db, CONF_AGENTDB_Socket))
        c->db_host = conf_take_string(db, CONF_AGENTDB_Socket);
    else if (host_port_parse(conf_string(db, CONF_AGENTDB_Host), host, &port) ==
             0)
        c->db_host = conf_copy(host);
    c->db_port = (int)db->values[CONF_AGENTDB_Port].number;
    c->db_user = conf_take_string(db, CONF_AGENTDB_User);
    c->db_password = conf_take_string(db, CONF_AGENTDB_Password);
}

static void
read_db(struct conf_agent *c, const struct conf_block *top)
{
    struct conf_block db;

    conf_block_child(&db, top, CONF_AGENT_DB, CONF_AGENTDB);
    validate_db(&db);
    fill_db(c, &db);
    conf_block_free(&db);
}

/* ---- SidecarEndpoint -------------------------------------------------- */

static void
refuse_tls(const struct conf_block *endpoint)
{
    struct conf_block tls;

    conf_block_child(&tls, endpoint, CONF_ENDPOINT_TLS, CONF_ENDPOINTTLS);
    if (tls.values[CONF_ENDPOINTTLS_Enabled].number != 0)
        error(&tls, CONF_ENDPOINTTLS_Enabled,
              "sluice-agent has no TLS: listen on 127.0.0.1, behind a server "
              "that has");
    conf_block_free(&tls);
}

/*
 * galera-healthcheck wants a name and a password here for its other routes
 * and answers everybody who asks for the health. So do we, until somebody
 * says that these are for that, too: or the balancers of whoever brings his
 * file would find all nodes dead.
 */
static void
validate_endpoint(const struct conf_block *b, int protect)
{
    const char *name = conf_string(b, CONF_ENDPOINT_Username);

    if (strchr(name, ':'))
        error(b, CONF_ENDPOINT_Username,
              "no colon can be in it: basic authentication ends the name "
              "there");
    if (protect && !*name)
        error(b, CONF_ENDPOINT_Username, "is required by ProtectStatus");
    if (protect && !conf_is_set(b, CONF_ENDPOINT_Password))
        error(b, CONF_ENDPOINT_Password, "is required by ProtectStatus");
    if (!protect && *name)
        conf_block_problem(b, CONF_WARNING, CONF_ENDPOINT_Username,
                           "not asked for: whoever asks is told the health, "
                           "as by galera-healthcheck; \"ProtectStatus\": "
                           "true changes that");
}

static void
read_endpoint(struct conf_agent *c, const struct conf_block *top)
{
    struct conf_block b;
    int protect;

    conf_block_child(&b, top, CONF_AGENT_SidecarEndpoint, CONF_ENDPOINT);
    protect = b.values[CONF_ENDPOINT_ProtectStatus].number != 0;
    validate_endpoint(&b, protect);
    refuse_tls(&b);
    c->username =
        protect ? conf_take_string(&b, CONF_ENDPOINT_Username) : conf_copy("");
    c->password =
        protect ? conf_take_string(&b, CONF_ENDPOINT_Password) : conf_copy("");
    conf_block_free(&b);
}

/* ---- the file --------------------------------------------------------- */

static void
read_top(struct conf_agent *c,
         const struct conf_spot *root,
         struct conf_report *report)
{
    struct conf_block top;

    conf_block_init(&top, report, CONF_AGENT, "");
    conf_block_read(&top, root);
    validate_top(&top);
    read_db(c, &top);
    read_endpoint(c, &top);
    c->host = conf_take_string(&top, CONF_AGENT_Host);
    c->port = (int)top.values[CONF_AGENT_Port].number;
    c->available_when_donor =
        top.values[CONF_AGENT_AvailableWhenDonor].number != 0;
    c->available_when_read_only =
        top.values[CONF_AGENT_AvailableWhenReadOnly].number != 0;
    c->maintenance_file = conf_take_string(&top, CONF_AGENT_MaintenanceFile);
    c->query_timeout_ms = (int)top.values[CONF_AGENT_QueryTimeoutMillis].number;
    conf_block_free(&top);
}

struct conf_agent *
conf_agent_parse(const char *text, size_t len, struct conf_report *report)
{
    struct conf_agent *c = calloc(1, sizeof(*c));
    struct conf_text t;

    if (!c)
        abort();
    memset(report, 0, sizeof(*report));
    if (conf_text_open(&t, text, len, report) == 0 &&
        conf_is_root(&t.root, report))
        read_top(c, &t.root, report);
    conf_text_close(&t);
    if (report->errors == 0)
        return c;
    conf_agent_free(c);
    return NULL;
}

struct conf_agent *
conf_agent_load(const char *file, struct conf_report *report)
{
    size_t len;
    char *text = conf_text_file(file, &len, report);
    struct conf_agent *c = text ? conf_agent_parse(text, len, report) : NULL;

    free(text);
    return c;
}

void
conf_agent_free(struct conf_agent *c)
{
    if (!c)
        return;
    free(c->host);
    free(c->db_host);
    free(c->db_user);
    free(c->db_password);
    free(c->maintenance_file);
    free(c->username);
    free(c->password);
    free(c);
}
