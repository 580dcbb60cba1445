/* A packed struct with a record in it, and the same struct back: the record's amount is doubled. */
#include "declared.h"

#define MAGIC 0xfeedbeefU

struct __attribute__((packed)) record {
    char name[21];
    uint8_t kind;
    double amount;
};

struct __attribute__((packed)) message {
    long mtype;
    uint32_t magic;
    int32_t pid;
    uint16_t serial;
    struct record record;
} message;

static int ask(long number)
{
    char name[21];
    snprintf(name, sizeof name, "account %u", (unsigned)(number % 100000));
    memset(&message, 0, sizeof message);
    message.mtype = 1;
    message.magic = MAGIC;
    message.pid = getpid();
    message.serial = (uint16_t)number;
    memcpy(message.record.name, name, sizeof name);
    message.record.kind = 7;
    message.record.amount = (double)number / 8;
    SEND(message);
    memset(&message, 0xa5, sizeof message);
    RECEIVE(message, getpid());
    return message.magic == MAGIC && message.pid == getpid() && message.serial == (uint16_t)number &&
           strcmp(message.record.name, name) == 0 && message.record.kind == 7 &&
           message.record.amount == (double)number / 4;
}

static void answer_one(void)
{
    RECEIVE(message, 1);
    message.mtype = message.pid;
    message.record.amount *= 2;
    SEND(message);
}
