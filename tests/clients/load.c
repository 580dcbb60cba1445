/*
 * Closed-loop load: CLIENTS processes, each with its share of REQUESTS one after the other. All start at the same
 * moment. Every answer must be the right one.
 *
 *     load KEY CLIENTS REQUESTS    prints requests a second and the longest a client took, in seconds
 */
#include "wire.h"
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec / 1e9;
}

struct shared {
    int ready;
    int go;
    double slowest;
};

static void client(int queue, int number, long count, struct shared *shared)
{
    __atomic_add_fetch(&shared->ready, 1, __ATOMIC_SEQ_CST);
    while (!__atomic_load_n(&shared->go, __ATOMIC_SEQ_CST))
        usleep(1000);
    for (long i = 1; i <= count; i++) {
        struct response response;
        char text[TEXT_LEN];
        snprintf(text, sizeof text, "%d-%ld", number, i);
        if ((errno = send_request(queue, getpid(), text, 0)) != 0)
            die("msgsnd");
        if ((errno = receive_response(queue, getpid(), &response, 0)) != 0)
            die("msgrcv");
        if (!is_answer_to(&response, text))
            _exit(1);
    }
    _exit(0);
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: %s KEY CLIENTS REQUESTS\n", argv[0]);
        return EXIT_BROKEN;
    }
    int queue = open_queue(argv[1]), clients = atoi(argv[2]);
    long each = strtol(argv[3], NULL, 10) / clients;
    struct shared *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        die("mmap");
    for (int i = 0; i < clients; i++) {
        pid_t pid = fork();
        if (pid < 0)
            die("fork");
        if (pid == 0)
            client(queue, i, each, shared);
    }
    while (__atomic_load_n(&shared->ready, __ATOMIC_SEQ_CST) < clients)
        usleep(1000);
    double start = now();
    __atomic_store_n(&shared->go, 1, __ATOMIC_SEQ_CST);
    int failed = 0, status;
    for (int i = 0; i < clients; i++)
        failed += wait(&status) < 0 || status != 0;
    double took = now() - start;
    printf("%.0f %.3f\n", each * clients / took, took);
    return failed != 0;
}
