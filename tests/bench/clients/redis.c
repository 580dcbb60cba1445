/* Redis, ECHO: ADDRESS is the path of its Unix socket. The text comes back as it is. */
#include "stream.h"
#include "transport.h"

const char transport_prefix[] = "";
static struct stream stream;

void transport_open(const char *address)
{
    stream_connect(&stream, address);
}

int transport_ask(struct request *request, struct response *response)
{
    char command[512];
    size_t length = (size_t)snprintf(command, sizeof command, "*2\r\n$4\r\nECHO\r\n$%zu\r\n", BODY_LEN(*request));
    memcpy(command + length, &request->clientPid, BODY_LEN(*request));
    memcpy(command + length + BODY_LEN(*request), "\r\n", 2);
    int error = stream_send(&stream, command, length + BODY_LEN(*request) + 2);
    char *line, *block;
    if (error)
        return error;
    if (!(line = stream_line(&stream)))
        return errno;
    if (line[0] != '$' || strtoul(line + 1, NULL, 10) != BODY_LEN(*response))
        return EPROTO;
    if (!(block = stream_block(&stream, BODY_LEN(*response))))
        return errno;
    memcpy(&response->statusCode, block, BODY_LEN(*response));
    /* The first field of a request is the client's PID, which must have come back too. */
    response->statusCode -= request->clientPid;
    return 0;
}
