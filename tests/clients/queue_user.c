/* A program that uses a queue which it knows by number, as any program may:
 *   queue_user MSQID STEP...
 * where each STEP is one of
 *   send TYPE LENGTH COUNT    waits for room
 *   receive TYPE COUNT        as in msgrcv(2)
 *   fill TYPE LENGTH          until there is no room
 *   say TEXT
 *   sleep                     for good
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <unistd.h>

static struct {
    long type;
    char body[8192];
} message;

static void failed(const char *call) {
    fprintf(stderr, "%s: %s\n", call, strerror(errno));
    exit(1);
}

static const char *next(char ***step) {
    if (**step == NULL) {
        fprintf(stderr, "a step is incomplete\n");
        exit(2);
    }
    return *(*step)++;
}

int main(int argc, char **argv) {
    if (argc < 2) return 2;
    int queue = atoi(argv[1]);
    char **step = argv + 2;
    setlinebuf(stdout);
    while (*step != NULL) {
        const char *what = next(&step);
        if (strcmp(what, "send") == 0 || strcmp(what, "fill") == 0) {
            long type = atol(next(&step));
            size_t length = strtoul(next(&step), NULL, 10);
            int is_fill = strcmp(what, "fill") == 0;
            long count = is_fill ? -1 : atol(next(&step));
            memset(message.body, 'x', sizeof message.body);
            while (count-- != 0) {
                message.type = type;
                if (msgsnd(queue, &message, length, is_fill ? IPC_NOWAIT : 0) == 0) continue;
                if (is_fill && errno == EAGAIN) break;
                failed("msgsnd");
            }
        } else if (strcmp(what, "receive") == 0) {
            long type = atol(next(&step));
            long count = atol(next(&step));
            while (count-- > 0)
                if (msgrcv(queue, &message, sizeof message.body, type, 0) < 0) failed("msgrcv");
        } else if (strcmp(what, "say") == 0) {
            puts(next(&step));
        } else {
            for (;;) pause();
        }
    }
    return 0;
}
