/* Raft ports on this machine, and peers that speak to them byte by byte. */
#ifndef RAFT_PORT_HELP_H
#define RAFT_PORT_HELP_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <semaphore.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "consensus/raft_port.h"

#define SECRET "correct horse battery"

/* ---- names ------------------------------------------------------------ */

static sem_t go_on;

/* The resolver's: "nowhere" there is not, "slow" waits for the semaphore, of
 * the two addresses of "two" nobody is at the first. */
int
getaddrinfo(const char *name,
            const char *service,
            const struct addrinfo *hints,
            struct addrinfo **out)
{
    int (*real)(const char *, const char *, const struct addrinfo *,
                struct addrinfo **);
    int rc;

    *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
    if (hints->ai_flags & AI_NUMERICHOST)
        return real(name, service, hints, out);
    if (strcmp(name, "nowhere") == 0)
        return EAI_NONAME;
    if (strcmp(name, "slow") == 0)
        sem_wait(&go_on);
    if (strcmp(name, "slow") == 0)
        name = "127.0.0.1";
    if (strcmp(name, "two") != 0)
        return real(name, service, hints, out);
    rc = real("127.0.0.9", service, hints, out);
    return rc ? rc : real("127.0.0.1", service, hints, &(*out)->ai_next);
}

/* ---- nodes ------------------------------------------------------------ */

/* What a node's port told it, as server and as client. */
struct node {
    struct loop *loop;
    struct raft_port *port;
    struct handshake_self self;
    char address[MEMBER_ADDRESS_SIZE];
    int closed;

    int accepted;
    struct handshake proven;
    uv_tcp_t *stream;
    char extra[64];
    int closes_when_accepted;

    struct raft_dial *dial;
    int dialled, status;
    enum handshake_refusal why;
    char text[512];
    int closes_when_dialled, dials_again;
    int several; /* dials at once: `dial` is the last */
};

