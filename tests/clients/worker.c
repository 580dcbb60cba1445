/*
 * A worker of the handler protocol that answers as echo does.
 *
 *     worker               runs until its standard input ends
 *     worker SOCKET        the same for every connection to a Unix stream socket, each in a process of its own
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int serve(FILE *in, FILE *out)
{
    char header[128], text[65536];
    unsigned long long id;
    unsigned length;
    if (!fgets(header, sizeof header, in) || strcmp(header, "msgqd-handler 1\n") != 0)
        return 1;
    fputs(header, out);
    fflush(out);
    while (fgets(header, sizeof header, in)) {
        if (sscanf(header, "request %llu %*d %*u %u", &id, &length) != 2 || length > sizeof text)
            return 1;
        if (fread(text, 1, length, in) != length)
            return 1;
        /* An answer has room for 255 bytes. */
        unsigned kept = length > 244 ? 244 : length;
        fprintf(out, "answer %llu 0 %u\nProcessed: ", id, kept + 11);
        fwrite(text, 1, kept, out);
        fflush(out);
    }
    return 0;
}

static int listen_on(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    unlink(path);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof address) < 0 || listen(listener, 64) < 0) {
        perror(path);
        return 2;
    }
    signal(SIGCHLD, SIG_IGN);
    puts("listening");
    fflush(stdout);
    for (;;) {
        int connection = accept(listener, NULL, NULL);
        if (connection < 0)
            continue;
        if (fork() == 0) {
            /* A service that is killed takes its connections along. */
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            _exit(serve(fdopen(connection, "r"), fdopen(dup(connection), "w")));
        }
        close(connection);
    }
}

int main(int argc, char **argv)
{
    return argc > 1 ? listen_on(argv[1]) : serve(stdin, stdout);
}
