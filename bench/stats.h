/* SPDX-License-Identifier: MIT */
/*
 * stats.h: when one strategy may be called faster than another. Everything is computed from
 * pairs, y = ln(time of the strategy / time of the baseline) of two samples of one block, so that
 * what disturbs a block disturbs both sides. Pure functions: no clock, no random numbers.
 */
#ifndef MS_STATS_H
#define MS_STATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "result.h"

enum {
    MS_STATS_PAIRS_MIN = 12,     /* below this many pairs there is no verdict */
    MS_STATS_PAIRS_MIN_LEFT = 6, /* the same when one launch is left out */
    MS_STATS_LAUNCHES_MAX = 64,
};

struct ms_stats_pair {
    double y;        /* ln(strategy / baseline): below zero means faster */
    uint32_t launch; /* the process it was measured in */
    uint32_t number; /* within its launch */
};

/* Median and a distribution-free interval of at least 95 %. */
struct ms_stats_interval {
    double mid;
    double low;
    double high;
    double covers; /* the true coverage; 0 if there are too few pairs for any interval */
    size_t pairs;
};

struct ms_stats_judgement {
    struct ms_stats_interval interval;
    enum ms_verdict verdict;
    uint32_t launches;    /* launches behind it */
    uint32_t agreeing;    /* launches whose leaving out kept the verdict */
    bool is_launch_bound; /* one launch alone carried the verdict, so it was withdrawn */
};

/* Forms a pair's y. False, and no pair, if a time is zero or not finite. */
bool ms_stats_ratio(double time, double base, double *y);

/* The k of the k-th smallest and k-th largest of n that enclose the median with at least 95 %;
 * 0 if no k does. `covers` may be NULL. */
size_t ms_stats_rank(size_t n, double *covers);

/* Sorts `y` and reads off the interval. With n == 0 everything is zero. */
void ms_stats_enclose(double *y, size_t n, struct ms_stats_interval *interval);

/* The band inside which a difference is called none: the larger of the floor for this number of
 * threads and the smallest difference that the run's twin showed to be visible. */
double ms_stats_band(uint32_t threads, double visible);

/* Where an interval lies; does not look at the number of pairs. */
enum ms_verdict ms_stats_place(const struct ms_stats_interval *interval, double band);

/* The four-way verdict, with every single launch left out once. `work` has room for n doubles. */
void ms_stats_judge(const struct ms_stats_pair *pairs, size_t n, double band, double *work,
                    struct ms_stats_judgement *judgement);

/* The far end of the twin's interval: no difference below it can be seen in this run. */
double ms_stats_visible(const struct ms_stats_interval *twin);

/* Folds the pairs of one more case into the mean over cases, number by number: pairs present in
 * both stay, all others go. `cases` is how many are in `mean` already. Returns the pairs left. */
size_t ms_stats_fold(struct ms_stats_pair *mean, size_t n, size_t cases,
                     const struct ms_stats_pair *more, size_t more_count);

#endif
