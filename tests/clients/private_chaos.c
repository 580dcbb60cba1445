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
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/wait.h>
#include <unistd.h>

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

struct shared {
    int stop;
    long requests, right, wrong, lost, extra;
};

static struct shared *shared;

static void stop(int signal)
{
    (void)signal;
    __atomic_store_n(&shared->stop, 1, __ATOMIC_SEQ_CST);
}

static void interrupt(int signal)
{
    (void)signal;
}

static void count(long *counter)
{
    __atomic_add_fetch(counter, 1, __ATOMIC_SEQ_CST);
}

static void die(const char *what)
{
    perror(what);
    exit(2);
}

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

static void client(int queue, int number, int limit)
{
    struct sigaction action = {.sa_handler = interrupt};
    struct request request = {.mtype = 1, .pid = getpid(), .to = msgget(IPC_PRIVATE, 0600)};
    struct response response;
    int own = request.to;
    if (own < 0)
        die("msgget");
    sigaction(SIGALRM, &action, NULL);
    signal(SIGTERM, SIG_IGN);
    for (long i = 1; !__atomic_load_n(&shared->stop, __ATOMIC_SEQ_CST); i++) {
        snprintf(request.text, sizeof request.text, "%d-%ld", number, i);
        while (msgsnd(queue, &request, BODY_LEN(request), 0) < 0)
            if (errno != EINTR)
                die("msgsnd");
        count(&shared->requests);
        fetch(own, request.text, limit);
    }
    usleep(300000);
    while (msgrcv(own, &response, BODY_LEN(response), 0, IPC_NOWAIT) >= 0)
        count(&shared->extra);
    msgctl(own, IPC_RMID, NULL);
    _exit(0);
}

int main(int argc, char **argv)
{
    struct sigaction action = {.sa_handler = stop};
    int queue, clients, limit, status, broken = 0;
    if (argc != 4) {
        fprintf(stderr, "usage: %s KEY CLIENTS LIMIT_SECONDS\n", argv[0]);
        return 2;
    }
    queue = msgget((key_t)strtoul(argv[1], NULL, 0), 0);
    clients = atoi(argv[2]);
    limit = atoi(argv[3]);
    if (queue < 0)
        die("msgget");
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        die("mmap");
    sigaction(SIGTERM, &action, NULL);
    for (int i = 0; i < clients; i++) {
        pid_t pid = fork();
        if (pid < 0)
            die("fork");
        if (pid == 0)
            client(queue, i, limit);
    }
    for (int left = clients; left > 0;)
        if (wait(&status) > 0) {
            left--;
            broken |= status != 0;
        }
    printf("requests %ld right %ld wrong %ld lost %ld extra %ld\n", shared->requests, shared->right, shared->wrong,
           shared->lost, shared->extra);
    return broken ? 2 : 0;
}
