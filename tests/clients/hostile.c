/*
 * Clients that do what no client should. Every mode ends by itself: each loop has a count or a number of milliseconds,
 * and an alarm ends the process after two minutes.
 *
 *     hostile KEY raw MTYPE PID LENGTH FILL [COUNT]  sends COUNT bodies of LENGTH bytes: the PID, then FILL
 *     hostile KEY never_read COUNT                   sends COUNT requests, prints "sent COUNT", reads nothing, stays
 *     hostile KEY junk MTYPE LENGTH MS               fills the queue, prints "full"; keeps it full for MS milliseconds
 *     hostile KEY bad_bodies COUNT                   bodies of every bad shape; throws its answers away
 *     hostile KEY bad_pids COUNT SERVER_PID          claims to be nobody, init, huge, negative, dead, a zombie, the server
 *     hostile KEY pipeline COUNT                     sends all requests, then reads all answers; prints "ok COUNT"
 *     hostile KEY ask_and_pipeline COUNT             the same, after one request whose answer it reads; prints "read" then
 *     hostile KEY one_request TEXT                   sends, prints "sent", waits, prints the answer
 *     hostile KEY crash TEXT                         sends and leaves without reading
 *     hostile KEY killed COUNT                       COUNT clients one after the other, each killed at a random moment
 *     hostile KEY until_refused                      one request after the other; prints the call and errno that end it
 *     hostile KEY blocked_sender                     sends requests for ever; prints the errno that ends it
 *     hostile KEY blocked_reader                     asks for nothing and reads; prints the errno that ends it
 *
 * PID and MTYPE may be "self". An MTYPE of "junk" is another type above pid_max for each message.
 */
#include "wire.h"
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#define LIFETIME_S 120
#define MAX_BODY 8192
#define FIRST_JUNK_TYPE 0x40000000L

struct raw {
    long mtype;
    char body[MAX_BODY];
};

static long long now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

static long number(const char *text)
{
    return strcmp(text, "self") == 0 ? (long)getpid() : strtol(text, NULL, 0);
}

static void say(const char *text)
{
    puts(text);
    fflush(stdout);
}

/* Returns 0, or the errno. */
static int send_raw(int queue, long mtype, pid_t pid, size_t length, char fill, int flags)
{
    static struct raw message;
    message.mtype = mtype;
    memset(message.body, fill, sizeof message.body);
    memcpy(message.body, &pid, sizeof pid);
    while (msgsnd(queue, &message, length, flags) < 0)
        if (errno != EINTR)
            return errno;
    return 0;
}

/* Until somebody kills this process: even an ended process that nobody reaped counts as dead. */
static int stay(void)
{
    while (pause() < 0 && errno == EINTR)
        continue;
    return 0;
}

static void must(int error, const char *what)
{
    errno = error;
    if (error)
        die(what);
}

static void throw_answers_away(int queue)
{
    struct response response;
    while (receive_response(queue, getpid(), &response, IPC_NOWAIT | MSG_NOERROR) == 0)
        continue;
}

static int raw(int queue, int argc, char **argv)
{
    long count = argc > 4 ? number(argv[4]) : 1;
    for (long i = 0; i < count; i++)
        must(send_raw(queue, number(argv[0]), (pid_t)number(argv[1]), (size_t)number(argv[2]), argv[3][0], 0), "msgsnd");
    say("sent");
    return 0;
}

static int never_read(int queue, int argc, char **argv)
{
    (void)argc;
    for (long i = 0; i < number(argv[0]); i++)
        must(send_request(queue, getpid(), "never read", 0), "msgsnd");
    printf("sent %s\n", argv[0]);
    fflush(stdout);
    return stay();
}

static int junk(int queue, int argc, char **argv)
{
    (void)argc;
    long type = strcmp(argv[0], "junk") == 0 ? 0 : number(argv[0]);
    size_t length = (size_t)number(argv[1]);
    long long end = 0, sent = 0;
    for (;;) {
        int error = send_raw(queue, type ? type : FIRST_JUNK_TYPE + sent % 1000000, getpid(), length, 'j', IPC_NOWAIT);
        if (error && error != EAGAIN)
            must(error, "msgsnd");
        sent += error == 0;
        /* Where the server is faster than this loop the queue is never full: a million tries are enough then. */
        if (!end && (error == EAGAIN || sent == 1000000)) {
            say("full");
            end = now_ms() + number(argv[2]);
        }
        if (end && now_ms() >= end)
            break;
    }
    printf("sent %lld\n", sent);
    return 0;
}

static int bad_bodies(int queue, int argc, char **argv)
{
    static const size_t lengths[] = {0, 1, 2, 3, 4, 5, 259, 260, 261, 263, 264, 265, 300, 4096, MAX_BODY};
    (void)argc;
    for (long i = 0; i < number(argv[0]); i++) {
        must(send_raw(queue, REQUEST_MTYPE, getpid(), lengths[i % 15], (char)(i % 2 ? 'u' : '\xff'), 0), "msgsnd");
        throw_answers_away(queue);
    }
    say("sent");
    return 0;
}

static pid_t dead_child(int reap)
{
    pid_t child = fork();
    if (child == 0)
        _exit(0);
    siginfo_t info;
    waitid(P_PID, (id_t)child, &info, WEXITED | (reap ? 0 : WNOWAIT));
    return child;
}

