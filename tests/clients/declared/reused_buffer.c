/*
 * A client with one buffer, in which it writes its PID once: the answer must repeat it, since what the answer leaves
 * there is sent with the next request.
 */
#include "declared.h"

struct message {
    long mtype;
    int pid;
    char text[256];
} message;

static int ask(long number)
{
    char expected[256];
    snprintf(expected, sizeof expected, "Processed: line %ld", number);
    if (number == 1)
        message.pid = getpid();
    message.mtype = 1;
    snprintf(message.text, sizeof message.text, "line %ld", number);
    SEND(message);
    RECEIVE(message, getpid());
    return strcmp(message.text, expected) == 0;
}

static void answer_one(void)
{
    char text[256];
    RECEIVE(message, 1);
    snprintf(text, sizeof text, "Processed: %.200s", message.text);
    memcpy(message.text, text, sizeof text);
    message.mtype = message.pid;
    SEND(message);
}
