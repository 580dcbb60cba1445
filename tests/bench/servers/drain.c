/*
 * What a flood leaves to an ordinary client at best: takes every request, and answers only those that begin with
 * "ordinary".
 *
 *     drain KEY QUEUE_BYTES retry|block
 *
 * An answer that finds the queue full goes to a second thread. With "retry" that thread tries again and again without
 * waiting, and so takes a freed place before those who are being woken for it; with "block" it waits in msgsnd among
 * them.
 */
#include "answer.h"
#include <pthread.h>

#define WAITING 4096

static struct response waiting[WAITING];
static unsigned long put, taken;
static int queue, send_flags;

static void *courier(void *unused)
{
    for (;;) {
        while (__atomic_load_n(&put, __ATOMIC_ACQUIRE) == taken)
            usleep(50);
        while (msgsnd(queue, &waiting[taken % WAITING], BODY_LEN(*waiting), send_flags) < 0)
            if (errno != EAGAIN)
                die("msgsnd");
        __atomic_store_n(&taken, taken + 1, __ATOMIC_RELEASE);
    }
    return unused;
}

static void send_or_hand_over(const struct response *response)
{
    int is_first = __atomic_load_n(&taken, __ATOMIC_ACQUIRE) == put;
    if (is_first && msgsnd(queue, response, BODY_LEN(*response), IPC_NOWAIT) == 0)
        return;
    while (put - __atomic_load_n(&taken, __ATOMIC_ACQUIRE) == WAITING)
        usleep(50);
    waiting[put % WAITING] = *response;
    __atomic_store_n(&put, put + 1, __ATOMIC_RELEASE);
}

int main(int argc, char **argv)
{
    struct msqid_ds settings;
    struct request request;
    struct response response = {0};
    pthread_t thread;
    if (argc != 4) {
        fprintf(stderr, "usage: %s KEY QUEUE_BYTES retry|block\n", argv[0]);
        return EXIT_BROKEN;
    }
    queue = msgget((key_t)strtoul(argv[1], NULL, 0), IPC_CREAT | IPC_EXCL | 0660);
    if (queue < 0 || msgctl(queue, IPC_STAT, &settings) < 0)
        die("msgget");
    settings.msg_qbytes = strtoul(argv[2], NULL, 10);
    if (msgctl(queue, IPC_SET, &settings) < 0)
        die("msgctl");
    send_flags = strcmp(argv[3], "retry") == 0 ? IPC_NOWAIT : 0;
    if (pthread_create(&thread, NULL, courier, NULL) != 0)
        die("pthread_create");
    serving(NULL, 0);
    while (msgrcv(queue, &request, BODY_LEN(request), REQUEST_MTYPE, 0) >= 0)
        if (strncmp(request.requestData, "ordinary", 8) == 0) {
            answer(&request, &response);
            send_or_hand_over(&response);
        }
    die("msgrcv");
}
