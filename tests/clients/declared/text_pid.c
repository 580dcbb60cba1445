/* `{ char text[256]; int pid }`: the PID stands behind the text, and the text comes back in capitals. */
#include "declared.h"
#include <ctype.h>

struct message {
    long mtype;
    char text[256];
    int pid;
} message;

static int ask(long number)
{
    char expected[256];
    snprintf(expected, sizeof expected, "LINE %ld OF A TEXT", number);
    message.mtype = 1;
    message.pid = getpid();
    snprintf(message.text, sizeof message.text, "line %ld of a text", number);
    SEND(message);
    memset(&message, 0xa5, sizeof message);
    RECEIVE(message, getpid());
    return message.pid == getpid() && strcmp(message.text, expected) == 0;
}

static void answer_one(void)
{
    RECEIVE(message, 1);
    for (char *at = message.text; *at != '\0'; at++)
        *at = (char)toupper(*at);
    message.mtype = message.pid;
    SEND(message);
}
