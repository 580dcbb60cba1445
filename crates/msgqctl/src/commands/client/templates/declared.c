/*
 * A client of msgqd in C, as `msgqctl client c` prints it: sends one request and prints the fields of its answer.
 *
 *     cc -O2 -o client client.c
 *     ./client @@EXAMPLE@@
 *     ./client -k 0x12345679 -t 5 @@EXAMPLE@@     # another queue, and at most 5 seconds
@@IF TYPES
 *     ./client -m @@LAST_TYPE@@ @@EXAMPLE@@     # of another type; there are @@TYPE_LIST@@
@@END
 *
 * Fields are named as in REQUEST below, elements of an array as in name[2]; those that are left out are 0 or empty.
@@IF STATUS
 * Exit status: 0 answered, 1 the answer's status is not 0, 2 nothing was answered.
@@END
@@IF NO_STATUS
 * Exit status: 0 answered, 2 nothing was answered.
@@END
 */
#define _XOPEN_SOURCE 700
#include <stddef.h>
#include <stdint.h>

/* These stand in front of the other headers, some of whose macros could be names of fields. */
@@C_STRUCTS@@

/* What sizeof says in programs for 64 and for 32 bits; another number would be another message. */
#define HAS_SIZE(message, lp64, ilp32) (sizeof(struct message) == (sizeof(long) == 8 ? (lp64) : (ilp32)) ? 1 : -1)
extern char check_of_request[HAS_SIZE(request, @@C_REQUEST_SIZES@@)];
extern char check_of_response[HAS_SIZE(response, @@C_RESPONSE_SIZES@@)];

enum kind { SIGNED, UNSIGNED, REAL, TEXT };

struct field {
    const char *name;
    enum kind kind;
    size_t offset;
    size_t len;      /* of one element; 0 for a text that ends with the message */
    size_t elements; /* 0 where it is no array */
};

#define MEMBER(message, name) (((struct message *)0)->name)
#define FIELD(message, name, kind) { #name, kind, offsetof(struct message, name), sizeof MEMBER(message, name), 0 }
#define ARRAY(message, name, kind) { #name, kind, offsetof(struct message, name), sizeof MEMBER(message, name)[0], \
                                     sizeof MEMBER(message, name) / sizeof MEMBER(message, name)[0] }
#define OPEN_TEXT(message, name) { #name, TEXT, offsetof(struct message, name), 0, 0 }

static const struct field REQUEST[] = {
@@REQUEST_ROWS@@
};
static const struct field RESPONSE[] = {
@@RESPONSE_ROWS@@
};
#define COUNT(fields) (sizeof(fields) / sizeof(fields)[0])

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/time.h>
#include <sys/types.h>
#include <unistd.h>

/* Room for the longest messages without their type, in bytes. */
enum { REQUEST_ROOM = @@REQUEST_ROOM@@, RESPONSE_ROOM = @@RESPONSE_ROOM@@ };

/* Messages begin with their type, a long. */
static long request[REQUEST_ROOM / sizeof(long) + 2];
static long response[RESPONSE_ROOM / sizeof(long) + 2];

/* Who asks: filled in by this program. */
#define CLIENT "@@CLIENT@@"
@@IF CLIENT_WORD
/* In this word of the text, from 0. */
#define CLIENT_WORD @@CLIENT_WORD@@
@@END

@@PART end_waiting

static void fail(const char *call, key_t key)
{
    const char *reason = strerror(errno);
    if (errno == EINTR)
        reason = "no answer in time";
    else if (errno == ENOENT)
        reason = "there is no such queue; is msgqd running?";
    else if (errno == EACCES)
        reason = "permission denied; are you in the queue's group? (ipcs -q shows it)";
    else if (errno == EIDRM || errno == EINVAL)
        reason = "the queue is gone: the server was stopped (or kernel.msgmax is below the length of a request)";
    fprintf(stderr, "client: %s on queue 0x%08x: %s\n", call, (unsigned)key, reason);
    exit(2);
}

static void refuse(const char *field, const char *reason)
{
    fprintf(stderr, "client: %s: %s\n", field, reason);
    exit(2);
}

static void usage(void)
{
@@IF TYPES
    fputs("usage: client [-k KEY] [-t SECONDS] [-m TYPE] NAME=VALUE...\nnames:", stderr);
@@END
@@IF ONE_TYPE
    fputs("usage: client [-k KEY] [-t SECONDS] NAME=VALUE...\nnames:", stderr);
@@END
    for (size_t i = 0; i < COUNT(REQUEST); i++)
        fprintf(stderr, " %s%s", REQUEST[i].name, REQUEST[i].elements ? "[N]" : "");
    fputs("\n", stderr);
    exit(2);
}

@@PART arguments

