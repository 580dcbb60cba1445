/* ZeroMQ, a REP socket: zmq ENDPOINT */
#include "answer.h"
#include <zmq.h>

int main(int argc, char **argv)
{
    struct request request;
    struct response response = {0};
    if (argc != 2) {
        fprintf(stderr, "usage: %s ENDPOINT\n", argv[0]);
        return EXIT_BROKEN;
    }
    void *context = zmq_ctx_new(), *socket;
    zmq_ctx_set(context, ZMQ_MAX_SOCKETS, 65536);
    socket = zmq_socket(context, ZMQ_REP);
    if (!socket || zmq_bind(socket, argv[1]) < 0)
        die("zmq_bind");
    serving(NULL, 0);
    for (;;) {
        if (zmq_recv(socket, &request.clientPid, BODY_LEN(request), 0) < 0)
            die("zmq_recv");
        answer(&request, &response);
        if (zmq_send(socket, &response.statusCode, BODY_LEN(response), 0) < 0)
            die("zmq_send");
    }
}
