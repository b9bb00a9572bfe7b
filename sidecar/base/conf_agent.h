/* The configuration of sluice-agent, in galera-healthcheck's key names. */
#ifndef BASE_CONF_AGENT_H
#define BASE_CONF_AGENT_H

#include "base/conf.h"

struct conf_agent {
    char *host; /* IP literal to listen on */
    int port;
    char *db_host; /* name or IP literal; the path of a unix socket */
    int db_port;
    char *db_user;
    char *db_password;
    int available_when_donor;
    int available_when_read_only;
    char *maintenance_file; /* "" = none */
    int query_timeout_ms;
    char *username; /* basic auth; "" = whoever asks is answered */
    char *password;
};

/* As conf_load and conf_parse. */
struct conf_agent *conf_agent_load(const char *file,
                                   struct conf_report *report);
struct conf_agent *
conf_agent_parse(const char *text, size_t len, struct conf_report *report);

/* NULL is allowed. */
void conf_agent_free(struct conf_agent *c);

#endif
