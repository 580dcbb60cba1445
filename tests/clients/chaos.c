/*
 * Clients in closed loops that count what a server loses or sends twice. Every request has a number, and every answer
 * must be the one to it. While the server is away they wait, as their queue stays.
 *
 *     chaos KEY CLIENTS LIMIT_SECONDS [PAUSE_US]
 *
 * Each sends its next request PAUSE_US after an answer, at once without it. SIGTERM ends it: every client waits for its last answer and looks whether there is one too many. An answer that does
 * not come within LIMIT_SECONDS is lost. Prints "requests N right N wrong N lost N extra N".
 */
#include "wire.h"
#include "chaos.h"

static int is_right(const struct response *response, const char *text)
{
    return response->statusCode == 0 && strncmp(response->responseData, "Processed: ", 11) == 0 &&
           strcmp(response->responseData + 11, text) == 0;
}

/* Reads until the right answer comes or the limit has passed. */
static void fetch(int queue, const char *text, int limit)
{
    struct response response;
    alarm(limit);
    for (;;) {
        if (msgrcv(answers_of(queue), &response, BODY_LEN(response), getpid(), 0) < 0) {
            if (errno != EINTR)
                die("msgrcv");
            count(&shared->lost);
            fprintf(stderr, "client %d: no answer to \"%s\"\n", getpid(), text);
            return;
        }
        if (is_right(&response, text)) {
            alarm(0);
            count(&shared->right);
            return;
        }
        count(&shared->wrong);
        fprintf(stderr, "client %d: \"%.*s\" (status %d) in answer to \"%s\"\n", getpid(), TEXT_LEN,
                response.responseData, response.statusCode, text);
    }
}

/* A text of its own for each request, as long as answers have room for: of shorter ones an end that is lost is not missed. */
static void make_text(char *text, int number, long i)
{
    int room = TEXT_LEN - (int)sizeof "Processed: ", length = snprintf(text, TEXT_LEN, "%d-%ld", number, i);
    for (; length < room; length++)
        text[length] = '.';
    text[length] = '\0';
}

static void client(int number, const struct loop *loop)
{
    for (long i = 1; !is_stopped(); i++) {
        char text[TEXT_LEN];
        make_text(text, number, i);
        if ((errno = send_request(loop->queue, getpid(), text, 0)) != 0)
            die("msgsnd");
        count(&shared->requests);
        fetch(loop->queue, text, loop->limit_s);
        if (loop->pause_us > 0)
            usleep(loop->pause_us);
    }
    struct response response;
    usleep(300000);
    while (receive_response(loop->queue, getpid(), &response, IPC_NOWAIT) == 0)
        count(&shared->extra);
}

int main(int argc, char **argv)
{
    if (argc != 4 && argc != 5) {
        fprintf(stderr, "usage: %s KEY CLIENTS LIMIT_SECONDS [PAUSE_US]\n", argv[0]);
        return EXIT_BROKEN;
    }
    struct loop loop = {open_queue(argv[1]), atoi(argv[3]), argc == 5 ? atoi(argv[4]) : 0};
    return run_clients(atoi(argv[2]), client, &loop) ? EXIT_BROKEN : 0;
}
