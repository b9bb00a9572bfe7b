/*
 * A client for tests of servers in the same process: it never blocks, and
 * turns the server's loop while it waits.
 */
#ifndef HTTP_HELP_H
#define HTTP_HELP_H

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <sys/socket.h>
#include <sys/un.h>

#include "base/loop.h"

#define HTTP_HELP_MS 10000 /* then a wait has failed */
#define HTTP_HELP_SIZE (256 * 1024)

/* Appended to a request line: what a minimal request needs. */
#define LAST " HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n"

/* One turn of the loop, and at most a millisecond for FD. */
static inline void
http_help_turn(struct loop *loop, int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};

    uv_run(&loop->uv, UV_RUN_NOWAIT);
    if (poll(&p, 1, 1) > 0)
        return;
    uv_run(&loop->uv, UV_RUN_NOWAIT);
}

static inline int
http_help_connect(const char *path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    snprintf(a.sun_path, sizeof(a.sun_path), "%.107s", path);
    if (connect(fd, (struct sockaddr *)&a, sizeof(a)) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

/* 0, or -1 when the server does not take it all. */
static inline int
http_help_send(struct loop *loop, int fd, const char *text, size_t len)
{
    uint64_t end_ms = clock_mono_ms() + HTTP_HELP_MS;
    ssize_t n;

    while (len > 0 && clock_mono_ms() < end_ms) {
        n = send(fd, text, len, MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN)
            return -1;
        if (n > 0) {
            text += n;
            len -= (size_t)n;
        }
        uv_run(&loop->uv, UV_RUN_NOWAIT);
    }
    return len == 0 ? 0 : -1;
}

/* Reads to the end of the connection. 0, or -1 when the time is over. */
static inline int
http_help_read(struct loop *loop, int fd, char *text, size_t size)
{
    uint64_t end_ms = clock_mono_ms() + HTTP_HELP_MS;
    size_t got = 0;
    ssize_t n;

    text[0] = '\0';
    while (clock_mono_ms() < end_ms && got < size - 1) {
        http_help_turn(loop, fd);
        n = recv(fd, text + got, size - 1 - got, 0);
        if (n == 0 || (n < 0 && errno != EAGAIN))
            return 0;
        if (n > 0)
            got += (size_t)n;
        text[got] = '\0';
    }
    return -1;
}

/* Reads until TEXT ends so; for connections that stay open. */
static inline int
http_help_read_until(struct loop *loop,
                     int fd,
                     char *text,
                     size_t size,
                     const char *last)
{
    uint64_t end_ms = clock_mono_ms() + HTTP_HELP_MS;
    size_t got = 0, len = strlen(last);
    ssize_t n;

    text[0] = '\0';
    while (clock_mono_ms() < end_ms && got < size - 1) {
        http_help_turn(loop, fd);
        n = recv(fd, text + got, size - 1 - got, 0);
        if (n == 0 || (n < 0 && errno != EAGAIN))
            return -1;
        if (n > 0)
            got += (size_t)n;
        text[got] = '\0';
        if (got >= len && memcmp(text + got - len, last, len) == 0)
            return 0;
    }
    return -1;
}

/* A whole conversation: sends, reads to the end, and gives the answer, which
 * stands until the next one. "" when there is none. */
static inline const char *
http_help_ask(struct loop *loop, const char *path, const char *request)
{
    static char text[HTTP_HELP_SIZE];
    int fd = http_help_connect(path);

    text[0] = '\0';
    if (fd < 0)
        return text;
    /* A server may answer before it took all. */
    http_help_send(loop, fd, request, strlen(request));
    if (http_help_read(loop, fd, text, sizeof(text)) != 0)
        snprintf(text, sizeof(text), "no end in time");
    close(fd);
    return text;
}

/* Where the body begins; "" without one. */
static inline const char *
http_help_body(const char *answer)
{
    const char *end = strstr(answer, "\r\n\r\n");

    return end ? end + 4 : "";
}

#endif
