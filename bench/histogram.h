/* SPDX-License-Identifier: MIT */
/*
 * histogram.h: latencies from 1 ns to 60 s in buckets of 128 steps per power of two, so that a
 * value is known to 0.8 % whatever its size, and two histograms merge by adding.
 */
#ifndef MS_HISTOGRAM_H
#define MS_HISTOGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MS_HISTOGRAM_NS_MAX 60000000000u

enum {
    MS_HISTOGRAM_STEPS = 128,
    MS_HISTOGRAM_BUCKETS = 30 * MS_HISTOGRAM_STEPS, /* 2^36 ns is beyond 60 s */
    MS_HISTOGRAM_BEYOND_MIN = 100,                  /* values that must lie beyond a percentile */
};

struct ms_histogram {
    uint64_t count[MS_HISTOGRAM_BUCKETS];
    uint64_t total;
    uint64_t largest_ns;
};

void ms_histogram_clear(struct ms_histogram *h);

/* Adds one value; 0 counts as 1 ns, more than 60 s as 60 s. Wait-free, one thread per histogram. */
void ms_histogram_add(struct ms_histogram *h, uint64_t ns);
void ms_histogram_merge(struct ms_histogram *sum, const struct ms_histogram *more);

/* The value below or at which `share` (0..1) of all values lie; 0 if there are none. */
uint64_t ms_histogram_at(const struct ms_histogram *h, double share);

/* The share of values above `ns`, to a bucket's width; 0 if there are none. */
double ms_histogram_beyond(const struct ms_histogram *h, uint64_t ns);

/* The largest share that still has enough values beyond it to mean something; 0 if none has. */
double ms_histogram_reach(const struct ms_histogram *h);

/* Lower bound and width of bucket `index`, for those who store or draw it. */
uint64_t ms_histogram_low(size_t index);
uint64_t ms_histogram_width(size_t index);

/* As text, "17:3 18:1 ...": buckets that are not empty and what they hold. Returns the bytes it
 * needs without the 0, as snprintf does. */
size_t ms_histogram_print(const struct ms_histogram *h, char *text, size_t bytes);

/* Reads such text; false if it is none. `largest_ns` is set to the top of the last bucket. */
bool ms_histogram_parse(const char *text, struct ms_histogram *h);

#endif
