/*
 * One way: lines of text, numbered within their producer, which nobody answers. The consumer appends them to a file.
 *
 *     request = "struct { long mtype; char line[256]; }"
 *     reply = "none"
 *
 * OPTION is the producer's name, its PID by default, and the consumer's file.
 */
#include "routes.h"

struct message {
    long mtype;
    char line[256];
} message;

static FILE *file;
static const char *name;
static char own_pid[16];

static void begin(const char *option, int serves)
{
    snprintf(own_pid, sizeof own_pid, "%d", getpid());
    name = option ? option : own_pid;
    if (serves && (!option || !(file = fopen(option, "a"))))
        die("the file");
}

static int ask(long number)
{
    message.mtype = 1;
    int some = snprintf(message.line, sizeof message.line, "%.100s %ld", name, number);
    send_body(requests, &message, (size_t)some + 1);
    return 1;
}

static void end(void)
{
}

static void answer_one(void)
{
    RECEIVE(requests, message, 1);
    fprintf(file, "%.256s\n", message.line);
    fflush(file);
}
