/*
 * A queue of the client's own, whose key is a field of the request; one answer comes there. The client removes it at its
 * end.
 *
 *     request  = "struct { long mtype; char text[100]; int key; }"
 *     response = "struct { long mtype; char text[120]; }"
 *     reply = "private"
 *     reply_to = { field = "key", as = "key" }
 *
 * OPTION is the mode of the client's queue, in octal; 0622 by default: everybody may write, nobody else may read.
 */
#include "routes.h"

/* Beside the keys of tests. PIDs have 22 bits; a queue that another process with this PID left is not touched. */
#define FIRST_KEY 0x50000000
#define TRIES 16

struct question {
    long mtype;
    char text[100];
    key_t key;
} question;

struct result {
    long mtype;
    char text[120];
} result;

static int own;

static void begin(const char *option, int serves)
{
    int mode = option ? (int)strtol(option, NULL, 8) : 0622;
    if (serves)
        return;
    umask(0);
    own = -1;
    for (int i = 0; i < TRIES && own < 0; i++) {
        question.key = FIRST_KEY + getpid() * TRIES + i;
        own = msgget(question.key, IPC_CREAT | IPC_EXCL | mode);
    }
    if (own < 0)
        die("msgget");
    say_queue(own);
}

static int ask(long number)
{
    question.mtype = 1;
    snprintf(question.text, sizeof question.text, "question %ld of %d", number, getpid());
    SEND(requests, question);
    memset(&result, 0xa5, sizeof result);
    RECEIVE(own, result, 1);
    return is_processed(result.text, sizeof result.text, question.text);
}

static void end(void)
{
    msgctl(own, IPC_RMID, NULL);
}

static void answer_one(void)
{
    RECEIVE(requests, question, 1);
    int queue = msgget(question.key, 0);
    if (queue < 0)
        return;
    result.mtype = 1;
    snprintf(result.text, sizeof result.text, "Processed: %.90s", question.text);
    send_to_client(queue, &result, BODY_LEN(result));
}
