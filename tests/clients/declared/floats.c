/* A calculator: `{ pid; float a, b; char op }` is answered with a float. */
#include "declared.h"

struct question {
    long mtype;
    pid_t pid;
    float a, b;
    char op;
} question;

struct result {
    long mtype;
    float value;
} result;

static float worked_out(float a, float b, char op)
{
    return op == '+' ? a + b : op == '-' ? a - b : op == '*' ? a * b : a / b;
}

static int ask(long number)
{
    question.mtype = 1;
    question.pid = getpid();
    question.a = (float)number + 0.25F;
    question.b = 8;
    question.op = "+-*/"[number % 4];
    SEND(question);
    RECEIVE(result, getpid());
    return result.value == worked_out(question.a, question.b, question.op);
}

static void answer_one(void)
{
    RECEIVE(question, 1);
    result.mtype = question.pid;
    result.value = worked_out(question.a, question.b, question.op);
    SEND(result);
}
