/*
 * A client with a PID of one's choice.
 *
 *     with_pid KEY free                   prints a PID that no process has now
 *     with_pid KEY PID leave TEXT         sends as PID, waits until the answer rests in the queue, and leaves it there
 *     with_pid KEY PID hold TEXT          sends as PID, prints "sent", and waits to be killed
 *     with_pid KEY PID ask TEXT           sends as PID and prints the answer
 *
 * Needs CAP_CHECKPOINT_RESTORE or CAP_SYS_ADMIN in the PID namespace (clone3(2), set_tid); status 3 without it.
 */
#include "wire.h"
#include <linux/sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define LIFETIME_S 60
#define TRIES 5000
#define EXIT_NOT_PERMITTED 3

/* A receive without room for a body tells a message that is there (E2BIG) from none (ENOMSG), and takes nothing. */
static void wait_for_rest(int queue)
{
    long mtype;
    while (msgrcv(answers_of(queue), &mtype, 0, getpid(), IPC_NOWAIT) < 0 && errno == ENOMSG)
        usleep(1000);
    if (errno != E2BIG)
        die("msgrcv");
}

static int client(int queue, const char *mode, const char *text)
{
    struct response response;
    alarm(LIFETIME_S);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if ((errno = send_request(queue, getpid(), text, 0)) != 0)
        die("msgsnd");
    if (strcmp(mode, "leave") == 0) {
        wait_for_rest(queue);
        return 0;
    }
    if (strcmp(mode, "hold") == 0) {
        puts("sent");
        fflush(stdout);
        while (pause() < 0 && errno == EINTR)
            continue;
    }
    if ((errno = receive_response(queue, getpid(), &response, 0)) != 0)
        die("msgrcv");
    printf("%.*s\n", TEXT_LEN, response.responseData);
    return !is_answer_to(&response, text);
}

static pid_t fork_as(pid_t pid)
{
    struct clone_args arguments = {
        .exit_signal = SIGCHLD,
        .set_tid = (uint64_t)(uintptr_t)&pid,
        .set_tid_size = 1,
    };
    pid_t child = -1;
    /* EEXIST: somebody has the PID for the moment, as a process, a thread or a process group. */
    for (int try = 0; try < TRIES; try++) {
        child = (pid_t)syscall(SYS_clone3, &arguments, sizeof arguments);
        if (child >= 0 || errno != EEXIST)
            break;
        usleep(1000);
    }
    return child;
}

static int print_free_pid(void)
{
    pid_t child = fork();
    if (child == 0)
        _exit(0);
    waitpid(child, NULL, 0);
    printf("%d\n", (int)child);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[2], "free") == 0)
        return print_free_pid();
    if (argc != 5) {
        fprintf(stderr, "usage: %s KEY free | KEY PID leave|hold|ask TEXT\n", argv[0]);
        return EXIT_BROKEN;
    }
    int queue = open_queue(argv[1]);
    pid_t child = fork_as((pid_t)strtol(argv[2], NULL, 10));
    if (child < 0 && errno == EPERM)
        return EXIT_NOT_PERMITTED;
    if (child < 0)
        die("clone3");
    if (child == 0)
        exit(client(queue, argv[3], argv[4]));
    int status = 0;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_BROKEN;
}
