/* Which database, as whom, and how safely: what one connection is made of. */
#include "base/mysql_target.h"

#include <ctype.h>
#include <glob.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/x509.h>

/* MYSQL_CLIENT_AUTHENTICATION_PLUGIN of <mysql/client_plugin.h>, which cannot
 * be included: it wants a header that Debian does not install. */
#define AUTHENTICATION_PLUGIN 2

/* A packet larger than this is no answer to a probe or to the backend's
 * reads; the client's default would be 1 GB. */
#define MAX_PACKET_BYTES (4UL * 1024 * 1024)

/* libmariadb looks for the plugin's name anywhere in these texts. */
#define NATIVE "mysql_native_password"
#define SAFE                                                               \
    NATIVE ",client_ed25519,caching_sha2_password,sha256_password,dialog," \
           "auth_gssapi_client,parsec"
#define CLEAR SAFE ",mysql_clear_password"

static char *
copy(const char *text)
{
    char *dup = strdup(text ? text : "");

    if (!dup)
        abort();
    return dup;
}

void
mysql_target_copy(struct mysql_target *to, const struct mysql_target *from)
{
    to->host = copy(from->host);
    to->port = from->port;
    to->user = copy(from->user);
    to->password = copy(from->password);
    to->database = copy(from->database);
    to->collation = copy(from->collation);
    to->tls.use = from->tls.use;
    to->tls.verify = from->tls.verify;
    to->tls.ca = copy(from->tls.ca);
    to->tls.cert = copy(from->tls.cert);
    to->tls.key = copy(from->tls.key);
}

void
mysql_target_clear(struct mysql_target *t)
{
    free(t->host);
    free(t->user);
    free(t->password);
    free(t->database);
    free(t->collation);
    free(t->tls.ca);
    free(t->tls.cert);
    free(t->tls.key);
    memset(t, 0, sizeof(*t));
}

int
mysql_target_is_socket(const struct mysql_target *t)
{
    return t->host[0] == '/';
}

static const char *
or_null(const char *text)
{
    return text[0] ? text : NULL;
}

/* The system's CAs as a directory that OpenSSL looks into as needed. Told
 * neither file nor directory, libmariadb has it read all of them for each
 * connection (70 ms, 1 MB), which is left for systems without such a one. */
static char system_cas[256];

static void
find_system_cas(void)
{
    const char *dir = X509_get_default_cert_dir();
    char hashed[sizeof(system_cas) + 4];
    glob_t found;

    if (getenv(X509_get_default_cert_file_env()) ||
        getenv(X509_get_default_cert_dir_env()) ||
        strlen(dir) >= sizeof(system_cas))
        return;
    snprintf(hashed, sizeof(hashed), "%s/*.0", dir);
    if (glob(hashed, GLOB_NOSORT, NULL, &found) != 0)
        return;
    strcpy(system_cas, dir);
    globfree(&found);
}

/* Without verify the CA is left out as well: libmariadb would insist on the
 * chain (though not on the name) as soon as it has one. */
static void
set_tls(MYSQL *mysql, const struct conf_tls *tls)
{
    my_bool use = tls->use != 0, verify = tls->use && tls->verify;

    if (tls->use)
        mysql_ssl_set(mysql, or_null(tls->key), or_null(tls->cert),
                      tls->verify ? or_null(tls->ca) : NULL,
                      tls->verify && !tls->ca[0] ? or_null(system_cas) : NULL,
                      NULL);
    mysql_options(mysql, MYSQL_OPT_SSL_ENFORCE, &use);
    mysql_options(mysql, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &verify);
}

/* A collation's name begins with its character set's. Anything but a plain
 * word is left to fail on the server, quoted, and never becomes SQL. */
static void
set_collation(MYSQL *mysql, const char *collation)
{
    size_t len = strcspn(collation, "_");
    char sql[192];

    mysql_options(mysql, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    if (!collation[0])
        return;
    for (const char *p = collation; *p; p++)
        if (!isalnum((unsigned char)*p) && *p != '_')
            len = 0;
    if (len == 0)
        snprintf(sql, sizeof(sql), "SET NAMES utf8mb4 COLLATE 'invalid'");
    else
        snprintf(sql, sizeof(sql), "SET NAMES %.*s COLLATE %.64s",
                 len > 64 ? 64 : (int)len, collation, collation);
    mysql_options(mysql, MYSQL_INIT_COMMAND, sql);
}

MYSQL *
mysql_target_handle(const struct mysql_target *t, enum mysql_target_auth auth)
{
    MYSQL *mysql = mysql_init(NULL);
    const unsigned no_files = 0, protocol = mysql_target_is_socket(t)
                                                ? MYSQL_PROTOCOL_SOCKET
                                                : MYSQL_PROTOCOL_TCP;
    const unsigned long max_packet = MAX_PACKET_BYTES;

    if (!mysql || mysql_options(mysql, MYSQL_OPT_NONBLOCK, 0) != 0)
        abort();
    mysql_options(mysql, MYSQL_OPT_PROTOCOL, &protocol);
    mysql_options(mysql, MYSQL_OPT_LOCAL_INFILE, &no_files);
    mysql_options(mysql, MYSQL_OPT_MAX_ALLOWED_PACKET, &max_packet);
    mysql_options(mysql, MARIADB_OPT_RESTRICTED_AUTH,
                  auth == MYSQL_TARGET_NATIVE_ONLY ? NATIVE
                  : t->tls.use && t->tls.verify    ? CLEAR
                                                   : SAFE);
    set_collation(mysql, t->collation);
    set_tls(mysql, &t->tls);
    return mysql;
}

/*
 * The dialog plugin (PAM) looks for this name in the program, and without it
 * asks on the terminal. The configured password answers the first question;
 * there is no answer to any other.
 */
char *mariadb_auth_dialog(MYSQL *mysql,
                          int type,
                          const char *prompt,
                          char *buffer,
                          int buffer_len);

char *
mariadb_auth_dialog(MYSQL *mysql,
                    int type,
                    const char *prompt,
                    char *buffer,
                    int buffer_len)
{
    (void)mysql, (void)type, (void)prompt, (void)buffer, (void)buffer_len;
    return NULL;
}

/*
 * The plugins that libmariadb loads on demand are loaded here once: later the
 * demand would come inside a non-blocking call, on its small stack, in the
 * loop.
 */
void
mysql_target_library(void)
{
    static const char *const plugins[] = {
        "client_ed25519", "caching_sha2_password", "sha256_password",
        "dialog",         "mysql_clear_password",
    };
    static int done;
    MYSQL *mysql;

    if (done)
        return;
    done = 1;
    signal(SIGPIPE, SIG_IGN);
    /* a thread may still be in OpenSSL when the process exits */
    OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, NULL);
    find_system_cas();
    if (mysql_library_init(0, NULL, NULL) != 0)
        abort();
    mysql = mysql_init(NULL);
    for (size_t i = 0; mysql && i < sizeof(plugins) / sizeof(*plugins); i++)
        mysql_client_find_plugin(mysql, plugins[i], AUTHENTICATION_PLUGIN);
    mysql_close(mysql);
}
