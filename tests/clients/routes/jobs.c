/*
 * One way: numbered jobs for a command that may fail. The plain server runs OPTION with sh for each, the text on its
 * standard input, up to three times and each time for no longer than LIMIT_MS; a job that it gives up it prints: "dead TEXT".
 *
 *     request = "struct { long mtype; int number; char text[64]; }"
 *     request_text = "text"
 *     reply = "none"
 *
 * with `timeout_ms` in [handler] for such a limit. OPTION of the client is the producer's name, its PID by default.
 */
#include "routes.h"
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define ATTEMPTS 3
#ifndef LIMIT_MS
#define LIMIT_MS 60000
#endif

struct job {
    long mtype;
    int number;
    char text[64];
} job;

static const char *command, *name;
static char own_pid[16];

static void begin(const char *option, int serves)
{
    snprintf(own_pid, sizeof own_pid, "%d", getpid());
    name = option ? option : own_pid;
    if (serves && !option)
        die("the command");
    command = option;
    signal(SIGPIPE, SIG_IGN);
}

static int ask(long number)
{
    job.mtype = 1;
    job.number = (int)number;
    snprintf(job.text, sizeof job.text, "%.40s %d", name, job.number);
    SEND(requests, job);
    return 1;
}

static void end(void)
{
}

/* In the child. A command that hangs is ended with all that it started, and it ends with this server. */
static void run(const int text[2])
{
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGPIPE, SIG_DFL);
    dup2(text[0], STDIN_FILENO);
    dup2(STDERR_FILENO, STDOUT_FILENO);
    close(text[0]);
    close(text[1]);
    execl("/bin/sh", "sh", "-c", command, (char *)NULL);
    _exit(127);
}

static int ends_well(pid_t child)
{
    int status;
    for (int waited_ms = 0; waited_ms < LIMIT_MS; waited_ms++) {
        if (waitpid(child, &status, WNOHANG) == child)
            return status == 0;
        usleep(1000);
    }
    kill(-child, SIGKILL);
    waitpid(child, &status, 0);
    return 0;
}

static int is_done(void)
{
    int text[2];
    if (pipe(text) < 0)
        die("pipe");
    pid_t child = fork();
    if (child < 0)
        die("fork");
    if (child == 0)
        run(text);
    close(text[0]);
    ssize_t ignored = write(text[1], job.text, strnlen(job.text, sizeof job.text));
    (void)ignored;
    close(text[1]);
    return ends_well(child);
}

static void answer_one(void)
{
    RECEIVE(requests, job, 1);
    for (int i = 0; i < ATTEMPTS; i++)
        if (is_done())
            return;
    printf("dead %.64s\n", job.text);
    fflush(stdout);
}
