/*
 * Clients in closed loops: what they count together, their start and their end. Whoever includes it has die().
 */
#ifndef CHAOS_H
#define CHAOS_H

#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

struct loop {
    int queue, limit_s, pause_us;
};

static struct shared {
    int stop;
    long requests, right, wrong, lost, extra;
} *shared;

static void stop(int signal)
{
    (void)signal;
    __atomic_store_n(&shared->stop, 1, __ATOMIC_SEQ_CST);
}

static int is_stopped(void)
{
    return __atomic_load_n(&shared->stop, __ATOMIC_SEQ_CST);
}

static void interrupt(int signal)
{
    (void)signal;
}

static void count(long *counter)
{
    __atomic_add_fetch(counter, 1, __ATOMIC_SEQ_CST);
}

static void one_client(void (*client)(int, const struct loop *), int number, const struct loop *loop)
{
    struct sigaction action = {.sa_handler = interrupt};
    sigaction(SIGALRM, &action, NULL);
    signal(SIGTERM, SIG_IGN);
    client(number, loop);
    _exit(0);
}

/* Prints what the clients counted when all of them have ended; 0 where each ended as it should. */
static int run_clients(int clients, void (*client)(int, const struct loop *), const struct loop *loop)
{
    struct sigaction action = {.sa_handler = stop};
    int status, broken = 0;
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        die("mmap");
    sigaction(SIGTERM, &action, NULL);
    for (int i = 0; i < clients; i++) {
        pid_t pid = fork();
        if (pid < 0)
            die("fork");
        if (pid == 0)
            one_client(client, i, loop);
    }
    for (int left = clients; left > 0;)
        if (wait(&status) > 0) {
            left--;
            broken |= status != 0;
        }
    printf("requests %ld right %ld wrong %ld lost %ld extra %ld\n", shared->requests, shared->right, shared->wrong,
           shared->lost, shared->extra);
    return broken;
}

#endif
