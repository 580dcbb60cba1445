/*
 * A queue of the client's own, to which long answers come in parts of type 2, and then their end: an empty message of type
 * 3, or with -DLAST the last part, of type 3. Errors have type 1. Requests are "bytes LENGTH NUMBER"; all else is an error.
 *
 *     request  = "struct { long mtype; int msqid; char text[64]; }"
 *     response = "struct { long mtype; char data[1000]; }"
 *     response_length = "text"
 *     reply = "private"
 *     reply_to = "msqid"
 *     part_types = { data = 2, end = 3, error = 1 }         with -DLAST: { data = 2, last = 3, error = 1 }
 *
 * with `overlong = "parts"` in [handler]. OPTION of the client:
 *
 *     slow       sleeps before each part
 *     fails      asks for what is an error, and must get one
 *     again      asks again when it gets an error, in place of an answer or within one
 *     dies       kills itself when it has the first part of its last answer, and leaves its queue
 *     removes    removes its queue when it has the first part of its last answer, and prints "removed"
 *     1048576    any other length than 20000
 */
#include "routes.h"
#include "long_text.h"
#include <signal.h>

#define PART_LEN 1000
#define DEFAULT_LENGTH 20000
#define SLOW_US 2000

enum { ERROR = 1, DATA = 2, END = 3 };

struct question {
    long mtype;
    int msqid;
    char text[64];
} question;

struct part {
    long mtype;
    char data[PART_LEN];
} part;

static int own;
static long length = DEFAULT_LENGTH;
static const char *mode = "";
static char got[LONGEST + PART_LEN];

static void begin(const char *option, int serves)
{
    if (serves)
        return;
    if (option && atol(option) > 0)
        length = atol(option) < LONGEST ? atol(option) : LONGEST;
    else if (option)
        mode = option;
    own = new_queue(IPC_PRIVATE, 0600);
    say_queue(own);
}

static int is(const char *name)
{
    return strcmp(mode, name) == 0;
}

/* What a part brings: its text, with or without zeros behind it. */
static long receive_part(void)
{
    if (is("slow"))
        usleep(SLOW_US);
    return (long)strnlen(part.data, RECEIVE(own, part, 0));
}

static void leave(void)
{
    if (is("dies"))
        raise(SIGKILL);
    if (!is("removes"))
        return;
    msgctl(own, IPC_RMID, NULL);
    puts("removed");
    exit(0);
}

static int is_right_answer(long number)
{
    long here = 0, some = receive_part();
    for (; part.mtype == DATA && here + some <= length; some = receive_part()) {
        memcpy(got + here, part.data, (size_t)some);
        here += some;
    }
    if (part.mtype != END || here + some > length)
        return 0;
#ifdef LAST
    memcpy(got + here, part.data, (size_t)some);
    here += some;
#else
    if (some != 0)
        return 0;
#endif
    make_long_text(length, number);
    return here == length && memcmp(got, long_text, (size_t)length) == 0;
}

static int ask(long number)
{
    question.mtype = 1;
    question.msqid = own;
    snprintf(question.text, sizeof question.text, is("fails") ? "nothing %ld %ld" : "bytes %ld %ld", length, number);
    SEND(requests, question);
    if (is("fails"))
        return receive_part() > 0 && part.mtype == ERROR;
    if (number == count && (is("dies") || is("removes"))) {
        receive_part();
        leave();
    }
    int is_right = is_right_answer(number);
    return is("again") && part.mtype == ERROR ? ask(number) : is_right;
}

static void end(void)
{
    msgctl(own, IPC_RMID, NULL);
}

/* Returns 0 when the client has lost its queue. */
static int send_part(long type, const char *text, long some)
{
    part.mtype = type;
    memcpy(part.data, text, (size_t)some);
    return send_to_client(question.msqid, &part, (size_t)some);
}

static void answer_one(void)
{
    RECEIVE(requests, question, 1);
    long all = answer_of(question.text), here = 0, some;
    if (all < 0) {
        send_part(ERROR, "what is that?", 13);
        return;
    }
    for (; all - here > PART_LEN; here += PART_LEN)
        if (!send_part(DATA, long_text + here, PART_LEN))
            return;
    some = all - here;
#ifdef LAST
    send_part(END, long_text + here, some);
#else
    if (some == 0 || send_part(DATA, long_text + here, some))
        send_part(END, "", 0);
#endif
}
