/* Which database, as whom, and how safely: what one connection is made of. */
#ifndef BASE_MYSQL_TARGET_H
#define BASE_MYSQL_TARGET_H

#include <stdint.h>

#include <mysql.h>

#include "base/conf.h"

struct mysql_target {
    char *host; /* name or IP literal, as configured; TLS verifies it. A path
                   from the root is that of a unix socket */
    uint16_t port;
    char *user;
    char *password;
    char *database;  /* "" = none */
    char *collation; /* "" = utf8mb4's default */
    struct conf_tls tls;
};

/* Which authentication plugins a connection may use. */
enum mysql_target_auth {
    MYSQL_TARGET_NATIVE_ONLY, /* others fail with CR_PLUGIN_NOT_ALLOWED */
    MYSQL_TARGET_ANY_SAFE     /* all; one that sends the password as it is
                                 only over TLS with a verified server */
};

/* What may stand for a host where one is dialled: an IP literal, a path. */
#define MYSQL_TARGET_ADDRESS_SIZE 112

int mysql_target_is_socket(const struct mysql_target *t);

/* Deep copies; NULL strings become "". */
void mysql_target_copy(struct mysql_target *to,
                       const struct mysql_target *from);
void mysql_target_clear(struct mysql_target *t);
/* A MYSQL with every option set, ready for mysql_real_connect or its
 * non-blocking form. Any thread. */
MYSQL *mysql_target_handle(const struct mysql_target *t,
                           enum mysql_target_auth auth);

/* Once per process, before any other use of libmariadb and before a second
 * thread. SIGPIPE is ignored from then on. */
void mysql_target_library(void);

#endif
