/* `{ int op; int pid; char data[512] }`, and the type of the request says what is to be done, 1 to 6. */
#include "declared.h"
#include <ctype.h>

enum operation { UPPER = 1, LOWER, REVERSE, LENGTH, FIRST, SAME };

struct message {
    long mtype;
    int op;
    int pid;
    char data[512];
} message;

static void work(long operation, const char *text, char *result)
{
    size_t length = strlen(text);
    memset(result, 0, 512);
    for (size_t i = 0; i < length; i++)
        result[i] = operation == UPPER     ? (char)toupper(text[i])
                    : operation == LOWER   ? (char)tolower(text[i])
                    : operation == REVERSE ? text[length - 1 - i]
                                           : text[i];
    if (operation == LENGTH)
        snprintf(result, 512, "%zu", length);
    if (operation == FIRST)
        result[1] = '\0';
}

static int ask(long number)
{
    char text[512], expected[512];
    long operation = UPPER + number % 6;
    snprintf(text, sizeof text, "Part %ld of Some Data", number);
    work(operation, text, expected);
    message.mtype = operation;
    message.op = (int)operation;
    message.pid = getpid();
    memcpy(message.data, text, sizeof text);
    SEND(message);
    memset(&message, 0xa5, sizeof message);
    RECEIVE(message, getpid());
    return message.op == operation && message.pid == getpid() && strcmp(message.data, expected) == 0;
}

static void answer_one(void)
{
    char result[512];
    RECEIVE(message, -SAME);
    work(message.mtype, message.data, result);
    memcpy(message.data, result, sizeof result);
    message.mtype = message.pid;
    SEND(message);
}
