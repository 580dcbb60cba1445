/* Nothing but text, in which the PID is a word: the first one, or with -DSECOND the second. */
#include "declared.h"

#ifdef SECOND
#define REQUEST "line %d %ld"
#else
#define REQUEST "%d line %ld"
#endif

struct message {
    long mtype;
    char text[256];
} message;

static void send_text(void)
{
    send_body(&message, strlen(message.text) + 1);
}

static int ask(long number)
{
    char expected[256];
    snprintf(expected, sizeof expected, "Processed: " REQUEST, getpid(), number);
    message.mtype = 1;
    snprintf(message.text, sizeof message.text, REQUEST, getpid(), number);
    send_text();
    memset(message.text, 0xa5, sizeof message.text);
    size_t length = RECEIVE(message, getpid());
    return length == strlen(expected) + 1 && strcmp(message.text, expected) == 0;
}

static void answer_one(void)
{
    char text[256];
    int pid;
    long number;
    RECEIVE(message, 1);
    if (sscanf(message.text, REQUEST, &pid, &number) != 2)
        return;
    snprintf(text, sizeof text, "Processed: %.200s", message.text);
    memcpy(message.text, text, sizeof text);
    message.mtype = pid;
    send_text();
}
