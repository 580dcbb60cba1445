/* The part of the NATS protocol that one request and one answer need. */
#ifndef NATS_H
#define NATS_H

#include "stream.h"

#define NATS_SUBJECT "bench"

static void nats_connect(struct stream *stream, const char *address, const char *subject)
{
    char hello[256];
    int length = snprintf(hello, sizeof hello, "CONNECT {\"verbose\":false}\r\nSUB %s 1\r\nPING\r\n", subject);
    char *line;
    stream_connect(stream, address);
    if ((errno = stream_send(stream, hello, (size_t)length)) != 0)
        die("send");
    while ((line = stream_line(stream)) && strcmp(line, "PONG") != 0)
        ;
    if (!line)
        die("recv");
}

static int nats_publish(struct stream *stream, const char *subject, const char *reply, const void *body, size_t size)
{
    char message[512];
    size_t length = (size_t)snprintf(message, sizeof message, "PUB %s %s %zu\r\n", subject, reply, size);
    memcpy(message + length, body, size);
    memcpy(message + length + size, "\r\n", 2);
    return stream_send(stream, message, length + size + 2);
}

/* Takes the next message of `size` bytes, and copies the subject for the reply where `reply` is not NULL. */
static char *nats_next(struct stream *stream, size_t size, char reply[64])
{
    char *line;
    while ((line = stream_line(stream))) {
        if (strcmp(line, "PING") == 0 && (errno = stream_send(stream, "PONG\r\n", 6)) != 0)
            return NULL;
        if (strncmp(line, "MSG ", 4) != 0)
            continue;
        if (reply && sscanf(line, "MSG %*s %*s %63s", reply) != 1)
            reply[0] = '\0';
        return stream_block(stream, size);
    }
    return NULL;
}

#endif
