/*
 * A service of the handler protocol that takes note of every request, in a file, before it answers.
 *
 *     recorder SOCKET FILE
 *
 * Each text becomes a line of FILE. The text says what comes of it: "third ..." fails twice and is done at the third try,
 * "never ..." always fails, "hang ..." gets no answer, and all else is done.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static const char *path;

static int tries_before(const char *text)
{
    char line[4096];
    int tries = 0;
    FILE *file = fopen(path, "r");
    while (file && fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = '\0';
        tries += strcmp(line, text) == 0;
    }
    if (file)
        fclose(file);
    return tries;
}

static int starts_with(const char *text, const char *word)
{
    return strncmp(text, word, strlen(word)) == 0;
}

static int serve(FILE *in, FILE *out)
{
    char header[128], text[4096];
    unsigned long long id;
    unsigned length;
    int record = open(path, O_WRONLY | O_APPEND | O_CREAT, 0600);
    if (!fgets(header, sizeof header, in) || !starts_with(header, "msgqd-handler "))
        return 1;
    int version = atoi(header + strlen("msgqd-handler "));
    fputs(header, out);
    fflush(out);
    while (fgets(header, sizeof header, in)) {
        const char *form = version == 1 ? "request %llu %*d %*u %u" : "request %llu %*d %*d %*u %u";
        if (sscanf(header, form, &id, &length) != 2 || length > sizeof text - 2 || fread(text, 1, length, in) != length)
            return 1;
        text[length] = '\0';
        int fails = starts_with(text, "never ") || (starts_with(text, "third ") && tries_before(text) < 2);
        text[length] = '\n';
        if (write(record, text, length + 1) != (ssize_t)length + 1)
            return 1;
        text[length] = '\0';
        if (starts_with(text, "hang "))
            pause();
        fprintf(out, "answer %llu %d 5\nsorry", id, fails ? -1 : 0);
        fflush(out);
    }
    return 0;
}

int main(int argc, char **argv)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (argc != 3) {
        fprintf(stderr, "usage: %s SOCKET FILE\n", argv[0]);
        return 2;
    }
    path = argv[2];
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    snprintf(address.sun_path, sizeof address.sun_path, "%s", argv[1]);
    unlink(argv[1]);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof address) < 0 || listen(listener, 64) < 0) {
        perror(argv[1]);
        return 2;
    }
    signal(SIGCHLD, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    puts("listening");
    fflush(stdout);
    for (;;) {
        int connection = accept(listener, NULL, NULL);
        if (connection < 0)
            continue;
        if (fork() == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            _exit(serve(fdopen(connection, "r"), fdopen(dup(connection), "w")));
        }
        close(connection);
    }
}
