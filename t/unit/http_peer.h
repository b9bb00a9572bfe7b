/*
 * A peer on 127.0.0.1 for tests of clients of HTTP, in the same loop: it
 * answers each connection with a text of the test's, and counts.
 */
#ifndef HTTP_PEER_H
#define HTTP_PEER_H

#include <stdlib.h>
#include <string.h>

#include "base/loop.h"

struct http_peer {
    struct loop *loop;
    uv_tcp_t listener;
    int port;
    const char *answer; /* NULL: none, the connection stays open */
    size_t len;         /* of the answer; 0: strlen */
    int stays_open;     /* after the answer */
    unsigned connections;
    unsigned requests;
    char request[4096]; /* the last one */
    struct http_peer_client *clients;
};

struct http_peer_client {
    struct http_peer *peer;
    struct http_peer_client *next;
    uv_tcp_t tcp;
    uv_write_t write;
    char request[4096];
    size_t len;
    int closing;
};

static inline void
http_peer_free(uv_handle_t *handle)
{
    struct http_peer_client *client = handle->data, **link;

    for (link = &client->peer->clients; *link != client; link = &(*link)->next)
        ;
    *link = client->next;
    free(client);
}

static inline void
http_peer_close(struct http_peer_client *client)
{
    if (!client->closing)
        uv_close((uv_handle_t *)&client->tcp, http_peer_free);
    client->closing = 1;
}

static inline void
http_peer_written(uv_write_t *write, int status)
{
    struct http_peer_client *client = write->data;

    (void)status;
    if (!client->peer->stays_open)
        http_peer_close(client);
}

static inline void
http_peer_request(struct http_peer_client *client)
{
    struct http_peer *peer = client->peer;
    uv_buf_t buf;

    peer->requests++;
    strcpy(peer->request, client->request);
    client->len = 0;
    if (!peer->answer)
        return;
    buf = uv_buf_init((char *)peer->answer,
                      (unsigned)(peer->len ? peer->len : strlen(peer->answer)));
    client->write.data = client;
    uv_write(&client->write, (uv_stream_t *)&client->tcp, &buf, 1,
             http_peer_written);
}

static inline void
http_peer_alloc(uv_handle_t *handle, size_t size, uv_buf_t *buf)
{
    struct http_peer_client *client = handle->data;

    (void)size;
    *buf = uv_buf_init(client->request + client->len,
                       (unsigned)(sizeof(client->request) - 1 - client->len));
}

static inline void
http_peer_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct http_peer_client *client = stream->data;

    (void)buf;
    if (n < 0) {
        http_peer_close(client);
        return;
    }
    client->len += (size_t)n;
    client->request[client->len] = '\0';
    if (strstr(client->request, "\r\n\r\n"))
        http_peer_request(client);
}

static inline void
http_peer_connection(uv_stream_t *listener, int status)
{
    struct http_peer *peer = listener->data;
    struct http_peer_client *client = calloc(1, sizeof(*client));

    if (status != 0 || !client)
        abort();
    client->peer = peer;
    client->next = peer->clients;
    peer->clients = client;
    uv_tcp_init(&peer->loop->uv, &client->tcp);
    client->tcp.data = client;
    if (uv_accept(listener, (uv_stream_t *)&client->tcp) != 0)
        abort();
    peer->connections++;
    uv_read_start((uv_stream_t *)&client->tcp, http_peer_alloc, http_peer_read);
}

/* At that address; port 0: any that is free. */
static inline void
http_peer_open_at(struct http_peer *peer,
                  struct loop *loop,
                  const char *address,
                  int port)
{
    struct sockaddr_in a;
    int len = sizeof(a);

    memset(peer, 0, sizeof(*peer));
    peer->loop = loop;
    uv_tcp_init(&loop->uv, &peer->listener);
    peer->listener.data = peer;
    uv_ip4_addr(address, port, &a);
    if (uv_tcp_bind(&peer->listener, (struct sockaddr *)&a, 0) != 0 ||
        uv_listen((uv_stream_t *)&peer->listener, 128, http_peer_connection) ||
        uv_tcp_getsockname(&peer->listener, (struct sockaddr *)&a, &len) != 0)
        abort();
    peer->port = ntohs(a.sin_port);
}

static inline void
http_peer_open(struct http_peer *peer, struct loop *loop)
{
    http_peer_open_at(peer, loop, "127.0.0.1", 0);
}

/* The handles close when the loop runs. */
static inline void
http_peer_end(struct http_peer *peer)
{
    for (struct http_peer_client *c = peer->clients; c; c = c->next)
        http_peer_close(c);
    uv_close((uv_handle_t *)&peer->listener, NULL);
}

#endif
