/*
 * Many well-behaved clients at once, each with one outstanding request.
 *
 *     crowd KEY CLIENTS COUNT STALL_MS
 *
 * Prints "started" once every client is about to send its first request. Ends when all have their COUNT answers, at
 * the first wrong answer, or when STALL_MS milliseconds pass without any answer. Then prints one line
 *     answered 500 of 500; mean latency in us: median client 120, slowest client 130
 * Status 0 when every answer came and was right, 1 when one was wrong, 4 when answers stopped coming.
 */
#include "wire.h"
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#define LIFETIME_S 170
#define EXIT_STALLED 4

struct progress {
    long started;
    long wrong;
    long finished;
    struct {
        long answered;
        long waited_us;
    } client[];
};

static long now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (long)(now.tv_sec * 1000000L + now.tv_nsec / 1000);
}

static void client(int queue, struct progress *progress, long index, long count)
{
    alarm(LIFETIME_S);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    __atomic_add_fetch(&progress->started, 1, __ATOMIC_SEQ_CST);
    for (long i = 1; i <= count; i++) {
        struct response response;
        char text[64];
        long start = now_us();
        snprintf(text, sizeof text, "crowd-%ld-%ld", index, i);
        if ((errno = send_request(queue, getpid(), text, 0)) != 0)
            die("msgsnd");
        if ((errno = receive_response(queue, getpid(), &response, 0)) != 0)
            die("msgrcv");
        if (!is_answer_to(&response, text)) {
            __atomic_add_fetch(&progress->wrong, 1, __ATOMIC_SEQ_CST);
            _exit(1);
        }
        __atomic_add_fetch(&progress->client[index].waited_us, now_us() - start, __ATOMIC_SEQ_CST);
        __atomic_add_fetch(&progress->client[index].answered, 1, __ATOMIC_SEQ_CST);
    }
    __atomic_add_fetch(&progress->finished, 1, __ATOMIC_SEQ_CST);
    _exit(0);
}

static long answered(struct progress *progress, long clients)
{
    long sum = 0;
    for (long i = 0; i < clients; i++)
        sum += __atomic_load_n(&progress->client[i].answered, __ATOMIC_SEQ_CST);
    return sum;
}

static int by_value(const void *left, const void *right)
{
    long a = *(const long *)left, b = *(const long *)right;
    return (a > b) - (a < b);
}

static void report(struct progress *progress, long clients, long count)
{
    long *mean_us = calloc((size_t)clients, sizeof *mean_us);
    if (!mean_us)
        die("calloc");
    for (long i = 0; i < clients; i++)
        if (progress->client[i].answered)
            mean_us[i] = progress->client[i].waited_us / progress->client[i].answered;
    qsort(mean_us, (size_t)clients, sizeof *mean_us, by_value);
    printf("answered %ld of %ld; mean latency in us: median client %ld, slowest client %ld\n",
           answered(progress, clients), clients * count, mean_us[clients / 2], mean_us[clients - 1]);
    free(mean_us);
}

/* Returns the exit status. */
static int wait_for_the_end(struct progress *progress, long clients, long stall_ms)
{
    int said_started = 0;
    long last = 0, last_us = now_us();
    for (;;) {
        usleep(2000);
        if (!said_started && __atomic_load_n(&progress->started, __ATOMIC_SEQ_CST) == clients) {
            puts("started");
            fflush(stdout);
            said_started = 1;
        }
        if (__atomic_load_n(&progress->wrong, __ATOMIC_SEQ_CST))
            return 1;
        if (__atomic_load_n(&progress->finished, __ATOMIC_SEQ_CST) == clients)
            return 0;
        long sum = answered(progress, clients);
        if (sum != last) {
            last = sum;
            last_us = now_us();
        }
        if (now_us() - last_us > stall_ms * 1000)
            return EXIT_STALLED;
    }
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        fprintf(stderr, "usage: %s KEY CLIENTS COUNT STALL_MS\n", argv[0]);
        return EXIT_BROKEN;
    }
    alarm(LIFETIME_S);
    int queue = open_queue(argv[1]);
    long clients = strtol(argv[2], NULL, 10), count = strtol(argv[3], NULL, 10);
    size_t size = sizeof(struct progress) + (size_t)clients * sizeof(((struct progress *)NULL)->client[0]);
    struct progress *progress = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t *children = calloc((size_t)clients, sizeof *children);
    if (progress == MAP_FAILED || !children)
        die("mmap");
    for (long i = 0; i < clients; i++) {
        children[i] = fork();
        if (children[i] == 0)
            client(queue, progress, i, count);
        if (children[i] < 0)
            die("fork");
    }
    int status = wait_for_the_end(progress, clients, strtol(argv[4], NULL, 10));
    report(progress, clients, count);
    for (long i = 0; i < clients; i++) {
        kill(children[i], SIGKILL);
        waitpid(children[i], NULL, 0);
    }
    return status;
}
