/* Lines and blocks from a stream socket, for the text protocols. */
#ifndef STREAM_H
#define STREAM_H

#include "wire.h"
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>

struct stream {
    int socket;
    size_t begin, end;
    char buffer[65536];
};

/* `address` is a port on 127.0.0.1, or the path of a Unix socket. */
static void stream_connect(struct stream *stream, const char *address)
{
    struct sockaddr_un path = {.sun_family = AF_UNIX};
    struct sockaddr_in port = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int is_path = strchr(address, '/') != NULL, on = 1;
    snprintf(path.sun_path, sizeof path.sun_path, "%s", address);
    port.sin_port = htons((in_port_t)atoi(address));
    stream->begin = stream->end = 0;
    stream->socket = socket(is_path ? AF_UNIX : AF_INET, SOCK_STREAM, 0);
    if (!is_path)
        setsockopt(stream->socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(stream->socket, is_path ? (struct sockaddr *)&path : (struct sockaddr *)&port,
                is_path ? sizeof path : sizeof port) < 0)
        die("connect");
}

/* Returns 0, or the errno. */
static int stream_fill(struct stream *stream)
{
    memmove(stream->buffer, stream->buffer + stream->begin, stream->end - stream->begin);
    stream->end -= stream->begin;
    stream->begin = 0;
    ssize_t got = recv(stream->socket, stream->buffer + stream->end, sizeof stream->buffer - stream->end, 0);
    if (got <= 0)
        return got < 0 ? errno : ECONNRESET;
    stream->end += (size_t)got;
    return 0;
}

/* Takes a line that ends with CR LF, which it replaces by a NUL. NULL: errno says why. */
__attribute__((unused)) static char *stream_line(struct stream *stream)
{
    char *end;
    while (!(end = memmem(stream->buffer + stream->begin, stream->end - stream->begin, "\r\n", 2)))
        if ((errno = stream_fill(stream)) != 0)
            return NULL;
    char *line = stream->buffer + stream->begin;
    *end = '\0';
    stream->begin = (size_t)(end + 2 - stream->buffer);
    return line;
}

/* Takes `length` bytes and the CR LF behind them. NULL: errno says why. */
__attribute__((unused)) static char *stream_block(struct stream *stream, size_t length)
{
    while (stream->end - stream->begin < length + 2)
        if ((errno = stream_fill(stream)) != 0)
            return NULL;
    char *block = stream->buffer + stream->begin;
    stream->begin += length + 2;
    return block;
}

/* Returns 0, or the errno. */
__attribute__((unused)) static int stream_send(struct stream *stream, const char *data, size_t length)
{
    ssize_t sent = send(stream->socket, data, length, MSG_NOSIGNAL);
    return sent < 0 ? errno : (size_t)sent < length ? EIO : 0;
}

#endif
