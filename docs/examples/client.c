/*
 * A client of msgqd in C, as `msgqctl client c` prints it: sends one text and prints the answer.
 *
 *     cc -O2 -o client client.c
 *     ./client hello                        # the queue for which this was printed
 *     ./client -k 0x12345679 -t 5 hello     # another one, and at most 5 seconds
 *
 * Exit status: 0 answered, 1 the server answered an error, 2 nothing was answered.
 */
#define _XOPEN_SOURCE 700
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/time.h>
#include <sys/types.h>
#include <unistd.h>

#define DEFAULT_KEY 0x12345678
#define TEXT_LEN 256

struct request {
    long mtype;
    pid_t clientPid;
    char requestData[TEXT_LEN];
};

struct response {
    long mtype;
    int statusCode;
    char responseData[TEXT_LEN];
};

/* The kernel counts the body only: everything behind mtype, padding included. */
#define BODY_LEN(message) (sizeof(message) - sizeof(long))

static volatile sig_atomic_t time_is_over;

static void end_waiting(int signal_number)
{
    (void)signal_number;
    time_is_over = 1;
}

static int fail(const char *call, key_t key)
{
    const char *reason = strerror(errno);
    if (errno == EINTR)
        reason = "no answer in time";
    else if (errno == ENOENT)
        reason = "there is no such queue; is msgqd running?";
    else if (errno == EACCES)
        reason = "permission denied; are you in the queue's group? (ipcs -q shows it)";
    else if (errno == EIDRM || errno == EINVAL)
        reason = "the queue is gone: the server was stopped";
    fprintf(stderr, "client: %s on queue 0x%08x: %s\n", call, (unsigned)key, reason);
    return 2;
}

static void usage(void)
{
    fputs("usage: client [-k KEY] [-t SECONDS] TEXT\n", stderr);
    exit(2);
}

static long long number(const char *text)
{
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 0);
    if (errno != 0 || end == text || *end != '\0')
        usage();
    return value;
}

/* A signal that comes just before a call is lost on it, so the timer goes on every 0.1 seconds. */
static void limit_time(long seconds)
{
    struct sigaction action;
    struct itimerval timer = { { 0, 100000 }, { 0, 0 } };
    memset(&action, 0, sizeof action);
    action.sa_handler = end_waiting;
    timer.it_value.tv_sec = seconds;
    if (seconds < 1 || sigaction(SIGALRM, &action, NULL) < 0 || setitimer(ITIMER_REAL, &timer, NULL) < 0)
        usage();
}

int main(int argc, char **argv)
{
    key_t key = (key_t)DEFAULT_KEY;
    long seconds = 30, mtype = 1;
    for (int option; (option = getopt(argc, argv, "k:t:")) != -1;) {
        if (option == 'k')
            key = (key_t)number(optarg);
        else if (option == 't')
            seconds = (long)number(optarg);
        else
            usage();
    }
    /* IPC_PRIVATE, which is 0, would make a queue that nobody serves. */
    if (argc - optind != 1 || key == IPC_PRIVATE)
        usage();
    const char *text = argv[optind];
    if (strlen(text) > TEXT_LEN) {
        fprintf(stderr, "client: the text has %zu bytes; a request carries at most %d\n", strlen(text), TEXT_LEN);
        return 2;
    }

    int queue = msgget(key, 0);
    if (queue < 0)
        return fail("msgget", key);
    limit_time(seconds);

    struct request request;
    struct response response;
    pid_t pid = getpid();
    long answer_type = pid;

    /* Who had this number before may have gone without reading its answer: it is not for us. */
    while (msgrcv(queue, &response, BODY_LEN(response), answer_type, IPC_NOWAIT | MSG_NOERROR) >= 0)
        continue;
    if (errno != ENOMSG)
        return fail("msgrcv", key);

    /* The whole struct travels, so leave nothing of this program's memory in it. */
    memset(&request, 0, sizeof request);
    request.mtype = mtype;
    request.clientPid = pid;
    memcpy(request.requestData, text, strlen(text));

    /* A handled signal ends both calls with EINTR, even with SA_RESTART. */
    while (msgsnd(queue, &request, BODY_LEN(request), 0) < 0)
        if (errno != EINTR || time_is_over)
            return fail("msgsnd", key);
    while (msgrcv(queue, &response, BODY_LEN(response), answer_type, 0) < 0)
        if (errno != EINTR || time_is_over)
            return fail("msgrcv", key);

    printf("%.*s\n", TEXT_LEN, response.responseData);
    return response.statusCode == 0 ? 0 : 1;
}
