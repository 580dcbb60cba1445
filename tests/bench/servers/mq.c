/*
 * POSIX message queues: one for the requests, a reply queue for each client.
 *
 *     mq NAME DEPTH    NAME is that of the request queue; a client's reply queue is NAME-PID
 *
 * A request queue that a killed server left is replaced.
 */
#include "answer.h"
#include <fcntl.h>
#include <mqueue.h>

/* PID_MAX_LIMIT of 64-bit kernels. Only the pages of PIDs that come are ever touched. */
#define PIDS 4194304

static mqd_t replies[PIDS];

static mqd_t reply_queue(const char *name, pid_t client)
{
    char reply_name[128];
    if (client <= 0 || client >= PIDS)
        return (mqd_t)-1;
    if (!replies[client]) {
        snprintf(reply_name, sizeof reply_name, "%s-%d", name, client);
        replies[client] = mq_open(reply_name, O_WRONLY);
    }
    return replies[client];
}

int main(int argc, char **argv)
{
    struct request request;
    struct response response = {0};
    if (argc != 3) {
        fprintf(stderr, "usage: %s NAME DEPTH\n", argv[0]);
        return EXIT_BROKEN;
    }
    struct mq_attr attributes = {.mq_maxmsg = atol(argv[2]), .mq_msgsize = BODY_LEN(request)};
    mq_unlink(argv[1]);
    mqd_t requests = mq_open(argv[1], O_RDONLY | O_CREAT | O_EXCL, 0600, &attributes);
    if (requests == (mqd_t)-1)
        die("mq_open");
    serving(NULL, 0);
    for (;;) {
        if (mq_receive(requests, (char *)&request.clientPid, BODY_LEN(request), NULL) < 0)
            die("mq_receive");
        answer(&request, &response);
        if (mq_send(reply_queue(argv[1], request.clientPid), (char *)&response.statusCode, BODY_LEN(response), 0) < 0)
            die("mq_send");
    }
}
