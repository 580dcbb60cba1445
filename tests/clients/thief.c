/*
 * A client that takes what is not its own, by every way that the kernel gives it.
 *
 *     thief KEY [SECOND_KEY]
 *
 * It waits for messages in the queue of requests, and in a second one, by type 0, by the type of requests, by the lowest type
 * and by any but the type of requests; and again and again it takes what rests in every queue that /proc/sysvipc/msg lists,
 * and looks with MSG_COPY at what it cannot have. It says "stealing" when it is at work, and "took from requests", "took
 * from answers", "took from others" at the first message of each. At SIGTERM it prints what it got of each and ends:
 *
 *     requests: 12 taken, 3 seen, refused EACCES
 *
 * It takes the messages of everybody: run it only in an IPC namespace of its own.
 */
#include "wire.h"
#include <limits.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define LIFETIME_S 300
#define LARGEST_BODY 65536
#define MOST_QUEUES 1024
#define MOST_SEEN 64
#define ROUND_US 500

enum place { REQUESTS, ANSWERS, OTHERS, PLACES };

static const char *const names[PLACES] = {"requests", "answers", "others"};

static struct loot {
    long taken;
    long seen;
    int refused;
} *loot;

static const struct {
    long type;
    int flags;
} ways[] = {{0, 0}, {REQUEST_MTYPE, 0}, {-LONG_MAX, 0}, {REQUEST_MTYPE, MSG_EXCEPT}};

#define WAYS (int)(sizeof ways / sizeof *ways)

static int known[2] = {-1, -1};
static volatile sig_atomic_t stopped;

static void stop(int number)
{
    (void)number;
    stopped = 1;
}

static int receive(enum place place, int queue, long type, int flags)
{
    static struct {
        long mtype;
        char body[LARGEST_BODY];
    } message;
    if (msgrcv(queue, &message, sizeof message.body, type, flags) < 0) {
        if (errno == EACCES)
            loot[place].refused = errno;
        return 0;
    }
    if (flags & MSG_COPY)
        __atomic_add_fetch(&loot[place].seen, 1, __ATOMIC_SEQ_CST);
    else if (__atomic_fetch_add(&loot[place].taken, 1, __ATOMIC_SEQ_CST) == 0) {
        printf("took from %s\n", names[place]);
        fflush(stdout);
    }
    return 1;
}

/* In a child, which ends with this process: one way, again and again, until the queue is gone or refuses it. */
static void wait_for_messages(enum place place, int queue, int way)
{
    signal(SIGTERM, SIG_DFL);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    while (receive(place, queue, ways[way].type, ways[way].flags | MSG_NOERROR) || errno == EINTR)
        ;
    _exit(0);
}

static void take_what_rests(enum place place, int queue)
{
    for (int way = 0; way < WAYS; way++)
        receive(place, queue, ways[way].type, ways[way].flags | MSG_NOERROR | IPC_NOWAIT);
    for (int at = 0; at < MOST_SEEN; at++)
        if (!receive(place, queue, at, MSG_COPY | IPC_NOWAIT))
            break;
}

static int listed_queues(int *queues)
{
    char line[512];
    int key, count = 0;
    FILE *list = fopen("/proc/sysvipc/msg", "r");
    if (!list)
        return 0;
    while (count < MOST_QUEUES && fgets(line, sizeof line, list))
        if (sscanf(line, "%d %d", &key, &queues[count]) == 2)
            count++;
    fclose(list);
    return count;
}

static void go_round(void)
{
    static int queues[MOST_QUEUES];
    int count = listed_queues(queues);
    for (int i = 0; i < count; i++)
        take_what_rests(queues[i] == known[0] ? REQUESTS : queues[i] == known[1] ? ANSWERS : OTHERS, queues[i]);
}

static void print_loot(void)
{
    for (int place = 0; place < PLACES; place++)
        printf("%s: %ld taken, %ld seen, refused %s\n", names[place], loot[place].taken, loot[place].seen,
               loot[place].refused ? strerrorname_np(loot[place].refused) : "never");
}

int main(int argc, char **argv)
{
    struct sigaction action = {.sa_handler = stop};
    if (argc != 2 && argc != 3) {
        fprintf(stderr, "usage: %s KEY [SECOND_KEY]\n", argv[0]);
        return EXIT_BROKEN;
    }
    loot = mmap(NULL, PLACES * sizeof *loot, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (loot == MAP_FAILED)
        die("mmap");
    alarm(LIFETIME_S);
    sigaction(SIGTERM, &action, NULL);
    for (int place = REQUESTS; place < argc - 1; place++) {
        known[place] = open_queue(argv[1 + place]);
        for (int way = 0; way < WAYS; way++)
            if (fork() == 0)
                wait_for_messages(place, known[place], way);
    }
    puts("stealing");
    fflush(stdout);
    while (!stopped) {
        go_round();
        usleep(ROUND_US);
    }
    print_loot();
    return 0;
}
