/*
 * Ordinary clients beside a flood, and what each second brings them.
 *
 *     flood KEY SECONDS ORDINARY send COUNT           COUNT processes that send for ever and read nothing
 *     flood KEY SECONDS ORDINARY duplex COUNT WINDOW  COUNT clients that send in one process and read in another, with
 *                                                     at most WINDOW requests unanswered; 0: without a limit
 *     flood KEY SECONDS ORDINARY unread COUNT EACH    COUNT clients that send EACH requests, read nothing and stay
 *     flood KEY SECONDS ORDINARY threads COUNT        COUNT threads of one process that send one request each, read
 *                                                     nothing and stay
 *     flood KEY SECONDS ORDINARY none 0
 *
 * ORDINARY clients ask one request after the other. They begin, and the first second with them, 0.3 s after the flood. One
 * line for each second:
 *     second 1: ordinary 300, longest 20 ms; flood sent 60000, read 12000
 * `longest` is of the ordinary ones, from the return of msgsnd to that of msgrcv; who waits still counts too. Ends with
 * status 0, or 1 when an ordinary client got a wrong answer.
 */
#include "wire.h"
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#define MOST_CHILDREN 16384
#define LEAD_MS 300

/* One for each ordinary client, on a cache line of its own; written by that client alone. */
struct ordinary {
    long answered;
    long waits_since_us;
    long longest_us;
    long unused[5];
};

struct counts {
    long sent;
    long read;
    long unused[6];
};

static struct shared {
    long wrong;
    struct ordinary ordinary[1024];
    struct counts flood[MOST_CHILDREN];
} *shared;

static int queue;
static pid_t children[MOST_CHILDREN];
static int child_count;

static long now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000L + now.tv_nsec / 1000;
}

static long get(long *value)
{
    return __atomic_load_n(value, __ATOMIC_RELAXED);
}

static void set(long *value, long to)
{
    __atomic_store_n(value, to, __ATOMIC_RELAXED);
}

static void sleep_us(long us)
{
    struct timespec time = {us / 1000000, us % 1000000 * 1000};
    nanosleep(&time, NULL);
}

static void ask_for_ever(struct ordinary *own, int number)
{
    for (long i = 1;; i++) {
        struct response response;
        char text[TEXT_LEN];
        snprintf(text, sizeof text, "ordinary-%d-%ld", number, i);
        if ((errno = send_request(queue, getpid(), text, 0)) != 0)
            die("msgsnd");
        long start = now_us();
        set(&own->waits_since_us, start);
        if ((errno = receive_response(queue, getpid(), &response, 0)) != 0)
            die("msgrcv");
        long waited = now_us() - start;
        if (!is_answer_to(&response, text)) {
            set(&shared->wrong, 1);
            _exit(1);
        }
        set(&own->waits_since_us, 0);
        if (waited > get(&own->longest_us))
            set(&own->longest_us, waited);
        set(&own->answered, own->answered + 1);
    }
}

/* Sends in the name of `pid`, `count` times or, with -1, for ever. */
static void send_many(struct counts *own, pid_t pid, long count, long window)
{
    for (long i = 0; count < 0 || i < count; i++) {
        while (window && get(&own->sent) - get(&own->read) >= window)
            sleep_us(50);
        if ((errno = send_request(queue, pid, "flood", 0)) != 0)
            die("msgsnd");
        set(&own->sent, own->sent + 1);
    }
}

static void read_for_ever(struct counts *own)
{
    struct response response;
    while ((errno = receive_response(queue, getpid(), &response, 0)) == 0)
        set(&own->read, own->read + 1);
    die("msgrcv");
}

static pid_t child(void)
{
    pid_t parent = getpid(), pid = fork();
    if (pid < 0)
        die("fork");
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
            _exit(EXIT_BROKEN);
        return 0;
    }
    children[child_count++] = pid;
    return pid;
}

static void stay(void)
{
    for (;;)
        pause();
}

static void *one_thread(void *own)
{
    send_many(own, gettid(), 1, 0);
    stay();
    return NULL;
}

static void many_threads(int count)
{
    pthread_attr_t small;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 65536);
    for (int i = 0; i < count; i++) {
        pthread_t thread;
        if ((errno = pthread_create(&thread, &small, one_thread, &shared->flood[i])) != 0)
            die("pthread_create");
    }
    stay();
}

static void start_flood(const char *kind, int count, long number)
{
    if (strcmp(kind, "threads") == 0 && child() == 0)
        many_threads(count);
    for (int i = 0; i < count; i++) {
        struct counts *own = &shared->flood[i];
        if (strcmp(kind, "send") == 0 && child() == 0)
            send_many(own, getpid(), -1, 0);
        if (strcmp(kind, "unread") == 0 && child() == 0) {
            send_many(own, getpid(), number, 0);
            stay();
        }
        if (strcmp(kind, "duplex") == 0) {
            pid_t reader = child();
            if (reader == 0)
                read_for_ever(own);
            if (child() == 0)
                send_many(own, reader, -1, number);
        }
    }
}

static void sums(long *answered, long *sent, long *read)
{
    *answered = *sent = *read = 0;
    for (int i = 0; i < 1024; i++)
        *answered += get(&shared->ordinary[i].answered);
    for (int i = 0; i < MOST_CHILDREN; i++) {
        *sent += get(&shared->flood[i].sent);
        *read += get(&shared->flood[i].read);
    }
}

static long longest_us(int ordinary)
{
    long longest = 0;
    for (int i = 0; i < ordinary; i++) {
        long since = get(&shared->ordinary[i].waits_since_us), ended = get(&shared->ordinary[i].longest_us);
        long waits = since ? now_us() - since : 0;
        longest = waits > longest ? waits : longest;
        longest = ended > longest ? ended : longest;
        set(&shared->ordinary[i].longest_us, 0);
    }
    return longest;
}

static void report(int ordinary, int seconds)
{
    long answered, sent, read, answered_before, sent_before, read_before, start = now_us();
    sums(&answered_before, &sent_before, &read_before);
    for (int second = 1; second <= seconds; second++) {
        long left = start + second * 1000000L - now_us();
        sleep_us(left > 0 ? left : 0);
        sums(&answered, &sent, &read);
        printf("second %d: ordinary %ld, longest %ld ms; flood sent %ld, read %ld\n", second,
               answered - answered_before, longest_us(ordinary) / 1000, sent - sent_before, read - read_before);
        fflush(stdout);
        answered_before = answered, sent_before = sent, read_before = read;
    }
}

int main(int argc, char **argv)
{
    if (argc < 6) {
        fprintf(stderr, "usage: %s KEY SECONDS ORDINARY KIND COUNT [NUMBER]; the source lists the kinds\n", argv[0]);
        return EXIT_BROKEN;
    }
    int seconds = atoi(argv[2]), ordinary = atoi(argv[3]), count = atoi(argv[5]);
    alarm((unsigned)seconds + 60);
    queue = open_queue(argv[1]);
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        die("mmap");
    start_flood(argv[4], count, argc > 6 ? atol(argv[6]) : 0);
    sleep_us(LEAD_MS * 1000);
    for (int i = 0; i < ordinary; i++)
        if (child() == 0)
            ask_for_ever(&shared->ordinary[i], i);
    report(ordinary, seconds);
    for (int i = 0; i < child_count; i++)
        kill(children[i], SIGKILL);
    while (wait(NULL) > 0)
        continue;
    return get(&shared->wrong) != 0;
}
