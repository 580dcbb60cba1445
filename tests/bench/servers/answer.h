/* The work of every server of the benchmark: that of the echo handler. */
#ifndef ANSWER_H
#define ANSWER_H

#include "wire.h"
#include <signal.h>
#include <sys/prctl.h>

/* `response` was cleared once; what an earlier answer left behind the text's NUL is not looked at by anybody. */
static void answer(const struct request *request, struct response *response)
{
    response->mtype = request->clientPid;
    response->statusCode = 0;
    /* The cut is meant. */
    int ignored = snprintf(response->responseData, TEXT_LEN, "Processed: %.*s", TEXT_LEN, request->requestData);
    (void)ignored;
}

/* Says that clients may come, and which processes serve them besides this one. Ends with whoever started this. */
static void serving(const pid_t *others, int count)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    printf("serving %d", getpid());
    for (int i = 0; i < count; i++)
        printf(" %d", others[i]);
    puts("");
    fflush(stdout);
}

#endif
