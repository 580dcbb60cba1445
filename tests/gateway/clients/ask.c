/*
 * A client that expects errors: up to COUNT requests one after the other with the texts NAME-1, NAME-2, ..., until there is
 * a file STOP. An answer with status 0 must be the right one. Each other answer is printed, "STATUS TEXT", and the next
 * request follows after a pause. Who waits longer than LIMIT seconds for an answer is ended by SIGALRM.
 *
 *     ask KEY COUNT NAME STOP LIMIT      prints "right N" at the end; status 1 at the first wrong answer
 */
#include "wire.h"

#define PAUSE_US 20000

int main(int argc, char **argv)
{
    if (argc != 6) {
        fprintf(stderr, "usage: %s KEY COUNT NAME STOP LIMIT\n", argv[0]);
        return EXIT_BROKEN;
    }
    int queue = open_queue(argv[1]);
    long count = strtol(argv[2], NULL, 10), right = 0;
    for (long i = 1; i <= count && access(argv[4], F_OK) != 0; i++) {
        struct response response;
        char text[TEXT_LEN];
        snprintf(text, sizeof text, "%s-%ld", argv[3], i);
        alarm((unsigned)atoi(argv[5]));
        if ((errno = send_request(queue, getpid(), text, 0)) != 0)
            die("msgsnd");
        if ((errno = receive_response(queue, getpid(), &response, 0)) != 0)
            die("msgrcv");
        if (response.statusCode != 0) {
            printf("%d %.*s\n", response.statusCode, TEXT_LEN, response.responseData);
            fflush(stdout);
            usleep(PAUSE_US);
        } else if (is_answer_to(&response, text)) {
            right++;
        } else {
            return 1;
        }
    }
    printf("right %ld\n", right);
    return 0;
}
