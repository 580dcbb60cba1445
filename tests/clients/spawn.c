/*
 * What a bare loop can do that runs a command for each request: fork, exec, write to its stdin, read its stdout, wait.
 *
 *     spawn LOOPS COUNT COMMAND [ARGUMENT]...    prints commands a second over LOOPS processes that do COUNT together
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec / 1e9;
}

static void run_once(char **command)
{
    int to[2], from[2], status;
    char text[4096];
    ssize_t got;
    volatile ssize_t total = 0;
    if (pipe(to) < 0 || pipe(from) < 0)
        _exit(2);
    pid_t pid = vfork();
    if (pid == 0) {
        dup2(to[0], 0);
        dup2(from[1], 1);
        close(to[0]);
        close(to[1]);
        close(from[0]);
        close(from[1]);
        execv(command[0], command);
        _exit(127);
    }
    close(to[0]);
    close(from[1]);
    if (pid < 0 || write(to[1], "hello", 5) != 5)
        _exit(2);
    close(to[1]);
    while ((got = read(from[0], text, sizeof text)) > 0)
        total += got;
    close(from[0]);
    if (waitpid(pid, &status, 0) != pid || status != 0 || total == 0)
        _exit(2);
}

int main(int argc, char **argv)
{
    if (argc < 4) {
        fprintf(stderr, "usage: %s LOOPS COUNT COMMAND [ARGUMENT]...\n", argv[0]);
        return 2;
    }
    int loops = atoi(argv[1]), count = atoi(argv[2]) / loops, status, bad = 0;
    double start = now();
    for (int loop = 0; loop < loops; loop++)
        if (fork() == 0) {
            for (int i = 0; i < count; i++)
                run_once(argv + 3);
            _exit(0);
        }
    while (wait(&status) > 0)
        bad |= status;
    printf("%.0f\n", loops * count / (now() - start));
    return bad != 0;
}
