/*
 * What the programs of this directory share. Each is a client whose messages are a struct of its own, and the plain
 * server that it was written for:
 *
 *     NAME KEY COUNT      sends COUNT requests, checks every answer, and prints "ok COUNT"; status 1 at a wrong answer
 *     NAME KEY serve      makes the queue and answers until it is killed
 *
 * Compiled for 64 and for 32 bits.
 */
#ifndef DECLARED_H
#define DECLARED_H

#include "../wire.h"
#include <stdint.h>

static int queue;

/* Sends the request with this number; true when its answer is right. */
static int ask(long number);

/* The program's own server: receives one request and answers it. */
static void answer_one(void);

#define SEND(message) send_body(&(message), BODY_LEN(message))
#define RECEIVE(message, type) receive_body(&(message), BODY_LEN(message), (type))

__attribute__((unused)) static void send_body(const void *message, size_t length)
{
    while (msgsnd(queue, message, length, 0) < 0)
        if (errno != EINTR)
            die("msgsnd");
}

__attribute__((unused)) static size_t receive_body(void *message, size_t room, long type)
{
    ssize_t length;
    while ((length = msgrcv(queue, message, room, type, 0)) < 0)
        if (errno != EINTR)
            die("msgrcv");
    return (size_t)length;
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: %s KEY COUNT, or %s KEY serve\n", argv[0], argv[0]);
        return EXIT_BROKEN;
    }
    if (strcmp(argv[2], "serve") == 0) {
        queue = msgget((key_t)strtoul(argv[1], NULL, 0), IPC_CREAT | IPC_EXCL | 0600);
        if (queue < 0)
            die("msgget");
        puts("serving");
        fflush(stdout);
        for (;;)
            answer_one();
    }
    queue = open_queue(argv[1]);
    long count = strtol(argv[2], NULL, 10);
    for (long number = 1; number <= count; number++)
        if (!ask(number)) {
            fprintf(stderr, "wrong answer to request %ld\n", number);
            return 1;
        }
    printf("ok %ld\n", count);
    return 0;
}

#endif
