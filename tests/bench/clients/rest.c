/*
 * Living clients that do not read: COUNT threads send one request each and then sleep, so that the answers rest.
 *
 *     rest KEY COUNT    prints "serving" when all requests are sent, and runs until it is killed
 */
#include "wire.h"
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>

static int queue, sent;

static void *ask_and_sleep(void *unused)
{
    (void)unused;
    if ((errno = send_request(queue, gettid(), "resting", 0)) != 0)
        die("msgsnd");
    __atomic_add_fetch(&sent, 1, __ATOMIC_SEQ_CST);
    for (;;)
        pause();
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_attr_t attributes;
    pthread_t thread;
    if (argc != 3) {
        fprintf(stderr, "usage: %s KEY COUNT\n", argv[0]);
        return EXIT_BROKEN;
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    queue = open_queue(argv[1]);
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 65536);
    int count = atoi(argv[2]);
    for (int i = 0; i < count; i++)
        if ((errno = pthread_create(&thread, &attributes, ask_and_sleep, NULL)) != 0)
            die("pthread_create");
    while (__atomic_load_n(&sent, __ATOMIC_SEQ_CST) < count)
        usleep(1000);
    puts("serving");
    fflush(stdout);
    for (;;)
        pause();
}
