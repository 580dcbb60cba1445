/*
 * Two queues. The type of a request is the client's PID, of which nothing stands in the body; answers have the same type,
 * on the second queue.
 *
 *     request = "struct { long mtype; char text[200]; }"
 *     client = "mtype"
 *     reply = { key = OPTION }
 */
#include "routes.h"

struct message {
    long mtype;
    char text[200];
} message;

static int answers;

static void begin(const char *option, int serves)
{
    answers = second_queue(option, serves);
}

static int ask(long number)
{
    char text[64];
    snprintf(text, sizeof text, "question %ld of %d", number, getpid());
    message.mtype = getpid();
    memcpy(message.text, text, sizeof text);
    SEND(requests, message);
    memset(&message, 0xa5, sizeof message);
    RECEIVE(answers, message, getpid());
    return is_processed(message.text, sizeof message.text, text);
}

static void end(void)
{
}

static void answer_one(void)
{
    char text[200];
    RECEIVE(requests, message, 0);
    snprintf(text, sizeof text, "Processed: %.180s", message.text);
    memcpy(message.text, text, sizeof text);
    SEND(answers, message);
}