/* Until the condition holds; fails after 5 s. */
#define run_until(l, condition)                   \
    do {                                          \
        uint64_t end_ms = clock_mono_ms() + 5000; \
                                                  \
        while (!(condition)) {                    \
            if (clock_mono_ms() > end_ms)         \
                fail_msg("not: %s", #condition);  \
            uv_run(&(l)->uv, UV_RUN_ONCE);        \
        }                                         \
    } while (0)

static inline void
run_for(struct loop *l, unsigned ms)
{
    uint64_t end_ms = clock_mono_ms() + ms;

    do {
        uv_run(&l->uv, UV_RUN_NOWAIT);
        usleep(200);
    } while (clock_mono_ms() < end_ms);
}

static inline void
on_port_closed(void *data)
{
    struct node *n = data;

    n->closed++;
}

static inline void
node_close(struct node *n)
{
    if (n->port)
        raft_port_close(n->port, on_port_closed, n);
    n->port = NULL;
}

static inline void
node_hang_up(struct node *n)
{
    raft_port_hang_up(n->stream);
    n->stream = NULL;
}

static inline void
keep(struct node *n,
     const struct handshake *proven,
     uv_tcp_t *stream,
     const void *extra,
     size_t extra_len)
{
    assert_true(extra_len < sizeof(n->extra));
    assert_true((extra != NULL) == (extra_len > 0));
    node_hang_up(n);
    n->proven = *proven;
    n->stream = stream;
    memset(n->extra, 0, sizeof(n->extra));
    if (extra)
        memcpy(n->extra, extra, extra_len);
    assert_null(stream->data);
    assert_false(uv_is_active((uv_handle_t *)stream));
}

static inline void
on_accepted(void *data,
            const struct handshake *proven,
            uv_tcp_t *stream,
            const void *extra,
            size_t extra_len)
{
    struct node *n = data;

    n->accepted++;
    keep(n, proven, stream, extra, extra_len);
    if (n->closes_when_accepted)
        node_close(n);
}

static inline void
on_dialled(void *data,
           int status,
           const struct handshake *proven,
           uv_tcp_t *stream,
           const void *extra,
           size_t extra_len,
           enum handshake_refusal why,
           const char *text)
{
    struct node *n = data;

    n->dialled++;
    n->status = status;
    n->why = why;
    snprintf(n->text, sizeof(n->text), "%s", text);
    assert_true((status == 0) == (proven != NULL));
    assert_true((status == 0) == (stream != NULL));
    if (!n->several)
        raft_dial_cancel(n->dial); /* is harmless here */
    n->dial = NULL;
    if (status == 0)
        keep(n, proven, stream, extra, extra_len);
    if (n->dials_again-- > 0)
        n->dial =
            raft_port_dial(n->port, n->address, HANDSHAKE_RAFT, on_dialled, n);
    if (n->closes_when_dialled)
        node_close(n);
}

/* A TCP port that nobody has, below those of outgoing connections. */
static inline uint16_t
free_port(void)
{
    static unsigned next;

    for (;; next++) {
        unsigned port = 20000 + ((unsigned)getpid() * 64 + next) % 12000;
        struct sockaddr_in at = {.sin_family = AF_INET,
                                 .sin_port = htons((uint16_t)port)};
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        int rc = bind(fd, (struct sockaddr *)&at, sizeof(at));

        close(fd);
        if (rc == 0) {
            next++;
            return (uint16_t)port;
        }
    }
}

static inline void
node_init(struct node *n, struct loop *loop, uint64_t id)
{
    memset(n, 0, sizeof(*n));
    n->loop = loop;
    n->self.id = id;
    strcpy(n->self.domain, "dc1:production");
    strcpy(n->self.store_id, "6f1c9a52");
}

/* HOST "": does not listen. 0, or -1 and the sentence in n->text. */
static inline int
node_open_as(struct node *n, const char *host, const char *secret, int insecure)
{
    struct raft_port_options options = {.bind = n->address,
                                        .secret = secret,
                                        .insecure = insecure,
                                        .self = &n->self,
                                        .accept = on_accepted,
                                        .data = n};

    if (host[0])
        snprintf(n->address, sizeof(n->address), "%s:%u", host, free_port());
    n->port = raft_port_open(n->loop, &options, n->text, sizeof(n->text));
    return n->port ? 0 : -1;
}

static inline void
node_open(struct node *n)
{
    if (node_open_as(n, "127.0.0.1", SECRET, 0) != 0)
        fail_msg("%s", n->text);
}

static inline void
node_dial(struct node *n, const char *address, enum handshake_role role)
{
    int before = n->dialled;

    n->dial = raft_port_dial(n->port, address, role, on_dialled, n);
    assert_int_equal(n->dialled, before);
}

/* ---- two of them ------------------------------------------------------ */

struct scene {
    struct loop loop;
    struct node a, b;
    int fds;
};

static inline int
count_fds(void)
{
    DIR *dir = opendir("/proc/self/fd");
    int n = 0;

    while (readdir(dir))
        n++;
    closedir(dir);
    return n;
}

static inline void
begin(struct scene *s)
{
    uv_tcp_t first; /* makes the loop open what it keeps for streams */

    memset(s, 0, sizeof(*s));
    sem_init(&go_on, 0, 0);
    assert_int_equal(loop_init(&s->loop), 0);
    node_init(&s->a, &s->loop, 0xa);
    node_init(&s->b, &s->loop, 0xb);
    uv_tcp_init(&s->loop.uv, &first);
    uv_close((uv_handle_t *)&first, NULL);
    uv_run(&s->loop.uv, UV_RUN_NOWAIT);
    s->fds = count_fds();
}

static inline void
begin_open(struct scene *s)
{
    begin(s);
    node_open(&s->a);
    node_open(&s->b);
}

/* Everything that was opened is closed again. */
static inline void
end(struct scene *s)
{
    int ports = (s->a.port != NULL) + (s->b.port != NULL);
    int closed = s->a.closed + s->b.closed;

    node_close(&s->a);
    node_close(&s->b);
    node_hang_up(&s->a);
    node_hang_up(&s->b);
    run_until(&s->loop, s->a.closed + s->b.closed == closed + ports);
    assert_int_equal(count_fds(), s->fds);
    loop_close(&s->loop);
    assert_false(loop_left_open());
}

/* b dials ADDRESS and hears of it. */
static inline void
dial_and_wait(struct scene *s, const char *address, enum handshake_role role)
{
    int before = s->b.dialled;

    node_dial(&s->b, address, role);
    run_until(&s->loop, s->b.dialled > before);
    assert_int_equal(s->b.dialled, before + 1);
}

/* a and b have each other. */
static inline void
assert_met(struct scene *s)
{
    assert_int_equal(s->b.status, 0);
    assert_int_equal(s->b.why, HANDSHAKE_ACCEPTED);
    assert_string_equal(s->b.text, "");
    assert_true(s->b.proven.other.id == s->a.self.id);
    run_until(&s->loop, s->a.accepted);
    assert_int_equal(s->a.accepted, 1);
    assert_true(s->a.proven.other.id == s->b.self.id);
}

/* b was told why its dial came to nothing; nobody was handed out. */
static inline void
assert_refused(struct scene *s, enum handshake_refusal why, const char *text)
{
    assert_int_equal(s->b.status, -1);
    assert_int_equal(s->b.why, why);
    assert_string_equal(s->b.text, text);
    assert_int_equal(s->a.accepted, 0);
    assert_null(s->b.stream);
}

/* ---- peers without a port --------------------------------------------- */

static inline struct sockaddr_in
at_port(const char *address)
{
    struct sockaddr_in at = {.sin_family = AF_INET};

    at.sin_port = htons((uint16_t)atoi(strrchr(address, ':') + 1));
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return at;
}

static inline int
raw_connect(const char *address)
{
    struct sockaddr_in at = at_port(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

    assert_true(fd >= 0);
    assert_true(connect(fd, (struct sockaddr *)&at, sizeof(at)) == 0 ||
                errno == EINPROGRESS);
    return fd;
}

/* A listener of ours; its ADDRESS. */
static inline int
raw_listen(char *address, size_t size, int backlog)
{
    struct sockaddr_in at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

    snprintf(address, size, "127.0.0.1:%u", free_port());
    at = at_port(address);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(listen(fd, backlog), 0);
    return fd;
}

/* A listener that takes nobody any more. */
static inline int
raw_listen_full(char *address, size_t size, int fill[3])
{
    int fd = raw_listen(address, size, 0);

    for (int i = 0; i < 3; i++)
        fill[i] = raw_connect(address);
    return fd;
}

static inline void
raw_close_full(int fd, const int fill[3])
{
    for (int i = 0; i < 3; i++)
        close(fill[i]);
    close(fd);
}

static inline int
raw_accept(struct loop *l, int listener)
{
    int fd;

    run_until(l, (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0);
    return fd;
}

#define RAW_SIZE 2048

/* Reads until the other side hung up (1), or sent MIN bytes. */
static inline int
raw_read(struct loop *l,
         int fd,
         unsigned char bytes[RAW_SIZE],
         size_t *len,
         size_t min)
{
    ssize_t n = -1;

    *len = 0;
    while (*len < min) {
        run_until(l, (n = read(fd, bytes + *len, RAW_SIZE - *len)) >= 0 ||
                         errno != EAGAIN);
        if (n <= 0)
            return 1;
        *len += (size_t)n;
    }
    return 0;
}

/* Says what H has to, and EXTRA behind it. */
static inline void
raw_say(int fd, struct handshake *h, const char *extra)
{
    unsigned char bytes[4096];
    size_t len = h->out_len;

    memcpy(bytes, h->out, len);
    memcpy(bytes + len, extra, strlen(extra));
    len += strlen(extra);
    assert_int_equal(send(fd, bytes, len, MSG_NOSIGNAL), len);
    h->out_len = 0;
}

/* The other side's next words to H. */
static inline enum handshake_step
raw_hear(struct loop *l, int fd, struct handshake *h)
{
    unsigned char bytes[RAW_SIZE];
    size_t len, used;

    raw_read(l, fd, bytes, &len, 1);
    return handshake_feed(h, bytes, len, &used);
}

#endif
