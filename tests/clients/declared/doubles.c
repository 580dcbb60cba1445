/* A matrix: `{ pid; int m, n; double[100] }` is answered with a double, the sum of its m by n cells. */
#include "declared.h"

struct matrix {
    long mtype;
    pid_t pid;
    int m, n;
    double cells[100];
} matrix;

struct sum {
    long mtype;
    double value;
} sum;

static double sum_of_cells(void)
{
    double total = 0;
    for (int i = 0; i < matrix.m * matrix.n; i++)
        total += matrix.cells[i];
    return total;
}

static int ask(long number)
{
    matrix.mtype = 1;
    matrix.pid = getpid();
    matrix.m = 1 + (int)(number % 10);
    matrix.n = 10;
    for (int i = 0; i < 100; i++)
        matrix.cells[i] = (double)(number * i) / 4;
    SEND(matrix);
    RECEIVE(sum, getpid());
    return sum.value == sum_of_cells();
}

static void answer_one(void)
{
    RECEIVE(matrix, 1);
    sum.mtype = matrix.pid;
    sum.value = sum_of_cells();
    SEND(sum);
}
