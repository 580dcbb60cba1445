/* NATS, request and reply: ADDRESS is its port on 127.0.0.1. */
#include "nats.h"
#include "transport.h"

const char transport_prefix[] = "Processed: ";
static struct stream stream;
static char inbox[32];

void transport_open(const char *address)
{
    snprintf(inbox, sizeof inbox, "inbox.%d", getpid());
    nats_connect(&stream, address, inbox);
}

int transport_ask(struct request *request, struct response *response)
{
    int error = nats_publish(&stream, NATS_SUBJECT, inbox, &request->clientPid, BODY_LEN(*request));
    if (error)
        return error;
    char *body = nats_next(&stream, BODY_LEN(*response), NULL);
    if (!body)
        return errno;
    memcpy(&response->statusCode, body, BODY_LEN(*response));
    return 0;
}
