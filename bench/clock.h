/* SPDX-License-Identifier: MIT */
/*
 * clock.h: time, and the outside evidence that a timed stretch was disturbed. Nothing here looks
 * at how long a sample took; whether it counts is decided from what the kernel says happened to
 * the thread meanwhile.
 */
#ifndef MS_CLOCK_H
#define MS_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "platform/platform.h" /* ms_clock_ns */

/* Seconds since the epoch, for names of folders and the history. */
int64_t ms_clock_epoch(void);

struct ms_clock_check {
    uint32_t step_ns; /* smallest difference seen between two different readings */
    uint32_t read_ns; /* cost of one reading */
    bool is_monotonic;
    bool is_fine; /* step at most 100 ns */
};

/* Looks at the clock for about a millisecond. */
void ms_clock_examine(struct ms_clock_check *check);

/* What the calling thread has used and suffered so far. Take two and subtract. */
struct ms_usage {
    uint64_t cpu_ns;
    uint64_t delay_ns; /* runnable, but another thread had the processor */
    uint64_t switches_own;
    uint64_t switches_forced;
};

/* Reads the calling thread's usage; `delay_ns` is 0 where schedstat is not visible. */
void ms_usage_read(struct ms_usage *usage);
void ms_usage_subtract(struct ms_usage *after, const struct ms_usage *before);
bool ms_usage_is_delay_visible(void);

/* Time the hypervisor took from this machine since boot, in nanoseconds; 0 if not visible. */
uint64_t ms_clock_stolen_ns(void);

/* Load average of the last minute, negative if not visible. */
double ms_clock_load(void);

#endif
