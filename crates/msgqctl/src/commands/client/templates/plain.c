/*
 * A client of msgqd in C, as `msgqctl client c` prints it: sends one text and prints the answer.
 *
 *     cc -O2 -o client client.c
 *     ./client hello                        # the queue for which this was printed
 *     ./client -k 0x12345679 -t 5 hello     # another one, and at most 5 seconds
@@IF TYPES
 *     ./client -m @@LAST_TYPE@@ hello                   # of another type; there are @@TYPE_LIST@@
@@END
 *
@@IF STATUS
 * Exit status: 0 answered, 1 the server answered an error, 2 nothing was answered.
@@END
@@IF ECHO
 * Exit status: 0 answered, 2 nothing was answered.
@@END
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

#define DEFAULT_KEY @@KEY@@
#define TEXT_LEN 256

struct request {
    long mtype;
    pid_t clientPid;
    char requestData[TEXT_LEN];
};

struct response {
    long mtype;
@@IF STATUS
    int statusCode;
@@END
@@IF ECHO
    pid_t clientPid;
@@END
    char responseData[TEXT_LEN];
};

/* The kernel counts the body only: everything behind mtype, padding included. */
#define BODY_LEN(message) (sizeof(message) - sizeof(long))

@@PART end_waiting

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
@@IF TYPES
    fputs("usage: client [-k KEY] [-t SECONDS] [-m TYPE] TEXT\n", stderr);
@@END
@@IF ONE_TYPE
    fputs("usage: client [-k KEY] [-t SECONDS] TEXT\n", stderr);
@@END
    exit(2);
}

@@PART arguments

@@PART random_number
@@PART limit_time

int main(int argc, char **argv)
{
    key_t key = (key_t)DEFAULT_KEY;
    long seconds = 30, mtype = @@FIRST_TYPE@@;
    for (int option; (option = getopt(argc, argv, "@@OPTIONS@@")) != -1;) {
        if (option == 'k')
            key = (key_t)number(optarg);
        else if (option == 't')
            seconds = (long)number(optarg);
@@IF TYPES
        else if (option == 'm' && is_request_type(number(optarg)))
            mtype = (long)number(optarg);
@@END
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
@@IF PROCESS
    pid_t pid = getpid();
@@END
@@IF NUMBER
    pid_t pid = (pid_t)random_number();
@@END
@@IF BASE
    long answer_type = @@BASE@@ + pid;
@@END
@@IF NO_BASE
    long answer_type = pid;
@@END

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
@@IF STATUS
    return response.statusCode == 0 ? 0 : 1;
@@END
@@IF ECHO
    return 0;
@@END
}
