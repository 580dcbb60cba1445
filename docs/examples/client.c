/*
 * A client of msgqd in C: sends one text and prints the answer.
 *
 *     cc -O2 -o client client.c
 *     ./client hello                  # the default queue
 *     ./client 0x12345679 hello       # another one
 *
 * Exit status: 0 answered, 1 the server answered an error, 2 nothing was answered.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/types.h>
#include <unistd.h>

#define DEFAULT_KEY 0x12345678
#define REQUEST_MTYPE 1
#define TEXT_LEN 256

struct request {
    long mtype;
    pid_t clientPid;
    char requestData[TEXT_LEN];
};

struct response {
    long mtype;
    int statusCode;
    char responseData[TEXT_LEN];
};

/* The kernel counts the body only: everything behind mtype, padding included. */
#define BODY_LEN(message) (sizeof(message) - sizeof(long))

static int fail(const char *call, int key)
{
    const char *reason = strerror(errno);
    if (errno == ENOENT)
        reason = "there is no such queue; is msgqd running?";
    else if (errno == EACCES)
        reason = "permission denied; are you in the queue's group? (ipcs -q shows it)";
    else if (errno == EIDRM || errno == EINVAL)
        reason = "the queue is gone: the server was stopped";
    fprintf(stderr, "client: %s on queue 0x%08x: %s\n", call, (unsigned)key, reason);
    return 2;
}

int main(int argc, char **argv)
{
    if (argc != 2 && argc != 3) {
        fprintf(stderr, "usage: %s [KEY] TEXT\n", argv[0]);
        return 2;
    }
    const char *text = argv[argc - 1];
    int key = argc == 3 ? (int)strtoul(argv[1], NULL, 0) : DEFAULT_KEY;
    if (strlen(text) > TEXT_LEN) {
        fprintf(stderr, "client: the text has %zu bytes; a request carries at most %d\n", strlen(text), TEXT_LEN);
        return 2;
    }

    int queue = msgget(key, 0);
    if (queue < 0)
        return fail("msgget", key);

    struct request request;
    struct response response;
    pid_t pid = getpid();

    /* A process that had this PID before may have died without reading its answer: it is not for us. */
    while (msgrcv(queue, &response, BODY_LEN(response), pid, IPC_NOWAIT | MSG_NOERROR) >= 0)
        continue;

    /* The whole struct travels, so leave nothing of this program's memory in it. */
    memset(&request, 0, sizeof request);
    request.mtype = REQUEST_MTYPE;
    request.clientPid = pid;
    memcpy(request.requestData, text, strlen(text));

    /* A handled signal ends both calls with EINTR, even with SA_RESTART. */
    while (msgsnd(queue, &request, BODY_LEN(request), 0) < 0)
        if (errno != EINTR)
            return fail("msgsnd", key);
    while (msgrcv(queue, &response, BODY_LEN(response), pid, 0) < 0)
        if (errno != EINTR)
            return fail("msgrcv", key);

    printf("%.*s\n", TEXT_LEN, response.responseData);
    return response.statusCode == 0 ? 0 : 1;
}
