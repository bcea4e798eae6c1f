/* SPDX-License-Identifier: MIT */
/* stats.c: medians of paired log-ratios, binomial intervals and the four verdicts. */
#include "stats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <gsl/gsl_cdf.h>

static const double STATS_CONFIDENCE = 0.95;
static const double STATS_FLOOR_ONE = 0.01;     /* one thread */
static const double STATS_FLOOR_SEVERAL = 0.03; /* contention is coarser by nature */

bool ms_stats_ratio(double time, double base, double *y)
{
    if (!isfinite(time) || !isfinite(base) || time <= 0.0 || base <= 0.0)
        return false;
    *y = log(time / base);
    return true;
}

/* The chance that the median lies between the k-th smallest and the k-th largest of n. */
static double rank_coverage(size_t k, size_t n)
{
    return 1.0 - 2.0 * gsl_cdf_binomial_P((unsigned)(k - 1), 0.5, (unsigned)n);
}

size_t ms_stats_rank(size_t n, double *covers)
{
    size_t k = 0;

    while (k + 1 <= n / 2 && rank_coverage(k + 1, n) >= STATS_CONFIDENCE)
        k++;
    if (covers)
        *covers = k ? rank_coverage(k, n) : 0.0;
    return k;
}

static int double_compare(const void *left, const void *right)
{
    double a = *(const double *)left;
    double b = *(const double *)right;

    return (a > b) - (a < b);
}

void ms_stats_enclose(double *y, size_t n, struct ms_stats_interval *interval)
{
    size_t k;

    *interval = (struct ms_stats_interval){.pairs = n};
    if (n == 0)
        return;
    qsort(y, n, sizeof *y, double_compare);
    interval->mid = n % 2 ? y[n / 2] : (y[n / 2 - 1] + y[n / 2]) / 2.0;
    k = ms_stats_rank(n, &interval->covers);
    interval->low = y[k ? k - 1 : 0];
    interval->high = y[k ? n - k : n - 1];
}

double ms_stats_band(uint32_t threads, double visible)
{
    return fmax(threads > 1 ? STATS_FLOOR_SEVERAL : STATS_FLOOR_ONE, visible);
}

enum ms_verdict ms_stats_place(const struct ms_stats_interval *interval, double band)
{
    if (interval->covers <= 0.0)
        return MS_VERDICT_UNKNOWN;
    if (interval->high < -band)
        return MS_VERDICT_FASTER;
    if (interval->low > band)
        return MS_VERDICT_SLOWER;
    if (interval->low > -band && interval->high < band)
        return MS_VERDICT_SAME;
    return MS_VERDICT_UNKNOWN;
}

/* The verdict of all pairs but one launch's; false if so few are left that it says nothing. */
static bool judge_without(const struct ms_stats_pair *pairs, size_t n, uint32_t launch, double band,
                          double *work, enum ms_verdict *verdict)
{
    struct ms_stats_interval interval;
    size_t left = 0;

    for (size_t i = 0; i < n; i++)
        if (pairs[i].launch != launch)
            work[left++] = pairs[i].y;
    if (left < MS_STATS_PAIRS_MIN_LEFT)
        return false;
    ms_stats_enclose(work, left, &interval);
    *verdict = ms_stats_place(&interval, band);
    return true;
}

/* Counts the launches, and those whose leaving out keeps the verdict. */
static void judge_launches(const struct ms_stats_pair *pairs, size_t n, double band, double *work,
                           struct ms_stats_judgement *judgement)
{
    for (size_t i = 0; i < n; i++) {
        enum ms_verdict other;
        bool is_new = true;

        for (size_t j = 0; j < i && is_new; j++)
            is_new = pairs[j].launch != pairs[i].launch;
        if (!is_new)
            continue;
        judgement->launches++;
        if (judge_without(pairs, n, pairs[i].launch, band, work, &other) &&
            other == judgement->verdict)
            judgement->agreeing++;
    }
}

void ms_stats_judge(const struct ms_stats_pair *pairs, size_t n, double band, double *work,
                    struct ms_stats_judgement *judgement)
{
    *judgement = (struct ms_stats_judgement){.verdict = MS_VERDICT_UNKNOWN};
    for (size_t i = 0; i < n; i++)
        work[i] = pairs[i].y;
    ms_stats_enclose(work, n, &judgement->interval);
    if (n < MS_STATS_PAIRS_MIN)
        return;

    judgement->verdict = ms_stats_place(&judgement->interval, band);
    judge_launches(pairs, n, band, work, judgement);
    if (judgement->verdict != MS_VERDICT_FASTER && judgement->verdict != MS_VERDICT_SLOWER)
        return;
    /* One launch proves nothing about the next, so no single one may carry a difference. */
    if (judgement->agreeing < judgement->launches) {
        judgement->is_launch_bound = true;
        judgement->verdict = MS_VERDICT_UNKNOWN;
    }
}

double ms_stats_visible(const struct ms_stats_interval *twin)
{
    return fmax(fabs(twin->low), fabs(twin->high));
}

size_t ms_stats_fold(struct ms_stats_pair *mean, size_t n, size_t cases,
                     const struct ms_stats_pair *more, size_t more_count)
{
    size_t kept = 0;

    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < more_count; j++) {
            if (more[j].launch != mean[i].launch || more[j].number != mean[i].number)
                continue;
            double sum = mean[i].y * (double)cases + more[j].y;
            mean[kept] = mean[i];
            mean[kept++].y = sum / (double)(cases + 1);
            break;
        }
    }
    return kept;
}
