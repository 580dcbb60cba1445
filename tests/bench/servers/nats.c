/* The responder behind a NATS server: nats PORT */
#include "answer.h"
#include "../clients/nats.h"

static struct stream stream;

int main(int argc, char **argv)
{
    struct request request;
    struct response response = {0};
    char reply[64], *body;
    if (argc != 2) {
        fprintf(stderr, "usage: %s PORT\n", argv[0]);
        return EXIT_BROKEN;
    }
    nats_connect(&stream, argv[1], NATS_SUBJECT);
    serving(NULL, 0);
    while ((body = nats_next(&stream, BODY_LEN(request), reply))) {
        memcpy(&request.clientPid, body, BODY_LEN(request));
        answer(&request, &response);
        if ((errno = nats_publish(&stream, reply, "", &response.statusCode, BODY_LEN(response))) != 0)
            break;
    }
    die("NATS");
}
