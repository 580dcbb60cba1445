/*
 * One queue, and answers that come there in parts of the client's type, between the answers of others. Requests are
 * "bytes LENGTH NUMBER".
 *
 *     request  = "struct { long mtype; pid_t pid; char text[64]; }"
 *     response = "struct { long mtype; char data[4000]; }"
 *     response_length = "text"
 *
 * with `overlong = "parts"` in [handler]. Types cannot tell which part is the last one. OPTION of the client is LENGTH, 1 MiB
 * by default, with a letter behind it where it does not go by the length that it asked for:
 *
 *     LENGTHe    the end is an empty part
 *     LENGTHs    the end is a part that is not full, empty where the parts before are full
 *
 * OPTION of the server is the letter.
 */
#include "routes.h"
#include "long_text.h"

#define PART_LEN 4000

struct question {
    long mtype;
    pid_t pid;
    char text[64];
} question;

struct part {
    long mtype;
    char data[PART_LEN];
} part;

enum ends { BY_LENGTH, BY_EMPTY_PART, BY_SHORT_PART };

static enum ends ends = BY_LENGTH;
static long length = LONGEST;
static char got[LONGEST + PART_LEN];

static void begin(const char *option, int serves)
{
    char *letter = (char *)option;
    if (!option)
        return;
    if (!serves)
        length = strtol(option, &letter, 10);
    if (length < 0 || length > LONGEST)
        length = LONGEST;
    ends = *letter == 'e' ? BY_EMPTY_PART : *letter == 's' ? BY_SHORT_PART : BY_LENGTH;
}

static int is_end(long here, long some)
{
    switch (ends) {
    case BY_EMPTY_PART:
        return some == 0;
    case BY_SHORT_PART:
        /* Some keep a place for the text's NUL. */
        return some < PART_LEN - 1;
    default:
        return here >= length;
    }
}

static int ask(long number)
{
    long here = 0, some;
    question.mtype = 1;
    question.pid = getpid();
    snprintf(question.text, sizeof question.text, "bytes %ld %ld", length, number);
    SEND(requests, question);
    do {
        some = (long)strnlen(part.data, RECEIVE(requests, part, getpid()));
        memcpy(got + here, part.data, (size_t)some);
        here += some;
    } while (here <= length && !is_end(here, some));
    make_long_text(length, number);
    return here == length && memcmp(got, long_text, (size_t)length) == 0;
}

static void end(void)
{
}

static void send_part(const char *text, long some)
{
    part.mtype = question.pid;
    memcpy(part.data, text, (size_t)some);
    send_body(requests, &part, (size_t)some);
}

static void answer_one(void)
{
    RECEIVE(requests, question, 1);
    long all = answer_of(question.text), here = 0;
    for (; all - here >= PART_LEN; here += PART_LEN)
        send_part(long_text + here, PART_LEN);
    if (all > here || ends == BY_SHORT_PART)
        send_part(long_text + here, all - here);
    if (ends == BY_EMPTY_PART)
        send_part("", 0);
}
