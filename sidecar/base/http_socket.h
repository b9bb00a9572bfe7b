/* A listening socket: a unix socket, which stands where a dead one may have
 * been left, or one of TCP. */
#ifndef BASE_HTTP_SOCKET_H
#define BASE_HTTP_SOCKET_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct http_socket {
    int fd;
    char *path;   /* NULL: TCP */
    dev_t device; /* of the socket's file: is it still ours? */
    ino_t inode;
};

/*
 * Binds and listens, for owner and group only (0660). A socket file on which
 * nobody answers is replaced; anything else in its place is left alone and
 * an error. 0, or -1 with a sentence in err.
 */
int http_socket_listen(struct http_socket *s,
                       const char *path,
                       char *err,
                       size_t err_size);

/* TCP on an IP literal; "::" is IPv4, too. 0, or -1 with a sentence. */
int http_socket_listen_tcp(struct http_socket *s,
                           const char *address,
                           uint16_t port,
                           char *err,
                           size_t err_size);

/* Takes the file away, unless another one has come in its place. The
 * descriptor is the caller's. */
void http_socket_remove(struct http_socket *s);

#endif
