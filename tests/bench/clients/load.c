/*
 * The load driver of the benchmark: closed-loop clients, each a process with one request outstanding.
 *
 *     load-TRANSPORT ADDRESS CLIENTS WARM_UP_MS ROUND_MS GRACE_MS SAMPLES_FILE [SERVER_PID...]
 *
 * "completed" counts the round trips that ended in the ROUND_MS after the warm-up. Latencies are those of the round trips
 * that began then, so that the slowest are not cut off: SAMPLES_FILE gets them in nanoseconds as uint32, the "samples" of
 * client I from byte 4 * I * "capacity" on. Clients that have no answer GRACE_MS after the end are stuck, and are killed.
 * The result is one line of JSON. Servers' CPU time is that of the SERVER_PIDs in the round.
 */
#include "transport.h"
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#define READY_LIMIT_MS 20000
/* Room for a round trip each microsecond. */
#define SAMPLES_PER_MS 1000L

enum phase { WARM_UP, ROUND, END };

struct shared {
    int phase;
    int ready;
    struct client {
        long completed;
        long samples;
        long wrong;
        int error;
        int done;
    } client[];
};

static uint64_t ns(clockid_t clock)
{
    struct timespec time;
    if (clock_gettime(clock, &time) < 0)
        return 0;
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static void sleep_ms(long ms)
{
    struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    while (nanosleep(&time, &time) < 0)
        ;
}

/* Every request has a text of its own, so that a late or foreign answer is a wrong one. Cheaper than snprintf. */
static void number_text(char *digits, unsigned long number)
{
    for (int i = 15; i >= 0; i--, number >>= 4)
        digits[i] = "0123456789abcdef"[number & 15];
}

static int is_right(const struct response *response, const char *text)
{
    size_t prefix = strlen(transport_prefix);
    return response->statusCode == 0 && memcmp(response->responseData, transport_prefix, prefix) == 0 &&
           strncmp(response->responseData + prefix, text, TEXT_LEN - prefix) == 0;
}

/* Counts into `result`, writes at most `capacity` samples. Returns at the end of the round, or with an error. */
static void ask_until_the_end(const int *phase, struct client *result, uint32_t *samples, long capacity)
{
    struct request request;
    struct response response;
    char text[64];
    int digits = snprintf(text, sizeof text, "%d-", getpid());
    uint64_t before = ns(CLOCK_MONOTONIC);
    text[digits + 16] = '\0';
    for (unsigned long number = 1;; number++) {
        int now_in = __atomic_load_n(phase, __ATOMIC_RELAXED);
        if (now_in == END)
            break;
        if (now_in == ROUND && number > 1)
            result->completed++;
        number_text(text + digits, number);
        fill_request(&request, getpid(), text);
        if ((result->error = transport_ask(&request, &response)) != 0)
            return;
        if (!is_right(&response, text))
            result->wrong++;
        uint64_t after = ns(CLOCK_MONOTONIC), took = after - before;
        before = after;
        if (now_in == ROUND && result->samples < capacity)
            samples[result->samples++] = took > UINT32_MAX ? UINT32_MAX : (uint32_t)took;
    }
}

static void client(const char *address, struct shared *shared, struct client *result, uint32_t *samples, long capacity,
                   const int start[2])
{
    char byte;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    close(start[1]);
    transport_open(address);
    __atomic_add_fetch(&shared->ready, 1, __ATOMIC_SEQ_CST);
    while (read(start[0], &byte, 1) < 0 && errno == EINTR)
        ;
    ask_until_the_end(&shared->phase, result, samples, capacity);
    if (transport_close)
        transport_close();
    result->done = 1;
    _exit(0);
}

/* What these processes used so far. */
static uint64_t cpu_ns(const pid_t *pids, int count)
{
    uint64_t sum = 0;
    clockid_t clock;
    for (int i = 0; i < count; i++)
        if (clock_getcpuclockid(pids[i], &clock) == 0)
            sum += ns(clock);
    return sum;
}

/* Ticks in which the CPUs that the clients may use were busy, and those that the host took. Returns how many CPUs. */
static int machine_ticks(unsigned long *busy, unsigned long *stolen)
{
    unsigned long user, nice, system, idle, iowait, irq, softirq, steal;
    int cpu, cpus = 0;
    char line[512];
    cpu_set_t mine;
    FILE *stat = fopen("/proc/stat", "r");
    *busy = *stolen = 0;
    if (!stat)
        return 0;
    if (sched_getaffinity(0, sizeof mine, &mine) == 0)
        while (fgets(line, sizeof line, stat))
            if (sscanf(line, "cpu%d %lu %lu %lu %lu %lu %lu %lu %lu", &cpu, &user, &nice, &system, &idle, &iowait, &irq,
                       &softirq, &steal) == 9 && CPU_ISSET(cpu, &mine)) {
                *busy += user + nice + system + irq + softirq;
                *stolen += steal;
                cpus++;
            }
    fclose(stat);
    return cpus;
}

/* Returns how many clients were still waiting GRACE_MS after the end. All are gone afterwards. */
static int end_clients(const pid_t *pids, int clients, long grace_ms)
{
    uint64_t limit = ns(CLOCK_MONOTONIC) + (uint64_t)grace_ms * 1000000u;
    int left = clients, stuck;
    while (left > 0 && ns(CLOCK_MONOTONIC) < limit) {
        while (left > 0 && waitpid(-1, NULL, WNOHANG) > 0)
            left--;
        if (left > 0)
            sleep_ms(1);
    }
    stuck = left;
    /* Not yet reaped or not a child any more: no other process can have such a number. */
    if (left > 0)
        for (int i = 0; i < clients; i++)
            if (waitpid(pids[i], NULL, WNOHANG) == 0)
                kill(pids[i], SIGKILL);
    while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
        ;
    return stuck;
}

static void *shared_memory(int file, size_t size)
{
    int flags = file < 0 ? MAP_SHARED | MAP_ANONYMOUS : MAP_SHARED | MAP_NORESERVE;
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, file, 0);
    if (memory == MAP_FAILED)
        die("mmap");
    return memory;
}

