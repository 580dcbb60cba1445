/* Runs a program as in a sandbox whose filter refuses calls: refusing ERRNO CALL[,CALL...] PROGRAM [ARGUMENT...] */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CALLS 4

static const struct {
    const char *name;
    unsigned number;
} calls[CALLS] = {{"msgget", SYS_msgget}, {"msgsnd", SYS_msgsnd}, {"msgrcv", SYS_msgrcv}, {"msgctl", SYS_msgctl}};

int main(int argc, char **argv)
{
    struct sock_filter filter[2 + 2 * CALLS];
    struct sock_fprog program = {0, filter};
    unsigned error;

    if (argc < 4) {
        fprintf(stderr, "usage: refusing EPERM|ENOSYS CALL[,CALL...] PROGRAM [ARGUMENT...]\n");
        return 2;
    }
    error = strcmp(argv[1], "ENOSYS") == 0 ? ENOSYS : EPERM;
    filter[program.len++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (int i = 0; i < CALLS; i++) {
        if (strstr(argv[2], calls[i].name)) {
            filter[program.len++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, calls[i].number, 0, 1);
            filter[program.len++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error);
        }
    }
    filter[program.len++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)) {
        perror("refusing");
        return 1;
    }
    execv(argv[3], argv + 3);
    perror(argv[3]);
    return 1;
}
