/* `{ long id; char text[] }`: texts of varying length, for a client that is no PID but a random number, as wide as a long. */
#include "declared.h"
#include <fcntl.h>
#include <limits.h>

/* No PID of Linux is larger. */
#define LARGEST_PID (4L << 20)

struct message {
    long mtype;
    long id;
    char text[1024];
} message;

static void send_text(void)
{
    send_body(&message, sizeof message.id + strlen(message.text) + 1);
}

static long random_id(void)
{
    long id = 0;
    int file = open("/dev/urandom", O_RDONLY);
    while (id <= LARGEST_PID) {
        if (file < 0 || read(file, &id, sizeof id) != (ssize_t)sizeof id)
            die("/dev/urandom");
        id &= LONG_MAX;
    }
    close(file);
    return id;
}

static int ask(long number)
{
    static long id;
    char expected[1024];
    if (id == 0)
        id = random_id();
    int dots = (int)(number * 37 % 900);
    snprintf(expected, sizeof expected, "Processed: line %ld%*s", number, dots, ".");
    message.mtype = 1;
    message.id = id;
    strcpy(message.text, expected + strlen("Processed: "));
    send_text();
    memset(message.text, 0xa5, sizeof message.text);
    size_t length = RECEIVE(message, id);
    return message.id == id && length == sizeof message.id + strlen(expected) + 1 && strcmp(message.text, expected) == 0;
}

static void answer_one(void)
{
    char text[1024];
    RECEIVE(message, 1);
    snprintf(text, sizeof text, "Processed: %.1000s", message.text);
    memcpy(message.text, text, sizeof text);
    message.mtype = message.id;
    send_text();
}
