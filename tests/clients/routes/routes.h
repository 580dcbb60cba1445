/*
 * What the programs of this directory share. Their answers go to a second queue, to a queue of the client's own, or
 * nowhere, or are longer than a message. Each is a client, and the plain server that it was written for:
 *
 *     NAME KEY COUNT [OPTION]     sends COUNT requests, checks every answer, and prints "ok COUNT"; status 1 at a wrong answer
 *     NAME KEY serve [OPTION]     makes the queue and answers until it is killed
 *
 * OPTION is the key of the second queue where there is one, and else what the program says. A client that makes a queue
 * says "queue MSQID" on stderr, so that whoever kills it can remove that. Compiled for 64 and for 32 bits.
 */
#ifndef ROUTES_H
#define ROUTES_H

#include "../wire.h"
#include <sys/stat.h>

/* Who may do what, where a test does not say otherwise with -D. */
#ifndef REQUESTS_MODE
#define REQUESTS_MODE 0600
#endif
#ifndef ANSWERS_MODE
#define ANSWERS_MODE 0600
#endif

/* Where requests go, and how many this client sends. */
static int requests;
static long count;

/* Before the first request or answer: opens or makes what there is besides the queue of the requests. */
static void begin(const char *option, int serves);

/* Sends the request with this number; true when its answer is right. */
static int ask(long number);

/* After the last answer. */
static void end(void);

/* The program's own server: receives one request and answers it. */
static void answer_one(void);

#define SEND(queue, message) send_body((queue), &(message), BODY_LEN(message))
#define RECEIVE(queue, message, type) receive_body((queue), &(message), BODY_LEN(message), (type))

__attribute__((unused)) static void send_body(int queue, const void *message, size_t length)
{
    while (msgsnd(queue, message, length, 0) < 0)
        if (errno != EINTR)
            die("msgsnd");
}

__attribute__((unused)) static size_t receive_body(int queue, void *message, size_t room, long type)
{
    ssize_t length;
    while ((length = msgrcv(queue, message, room, type, 0)) < 0)
        if (errno != EINTR)
            die("msgrcv");
    return (size_t)length;
}

/* To a queue of a client's own, which may be full, gone or closed to this server: returns 0 when the client has lost it. */
__attribute__((unused)) static int send_to_client(int queue, const void *message, size_t length)
{
    for (int waited_ms = 0; msgsnd(queue, message, length, IPC_NOWAIT) < 0; waited_ms++) {
        if ((errno != EAGAIN && errno != EINTR) || waited_ms > 4000)
            return 0;
        usleep(1000);
    }
    return 1;
}

/* A queue that is made here and stays until somebody removes it. */
__attribute__((unused)) static int new_queue(key_t key, int mode)
{
    int queue = msgget(key, IPC_CREAT | IPC_EXCL | mode);
    if (queue < 0)
        die("msgget");
    return queue;
}

/* Opens the second queue, or makes it for the server. */
__attribute__((unused)) static int second_queue(const char *key, int serves)
{
    if (!key) {
        fprintf(stderr, "the key of the second queue is missing\n");
        exit(EXIT_BROKEN);
    }
    return serves ? new_queue((key_t)strtoul(key, NULL, 0), ANSWERS_MODE) : open_queue(key);
}

__attribute__((unused)) static void say_queue(int queue)
{
    fprintf(stderr, "queue %d\n", queue);
}

__attribute__((unused)) static int is_processed(const char *text, size_t room, const char *asked)
{
    char expected[512];
    snprintf(expected, sizeof expected, "Processed: %s", asked);
    return strncmp(text, expected, room) == 0;
}

int main(int argc, char **argv)
{
    if (argc != 3 && argc != 4) {
        fprintf(stderr, "usage: %s KEY COUNT [OPTION], or %s KEY serve [OPTION]\n", argv[0], argv[0]);
        return EXIT_BROKEN;
    }
    const char *option = argc == 4 ? argv[3] : NULL;
    if (strcmp(argv[2], "serve") == 0) {
        requests = new_queue((key_t)strtoul(argv[1], NULL, 0), REQUESTS_MODE);
        begin(option, 1);
        puts("serving");
        fflush(stdout);
        for (;;)
            answer_one();
    }
    requests = open_queue(argv[1]);
    count = strtol(argv[2], NULL, 10);
    begin(option, 0);
    for (long number = 1; number <= count; number++)
        if (!ask(number)) {
            fprintf(stderr, "wrong answer to request %ld\n", number);
            end();
            return 1;
        }
    end();
    printf("ok %ld\n", count);
    return 0;
}

#endif
