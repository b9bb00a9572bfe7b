/* Why a database could not be reached or asked, as text. */
#include "base/mysql_failure.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <errmsg.h>
#include <uv.h>

#define PEER_SIZE 128 /* a unix socket's path fits */

/* What was cut in the middle of a UTF-8 character ends before it, and a
 * server's line breaks do not become ours. */
static void
clean(char *text)
{
    size_t len = strlen(text), lead = len;

    for (size_t i = 0; i < len; i++)
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
            text[i] = ' ';
    if (len < MYSQL_FAILURE_SIZE - 1)
        return;
    while (lead > 0 && ((unsigned char)text[lead - 1] & 0xc0) == 0x80)
        lead--;
    if (lead > 0 && (unsigned char)text[lead - 1] >= 0xc0)
        text[lead - 1] = '\0';
}

static void
say(struct mysql_failure *f, const char *format, va_list args)
{
    vsnprintf(f->text, sizeof(f->text), format, args);
    clean(f->text);
}

void
mysql_failure_say(struct mysql_failure *f, const char *format, ...)
{
    va_list args;

    f->dial = 0;
    f->refused = 0;
    f->code = 0;
    va_start(args, format);
    say(f, format, args);
    va_end(args);
}

static void
say_dial(struct mysql_failure *f, const char *format, ...)
{
    va_list args;

    f->dial = 1;
    f->refused = 0;
    f->code = 0;
    va_start(args, format);
    say(f, format, args);
    va_end(args);
}

/* strerror's words as Go has them: all lower case. */
static const char *
lower(const char *words, char *out, size_t size)
{
    size_t i;

    for (i = 0; words[i] && i + 1 < size; i++)
        out[i] = (char)tolower((unsigned char)words[i]);
    out[i] = '\0';
    return out;
}

/* "10.0.0.1:3306", "[::1]:3306", "/run/mysqld/mysqld.sock" */
static const char *
peer(const char *address, uint16_t port, char *out, size_t size)
{
    if (address[0] == '/')
        snprintf(out, size, "%s", address);
    else
        snprintf(out, size, strchr(address, ':') ? "[%s]:%u" : "%s:%u", address,
                 port);
    return out;
}

void
mysql_failure_dial(struct mysql_failure *f,
                   const char *address,
                   uint16_t port,
                   int error)
{
    const char *net = address[0] == '/' ? "unix" : "tcp";
    char words[96], to[PEER_SIZE];

    peer(address, port, to, sizeof(to));
    if (error == ETIMEDOUT)
        say_dial(f, "dial %s %s: i/o timeout", net, to);
    else
        say_dial(f, "dial %s %s: connect: %s", net, to,
                 lower(strerror(error), words, sizeof(words)));
    f->refused = error == ECONNREFUSED;
}

void
mysql_failure_handshake(struct mysql_failure *f,
                        const char *address,
                        uint16_t port,
                        unsigned waited_ms)
{
    char to[PEER_SIZE];

    mysql_failure_say(f, "no handshake from %s within %u ms",
                      peer(address, port, to, sizeof(to)), waited_ms);
}

void
mysql_failure_lookup(struct mysql_failure *f, const char *name, int status)
{
    char words[96];

    if (status == UV_EAI_NONAME || status == UV_EAI_NODATA)
        say_dial(f, "dial tcp: lookup %s: no such host", name);
    else if (status == UV_ETIMEDOUT)
        say_dial(f, "dial tcp: lookup %s: i/o timeout", name);
    else
        say_dial(f, "dial tcp: lookup %s: %s", name,
                 lower(uv_strerror(status), words, sizeof(words)));
}

/* libmariadb keeps the errno of a failed connect in its text only:
 * "Can't connect to server on '10.0.0.1' (111)". */
static int
errno_in(const char *message)
{
    const char *paren = strrchr(message, '(');
    int error = paren ? atoi(paren + 1) : 0;

    return error > 0 ? error : ECONNREFUSED;
}

void
mysql_failure_mysql(struct mysql_failure *f,
                    const char *address,
                    uint16_t port,
                    unsigned code,
                    const char *message)
{
    switch (code) {
    case CR_CONNECTION_ERROR:
    case CR_CONN_HOST_ERROR:
        mysql_failure_dial(f, address, port, errno_in(message));
        break;
    case CR_UNKNOWN_HOST:
        mysql_failure_lookup(f, address, UV_EAI_NONAME);
        break;
    case CR_SERVER_GONE_ERROR:
    case CR_SERVER_LOST:
    case CR_SERVER_LOST_EXTENDED:
        mysql_failure_say(f, "EOF: %s", message);
        break;
    default:
        mysql_failure_say(f, "Error %u: %s", code, message);
    }
    f->code = code;
}

void
mysql_failure_lost(struct mysql_failure *f, const char *why)
{
    mysql_failure_say(f, "EOF: %s", why);
}

/* Numbers below 1000 are made up by protocol libraries; 2000 to 2999 and from
 * 5000 are the client library's own. */
int
mysql_failure_from_server(const struct mysql_failure *f)
{
    return (f->code >= 1000 && f->code < 2000) ||
           (f->code >= 3000 && f->code < 5000);
}
