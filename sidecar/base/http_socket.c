/* Taking and leaving a unix socket's place in the file system, or a port. */
#include "base/http_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <uv.h>

#define SOCKET_BACKLOG 511

static int
refuse(char *err, size_t err_size, const char *path, const char *why)
{
    snprintf(err, err_size, "%s: %s", path, why);
    return -1;
}

static int
refuse_errno(char *err, size_t err_size, const char *path, const char *what)
{
    int error = errno;

    snprintf(err, err_size, "%s: %s: %s", path, what, strerror(error));
    return -1;
}

static int
open_socket(void)
{
    return socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

/* 0 when nothing is in the way any more. */
static int
clear_place(const struct sockaddr_un *address, char *err, size_t err_size)
{
    const char *path = address->sun_path;
    struct stat st;
    int fd, rc, error;

    if (lstat(path, &st) != 0)
        return 0; /* bind says what else may be wrong */
    if (!S_ISSOCK(st.st_mode))
        return refuse(err, err_size, path,
                      "is not a socket, so it stays; move it away or name "
                      "another path");
    fd = open_socket();
    if (fd < 0)
        return refuse_errno(err, err_size, path, "socket");
    rc = connect(fd, (const struct sockaddr *)address, sizeof(*address));
    error = rc == 0 ? 0 : errno;
    close(fd);
    /* A full backlog (EAGAIN) is a sign of life, too. */
    if (error != ECONNREFUSED && error != ENOENT)
        return refuse(err, err_size, path,
                      error == EACCES || error == EPERM
                          ? "belongs to another user's process"
                          : "another process answers there; stop it or name "
                            "another path");
    if (error == ECONNREFUSED && unlink(path) != 0)
        return refuse_errno(err, err_size, path, "unlink");
    return 0;
}

/* Between bind and listen nobody can connect, so the mode is right in time
 * whatever the umask was. */
static int
take_place(int fd, const struct sockaddr_un *address, struct stat *st)
{
    const char *path = address->sun_path;

    if (bind(fd, (const struct sockaddr *)address, sizeof(*address)) != 0)
        return -1;
    if (chmod(path, 0660) == 0 && lstat(path, st) == 0 &&
        listen(fd, SOCKET_BACKLOG) == 0)
        return 0;
    unlink(path);
    return -1;
}

int
http_socket_listen(struct http_socket *s,
                   const char *path,
                   char *err,
                   size_t err_size)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct stat st;

    if (strlen(path) >= sizeof(address.sun_path)) {
        snprintf(err, err_size,
                 "%s: a unix socket's path may have %zu bytes; name a "
                 "shorter one",
                 path, sizeof(address.sun_path) - 1);
        return -1;
    }
    memcpy(address.sun_path, path, strlen(path) + 1);
    if (clear_place(&address, err, err_size) != 0)
        return -1;
    s->fd = open_socket();
    if (s->fd < 0 || take_place(s->fd, &address, &st) != 0) {
        refuse_errno(err, err_size, path, "cannot listen there");
        if (s->fd >= 0)
            close(s->fd);
        return -1;
    }
    s->device = st.st_dev;
    s->inode = st.st_ino;
    s->path = strdup(path);
    if (!s->path)
        abort();
    return 0;
}

/* The size of the address; 0: it is none. */
static socklen_t
tcp_address(struct sockaddr_storage *out, const char *address, uint16_t port)
{
    if (uv_ip4_addr(address, port, (struct sockaddr_in *)out) == 0)
        return sizeof(struct sockaddr_in);
    if (uv_ip6_addr(address, port, (struct sockaddr_in6 *)out) == 0)
        return sizeof(struct sockaddr_in6);
    return 0;
}

int
http_socket_listen_tcp(struct http_socket *s,
                       const char *address,
                       uint16_t port,
                       char *err,
                       size_t err_size)
{
    struct sockaddr_storage to = {0};
    socklen_t len = tcp_address(&to, address, port);
    char where[96];
    int on = 1;

    snprintf(where, sizeof(where), strchr(address, ':') ? "[%s]:%u" : "%s:%u",
             address, port);
    if (len == 0)
        return refuse(err, err_size, where, "is no IP address");
    s->path = NULL;
    s->fd = socket(to.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    /* A connection that lingers must not keep us from starting again. */
    if (s->fd >= 0 &&
        setsockopt(s->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
        bind(s->fd, (struct sockaddr *)&to, len) == 0 &&
        listen(s->fd, SOCKET_BACKLOG) == 0)
        return 0;
    refuse_errno(err, err_size, where, "cannot listen there");
    if (s->fd >= 0)
        close(s->fd);
    return -1;
}

void
http_socket_remove(struct http_socket *s)
{
    struct stat st;

    if (!s->path)
        return;
    if (lstat(s->path, &st) == 0 && st.st_dev == s->device &&
        st.st_ino == s->inode)
        unlink(s->path);
    free(s->path);
    s->path = NULL;
}
