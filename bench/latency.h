/* SPDX-License-Identifier: MIT */
/*
 * latency.h: how long single operations take when they arrive by a schedule instead of one after
 * the other. Open loop: latency counts from the moment an operation was meant to begin, so a stall
 * is paid by everyone who waited behind it, and no correction is needed afterwards.
 */
#ifndef MS_LATENCY_H
#define MS_LATENCY_H

#include <stdbool.h>
#include <stdint.h>

#include "histogram.h"

enum { MS_LATENCY_GAPS = 1024 }; /* arrivals whose distances are drawn beforehand */

struct ms_pace {
    double mean_ns; /* between two arrivals; 0: closed loop, each begins when the last has ended */
    uint64_t seed;
};

/* Distances between arrivals, exponential, so that arrivals are random and bunch as real ones do.
 * In nanoseconds; pure. */
void ms_pace_draw(const struct ms_pace *pace, uint32_t gap_ns[MS_LATENCY_GAPS]);

/* One operation, and a clock: parameters, so that a test can stop both. */
typedef void ms_latency_step(void *context);
typedef uint64_t ms_latency_clock(void *context);

/* Does `ops` operations at their times and adds their latencies to `h`; `rest`, if any, follows each and
 * is in no latency but in those that wait behind it. Returns how many nanoseconds the last one ended
 * behind its time: a backlog that has grown all the while means that the pace cannot be kept. */
uint64_t ms_latency_run(const uint32_t gap_ns[MS_LATENCY_GAPS], uint64_t ops, ms_latency_step *step,
                        ms_latency_step *rest, ms_latency_clock *clock, void *context,
                        struct ms_histogram *h);

/* True when the backlog at the end is more than a tenth of the time all arrivals took. Pure. */
bool ms_latency_is_saturated(double mean_ns, uint64_t ops, uint64_t backlog_ns);

/* Whether arrivals every `mean_ns` are kept up with; asked by ms_pace_find. */
typedef bool ms_pace_keeps(void *context, double mean_ns);

/* The shortest of the distances tried at which arrivals are kept up with: 1.25, 2, 4 ... 64 times what an
 * operation takes when each begins as the one before ends. 0: at none of them. Where another thread takes
 * part it goes to sleep between arrivals, so the closed loop says too little about the open one. */
double ms_pace_find(double closed_ns, ms_pace_keeps *keeps, void *context);

#endif
