/*
 * The answers of the programs that ask for long ones: numbered lines of 16 bytes, cut at the length that was asked for.
 * Each answer has lines of its own, so that parts which are missing, mixed, or of another answer show.
 */
#ifndef LONG_TEXT_H
#define LONG_TEXT_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LONGEST (1 << 20)
#define LINE_LEN 16
/* Of seven digits. */
#define NUMBERS 10000000

/* One line more, since the last one is written whole. */
static char long_text[LONGEST + LINE_LEN + 1];

static void make_long_text(long length, long number)
{
    for (long at = 0; at < length; at += LINE_LEN)
        snprintf(long_text + at, LINE_LEN + 1, "%07lu %07lu\n", (unsigned long)number % NUMBERS,
                 (unsigned long)at / LINE_LEN % NUMBERS);
    long_text[length] = '\0';
}

/* Makes the answer to "bytes LENGTH NUMBER". Returns its length; -1 when that was not asked for. */
__attribute__((unused)) static long answer_of(const char *asked)
{
    long length, number;
    if (sscanf(asked, "bytes %ld %ld", &length, &number) != 2 || length < 0 || length > LONGEST)
        return -1;
    make_long_text(length, number);
    return length;
}

#endif
