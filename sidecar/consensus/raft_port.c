/* The raft port: listening, and what both kinds of connections need. */
#include "consensus/raft_port_private.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/rand.h>

#define BACKLOG 128
#define ROOM_SIZE 4096

/* A peer that is gone without a word: noticed by the kernel after about four
 * seconds of silence, and at once when it does not confirm what was sent. */
#define KEEPALIVE_IDLE_S 1
#define KEEPALIVE_INTERVAL_S 1
#define KEEPALIVE_COUNT 3
#define UNCONFIRMED_MAX_MS 1500

/* ---- life ------------------------------------------------------------- */

void
raft_port_hold(struct raft_port *p)
{
    p->handles++;
}

void
raft_port_release(struct raft_port *p)
{
    void (*closed)(void *data) = p->closed;
    void *data = p->closed_data;

    if (--p->handles > 0)
        return;
    OPENSSL_cleanse(p->secret, strlen(p->secret));
    free(p->secret);
    free(p);
    if (closed)
        closed(data);
}

static void
listener_closed(uv_handle_t *handle)
{
    raft_port_release(handle->data);
}

/* ---- connections ------------------------------------------------------ */

int
raft_port_may_meet(const struct raft_port *p,
                   const struct sockaddr_storage *address)
{
    return p->secret[0] || p->insecure || raft_endpoint_is_loopback(address);
}

void
raft_port_nonce(unsigned char *nonce)
{
    if (RAND_bytes(nonce, HANDSHAKE_NONCE_SIZE) != 1)
        abort();
}

uv_tcp_t *
raft_port_stream(struct raft_port *p)
{
    uv_tcp_t *stream = calloc(1, sizeof(*stream));

    if (!stream)
        abort();
    uv_tcp_init(&p->loop->uv, stream);
    return stream;
}

void
raft_port_room(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    static char bytes[ROOM_SIZE];

    (void)handle;
    (void)suggested;
    *buf = uv_buf_init(bytes, sizeof(bytes));
}

/* All that a handshake says is less than any socket's buffer: what does not
 * go at once never goes. */
int
raft_port_say(uv_tcp_t *stream, struct handshake *h)
{
    uv_buf_t buf = uv_buf_init((char *)h->out, (unsigned)h->out_len);
    int sent = 0;

    if (h->out_len > 0)
        sent = uv_try_write((uv_stream_t *)stream, &buf, 1);
    if (sent >= 0 && (size_t)sent < h->out_len)
        sent = UV_ENOBUFS;
    h->out_len = 0;
    return sent < 0 ? sent : 0;
}

static void
set(int fd, int level, int option, int value)
{
    setsockopt(fd, level, option, &value, sizeof(value));
}

void
raft_port_prepare(uv_tcp_t *stream)
{
    uv_os_fd_t fd;

    uv_read_stop((uv_stream_t *)stream);
    stream->data = NULL;
    if (uv_fileno((uv_handle_t *)stream, &fd) != 0)
        return;
    set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    set(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_S);
    set(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S);
    set(fd, IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_COUNT);
    set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, UNCONFIRMED_MAX_MS);
}

int
raft_port_extra_allowed(const struct handshake *proven, size_t extra_len)
{
    return proven->role == HANDSHAKE_LINK || extra_len == 0;
}

static void
free_handle(uv_handle_t *handle)
{
    free(handle);
}

void
raft_port_hang_up(uv_tcp_t *stream)
{
    if (stream)
        uv_close((uv_handle_t *)stream, free_handle);
}

/* ---- listening -------------------------------------------------------- */

static const char *
why_not(int error)
{
    switch (error) {
    case EADDRNOTAVAIL:
        return "is not an address of this machine";
    case EADDRINUSE:
        return "another process listens there";
    case EACCES:
    case EPERM:
        return "no permission to listen there";
    default:
        return strerror(error);
    }
}

/* The descriptor, or -1 and errno. By hand: libuv tells a taken port only
 * later, and cannot try a second address. */
static int
listen_at(const struct addrinfo *at)
{
    int fd =
        socket(at->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int error;

    if (fd < 0)
        return -1;
    set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (at->ai_family == AF_INET6)
        set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
    if (bind(fd, at->ai_addr, at->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    error = errno;
    close(fd);
    errno = error;
    return -1;
}

/* NULL with a sentence in err. */
static struct addrinfo *
look_up(const char *bind, char *err, size_t err_size)
{
    const struct addrinfo hints = {
        .ai_flags = AI_PASSIVE | AI_NUMERICSERV,
        .ai_socktype = SOCK_STREAM,
    };
    char host[RAFT_HOST_SIZE], service[8];
    struct addrinfo *list;
    uint16_t port;
    int rc;

    if (raft_endpoint_split(bind, host, &port) != 0) {
        snprintf(err, err_size,
                 "%s: expected HOST:PORT or [IPv6]:PORT with a port from 1 to "
                 "65535",
                 bind);
        return NULL;
    }
    snprintf(service, sizeof(service), "%u", port);
    rc = getaddrinfo(host, service, &hints, &list);
    if (rc == 0)
        return list;
    snprintf(err, err_size, "%s: cannot look %s up: %s", bind, host,
             rc == EAI_SYSTEM ? strerror(errno) : gai_strerror(rc));
    return NULL;
}

/* The first of a name's addresses where it can. */
static int
listen_somewhere(const char *bind, char *err, size_t err_size)
{
    struct addrinfo *list = look_up(bind, err, err_size);
    int fd = -1;

    if (!list)
        return -1;
    for (const struct addrinfo *at = list; at && fd < 0; at = at->ai_next) {
        fd = listen_at(at);
        if (fd < 0)
            snprintf(err, err_size, "%s: %s", bind, why_not(errno));
    }
    freeaddrinfo(list);
    return fd;
}

static int
start_listening(struct raft_port *p,
                const char *bind,
                char *err,
                size_t err_size)
{
    int fd = listen_somewhere(bind, err, err_size);
    int rc;

    if (fd < 0)
        return -1;
    rc = uv_tcp_open(&p->listener, fd);
    if (rc != 0)
        close(fd);
    else
        rc =
            uv_listen((uv_stream_t *)&p->listener, BACKLOG, raft_stranger_come);
    if (rc != 0)
        snprintf(err, err_size, "%s: %s", bind, uv_strerror(rc));
    return rc;
}

/* ---- interface -------------------------------------------------------- */

struct raft_port *
raft_port_open(struct loop *loop,
               const struct raft_port_options *options,
               char *err,
               size_t err_size)
{
    struct raft_port *p = calloc(1, sizeof(*p));

    if (!p || !(p->secret = strdup(options->secret)))
        abort();
    p->loop = loop;
    p->insecure = options->insecure;
    p->self = *options->self;
    p->accept = options->accept;
    p->data = options->data;
    uv_tcp_init(&loop->uv, &p->listener);
    p->listener.data = p;
    raft_port_hold(p);
    if (options->bind[0] &&
        start_listening(p, options->bind, err, err_size) != 0) {
        raft_port_close(p, NULL, NULL);
        return NULL;
    }
    return p;
}

void
raft_port_set_self(struct raft_port *p, const struct handshake_self *self)
{
    p->self = *self;
}

void
raft_port_close(struct raft_port *p, void (*closed)(void *data), void *data)
{
    p->closed = closed;
    p->closed_data = data;
    raft_stranger_end_all(p);
    raft_dial_cancel_all(p);
    uv_close((uv_handle_t *)&p->listener, listener_closed);
}
