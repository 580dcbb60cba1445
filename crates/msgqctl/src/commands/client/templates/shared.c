@@BEGIN end_waiting
static volatile sig_atomic_t time_is_over;

static void end_waiting(int signal_number)
{
    (void)signal_number;
    time_is_over = 1;
}

@@BEGIN arguments
static long long number(const char *text)
{
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 0);
    if (errno != 0 || end == text || *end != '\0')
        usage();
    return value;
}
@@IF TYPES

static int is_request_type(long long mtype)
{
    static const long ranges[][2] = { @@C_RANGES@@ };
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++)
        if (ranges[i][0] <= mtype && mtype <= ranges[i][1])
            return 1;
    return 0;
}
@@END

@@BEGIN random_number
@@IF NUMBER
/* Clients are numbers without a process behind them: one that no other client will have by chance. */
static long random_number(void)
{
    unsigned bits = 0;
    FILE *file = fopen("/dev/urandom", "rb");
    if (file == NULL || fread(&bits, sizeof bits, 1, file) != 1) {
        perror("client: /dev/urandom");
        exit(2);
    }
    fclose(file);
    return @@LOWEST@@ + (long)(bits % (@@HIGHEST@@u - @@LOWEST@@u + 1));
}

@@END

@@BEGIN limit_time
/* A signal that comes just before a call is lost on it, so the timer goes on every 0.1 seconds. */
static void limit_time(long seconds)
{
    struct sigaction action;
    struct itimerval timer = { { 0, 100000 }, { 0, 0 } };
    memset(&action, 0, sizeof action);
    action.sa_handler = end_waiting;
    timer.it_value.tv_sec = seconds;
    if (seconds < 1 || sigaction(SIGALRM, &action, NULL) < 0 || setitimer(ITIMER_REAL, &timer, NULL) < 0)
        usage();
}
