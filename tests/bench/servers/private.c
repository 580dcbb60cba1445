/*
 * The floor where each client has a queue of its own: one msgrcv from the queue of requests and one msgsnd to the queue whose
 * msqid the request names, in a loop.
 *
 *     private KEY QUEUE_BYTES
 */
#include "answer.h"

int main(int argc, char **argv)
{
    struct msqid_ds settings;
    struct request request;
    struct response response = {0};
    if (argc != 3) {
        fprintf(stderr, "usage: %s KEY QUEUE_BYTES\n", argv[0]);
        return EXIT_BROKEN;
    }
    int queue = msgget((key_t)strtoul(argv[1], NULL, 0), IPC_CREAT | IPC_EXCL | 0660);
    if (queue < 0 || msgctl(queue, IPC_STAT, &settings) < 0)
        die("msgget");
    settings.msg_qbytes = strtoul(argv[2], NULL, 10);
    if (msgctl(queue, IPC_SET, &settings) < 0)
        die("msgctl");
    serving(NULL, 0);
    while (msgrcv(queue, &request, BODY_LEN(request), REQUEST_MTYPE, 0) >= 0) {
        answer(&request, &response);
        response.mtype = 1;
        /* A client that is gone has lost its answer. */
        if (msgsnd(request.clientPid, &response, BODY_LEN(response), 0) < 0 && errno != EIDRM && errno != EINVAL)
            break;
    }
    die("the queue");
}
