/* A queue of each client's own, named by its msqid where others have their PID: ADDRESS is the key of the request queue. */
#include "transport.h"

const char transport_prefix[] = "Processed: ";
static int requests, own;

void transport_open(const char *address)
{
    requests = open_queue(address);
    own = msgget(IPC_PRIVATE, IPC_CREAT | 0600);
    if (own < 0)
        die("msgget");
}

int transport_ask(struct request *request, struct response *response)
{
    request->clientPid = own;
    while (msgsnd(requests, request, BODY_LEN(*request), 0) < 0)
        if (errno != EINTR)
            return errno;
    return receive_response(own, 0, response, 0);
}

void transport_close(void)
{
    msgctl(own, IPC_RMID, NULL);
}
