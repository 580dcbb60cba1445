/*
 * Clients in closed loops, each with a queue of its own, that count what a server loses or sends twice. Every request has a
 * number, and every answer must be the one to it. While the server is away they wait.
 *
 *     private_chaos KEY CLIENTS LIMIT_SECONDS
 *
 * SIGTERM ends it: every client waits for its last answer and looks whether there is one too many. An answer that does not
 * come within LIMIT_SECONDS is lost. Prints "requests N right N wrong N lost N extra N".
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/msg.h>

#define BODY_LEN(message) (sizeof(message) - sizeof(long))

struct request {
    long mtype;
    pid_t pid;
    int to;
    char text[64];
};

struct response {
    long mtype;
    int status;
    char text[64];
};

static void die(const char *what)
{
    perror(what);
    exit(2);
}

#include "chaos.h"

/* Reads until the right answer comes or the limit has passed. */
static void fetch(int own, const char *text, int limit)
{
    char expected[96];
    struct response response;
    snprintf(expected, sizeof expected, "Processed: %s", text);
    alarm(limit);
    for (;;) {
        if (msgrcv(own, &response, BODY_LEN(response), 0, 0) < 0) {
            if (errno != EINTR)
                die("msgrcv");
            count(&shared->lost);
            fprintf(stderr, "client %d: no answer to \"%s\"\n", getpid(), text);
            return;
        }
        if (response.status == 0 && strcmp(response.text, expected) == 0) {
            alarm(0);
            count(&shared->right);
            return;
        }
        count(&shared->wrong);
        fprintf(stderr, "client %d: \"%.64s\" (status %d) in answer to \"%s\"\n", getpid(), response.text,
                response.status, text);
    }
}

static void client(int number, const struct loop *loop)
{
    struct request request = {.mtype = 1, .pid = getpid(), .to = msgget(IPC_PRIVATE, 0600)};
    struct response response;
    int own = request.to;
    if (own < 0)
        die("msgget");
    for (long i = 1; !is_stopped(); i++) {
        snprintf(request.text, sizeof request.text, "%d-%ld", number, i);
        while (msgsnd(loop->queue, &request, BODY_LEN(request), 0) < 0)
            if (errno != EINTR)
                die("msgsnd");
        count(&shared->requests);
        fetch(own, request.text, loop->limit_s);
    }
    usleep(300000);
    while (msgrcv(own, &response, BODY_LEN(response), 0, IPC_NOWAIT) >= 0)
        count(&shared->extra);
    msgctl(own, IPC_RMID, NULL);
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: %s KEY CLIENTS LIMIT_SECONDS\n", argv[0]);
        return 2;
    }
    struct loop loop = {.queue = msgget((key_t)strtoul(argv[1], NULL, 0), 0), .limit_s = atoi(argv[3])};
    if (loop.queue < 0)
        die("msgget");
    return run_clients(atoi(argv[2]), client, &loop) ? 2 : 0;
}
