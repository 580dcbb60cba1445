/* POSIX message queues: ADDRESS is the name of the request queue; each client has a reply queue ADDRESS-PID. */
#include "transport.h"
#include <fcntl.h>
#include <mqueue.h>

const char transport_prefix[] = "Processed: ";
static mqd_t requests, replies;
static char name[128];
static int is_open;

void transport_open(const char *address)
{
    struct mq_attr attributes = {.mq_maxmsg = 1, .mq_msgsize = BODY_LEN(struct response)};
    snprintf(name, sizeof name, "%s-%d", address, getpid());
    requests = mq_open(address, O_WRONLY);
    replies = mq_open(name, O_RDONLY | O_CREAT | O_EXCL, 0600, &attributes);
    if (requests == (mqd_t)-1 || replies == (mqd_t)-1)
        die("mq_open");
}

int transport_ask(struct request *request, struct response *response)
{
    if (mq_send(requests, (const char *)&request->clientPid, BODY_LEN(*request), 0) < 0)
        return errno;
    if (mq_receive(replies, (char *)&response->statusCode, BODY_LEN(*response), NULL) < 0)
        return errno;
    /* The server has opened it now, and a client that is killed leaves nothing behind. */
    if (!is_open)
        mq_unlink(name);
    is_open = 1;
    return 0;
}
