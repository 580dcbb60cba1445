/* The queue itself: ADDRESS is its key. */
#include "transport.h"

const char transport_prefix[] = "Processed: ";
static int queue;

void transport_open(const char *address)
{
    struct response old;
    queue = open_queue(address);
    while (receive_response(queue, getpid(), &old, IPC_NOWAIT) == 0)
        ;
}

int transport_ask(struct request *request, struct response *response)
{
    while (msgsnd(queue, request, BODY_LEN(*request), 0) < 0)
        if (errno != EINTR)
            return errno;
    return receive_response(queue, request->clientPid, response, 0);
}