static int bad_pids(int queue, int argc, char **argv)
{
    (void)argc;
    const pid_t pids[] = {0, 1, -1, -12345, (pid_t)0x80000000, 0x7fffffff, 4194305, dead_child(1), dead_child(0),
                          (pid_t)number(argv[1])};
    for (long i = 0; i < number(argv[0]); i++)
        must(send_request(queue, pids[i % 10], "from nobody", 0), "msgsnd");
    say("sent");
    return stay();
}

static int pipeline(int queue, int argc, char **argv)
{
    (void)argc;
    long count = number(argv[0]);
    char text[32];
    for (long i = 1; i <= count; i++) {
        snprintf(text, sizeof text, "pipelined-%ld", i);
        must(send_request(queue, getpid(), text, 0), "msgsnd");
    }
    say("sent");
    for (long i = 1; i <= count; i++) {
        struct response response;
        snprintf(text, sizeof text, "pipelined-%ld", i);
        must(receive_response(queue, getpid(), &response, 0), "msgrcv");
        if (!is_answer_to(&response, text))
            return 1;
    }
    printf("ok %ld\n", count);
    return 0;
}

static int ask_and_pipeline(int queue, int argc, char **argv)
{
    struct response response;
    must(send_request(queue, getpid(), "first", 0), "msgsnd");
    must(receive_response(queue, getpid(), &response, 0), "msgrcv");
    if (!is_answer_to(&response, "first"))
        return 1;
    say("read");
    return pipeline(queue, argc, argv);
}

static int one_request(int queue, int argc, char **argv)
{
    struct response response;
    (void)argc;
    must(send_request(queue, getpid(), argv[0], 0), "msgsnd");
    say("sent");
    must(receive_response(queue, getpid(), &response, 0), "msgrcv");
    printf("%.*s\n", TEXT_LEN, response.responseData);
    return !is_answer_to(&response, argv[0]);
}

static int crash(int queue, int argc, char **argv)
{
    (void)argc;
    must(send_request(queue, getpid(), argv[0], 0), "msgsnd");
    _exit(0);
}

/* Returns the call that failed, with the reason in errno. */
static const char *closed_loop(int queue)
{
    char text[32];
    for (long i = 1;; i++) {
        struct response response;
        snprintf(text, sizeof text, "%d-%ld", (int)getpid(), i);
        if ((errno = send_request(queue, getpid(), text, 0)) != 0)
            return "msgsnd";
        if ((errno = receive_response(queue, getpid(), &response, 0)) != 0)
            return "msgrcv";
        if (!is_answer_to(&response, text))
            _exit(1);
    }
}

static int until_refused(int queue, int argc, char **argv)
{
    (void)argc;
    (void)argv;
    say("started");
    const char *call = closed_loop(queue);
    printf("%s %s\n", call, strerrorname_np(errno));
    return 0;
}

static int killed(int queue, int argc, char **argv)
{
    (void)argc;
    unsigned seed = (unsigned)getpid();
    for (long i = 0; i < number(argv[0]); i++) {
        int status;
        pid_t child = fork();
        if (child < 0)
            die("fork");
        if (child == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            die(closed_loop(queue));
        }
        usleep((useconds_t)(rand_r(&seed) % 2000));
        kill(child, SIGKILL);
        waitpid(child, &status, 0);
        if (WIFEXITED(status))
            return WEXITSTATUS(status);
    }
    say("ok");
    return 0;
}

static int blocked_sender(int queue, int argc, char **argv)
{
    (void)argc;
    (void)argv;
    int error;
    while ((error = send_request(queue, getpid(), "blocked", 0)) == 0)
        continue;
    say(strerrorname_np(error));
    return 0;
}

static int blocked_reader(int queue, int argc, char **argv)
{
    struct response response;
    (void)argc;
    (void)argv;
    int error = receive_response(queue, getpid(), &response, 0);
    say(error ? strerrorname_np(error) : "answered");
    return 0;
}

static const struct {
    const char *name;
    int arguments;
    int (*run)(int queue, int argc, char **argv);
} modes[] = {
    {"raw", 4, raw},
    {"never_read", 1, never_read},
    {"junk", 3, junk},
    {"bad_bodies", 1, bad_bodies},
    {"bad_pids", 2, bad_pids},
    {"pipeline", 1, pipeline},
    {"ask_and_pipeline", 1, ask_and_pipeline},
    {"one_request", 1, one_request},
    {"crash", 1, crash},
    {"killed", 1, killed},
    {"until_refused", 0, until_refused},
    {"blocked_sender", 0, blocked_sender},
    {"blocked_reader", 0, blocked_reader},
};

int main(int argc, char **argv)
{
    alarm(LIFETIME_S);
    for (size_t i = 0; argc > 2 && i < sizeof modes / sizeof *modes; i++)
        if (strcmp(argv[2], modes[i].name) == 0 && argc - 3 >= modes[i].arguments)
            return modes[i].run(open_queue(argv[1]), argc - 3, argv + 3);
    fprintf(stderr, "usage: %s KEY MODE [ARGUMENT...]; the source lists the modes\n", argv[0]);
    return EXIT_BROKEN;
}
