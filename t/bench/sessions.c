/*
 * Both ends of very many idle sessions, for sever.pl:
 *
 *   sessions serve PORT          greets whoever comes, and waits for its end
 *   sessions hold COUNT PORT...  opens so many, to the ports in turns; says
 *                                "held" when each was greeted, and when all
 *                                were ended "ended FIRST LAST", the times of
 *                                CLOCK_MONOTONIC in seconds
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define EVENTS 512

/* Both ends share the machine with whoever ends the sessions, which they would
 * not elsewhere: ends are looked at by the millisecond, and not one by one. */
#define PAUSE_US 1000

static const char greeting[] = "ready\n";

static void
die(const char *what)
{
    fprintf(stderr, "sessions: %s: %s\n", what, strerror(errno));
    exit(1);
}

static double
now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static struct sockaddr_in
address(const char *port)
{
    struct sockaddr_in sin = {.sin_family = AF_INET,
                              .sin_port = htons((in_port_t)atoi(port)),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    return sin;
}

/* Its end alone is waited for, and told once: no call is needed to see it,
 * which would take time from who ends it. */
static void
watch_end(int epoll, int fd)
{
    struct epoll_event event = {.events = EPOLLRDHUP | EPOLLONESHOT,
                                .data.fd = fd};

    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event))
        die("epoll_ctl");
}

static int
listen_on(const char *port)
{
    struct sockaddr_in sin = address(port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), on = 1;

    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
        bind(fd, (struct sockaddr *)&sin, sizeof(sin)) || listen(fd, 4096))
        die("listen");
    return fd;
}

static void
greet_all(int epoll, int listener)
{
    int fd;

    while ((fd = accept(listener, NULL, NULL)) >= 0) {
        if (send(fd, greeting, sizeof(greeting) - 1, MSG_NOSIGNAL) < 0)
            close(fd);
        else
            watch_end(epoll, fd);
    }
}

static void
serve(const char *port)
{
    int listener = listen_on(port), epoll = epoll_create1(0), i, n, came;
    struct epoll_event events[EVENTS];
    struct epoll_event comes = {.events = EPOLLIN, .data.fd = listener};

    if (epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &comes))
        die("epoll_ctl");
    for (;;) {
        n = epoll_wait(epoll, events, EVENTS, -1);
        for (i = came = 0; i < n; i++) {
            if (events[i].data.fd != listener) {
                close(events[i].data.fd);
                continue;
            }
            greet_all(epoll, listener);
            came = 1;
        }
        if (!came)
            usleep(PAUSE_US);
    }
}

static int
open_session(const char *port)
{
    struct sockaddr_in sin = address(port);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    char text[sizeof(greeting)];

    if (fd < 0 || connect(fd, (struct sockaddr *)&sin, sizeof(sin)))
        die("connect");
    if (recv(fd, text, sizeof(greeting) - 1, MSG_WAITALL) !=
        (ssize_t)sizeof(greeting) - 1)
        die("no greeting");
    return fd;
}

/* They stay open here, for the same reason. */
static void
wait_for_ends(int epoll, int count)
{
    struct epoll_event events[EVENTS];
    double first = 0, last = 0;
    int n;

    while (count > 0) {
        n = epoll_wait(epoll, events, EVENTS, -1);
        if (n <= 0)
            continue;
        last = now();
        first = first > 0 ? first : last;
        count -= n;
        if (n < EVENTS && count > 0)
            usleep(PAUSE_US);
    }
    printf("ended %.6f %.6f\n", first, last);
}

static void
hold(int count, int nports, char *ports[])
{
    int epoll = epoll_create1(0), i;

    for (i = 0; i < count; i++)
        watch_end(epoll, open_session(ports[i % nports]));
    printf("held\n");
    fflush(stdout);
    wait_for_ends(epoll, count);
}

int
main(int argc, char *argv[])
{
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    if (argc == 3 && strcmp(argv[1], "serve") == 0)
        serve(argv[2]);
    if (argc < 4 || strcmp(argv[1], "hold") != 0 || atoi(argv[2]) < 1) {
        fprintf(stderr, "sessions serve PORT | sessions hold COUNT PORT...\n");
        return 2;
    }
    hold(atoi(argv[2]), argc - 3, argv + 3);
    return 0;
}
