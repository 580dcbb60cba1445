/* An echo server on a Unix socket that keeps message boundaries, with epoll: seqpacket PATH */
#include "answer.h"
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>

#define EVENTS 64

static void add(int epoll, int descriptor)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = descriptor};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event) < 0)
        die("epoll_ctl");
}

static void serve(int client, struct response *response)
{
    struct request request;
    if (recv(client, &request.clientPid, BODY_LEN(request), 0) <= 0) {
        close(client);
        return;
    }
    answer(&request, response);
    if (send(client, &response->statusCode, BODY_LEN(*response), MSG_NOSIGNAL) < 0)
        close(client);
}

int main(int argc, char **argv)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    struct response response = {0};
    struct epoll_event events[EVENTS];
    if (argc != 2) {
        fprintf(stderr, "usage: %s PATH\n", argv[0]);
        return EXIT_BROKEN;
    }
    snprintf(name.sun_path, sizeof name.sun_path, "%s", argv[1]);
    int listener = socket(AF_UNIX, SOCK_SEQPACKET, 0), epoll = epoll_create1(0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&name, sizeof name) < 0 || listen(listener, 4096) < 0)
        die("bind");
    add(epoll, listener);
    serving(NULL, 0);
    for (;;) {
        int count = epoll_wait(epoll, events, EVENTS, -1);
        for (int i = 0; i < count; i++) {
            if (events[i].data.fd != listener)
                serve(events[i].data.fd, &response);
            else
                add(epoll, accept(listener, NULL, NULL));
        }
    }
}
