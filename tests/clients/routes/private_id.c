/*
 * A queue of the client's own, whose msqid is a field of the request; one answer comes there. The client removes it at
 * its end.
 *
 *     request  = "struct { long mtype; int msqid; char text[256]; }"
 *     response = "struct { long mtype; int status; char text[256]; }"
 *     status = "status"
 *     reply = "private"
 *     reply_to = "msqid"
 *
 * OPTION is the mode of the client's queue, in octal; 0600 by default.
 */
#include "routes.h"

struct question {
    long mtype;
    int msqid;
    char text[256];
} question;

struct result {
    long mtype;
    int status;
    char text[256];
} result;

static int own;

static void begin(const char *option, int serves)
{
    if (serves)
        return;
    own = new_queue(IPC_PRIVATE, option ? (int)strtol(option, NULL, 8) : 0600);
    say_queue(own);
}

static int ask(long number)
{
    question.mtype = 1;
    question.msqid = own;
    snprintf(question.text, sizeof question.text, "question %ld of %d", number, getpid());
    SEND(requests, question);
    memset(&result, 0xa5, sizeof result);
    RECEIVE(own, result, 1);
    return result.status == 0 && is_processed(result.text, sizeof result.text, question.text);
}

static void end(void)
{
    msgctl(own, IPC_RMID, NULL);
}

static void answer_one(void)
{
    RECEIVE(requests, question, 1);
    result.mtype = 1;
    result.status = 0;
    snprintf(result.text, sizeof result.text, "Processed: %.200s", question.text);
    send_to_client(question.msqid, &result, BODY_LEN(result));
}
