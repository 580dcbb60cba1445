/*
 * The floor: one msgrcv and one msgsnd that blocks, in a loop.
 *
 *     bare KEY QUEUE_BYTES PROCESSES SPIN_US
 *
 * With SPIN_US a process looks for a request that long before it blocks.
 */
#include "answer.h"
#include <time.h>

#define MOST_PROCESSES 16

static long now_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000L + time.tv_nsec;
}

static ssize_t receive(int queue, struct request *request, long spin_ns)
{
    ssize_t length = msgrcv(queue, request, BODY_LEN(*request), REQUEST_MTYPE, spin_ns ? IPC_NOWAIT : 0);
    if (length >= 0 || !spin_ns || errno != ENOMSG)
        return length;
    long limit = now_ns() + spin_ns;
    do {
        length = msgrcv(queue, request, BODY_LEN(*request), REQUEST_MTYPE, IPC_NOWAIT);
        if (length >= 0 || errno != ENOMSG)
            return length;
    } while (now_ns() < limit);
    return msgrcv(queue, request, BODY_LEN(*request), REQUEST_MTYPE, 0);
}

static void serve(int queue, long spin_ns)
{
    struct request request;
    struct response response = {0};
    while (receive(queue, &request, spin_ns) >= 0) {
        answer(&request, &response);
        if (msgsnd(queue, &response, BODY_LEN(response), 0) < 0)
            break;
    }
    die("the queue");
}

int main(int argc, char **argv)
{
    struct msqid_ds settings;
    pid_t others[MOST_PROCESSES] = {0};
    if (argc != 5 || atoi(argv[3]) < 1 || atoi(argv[3]) > MOST_PROCESSES) {
        fprintf(stderr, "usage: %s KEY QUEUE_BYTES PROCESSES SPIN_US\n", argv[0]);
        return EXIT_BROKEN;
    }
    int queue = msgget((key_t)strtoul(argv[1], NULL, 0), IPC_CREAT | IPC_EXCL | 0660);
    int processes = atoi(argv[3]);
    long spin_ns = atol(argv[4]) * 1000;
    if (queue < 0 || msgctl(queue, IPC_STAT, &settings) < 0)
        die("msgget");
    settings.msg_qbytes = strtoul(argv[2], NULL, 10);
    if (msgctl(queue, IPC_SET, &settings) < 0)
        die("msgctl");
    for (int i = 0; i < processes - 1; i++) {
        if ((others[i] = fork()) < 0)
            die("fork");
        if (others[i] == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            serve(queue, spin_ns);
        }
    }
    serving(others, processes - 1);
    serve(queue, spin_ns);
}