/* Finds a field, or an element of one as in name[2]. */
static int find(const struct field *fields, size_t count, const char *path, struct field *found)
{
    for (size_t i = 0; i < count; i++) {
        size_t name_len = strlen(fields[i].name);
        *found = fields[i];
        if (fields[i].elements == 0) {
            if (strcmp(fields[i].name, path) == 0)
                return 1;
        } else if (strncmp(fields[i].name, path, name_len) == 0 && path[name_len] == '[') {
            char *end;
            unsigned long index = strtoul(path + name_len + 1, &end, 10);
            if (strcmp(end, "]") == 0 && index < fields[i].elements) {
                found->offset += index * found->len;
                found->elements = 0;
                return 1;
            }
        }
    }
    return 0;
}

static long long read_integer(const char *at, const struct field *field)
{
    int8_t one;
    int16_t two;
    int32_t four;
    int64_t eight;
    unsigned long long bits;
    switch (field->len) {
    case 1: memcpy(&one, at, 1); bits = (unsigned long long)one; break;
    case 2: memcpy(&two, at, 2); bits = (unsigned long long)two; break;
    case 4: memcpy(&four, at, 4); bits = (unsigned long long)four; break;
    default: memcpy(&eight, at, 8); bits = (unsigned long long)eight; break;
    }
    if (field->kind == UNSIGNED && field->len < 8)
        bits &= (1ULL << (8 * field->len)) - 1;
    return (long long)bits;
}

static double read_real(const char *at, const struct field *field)
{
    float narrow;
    double wide;
    memcpy(&narrow, at, sizeof narrow);
    if (field->len == sizeof narrow)
        return narrow;
    memcpy(&wide, at, sizeof wide);
    return wide;
}

static void write_integer(char *at, const struct field *field, const char *value)
{
    char *end;
    int is_negative = value[0] == '-';
    int base = strncmp(value, "0x", 2) == 0 ? 16 : 10;
    errno = 0;
    unsigned long long bits = is_negative ? (unsigned long long)strtoll(value, &end, base) : strtoull(value, &end, base);
    if (end == value || *end != '\0')
        refuse(field->name, "it takes an integer");
    uint8_t one = (uint8_t)bits;
    uint16_t two = (uint16_t)bits;
    uint32_t four = (uint32_t)bits;
    switch (field->len) {
    case 1: memcpy(at, &one, 1); break;
    case 2: memcpy(at, &two, 2); break;
    case 4: memcpy(at, &four, 4); break;
    default: memcpy(at, &bits, 8); break;
    }
    /* What the field cannot hold comes back as another number, or with another sign. */
    long long held = read_integer(at, field);
    if (errno == ERANGE || (unsigned long long)held != bits || (field->kind == SIGNED ? held < 0 : 0) != is_negative)
        refuse(field->name, "it cannot hold this number");
}

static void write_real(char *at, const struct field *field, const char *value)
{
    char *end;
    double wide = strtod(value, &end);
    float narrow = (float)wide;
    if (end == value || *end != '\0')
        refuse(field->name, "it takes a number");
    if (field->len == sizeof narrow)
        memcpy(at, &narrow, sizeof narrow);
    else
        memcpy(at, &wide, sizeof wide);
}

/* Writes the field, and returns where the message ends at least, in bytes from its start. */
static size_t set_field(const char *path, const char *value)
{
    struct field field;
    if (!find(REQUEST, COUNT(REQUEST), path, &field))
        refuse(path, "there is no such field");
    char *at = (char *)request + field.offset;
    if (field.kind == REAL) {
        write_real(at, &field, value);
    } else if (field.kind != TEXT) {
        write_integer(at, &field, value);
    } else {
        size_t len = strlen(value), room = field.len;
        if (room == 0)
            room = sizeof(long) + REQUEST_ROOM - field.offset - 1;
        if (len > room) {
            fprintf(stderr, "client: %s: the text has %zu bytes; there is room for %zu\n", path, len, room);
            exit(2);
        }
        memset(at, 0, field.len);
        memcpy(at, value, len);
        if (field.len == 0)
            return field.offset + len + 1;
    }
    return sizeof(struct request);
}
@@IF CLIENT_WORD

/* Puts the number of the client into the text, in front of the words that come behind it. */
static size_t name_client(const char *number_of_client)
{
    static char before[sizeof request], text[sizeof before + 32];
    struct field field;
    int words = 0;
    find(REQUEST, COUNT(REQUEST), CLIENT, &field);
    memcpy(before, (char *)request + field.offset, field.len ? field.len : REQUEST_ROOM - (field.offset - sizeof(long)));
    for (char *word = strtok(before, " \t\n\f\r"); word != NULL || words == CLIENT_WORD; words++) {
        const char *next = words == CLIENT_WORD ? number_of_client : word;
        if (words > 0)
            strcat(text, " ");
        strcat(text, next);
        if (next == word)
            word = strtok(NULL, " \t\n\f\r");
    }
    if (words <= CLIENT_WORD)
        refuse(CLIENT, "there are too few words in front of the client's number");
    return set_field(CLIENT, text);
}
@@END