static void print_clients(const struct shared *shared, int clients, int stuck)
{
    long wrong = 0, completed = 0;
    int failed = 0, error = 0;
    printf("\"samples\":[");
    for (int i = 0; i < clients; i++) {
        const struct client *client = &shared->client[i];
        printf("%s%ld", i ? "," : "", client->samples);
        completed += client->completed;
        wrong += client->wrong;
        if (client->error || !client->done)
            failed++;
        if (client->error)
            error = client->error;
    }
    printf("],\"completed\":%ld,\"wrong\":%ld,\"stuck\":%d,\"failed\":%d,\"error\":\"%s\"}\n", completed, wrong, stuck,
           failed - stuck > 0 ? failed - stuck : 0, error ? strerror(error) : "");
}

/* Starts the clients, and returns when all are connected and at work. */
static void start_clients(const char *address, struct shared *shared, pid_t *pids, int clients, uint32_t *samples,
                          long capacity)
{
    int start[2];
    if (pipe(start) < 0)
        die("pipe");
    for (int i = 0; i < clients; i++) {
        if ((pids[i] = fork()) < 0)
            die("fork");
        if (pids[i] == 0)
            client(address, shared, &shared->client[i], samples + i * capacity, capacity, start);
    }
    for (long waited = 0; __atomic_load_n(&shared->ready, __ATOMIC_SEQ_CST) < clients; waited++) {
        if (waited > READY_LIMIT_MS || waitpid(-1, NULL, WNOHANG) > 0) {
            fprintf(stderr, "not every client could connect\n");
            exit(EXIT_BROKEN);
        }
        sleep_ms(1);
    }
    close(start[0]);
    close(start[1]);
}

/* Lets the round go by, and prints what it took. */
static void measure(struct shared *shared, long round_ms, const pid_t *servers, int server_count, const pid_t *clients,
                    int client_count)
{
    unsigned long busy[2], stolen[2], tick_ns = 1000000000UL / (unsigned long)sysconf(_SC_CLK_TCK);
    int cpus = machine_ticks(&busy[0], &stolen[0]);
    uint64_t servers_ns = cpu_ns(servers, server_count), clients_ns = cpu_ns(clients, client_count);
    uint64_t begin = ns(CLOCK_MONOTONIC);
    __atomic_store_n(&shared->phase, ROUND, __ATOMIC_SEQ_CST);
    sleep_ms(round_ms);
    servers_ns = cpu_ns(servers, server_count) - servers_ns;
    clients_ns = cpu_ns(clients, client_count) - clients_ns;
    __atomic_store_n(&shared->phase, END, __ATOMIC_SEQ_CST);
    uint64_t round_ns = ns(CLOCK_MONOTONIC) - begin;
    machine_ticks(&busy[1], &stolen[1]);
    printf("\"round_ns\":%lu,\"cpus\":%d,\"servers_cpu_ns\":%lu,\"clients_cpu_ns\":%lu,", (unsigned long)round_ns, cpus,
           (unsigned long)servers_ns, (unsigned long)clients_ns);
    printf("\"busy_ns\":%lu,\"stolen_ns\":%lu,", (busy[1] - busy[0]) * tick_ns, (stolen[1] - stolen[0]) * tick_ns);
}

int main(int argc, char **argv)
{
    if (argc < 7) {
        fprintf(stderr, "usage: %s ADDRESS CLIENTS WARM_UP_MS ROUND_MS GRACE_MS SAMPLES_FILE [SERVER_PID...]\n", argv[0]);
        return EXIT_BROKEN;
    }
    int clients = atoi(argv[2]), servers = argc - 7, file = open(argv[6], O_RDWR);
    long warm_up_ms = atol(argv[3]), round_ms = atol(argv[4]), grace_ms = atol(argv[5]);
    long capacity = round_ms * SAMPLES_PER_MS / 1024 * 1024 + 1024;
    size_t samples_size = (size_t)clients * (size_t)capacity * sizeof(uint32_t);
    if (file < 0 || ftruncate(file, (off_t)samples_size) < 0)
        die(argv[6]);
    uint32_t *samples = shared_memory(file, samples_size);
    struct shared *shared = shared_memory(-1, sizeof *shared + (size_t)clients * sizeof shared->client[0]);
    pid_t *pids = calloc((size_t)clients, sizeof *pids), *server_pids = calloc((size_t)servers + 1, sizeof *pids);
    if (!pids || !server_pids)
        die("calloc");
    for (int i = 0; i < servers; i++)
        server_pids[i] = atoi(argv[7 + i]);

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    start_clients(argv[1], shared, pids, clients, samples, capacity);
    sleep_ms(warm_up_ms);
    printf("{\"capacity\":%ld,", capacity);
    measure(shared, round_ms, server_pids, servers, pids, clients);
    print_clients(shared, clients, end_clients(pids, clients, grace_ms));
    return 0;
}
