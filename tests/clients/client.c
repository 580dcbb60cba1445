/*
 * A load client: COUNT requests one after the other with the texts NAME-1, NAME-2, ...; every answer must be the right
 * one. Compiled for 64 and for 32 bits.
 *
 *     client KEY COUNT NAME      prints "ok COUNT"; status 1 at the first wrong answer
 */
#include "wire.h"

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: %s KEY COUNT NAME\n", argv[0]);
        return EXIT_BROKEN;
    }
    int queue = open_queue(argv[1]);
    long count = strtol(argv[2], NULL, 10);
    for (long i = 1; i <= count; i++) {
        struct response response;
        char text[TEXT_LEN];
        snprintf(text, sizeof text, "%s-%ld", argv[3], i);
        if ((errno = send_request(queue, getpid(), text, 0)) != 0)
            die("msgsnd");
        if ((errno = receive_response(queue, getpid(), &response, 0)) != 0)
            die("msgrcv");
        if (!is_answer_to(&response, text))
            return 1;
    }
    printf("ok %ld\n", count);
    return 0;
}
