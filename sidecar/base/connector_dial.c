/* One blocking connect in a thread, by libmariadb's hook for its waits. */
#include "base/connector_dial.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#include <openssl/err.h>

#include "base/loop.h"

#define SLICE_MS 100 /* longest single wait */

static __thread struct connector_dial *dialling;

static void
set_nonblocking(int fd)
{
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

/* Writing is waited for only until the TCP connection stands or fails, and
 * libmariadb would forget with which errno. */
static int
ready(int fd, int is_read)
{
    int error = 0;
    socklen_t len = sizeof(error);

    if (!is_read)
        getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len);
    errno = error;
    return error ? -1 : 1;
}

/*
 * libmariadb's every wait comes here, so that a cancelled connect ends at
 * once and all of it, whatever the peer does, has one deadline. Of a wait in
 * which this process stood still only the slice counts. libmariadb's own
 * timeout is not used: in a TLS handshake it takes seconds for milliseconds.
 */
static int
wait_io(my_socket fd, my_bool is_read, int unused_timeout)
{
    struct connector_dial *d = dialling;
    struct pollfd fds[2] = {
        {.fd = (int)fd, .events = is_read ? POLLIN : POLLOUT},
        {.fd = d->wake_fd, .events = POLLIN},
    };

    (void)unused_timeout;
    if (is_read && !atomic_exchange(d->reached, 1))
        set_nonblocking((int)fd); /* or TLS would wait in read(2), not here */
    while (d->timeout_ms > 0) {
        int slice_ms = d->timeout_ms < SLICE_MS ? d->timeout_ms : SLICE_MS;
        uint64_t began_ms = clock_mono_ms(), took_ms;
        int n = poll(fds, 2, slice_ms);

        if (n < 0 && errno != EINTR)
            return -1;
        took_ms = clock_mono_ms() - began_ms;
        d->timeout_ms -= took_ms < (uint64_t)slice_ms ? (int)took_ms : slice_ms;
        if (n > 0 && fds[1].revents) {
            errno = ECANCELED;
            return -1;
        }
        if (n > 0)
            return ready((int)fd, is_read);
    }
    errno = ETIMEDOUT;
    return 0;
}

static MYSQL *
handle(const struct mysql_target *t, int timeout_ms)
{
    const unsigned timeout_s = (unsigned)(timeout_ms + 999) / 1000;
    MYSQL *mysql = mysql_target_handle(t, MYSQL_TARGET_ANY_SAFE);

    mysql_options(mysql, MYSQL_OPT_CONNECT_TIMEOUT, &timeout_s);
    mysql_options(mysql, MYSQL_OPT_READ_TIMEOUT, &timeout_s);
    mysql_options(mysql, MYSQL_OPT_WRITE_TIMEOUT, &timeout_s);
    mysql_optionsv(mysql, MARIADB_OPT_IO_WAIT, wait_io);
    return mysql;
}

static MYSQL *
failed(MYSQL *mysql,
       const struct connector_dial *d,
       int given_ms,
       struct mysql_failure *why)
{
    const struct mysql_target *t = d->target;

    if (d->timeout_ms <= 0 && atomic_load(d->reached))
        mysql_failure_handshake(why, d->address, t->port, (unsigned)given_ms);
    else
        mysql_failure_mysql(why, d->address, t->port, mysql_errno(mysql),
                            mysql_error(mysql));
    mysql_close(mysql);
    return NULL;
}

/* Without a certificate to verify libmariadb goes on in plain text when the
 * server has no TLS; that a password was sent then is why only those plugins
 * are allowed that do not send it as it is. */
MYSQL *
connector_dial(struct connector_dial *d, struct mysql_failure *why)
{
    const struct mysql_target *t = d->target;
    int given_ms = d->timeout_ms, is_socket = mysql_target_is_socket(t);
    const char *host = d->by_name ? t->host : d->address;
    MYSQL *mysql = handle(t, given_ms);

    dialling = d;
    ERR_clear_error();
    if (!mysql_real_connect(mysql, is_socket ? NULL : host, t->user,
                            t->password, t->database[0] ? t->database : NULL,
                            t->port, is_socket ? host : NULL, 0))
        return failed(mysql, d, given_ms, why);
    mysql_optionsv(mysql, MARIADB_OPT_IO_WAIT, NULL);
    if (t->tls.use && !mysql_get_ssl_cipher(mysql)) {
        mysql_failure_say(why, "UseTLS is set, but the server has no TLS");
        mysql_close(mysql);
        return NULL;
    }
    set_nonblocking((int)mysql_get_socket(mysql));
    return mysql;
}
