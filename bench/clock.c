/* SPDX-License-Identifier: MIT */
/* clock.c: time and the kernel's own account of what a thread went through. */
#include "clock.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { CLOCK_STEP_NS_MAX = 100, CLOCK_READS = 20000 };

static uint64_t clock_read(clockid_t which)
{
    struct timespec now;

    if (clock_gettime(which, &now) != 0)
        return 0;
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

int64_t ms_clock_epoch(void)
{
    return (int64_t)time(NULL);
}

void ms_clock_examine(struct ms_clock_check *check)
{
    uint64_t first = ms_clock_ns();
    uint64_t last = first;
    uint64_t step = UINT64_MAX;

    *check = (struct ms_clock_check){.is_monotonic = true};
    for (int i = 0; i < CLOCK_READS; i++) {
        uint64_t now = ms_clock_ns();
        if (now < last)
            check->is_monotonic = false;
        else if (now > last && now - last < step)
            step = now - last;
        last = now;
    }
    check->step_ns = step > UINT32_MAX ? UINT32_MAX : (uint32_t)step;
    check->read_ns = (uint32_t)((last - first) / CLOCK_READS);
    check->is_fine = step <= CLOCK_STEP_NS_MAX;
}

/* Reads a small file into `text`; the result is always terminated. */
static bool file_read(const char *path, char *text, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got;

    text[0] = '\0';
    if (fd < 0)
        return false;
    got = read(fd, text, size - 1);
    close(fd);
    if (got < 0)
        return false;
    text[got] = '\0';
    return true;
}

/* The second number of schedstat is the time spent waiting in a run queue. */
static bool delay_read(uint64_t *delay_ns)
{
    char text[128];
    uint64_t ran;

    *delay_ns = 0;
    if (!file_read("/proc/thread-self/schedstat", text, sizeof text))
        return false;
    return sscanf(text, "%" SCNu64 " %" SCNu64, &ran, delay_ns) == 2;
}

void ms_usage_read(struct ms_usage *usage)
{
    struct rusage used;

    memset(usage, 0, sizeof *usage);
    if (getrusage(RUSAGE_THREAD, &used) == 0) {
        usage->switches_own = (uint64_t)used.ru_nvcsw;
        usage->switches_forced = (uint64_t)used.ru_nivcsw;
    }
    delay_read(&usage->delay_ns);
    usage->cpu_ns = clock_read(CLOCK_THREAD_CPUTIME_ID);
}

void ms_usage_subtract(struct ms_usage *after, const struct ms_usage *before)
{
    after->cpu_ns -= before->cpu_ns;
    after->delay_ns -= before->delay_ns;
    after->switches_own -= before->switches_own;
    after->switches_forced -= before->switches_forced;
}

bool ms_usage_is_delay_visible(void)
{
    uint64_t delay_ns;

    return delay_read(&delay_ns);
}

uint64_t ms_clock_stolen_ns(void)
{
    char text[256];
    uint64_t tick[8] = {0};
    long per_second = sysconf(_SC_CLK_TCK);

    if (per_second <= 0 || !file_read("/proc/stat", text, sizeof text))
        return 0;
    if (sscanf(text,
               "cpu %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64
               " %" SCNu64 " %" SCNu64,
               &tick[0], &tick[1], &tick[2], &tick[3], &tick[4], &tick[5], &tick[6], &tick[7]) != 8)
        return 0;
    return tick[7] * (1000000000u / (uint64_t)per_second);
}

double ms_clock_load(void)
{
    double load;

    return getloadavg(&load, 1) == 1 ? load : -1.0;
}