static void print_real(const char *at, const struct field *field)
{
    char shown[40];
    double value = read_real(at, field);
    for (int digits = 6; digits <= 17; digits++) {
        snprintf(shown, sizeof shown, "%.*g", digits, value);
        double read = strtod(shown, NULL);
        if (field->len == sizeof(float) ? (float)read == (float)value : read == value)
            break;
    }
    fputs(shown, stdout);
}

static void print_element(const char *at, const struct field *field, size_t left)
{
    if (field->kind == REAL)
        print_real(at, field);
    else if (field->kind == SIGNED)
        printf("%lld", read_integer(at, field));
    else if (field->kind == UNSIGNED)
        printf("%llu", (unsigned long long)read_integer(at, field));
    else
        printf("%.*s", (int)(field->len && field->len < left ? field->len : left), at);
}

/* Prints the fields of the answer, which ends after so many bytes. */
static void print_answer(size_t end)
{
    for (size_t i = 0; i < COUNT(RESPONSE); i++) {
        const struct field *field = &RESPONSE[i];
        for (size_t element = 0; element < (field->elements ? field->elements : 1); element++) {
            size_t offset = field->offset + element * field->len;
            if (offset > end || (field->kind != TEXT && offset + field->len > end))
                continue;
            printf("%s", field->name);
            if (field->elements)
                printf("[%zu]", element);
            printf("=");
            print_element((char *)response + offset, field, end - offset);
            printf("\n");
        }
    }
}

@@PART random_number
@@PART limit_time

/* Sends the request, which ends after so many bytes, and returns where its answer ends. */
static size_t ask(key_t key, size_t end, long answer_type)
{
    ssize_t received;
    int queue = msgget(key, 0);
    if (queue < 0)
        fail("msgget", key);

    /* Who had this number before may have gone without reading its answer: it is not for us. */
    while (msgrcv(queue, response, RESPONSE_ROOM, answer_type, IPC_NOWAIT | MSG_NOERROR) >= 0)
        continue;
    if (errno != ENOMSG)
        fail("msgrcv", key);
    memset(response, 0, sizeof response);

    /* A handled signal ends both calls with EINTR, even with SA_RESTART. */
    while (msgsnd(queue, request, end - sizeof(long), 0) < 0)
        if (errno != EINTR || time_is_over)
            fail("msgsnd", key);
    while ((received = msgrcv(queue, response, RESPONSE_ROOM, answer_type, 0)) < 0)
        if (errno != EINTR || time_is_over)
            fail("msgrcv", key);
    return sizeof(long) + (size_t)received;
}

int main(int argc, char **argv)
{
    key_t key = (key_t)@@KEY@@;
    long seconds = 30;
    size_t end = sizeof(struct request);
    char own_number[24];

    request[0] = @@FIRST_TYPE@@;
    for (int option; (option = getopt(argc, argv, "@@OPTIONS@@")) != -1;) {
        if (option == 'k')
            key = (key_t)number(optarg);
        else if (option == 't')
            seconds = (long)number(optarg);
@@IF TYPES
        else if (option == 'm' && is_request_type(number(optarg)))
            request[0] = (long)number(optarg);
@@END
        else
            usage();
    }
    /* IPC_PRIVATE, which is 0, would make a queue that nobody serves. */
    if (key == IPC_PRIVATE)
        usage();
    for (; optind < argc; optind++) {
        char *value = strchr(argv[optind], '=');
        if (value == NULL)
            usage();
        *value = '\0';
@@IF CLIENT_FIELD
        if (strcmp(argv[optind], CLIENT) == 0)
            refuse(CLIENT, "this program fills it in");
@@END
        size_t set_end = set_field(argv[optind], value + 1);
        end = set_end > end ? set_end : end;
    }

@@IF PROCESS
    snprintf(own_number, sizeof own_number, "%ld", (long)getpid());
@@END
@@IF NUMBER
    snprintf(own_number, sizeof own_number, "%ld", random_number());
@@END
@@IF CLIENT_FIELD
    set_field(CLIENT, own_number);
@@END
@@IF CLIENT_WORD
    size_t set_end = name_client(own_number);
    end = set_end > end ? set_end : end;
@@END
    limit_time(seconds);
@@IF BASE
    print_answer(ask(key, end, @@BASE@@ + atol(own_number)));
@@END
@@IF NO_BASE
    print_answer(ask(key, end, atol(own_number)));
@@END
@@IF STATUS

    struct field status;
    find(RESPONSE, COUNT(RESPONSE), "@@STATUS@@", &status);
    return read_integer((char *)response + status.offset, &status) == 0 ? 0 : 1;
@@END
@@IF NO_STATUS
    return 0;
@@END
}
