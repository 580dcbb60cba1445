/*
 * Two queues. The PID stands in the request, whose type is 1; answers have it as their type, on the second queue.
 *
 *     request  = "struct { long mtype; pid_t pid; char text[128]; }"
 *     response = "struct { long mtype; int status; char text[128]; }"
 *     status = "status"
 *     reply = { key = OPTION }
 */
#include "routes.h"

struct question {
    long mtype;
    pid_t pid;
    char text[128];
} question;

struct result {
    long mtype;
    int status;
    char text[128];
} result;

static int answers;

static void begin(const char *option, int serves)
{
    answers = second_queue(option, serves);
}

static int ask(long number)
{
    question.mtype = 1;
    question.pid = getpid();
    snprintf(question.text, sizeof question.text, "question %ld of %d", number, getpid());
    SEND(requests, question);
    memset(&result, 0xa5, sizeof result);
    RECEIVE(answers, result, getpid());
    return result.status == 0 && is_processed(result.text, sizeof result.text, question.text);
}

static void end(void)
{
}

static void answer_one(void)
{
    RECEIVE(requests, question, 1);
    result.mtype = question.pid;
    result.status = 0;
    snprintf(result.text, sizeof result.text, "Processed: %.100s", question.text);
    SEND(answers, result);
}
