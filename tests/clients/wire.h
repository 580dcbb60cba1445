/* What the test programs in C share: the structs of the v1 protocol and the plainest ways to use them. */
#ifndef WIRE_H
#define WIRE_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/types.h>
#include <unistd.h>

#define REQUEST_MTYPE 1
#ifndef TEXT_LEN
#define TEXT_LEN 256
#endif
#define BODY_LEN(message) (sizeof(message) - sizeof(long))

/* With REQUEST_BY_MTYPE the type of a request is its client's PID, and the body is the text alone. */
struct request {
    long mtype;
#ifndef REQUEST_BY_MTYPE
    pid_t clientPid;
#endif
    char requestData[TEXT_LEN];
};

struct response {
    long mtype;
    int statusCode;
    char responseData[TEXT_LEN];
};

/* Exit status of a program that could not do its work, in contrast to 1: a wrong answer. */
#define EXIT_BROKEN 2

__attribute__((noreturn, unused)) static void die(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, strerrorname_np(errno));
    exit(EXIT_BROKEN);
}

__attribute__((unused)) static int open_queue(const char *key)
{
    int queue = msgget((key_t)strtoul(key, NULL, 0), 0);
    if (queue < 0)
        die("msgget");
    return queue;
}

/*
 * Where the answers to requests to this queue are: in the queue with the key in MSGQ_REPLY_KEY, or in the same where that is
 * not set.
 */
__attribute__((unused)) static int answers_of(int queue)
{
    const char *key = getenv("MSGQ_REPLY_KEY");
    static int answers = -1;
    if (!key)
        return queue;
    if (answers < 0)
        answers = open_queue(key);
    return answers;
}

/*
 * Fills a request as a program does that does not clear its struct: a text cut at 255 bytes and garbage behind it, in
 * the padding too.
 */
__attribute__((unused)) static void fill_request(struct request *request, pid_t pid, const char *text)
{
    memset(request, 0xa5, sizeof *request);
#ifdef REQUEST_BY_MTYPE
    request->mtype = pid;
#else
    request->mtype = REQUEST_MTYPE;
    request->clientPid = pid;
#endif
    memccpy(request->requestData, text, '\0', TEXT_LEN - 1);
}

/* Returns 0, or the errno. */
__attribute__((unused)) static int send_request(int queue, pid_t pid, const char *text, int flags)
{
    struct request request;
    fill_request(&request, pid, text);
    while (msgsnd(queue, &request, BODY_LEN(request), flags) < 0)
        if (errno != EINTR)
            return errno;
    return 0;
}

/* Returns 0, or the errno. */
__attribute__((unused)) static int receive_response(int queue, pid_t pid, struct response *response, int flags)
{
    while (msgrcv(answers_of(queue), response, BODY_LEN(*response), pid, flags) < 0)
        if (errno != EINTR)
            return errno;
    return 0;
}

/* Tells whether a response is the answer to `text`; says on stderr what it is otherwise. */
__attribute__((unused)) static int is_answer_to(const struct response *response, const char *text)
{
    char expected[TEXT_LEN + 16];
    snprintf(expected, sizeof expected, "Processed: %s", text);
    expected[TEXT_LEN - 1] = '\0';
    if (response->statusCode == 0 && strncmp(response->responseData, expected, TEXT_LEN) == 0)
        return 1;
    fprintf(stderr, "wrong answer: status %d, \"%.*s\" instead of \"%s\"\n", response->statusCode, TEXT_LEN,
            response->responseData, expected);
    return 0;
}

#endif
