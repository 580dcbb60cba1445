/* A Unix socket that keeps message boundaries: ADDRESS is its path. */
#include "transport.h"
#include <sys/socket.h>
#include <sys/un.h>

const char transport_prefix[] = "Processed: ";
static int server;

void transport_open(const char *address)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    snprintf(name.sun_path, sizeof name.sun_path, "%s", address);
    server = socket(AF_UNIX, SOCK_SEQPACKET, 0);
    if (server < 0 || connect(server, (struct sockaddr *)&name, sizeof name) < 0)
        die("connect");
}

int transport_ask(struct request *request, struct response *response)
{
    if (send(server, &request->clientPid, BODY_LEN(*request), MSG_NOSIGNAL) < 0)
        return errno;
    ssize_t length = recv(server, &response->statusCode, BODY_LEN(*response), 0);
    return length < 0 ? errno : length == 0 ? ECONNRESET : 0;
}
