/*
 * The plain server of the protocol: one blocking msgrcv, one blocking msgsnd. It deadlocks as soon as its queue is
 * full of requests, which is what tests compare msgqd with.
 *
 *     server KEY [WORK_MS]    prints "serving" and runs until SIGTERM; each request is WORK_MS milliseconds of work
 */
#include "wire.h"
#include <signal.h>
#include <time.h>

static volatile sig_atomic_t stopping;

static void stop(int signal)
{
    (void)signal;
    stopping = 1;
}

static void work(long ms)
{
    struct timespec left = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    while (ms > 0 && nanosleep(&left, &left) < 0 && !stopping)
        ;
}

int main(int argc, char **argv)
{
    if (argc != 2 && argc != 3) {
        fprintf(stderr, "usage: %s KEY [WORK_MS]\n", argv[0]);
        return EXIT_BROKEN;
    }
    long work_ms = argc == 3 ? strtol(argv[2], NULL, 10) : 0;
    int queue = msgget((key_t)strtoul(argv[1], NULL, 0), IPC_CREAT | IPC_EXCL | 0660);
    if (queue < 0)
        die("msgget");
    struct sigaction action = {.sa_handler = stop};
    sigaction(SIGTERM, &action, NULL);
    puts("serving");
    fflush(stdout);

    while (!stopping) {
        struct request request;
        struct response response;
        char text[TEXT_LEN + 1] = "";
        /* Scripts send no padding, and what an earlier request left in the struct is none of this client's text. */
        memset(&request, 0, sizeof request);
        memset(&response, 0, sizeof response);
        if (msgrcv(queue, &request, BODY_LEN(request), REQUEST_MTYPE, 0) < 0)
            break;
        memcpy(text, request.requestData, TEXT_LEN);
        response.mtype = request.clientPid;
        int ignored = snprintf(response.responseData, TEXT_LEN, "Processed: %s", text);
        (void)ignored;
        work(work_ms);
        if (msgsnd(queue, &response, BODY_LEN(response), 0) < 0)
            break;
    }
    msgctl(queue, IPC_RMID, NULL);
    return 0;
}
